"""The library of somebody who has made very much: from the press of a button until the page is there."""

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.candidates import REPLICORD, start_until_ready
from benchmarks.environment import BenchmarkEnvironment, make_image
from benchmarks.figures import Figure, Row, percentiles
from benchmarks.fixtures import person_and_channel
from benchmarks.history import build_run
from bot.clock import SystemClock
from bot.limits import LIBRARY_PAGE
from bot.media.images import make_small_webp
from bot.media.types import MediaKind
from bot.store.library import LibraryQuery
from bot.store.models import RunOutput, RunState
from bot.store.store import Store
from sandbox.discord.person import InteractionResult
from sandbox.discord.state.models import Message

_PAGES = 40
_SEARCHES = 20
_COMMON, _RARE = "lighthouses", "walrus"  # a word of every prompt, and of one in a hundred
_RARE_EVERY = 100


async def measure(rows: int, folder: Path) -> Row:
    """Fill the library of one person with ``rows`` results with thumbnails; turn pages, search, and read rows."""
    async with BenchmarkEnvironment() as environment:
        person, channel = person_and_channel(environment.discord, 0)
        url = f"sqlite+aiosqlite:///{folder / 'replicord.db'}"
        await _make_pattern(url, person.user.id)
        started = time.monotonic()
        _fill(folder / "replicord.db", rows)
        figures: dict[str, Figure] = {"rows": rows, "filling s": time.monotonic() - started}
        figures |= await _time_queries(url, person.user.id, rows)
        process = REPLICORD.process(environment, folder)
        try:
            await start_until_ready(process, environment)
            first = await person.use_command(channel, "library browse")
            turned = min(_PAGES, rows // LIBRARY_PAGE - 1)
            pages = [_seconds(await person.press(_message(first), "Older ▶")) for _ in range(turned)]
            searches = [
                _seconds(await person.use_command(channel, "library browse", {"words": word}))
                for _ in range(_SEARCHES)
                for word in (_COMMON, _RARE)
            ]
        finally:
            await process.stop()
    figures |= percentiles("page s", pages, 0.5, 0.99)
    figures |= percentiles("search s", searches, 0.5, 0.99)
    return Row(f"library {rows}", REPLICORD.name, figures)


async def _make_pattern(url: str, author_id: int) -> None:
    """Store one result with its thumbnail, of which the others are copies."""
    store = await Store.open(url, clock=SystemClock())
    run = replace(build_run(datetime.now(UTC)), author_id=author_id, prompt="pattern")
    await store.runs.reserve(run)
    await store.runs.mark_sent(run.id, at=run.created_at)
    await store.runs.mark_submitted(run.id, prediction_id="p0")
    await store.runs.mark_ended(
        run.id, state=RunState.SUCCEEDED, at=run.created_at, output=["https://r.example/1.webp"]
    )
    output = RunOutput(
        run_id=run.id, number=1, name="paint-01.webp", mime="image/webp", size=30_000, width=512, height=512,
        message_id=run.place.message_id, attachment_id=4,
    )  # fmt: skip
    await store.runs.mark_delivered(run.id, at=run.created_at, outputs=[output])
    await store.library.save_thumbnail(run.id, make_small_webp(make_image(512, 80), 256, 64 * 1024))
    await store.close()


def _fill(path: Path, rows: int) -> None:
    """Insert ``rows`` copies of the one result with ids, times and prompts of their own."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        names, pattern = _read(connection, "runs")
        entry_names, entry = _read(connection, "library_entries")
        thumbnail = connection.execute("SELECT data FROM library_thumbnails").fetchone()[0]
        step = timedelta(days=20) / rows // timedelta(microseconds=1)
        for number in range(2, rows + 2):
            prompt = f"Picture {number} of {_COMMON}" + (f" and a {_RARE}" if number % _RARE_EVERY == 0 else "")
            at = pattern["created_at"] - (rows - number) * step
            run = pattern | {"id": f"run{number}", "prediction_id": f"p{number}", "message_id": 10**9 + number}
            run |= {"prompt": prompt, "created_at": at, "sent_at": at, "ended_at": at, "delivered_at": at}
            words = f"{entry['words'].split()[0]} {prompt.lower()}"
            connection.execute(_insert("runs", names), list(run.values()))
            connection.execute(
                _insert("library_entries", entry_names),
                list((entry | {"number": number, "run_id": f"run{number}", "words": words}).values()),
            )
            connection.execute("INSERT INTO library_thumbnails VALUES (?, ?)", (number, thumbnail))
        connection.commit()
        connection.execute("ANALYZE")


def _read(connection: sqlite3.Connection, table: str) -> tuple[list[str], dict[str, Any]]:
    """Return the columns of a table and its one row."""
    cursor = connection.execute(f"SELECT * FROM {table}")  # noqa: S608  # a name of ours
    names = [column[0] for column in cursor.description]
    return names, dict(zip(names, cursor.fetchone(), strict=True))


def _insert(table: str, names: list[str]) -> str:
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' for _ in names)})"  # noqa: S608  # ours


async def _time_queries(url: str, user_id: int, rows: int) -> dict[str, Figure]:
    """Return what the database takes for a page, in the middle of the library and by a rare kind or word."""
    store = await Store.open(url, clock=SystemClock())
    queries = {
        "middle": LibraryQuery(user_id=user_id, before=rows // 2),
        "no such kind": LibraryQuery(user_id=user_id, kinds=frozenset({MediaKind.AUDIO})),
        "common word": LibraryQuery(user_id=user_id, words=_COMMON, before=rows // 2),
        "rare word": LibraryQuery(user_id=user_id, words=_RARE),
    }
    figures: dict[str, Figure] = {}
    try:
        for name, query in queries.items():
            times = []
            for _ in range(_SEARCHES):
                started = time.perf_counter()
                await store.library.list_page(query)
                times.append(1000 * (time.perf_counter() - started))
            figures |= percentiles(f"{name} ms", times, 0.5, 0.99)
    finally:
        await store.close()
    return figures


def _seconds(result: InteractionResult) -> float:
    """Return the seconds from a press until Discord had the page."""
    if result.latency is None:
        raise RuntimeError("The bot did not answer in time.")
    return result.latency


def _message(result: InteractionResult) -> Message:
    if result.message is None:
        raise RuntimeError("There is no page.")
    return result.message
