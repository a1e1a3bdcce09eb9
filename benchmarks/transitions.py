"""A distant PostgreSQL: what each transition of a run costs when every round trip takes some milliseconds more."""

import asyncio
import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks.candidates import Candidate
from benchmarks.figures import Figure, Row, percentile
from benchmarks.history import build_run
from bot.clock import SystemClock
from bot.store.models import RunState
from bot.store.quota import RunLimits
from bot.store.store import Store

_EVERY = 0.02  # seconds between two runs: fifty start a second


async def measure(runs: int, delay: float, candidate: Candidate, folder: Path) -> Row:  # noqa: ARG001  # as every load
    """Take ``runs`` runs through their transitions, fifty started a second, with ``delay`` seconds a round trip."""
    if candidate.create_database is None:
        raise TypeError("SQLite is never distant.")
    address = urlsplit(candidate.create_database())
    (socket_folder,) = parse_qs(address.query)["host"]
    async with AsyncExitStack() as stack:
        line = _Line(Path(socket_folder) / ".s.PGSQL.5432", delay / 2)
        server = await asyncio.start_server(line.forward, "127.0.0.1", 0)
        stack.callback(server.close)
        port = server.sockets[0].getsockname()[1]
        url = f"postgresql://{address.username or 'replicord'}@127.0.0.1:{port}{address.path}"
        store = await Store.open(url, clock=SystemClock())
        stack.push_async_callback(store.close)
        times: dict[str, list[float]] = {}
        started = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            for number in range(runs):
                await asyncio.sleep(max(0.0, started + number * _EVERY - time.monotonic()))
                tasks.create_task(_take_through(store, number, times))
    figures: dict[str, Figure] = {"runs": runs}
    for name, taken in times.items():
        figures[f"{name} ms p50"] = 1000 * (percentile(taken, 0.5) or 0)
        figures[f"{name} ms p99"] = 1000 * (percentile(taken, 0.99) or 0)
    return Row(f"transitions {delay * 1000:.0f} ms", candidate.name, figures)


async def _take_through(store: Store, number: int, times: dict[str, list[float]]) -> None:
    """Take one run from its reservation to its delivery, and note what each write took."""
    now = datetime.now(UTC)
    pattern = build_run(now)
    run = replace(pattern, id=f"run{number}", author_id=number, place=replace(pattern.place, message_id=10**9 + number))

    async def note(name: str, transition: Awaitable[object]) -> None:
        began = time.perf_counter()
        await transition
        times.setdefault(name, []).append(time.perf_counter() - began)

    runs = store.runs
    await note("reserve", runs.reserve(run, (), RunLimits(at_once=1000, per_day=1000)))
    await note("sent", runs.mark_sent(run.id, at=now))
    await note("submitted", runs.mark_submitted(run.id, prediction_id=f"p{number}"))
    await note("running", runs.mark_running(run.id, started_at=now))
    await note("ended", runs.mark_ended(run.id, state=RunState.SUCCEEDED, at=now, output=["word"] * 100))
    await note("delivered", runs.mark_delivered(run.id, at=now))


class _Line:
    """Forwards connections to a socket, each byte ``delay`` seconds late, in both directions."""

    def __init__(self, path: Path, delay: float) -> None:
        self._path = path
        self._delay = delay

    async def forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await asyncio.open_unix_connection(self._path)
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.gather(self._copy(reader, server_writer), self._copy(server_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        while data := await reader.read(65_536):
            loop.call_later(self._delay, writer.write, data)
        loop.call_later(self._delay, writer.close)
