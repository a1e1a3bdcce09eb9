"""The programs that are measured: the bot, and two baselines for comparison."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environment import BenchmarkEnvironment
from benchmarks.fixtures import SHARDS
from benchmarks.process import AnyProcess, Process, ProcessGroup

_START_LIMIT = 60.0
_POLL_EVERY = 0.005


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that serves ``/talk`` and ``/paint``: its name, and the module and arguments that start it.

    ``processes`` of it share the PostgreSQL database that ``create_database`` makes; None is one process on SQLite.
    """

    name: str
    module: tuple[str, ...]
    processes: int = 1
    create_database: Callable[[], str] | None = None

    def process(self, environment: BenchmarkEnvironment, folder: Path) -> AnyProcess:
        """Return the program's process, pointed at ``environment``, with its data in ``folder``; not started yet."""
        if self.create_database is None:
            settings = environment.settings() | {"DATABASE_URL": f"sqlite+aiosqlite:///{folder / 'replicord.db'}"}
            return Process(self.module, settings=settings, folder=folder)
        url = self.create_database()
        settings = environment.settings() | {"DATABASE_URL": url, "SHARDS": str(SHARDS)}
        members = []
        for number in range(self.processes):
            own = folder / f"process{number}"
            own.mkdir()
            members.append(Process(self.module, settings=settings | {"SPOOL_FOLDER": str(own)}, folder=own))
        return ProcessGroup(members, database_url=url)


REPLICORD = Candidate("replicord", ("bot", "run"))
OFFICIAL = Candidate("official client", ("benchmarks.baselines.official",))
PLAIN = Candidate("httpx + httpx-sse", ("benchmarks.baselines.plain",))


async def start_until_ready(process: AnyProcess, environment: BenchmarkEnvironment) -> float:
    """Start a candidate; return the seconds until it has a gateway session and registered commands.

    Raises RuntimeError with the end of its log if it does not start.
    """
    started = time.monotonic()
    await process.start()
    while not (process.is_settled(environment.discord.gateway.connected) and environment.discord.commands.all()):
        if not process.running or time.monotonic() - started > _START_LIMIT:
            raise RuntimeError(f"The candidate did not start:\n{process.log_tail()}")
        await asyncio.sleep(_POLL_EVERY)
    return time.monotonic() - started
