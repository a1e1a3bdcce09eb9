"""Jobs that share a transaction do not affect each other, and return only once they are committed."""

import asyncio
import sqlite3
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, insert

from bot.store.database import GROUP_COMMIT_MAX
from bot.store.errors import StoreError
from bot.store.models import Run
from bot.store.queries import run_to_row
from bot.store.store import Store
from bot.store.tables import runs
from tests.clock import VirtualClock
from tests.store.databases import sqlite_only
from tests.store.samples import after, make_run

LOCKED = "Another program has locked the database. Close it, then try again."


async def insert_row(store: Store, run: Run) -> None:
    """Insert a run; the database refuses it if there is one with its id."""
    await store.database.write(lambda connection: connection.execute(insert(runs), run_to_row(run)).close())


async def test_failed_job_does_not_fail_the_others(store: Store) -> None:
    await store.runs.reserve(make_run("twice"), ())
    results = await asyncio.gather(
        *(insert_row(store, make_run(f"run-{number}" if number != 7 else "twice")) for number in range(20)),
        return_exceptions=True,
    )
    assert [number for number, result in enumerate(results) if result is not None] == [7]
    assert isinstance(results[7], StoreError)
    assert len(await store.runs.list_undelivered()) == 20


async def test_result_is_visible_to_other_connections(store: Store, created_url: str, clock: VirtualClock) -> None:
    other = await Store.open(created_url, clock=clock, exclusive=False)

    async def reserve(number: int) -> None:
        await store.runs.reserve(make_run(f"run-{number}"), ())
        assert await other.runs.get(f"run-{number}")

    await asyncio.gather(*(reserve(number) for number in range(100)))
    await other.close()


@asynccontextmanager
async def busy_writer(store: Store) -> AsyncIterator[None]:
    """Keep the writing connection busy, so that other jobs queue."""
    started, finish = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        started.set()
        assert finish.wait(30)

    holding = asyncio.create_task(store.database.write(hold))
    assert await asyncio.to_thread(started.wait, 30)
    yield
    finish.set()
    await holding


@sqlite_only
async def test_queued_transitions_share_a_transaction(store: Store) -> None:
    run_ids = [f"run-{number}" for number in range(2 * GROUP_COMMIT_MAX)]
    for run_id in run_ids:
        await store.runs.reserve(make_run(run_id), ())
    commits: list[Connection] = []

    def count(connection: Connection) -> None:
        commits.append(connection)

    event.listen(Engine, "commit", count)
    try:
        async with busy_writer(store):
            sending = asyncio.gather(*(store.runs.mark_sent(run_id, at=after(1)) for run_id in run_ids))
            await asyncio.sleep(0)
        assert all(await sending)
    finally:
        event.remove(Engine, "commit", count)
    assert len(commits) == 3  # the busy one's, and two for the rest


async def test_reads_of_one_moment_share_transactions(store: Store) -> None:
    await store.runs.reserve(make_run("read"), ())
    transactions: list[Connection] = []

    def count(connection: Connection) -> None:
        transactions.append(connection)

    event.listen(Engine, "begin", count)
    try:
        found = await asyncio.gather(*(store.runs.get("read") for _ in range(40)))
    finally:
        event.remove(Engine, "begin", count)
    assert None not in found
    assert len(transactions) <= 10


async def test_job_of_a_cancelled_caller_is_skipped(store: Store) -> None:
    async with busy_writer(store):
        cancelled = asyncio.create_task(store.runs.reserve(make_run("cancelled"), ()))
        other = asyncio.create_task(store.runs.reserve(make_run("other"), ()))
        await asyncio.sleep(0)
        cancelled.cancel()
    await other
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert [run.id for run in await store.runs.list_undelivered()] == ["other"]


async def test_reads_do_not_wait_for_writes(store: Store) -> None:
    await store.runs.reserve(make_run(), ())
    async with busy_writer(store):
        assert await store.runs.get("run-1") is not None


async def test_queued_jobs_run_before_closing(created_url: str, clock: VirtualClock) -> None:
    store = await Store.open(created_url, clock=clock)
    reserving = asyncio.gather(*(store.runs.reserve(make_run(f"run-{number}"), ()) for number in range(100)))
    await asyncio.sleep(0)
    await store.close()
    await reserving
    store = await Store.open(created_url, clock=clock)
    assert len(await store.runs.list_undelivered()) == 100
    await store.close()


@sqlite_only
async def test_commits_are_flushed_to_disk(created_url: str, clock: VirtualClock) -> None:
    def read_synchronous(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    store = await Store.open(created_url, clock=clock)
    assert await store.database.write(read_synchronous) == 2  # FULL
    await store.close()


@sqlite_only
async def test_full_disk_is_explained_and_keeps_the_data(store: Store) -> None:
    await store.runs.reserve(make_run("before"), ())
    await store.database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1").close())
    with pytest.raises(StoreError, match="disk that holds the database is full"):
        await store.runs.reserve(make_run("large", prompt="a cat " * 100_000), ())
    assert await store.runs.get("large") is None
    assert await store.runs.get("before") is not None
    await store.database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000").close())
    await store.runs.reserve(make_run("large", prompt="a cat " * 100_000), ())


async def test_error_and_its_cause_hold_no_prompt_or_token(store: Store) -> None:
    run = make_run(prompt="my secret prompt")
    await store.runs.reserve(run, ())
    with pytest.raises(StoreError) as failed:
        await insert_row(store, run)
    text = "".join(traceback.format_exception(failed.value))
    assert "unique constraint" in text.lower()
    assert "secret prompt" not in text
    assert run.place.token not in text


@sqlite_only
async def test_locked_database_fails_all_jobs_until_it_is_free(
    store: Store, database_folder: Path, clock: VirtualClock
) -> None:
    await store.runs.reserve(make_run(), ())
    with closing(sqlite3.connect(database_folder / "replicord.db")) as shell:
        shell.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        results = await asyncio.gather(
            *(store.runs.mark_sent("run-1", at=clock.now(), webhook=None) for _ in range(20)), return_exceptions=True
        )
        assert {str(result) for result in results} == {LOCKED}
        assert time.monotonic() - started < 10  # the jobs wait together, not one after the other
        assert await store.runs.get("run-1") is not None
        assert not store.database.is_writable
    assert await store.runs.mark_sent("run-1", at=clock.now(), webhook=None)
    assert store.database.is_writable


@sqlite_only
async def test_more_than_a_transactions_jobs_wait_for_a_lock_once(store: Store, database_folder: Path) -> None:
    with closing(sqlite3.connect(database_folder / "replicord.db")) as shell:
        shell.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        jobs = (store.runs.reserve(make_run(f"run-{number}"), ()) for number in range(10 * GROUP_COMMIT_MAX))
        results = await asyncio.gather(*jobs, return_exceptions=True)
        assert {str(result) for result in results} == {LOCKED}
        assert time.monotonic() - started < 10  # ten waits of two seconds would be twenty


async def test_a_jobs_own_error_says_nothing_about_the_database(store: Store) -> None:
    await store.runs.reserve(make_run(), ())
    with pytest.raises(StoreError):
        await insert_row(store, make_run())
    assert store.database.is_writable
