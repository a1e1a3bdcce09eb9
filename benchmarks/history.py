"""A long history: what the queries that people wait for cost with a million stored runs."""

import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Row, percentile
from bot.clock import SystemClock
from bot.limits import BUDGET_SUMS_KEPT
from bot.money.budgets import Owner, Period
from bot.store.models import Place, Run, RunState
from bot.store.quota import RunLimits
from bot.store.store import Store

_AUTHORS = 5000
_REPEATS = 200
_SUM_DAYS = BUDGET_SUMS_KEPT.days
_ROLES = frozenset(range(1, 11))  # of an author: each has a budget


async def measure(rows: int, folder: Path) -> Row:
    """Fill a database with ``rows`` finished runs; time each query of a command, a button and a start."""
    path = folder / "replicord.db"
    url = f"sqlite+aiosqlite:///{path}"
    store = await Store.open(url, clock=SystemClock())
    run = build_run(datetime.now(UTC))
    await store.runs.reserve(run)
    await store.runs.mark_sent(run.id, at=run.created_at)
    await store.runs.mark_submitted(run.id, prediction_id="p0")
    await store.runs.mark_ended(run.id, state=RunState.SUCCEEDED, at=run.created_at, output=["word"] * 100)
    await store.runs.mark_delivered(run.id, at=run.created_at)
    await store.close()
    started = time.monotonic()
    _fill(path, rows, run)
    _fill_sums(path, rows, run)
    figures: dict[str, Figure] = {"rows": rows, "filling s": time.monotonic() - started}
    figures["file MB"] = path.stat().st_size / 1e6
    started = time.monotonic()
    store = await Store.open(url, clock=SystemClock())
    figures["opening s"] = time.monotonic() - started
    try:
        await _set_budgets(store)
        for name, query in _queries(store, rows).items():
            await query(_REPEATS)  # the first time, its statements are compiled
            times = [await _timed(query, number) for number in range(_REPEATS)]
            figures[f"{name} ms p50"] = 1000 * (percentile(times, 0.5) or 0)
            figures[f"{name} ms p99"] = 1000 * (percentile(times, 0.99) or 0)
    finally:
        await store.close()
    return Row(f"history {rows}", "replicord", figures)


def _queries(store: Store, rows: int) -> dict[str, Callable[[int], Awaitable[object]]]:
    runs, now = store.runs, datetime.now(UTC)

    async def reserve(number: int) -> None:
        new = replace(
            build_run(now),
            id=f"new{number}",
            author_id=number,
            estimate=30_000,
            place=replace(build_run(now).place, message_id=number),
        )
        await runs.reserve(new, (), RunLimits(at_once=1000, per_day=1000, roles=_ROLES))

    async def end(number: int) -> None:
        await runs.mark_ended(f"new{number}", state=RunState.CANCELED, at=now, cost=20_000)

    return {
        "reserve": reserve,
        "end": end,
        "get": lambda n: runs.get(f"run{n * rows // _REPEATS}"),
        "by message": lambda n: runs.find_by_message(10**9 + n * rows // _REPEATS),
        "by prediction": lambda n: runs.find_run_ids([f"p{n * rows // _REPEATS}"]),
        "recent": lambda n: runs.list_recent(n, limit=10),
        "active": runs.list_active,
        "undelivered": lambda _: runs.list_undelivered(),
    }


async def _timed(query: Callable[[int], Awaitable[object]], number: int) -> float:
    started = time.perf_counter()
    await query(number)
    return time.perf_counter() - started


def _fill(path: Path, rows: int, pattern: Run) -> None:
    """Insert copies of ``pattern`` with different ids, authors, messages, predictions and times."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        cursor = connection.execute("SELECT * FROM runs WHERE id = ?", (pattern.id,))
        names = [column[0] for column in cursor.description]
        row: dict[str, Any] = dict(zip(names, cursor.fetchone(), strict=True))
        step = timedelta(days=365) / rows
        placeholders = ", ".join("?" for _ in names)
        connection.executemany(
            f"INSERT INTO runs ({', '.join(names)}) VALUES ({placeholders})",  # noqa: S608  # the table's own column names
            (
                tuple(_vary_row(row, number, pattern.created_at - step * (number + 1)).values())
                for number in range(rows)
            ),
        )
        connection.commit()
        connection.execute("ANALYZE")


def _fill_sums(path: Path, rows: int, pattern: Run) -> None:
    """Insert what so many runs leave behind: sums of 70 days for budgets, and of a year for /usage."""
    today = pattern.created_at.date().toordinal()
    authors = range(min(_AUTHORS, rows))
    shared = ("bot", "server:1", f"command:{pattern.command}", f"server-command:1:{pattern.command}")
    own = [key for author in authors for key in (f"person:{author}", f"member:1:{author}")]
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.executemany(
            "INSERT INTO budget_sums (key, day, reserved, spent) VALUES (?, ?, 0, 1000)",
            ((key, today - day) for day in range(1, _SUM_DAYS) for key in (*shared, *own)),
        )
        connection.executemany(
            "INSERT INTO usage_days (day, guild_id, author_id, command, spent, runs) VALUES (?, 1, ?, ?, 1000, 1)",
            ((today - day, author, pattern.command) for day in range(1, 365) for author in authors[::10]),
        )
        connection.commit()
        connection.execute("ANALYZE")


async def _set_budgets(store: Store) -> None:
    """Set one of every kind that holds for the runs that are reserved, and many that do not."""
    keys = ["bot", "command:talk", "server:1", "server-command:1:talk", "member:1:*", "person:*"]
    keys += [f"role:{role}" for role in _ROLES] + [f"member:1:{10_000 + number}" for number in range(500)]
    for key in keys:
        await store.budgets.put(owner=Owner.OPERATOR, key=key, period=Period.MONTH, amount=10**15, guild_id=1, by=1)


def _vary_row(row: dict[str, Any], number: int, at: datetime) -> dict[str, Any]:
    stored_at = _format_like(row["created_at"], at)
    ids = {"id": f"run{number}", "author_id": number % _AUTHORS, "message_id": 10**9 + number}
    times = dict.fromkeys(("created_at", "sent_at", "started_at", "ended_at", "delivered_at"), stored_at)
    return row | {name: value for name, value in (ids | times | {"prediction_id": f"p{number + 1}"}).items()
                  if name in row and row[name] is not None}  # fmt: skip


def _format_like(example: object, at: datetime) -> object:
    """Return a time in the format of the stored ``example``."""
    if isinstance(example, int):
        return int(at.timestamp() * (1_000_000 if example > 10**14 else 1000 if example > 10**11 else 1))
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")


def build_run(at: datetime) -> Run:
    """Return a run that was just reserved."""
    place = Place(
        guild_id=1, channel_id=2, message_id=3, application_id=4, token="token",  # noqa: S106  # not a real one
        token_expires_at=at + timedelta(minutes=15), file_limit=10**7, token_only=False,
    )  # fmt: skip
    prompt = "Say what there is to say about lighthouses, bridges and boats"
    return Run(
        id="pattern", command="talk", target="bench/text", author_id=1, author_name="mia", place=place,
        input=json.loads(f'{{"prompt": "{prompt}"}}'), prompt=prompt, summary="", notes=(), output_schema={},
        expected=None, state=RunState.RESERVED, created_at=at,
    )  # fmt: skip
