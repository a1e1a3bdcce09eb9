"""Chores: what the bot does on the side, now and then."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.clock import Clock
from bot.outputs.materialize import Spool
from bot.store.errors import StoreError
from bot.store.runs import Runs

log = structlog.get_logger(__name__)

_HOUR = 3600.0
_COMMANDS_AGAIN = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionPeriods:
    """How long what is stored about delivered runs is kept."""

    prompts: timedelta
    files: timedelta
    runs: timedelta


class Maintenance:
    """Forgets what need not be kept any longer, and tries again for commands whose model could not be asked for."""

    def __init__(
        self,
        *,
        runs: Runs,
        spool: Spool,
        keep: RetentionPeriods,
        load_commands: Callable[[], Awaitable[bool]],
        clock: Clock,
    ) -> None:
        self._runs = runs
        self._spool = spool
        self._keep = keep
        self._load_commands = load_commands
        self._clock = clock

    async def go_on(self) -> None:
        """Do all of it, for as long as the bot runs."""
        await asyncio.gather(self._forget_hourly(), self._load_all_commands())

    async def forget(self) -> None:
        """Let go of old prompts, files and rows, and of output files that Discord has."""
        kept = await asyncio.to_thread(
            self._spool.run_ids
        )  # before the runs: a run that begins meanwhile is in neither
        try:
            await self._runs.delete_expired(
                self._clock.now(),
                prompts_for=self._keep.prompts,
                files_for=self._keep.files,
                runs_for=self._keep.runs,
            )
            wanted = {run.id for run in await self._runs.list_undelivered()}
        except StoreError as error:
            log.warning("Old runs were not cleared away; the next hour tries again.", error=str(error))
            return
        for run_id in kept:
            if run_id not in wanted:
                await asyncio.to_thread(self._spool.delete, run_id)

    async def _forget_hourly(self) -> None:
        while True:
            try:
                await self.forget()
            except Exception:  # whatever it is, runs go on and the next hour tries again
                log.exception("Old runs were not cleared away; the next hour tries again.")
            await self._clock.sleep(_HOUR)

    async def _load_all_commands(self) -> None:
        while not await self._all_are_loaded():
            await self._clock.sleep(_COMMANDS_AGAIN)

    async def _all_are_loaded(self) -> bool:
        try:
            return await self._load_commands()
        except Exception:  # Discord's no, the network's, the disk's: nothing that the other commands should suffer for
            log.exception("Missing commands could not be added; it is tried again.")
            return False
