"""The programs that are measured: the bot, and two baselines for comparison."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import BenchmarkEnvironment
from benchmarks.process import Process

_START_LIMIT = 60.0
_POLL_EVERY = 0.005


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that serves ``/talk`` and ``/paint``: its name, and the module and arguments that start it."""

    name: str
    module: tuple[str, ...]

    def process(self, environment: BenchmarkEnvironment, folder: Path) -> Process:
        """Return the program's process, pointed at ``environment``, with its data in ``folder``; not started yet."""
        settings = environment.settings() | {"DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'replicord.db'}"}
        return Process(self.module, settings=settings, folder=folder)


REPLICORD = Candidate("replicord", ("bot", "run"))
OFFICIAL = Candidate("official client", ("benchmarks.baselines.official",))
PLAIN = Candidate("httpx + httpx-sse", ("benchmarks.baselines.plain",))


async def start_until_ready(process: Process, environment: BenchmarkEnvironment) -> float:
    """Start a candidate; return the seconds until it has a gateway session and registered commands.

    Raises RuntimeError with the end of its log if it does not start.
    """
    started = time.monotonic()
    await process.start()
    while not (environment.discord.gateway.connected and environment.discord.commands.all()):
        if not process.running or time.monotonic() - started > _START_LIMIT:
            raise RuntimeError(f"The candidate did not start:\n{process.log_tail()}")
        await asyncio.sleep(_POLL_EVERY)
    return time.monotonic() - started
