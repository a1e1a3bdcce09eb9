"""The subjects: the bot, and the two baselines beside which its figures stand."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import BenchmarkEnvironment
from benchmarks.process import Process

_START_LIMIT = 60.0
_POLL_EVERY = 0.005


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that serves ``/talk`` and ``/paint``: its name, and how it is started."""

    name: str
    module: tuple[str, ...]

    def process(self, far_end: BenchmarkEnvironment, folder: Path, more: Mapping[str, str] | None = None) -> Process:
        """Return it, pointed at ``far_end``, with its data in ``folder``; not started yet."""
        settings = far_end.settings() | {"DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'replicord.db'}"}
        return Process(self.module, settings=settings | dict(more or {}), folder=folder)


REPLICORD = Candidate("replicord", ("bot", "run"))
OFFICIAL = Candidate("official client", ("benchmarks.baselines.official",))
PLAIN = Candidate("httpx + httpx-sse", ("benchmarks.baselines.plain",))


async def start_until_ready(process: Process, far_end: BenchmarkEnvironment) -> float:
    """Start a subject; return the seconds until people can use it: a gateway session, and its commands known."""
    began = time.monotonic()
    await process.start()
    while not (far_end.discord.gateway.connected and far_end.discord.commands.all()):
        if not process.running or time.monotonic() - began > _START_LIMIT:
            raise RuntimeError(f"The subject did not start:\n{process.last_words()}")
        await asyncio.sleep(_POLL_EVERY)
    return time.monotonic() - began
