"""The subjects: the bot, and the two baselines beside which its figures stand."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.far_end import FarEnd
from benchmarks.process import Process

_START_LIMIT = 60.0
_LOOK_AGAIN = 0.005


@dataclass(frozen=True, slots=True)
class Subject:
    """A program that serves ``/talk`` and ``/paint``: its name, and how it is started."""

    name: str
    module: tuple[str, ...]

    def process(self, far_end: FarEnd, folder: Path, more: Mapping[str, str] | None = None) -> Process:
        """Return it, pointed at ``far_end``, with its data in ``folder``; not started yet."""
        settings = far_end.settings() | {"DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'replicord.db'}"}
        return Process(self.module, settings=settings | dict(more or {}), folder=folder)


REPLICORD = Subject("replicord", ("bot", "run"))
OFFICIAL = Subject("official client", ("benchmarks.baselines.official",))
PLAIN = Subject("httpx + httpx-sse", ("benchmarks.baselines.plain",))


async def ready(process: Process, far_end: FarEnd) -> float:
    """Start a subject; return the seconds until people can use it: a gateway session, and its commands known."""
    began = time.monotonic()
    await process.start()
    while not (far_end.discord.hub.connected and far_end.discord.commands.every()):
        if not process.running or time.monotonic() - began > _START_LIMIT:
            raise RuntimeError(f"The subject did not start:\n{process.last_words()}")
        await asyncio.sleep(_LOOK_AGAIN)
    return time.monotonic() - began
