"""Periodic maintenance: delete what has expired, and load commands whose model was unavailable at the start."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.outputs.spool import Spool
from bot.store.errors import StoreError
from bot.store.runs import Runs

_DELETE_INTERVAL = 3600.0  # seconds
_LOAD_INTERVAL = 30.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPeriods:
    """How long the data of delivered runs is kept."""

    prompts: timedelta
    files: timedelta
    runs: timedelta


class Maintenance:
    """The bot's periodic work. ``load_commands`` returns whether every command is loaded.

    Of several processes each deletes its own files, and the one of which ``is_mine`` is true the rows.
    """

    def __init__(
        self,
        *,
        runs: Runs,
        spool: Spool,
        keep: RetentionPeriods,
        load_commands: Callable[[], Awaitable[bool]],
        clock: Clock,
        is_mine: Callable[[], bool] = lambda: True,
    ) -> None:
        self._is_mine = is_mine
        self._runs = runs
        self._spool = spool
        self._keep = keep
        self._load_commands = load_commands
        self._clock = clock

    async def run(self) -> None:
        """Work for as long as the bot runs: delete hourly, and load commands until all are there."""
        await asyncio.gather(self._delete_hourly(), self._load_missing_commands())

    async def delete_expired(self) -> None:
        """Delete expired prompts, files and rows, and output files of delivered runs."""
        # Listed before the runs: a run that starts in between is in neither list, and its files stay.
        spooled = await asyncio.to_thread(self._spool.run_ids)
        try:
            if self._is_mine():
                await self._runs.delete_expired(
                    self._clock.now(),
                    prompts_for=self._keep.prompts,
                    files_for=self._keep.files,
                    runs_for=self._keep.runs,
                )
            undelivered = {run.id for run in await self._runs.list_undelivered()}
        except StoreError as error:
            log.warning("delete_expired_failed", error=str(error), retry_in=_DELETE_INTERVAL)
            return
        for run_id in spooled:
            if run_id not in undelivered:
                await asyncio.to_thread(self._spool.delete, run_id)
        await asyncio.to_thread(self._spool.inspect)

    async def _delete_hourly(self) -> None:
        while True:
            try:
                await self.delete_expired()
            except Exception:  # runs go on whatever happens here
                log.exception("delete_expired_failed", retry_in=_DELETE_INTERVAL)
            await self._clock.sleep(_DELETE_INTERVAL)

    async def _load_missing_commands(self) -> None:
        while not await self._try_load_commands():
            await self._clock.sleep(_LOAD_INTERVAL)

    async def _try_load_commands(self) -> bool:
        try:
            return await self._load_commands()
        except Exception:  # an error of Discord, the network or the disk; the commands already loaded keep working
            log.exception("load_commands_failed", retry_in=_LOAD_INTERVAL)
            return False
