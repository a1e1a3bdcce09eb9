"""Interactions that were acknowledged and have no row yet, so that a bot that is killed then can say so.

Between the two the files of a run are downloaded, which takes seconds. Discord shows "thinking" meanwhile, and would do
so for fifteen minutes, as no row tells the next start of it. So a small file does, for as long as files are read.
"""

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import discord
import structlog
from filelock import FileLock, Timeout

from bot.client import Replicord
from bot.clock import Clock
from bot.language import load_languages, use_language
from bot.store.errors import StoreError
from bot.store.runs import Runs
from bot.ui.render.cards import Tone, sentence_card
from bot.ui.render.strings import restarted_before_start
from bot.ui.requests import REQUEST_ERRORS, send_request

_LOCK: Final = "lock"  # held by the process whose folder it is, for as long as it lives
_FILES: Final = "*.json"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnstartedRun:
    """A run that is about to start: the message that says "thinking", and the token that reaches it."""

    run_id: str
    application_id: int
    message_id: int
    token: str = field(repr=False)
    expires_at: float
    language: str


class UnstartedRuns:
    """Notes runs while their files are read. Each process has a folder of its own in ``root``.

    ``open`` and ``close`` block, and so does reading the folders of processes that were killed.
    """

    def __init__(self, root: Path, *, runs: Runs, clock: Clock) -> None:
        self._root = root
        self._runs = runs
        self._clock = clock
        self._own = root / secrets.token_hex(6)
        # Not thread-local: it is acquired in a worker thread and released in the event loop's.
        self._lock = FileLock(self._own / _LOCK, blocking=False, mode=0o600, thread_local=False)

    def open(self) -> None:
        """Make the folder of this process. Where the disk takes none, the bot does without."""
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._own.mkdir(mode=0o700)
            self._lock.acquire()
        except OSError as error:
            log.warning("unstarted_runs_not_noted", error=str(error))

    def close(self) -> None:
        """Delete the folder, unless a run has not started: the next process says so."""
        self._lock.release()
        if not any(self._own.glob(_FILES)):
            shutil.rmtree(self._own, ignore_errors=True)

    @asynccontextmanager
    async def note(self, unstarted: UnstartedRun) -> AsyncIterator[None]:
        """Have it on disk during the block, in which its row is written. A process that ends meanwhile leaves it."""
        path = self._own / f"{unstarted.run_id}.json"
        try:
            await asyncio.to_thread(_write, path, unstarted)
        except OSError as error:
            log.warning("unstarted_run_not_noted", run=unstarted.run_id, error=str(error))
        try:
            yield
        except Exception:  # it is refused; not where the task is ended with its process
            await asyncio.to_thread(_delete, path)
            raise
        await asyncio.to_thread(_delete, path)

    async def tell_left_behind(self, client: Replicord) -> None:
        """Say under each interaction that a killed process left behind, and whose run has no row, that it is over."""
        for unstarted in await asyncio.to_thread(lambda: tuple(self._take_left_behind())):
            if self._clock.now().timestamp() >= unstarted.expires_at:
                continue
            try:
                if await self._runs.get(unstarted.run_id) is None:
                    await _tell(client, unstarted)
            except (*REQUEST_ERRORS, StoreError) as error:
                log.warning("unstarted_run_not_told", run=unstarted.run_id, error=str(error))

    def _take_left_behind(self) -> Iterator[UnstartedRun]:
        """Yield what is in the folders of processes that live no more, and delete them."""
        if not self._root.is_dir():
            return
        for folder in self._root.iterdir():
            lock = FileLock(folder / _LOCK, blocking=False, mode=0o600)
            try:
                lock.acquire()
            except (Timeout, OSError):  # it lives, or another process was faster
                continue
            try:
                for path in folder.glob(_FILES):
                    with suppress(OSError, ValueError, TypeError):  # it was killed while it wrote
                        yield UnstartedRun(**json.loads(path.read_bytes()))
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                lock.release()


def _write(path: Path, unstarted: UnstartedRun) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(asdict(unstarted)), encoding="utf-8")


def _delete(path: Path) -> None:
    with suppress(OSError):  # of a run that has started, the next start finds the row
        path.unlink()


async def _tell(client: Replicord, unstarted: UnstartedRun) -> None:
    await load_languages(unstarted.language)
    with use_language(unstarted.language):
        card = sentence_card(restarted_before_start(), tone=Tone.WARNING)
    webhook = discord.Webhook.partial(unstarted.application_id, unstarted.token, client=client)
    await send_request(webhook.edit_message(unstarted.message_id, view=card))
    log.info("unstarted_run_told", run=unstarted.run_id)
