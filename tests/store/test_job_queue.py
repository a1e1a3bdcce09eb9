"""Jobs that share a transaction: none harms another, and none is answered before the disk has it."""

import asyncio
import sqlite3
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event

from bot.store.database import GROUP_COMMIT_MAX
from bot.store.errors import StoreError
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.sample import a_run, after

LOCKED = "Another program has locked the database. Close it, then try again."


async def test_one_that_fails_among_many_fails_alone(store: Store) -> None:
    await store.runs.reserve(a_run("twice"), ())
    answers = await asyncio.gather(
        *(store.runs.reserve(a_run(f"run-{number}" if number != 7 else "twice"), ()) for number in range(20)),
        return_exceptions=True,
    )
    assert [number for number, answer in enumerate(answers) if answer is not None] == [7]
    assert isinstance(answers[7], StoreError)
    assert len(await store.runs.list_undelivered()) == 20


async def test_an_answer_means_that_others_see_it(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell:

        async def reserve(number: int) -> None:
            await store.runs.reserve(a_run(f"run-{number}"), ())
            assert shell.execute("SELECT 1 FROM runs WHERE id = ?", (f"run-{number}",)).fetchone()

        await asyncio.gather(*(reserve(number) for number in range(100)))


@asynccontextmanager
async def writer_is_busy(store: Store) -> AsyncIterator[None]:
    """Meanwhile, whatever is asked of the writer waits."""
    begun, over = threading.Event(), threading.Event()

    def hold(_connection: Connection) -> None:
        begun.set()
        assert over.wait(30)

    holding = asyncio.create_task(store.database.write(hold))
    assert await asyncio.to_thread(begun.wait, 30)
    yield
    over.set()
    await holding


async def test_queued_transitions_share_a_transaction(store: Store) -> None:
    run_ids = [f"run-{number}" for number in range(2 * GROUP_COMMIT_MAX)]
    for run_id in run_ids:
        await store.runs.reserve(a_run(run_id), ())
    commits: list[Connection] = []

    def count(connection: Connection) -> None:
        commits.append(connection)

    event.listen(Engine, "commit", count)
    try:
        async with writer_is_busy(store):
            sending = asyncio.gather(*(store.runs.mark_sent(run_id, at=after(1)) for run_id in run_ids))
            await asyncio.sleep(0)
        assert all(await sending)
    finally:
        event.remove(Engine, "commit", count)
    assert len(commits) == 3  # the busy one's, and two for the rest


async def test_a_caller_who_is_cancelled_before_its_turn_changes_nothing(store: Store) -> None:
    async with writer_is_busy(store):
        canceled = asyncio.create_task(store.runs.reserve(a_run("canceled"), ()))
        patient = asyncio.create_task(store.runs.reserve(a_run("patient"), ()))
        await asyncio.sleep(0)
        canceled.cancel()
    await patient
    with pytest.raises(asyncio.CancelledError):
        await canceled
    assert [run.id for run in await store.runs.list_undelivered()] == ["patient"]


async def test_reading_does_not_wait_for_writing(store: Store) -> None:
    await store.runs.reserve(a_run(), ())
    async with writer_is_busy(store):
        assert await store.runs.get("run-1") is not None


async def test_what_was_asked_before_closing_is_done(url: str, clock: VirtualClock) -> None:
    store = await Store.open(url, clock=clock)
    reserving = asyncio.gather(*(store.runs.reserve(a_run(f"run-{number}"), ()) for number in range(100)))
    await asyncio.sleep(0)
    await store.close()
    await reserving
    store = await Store.open(url, clock=clock)
    assert len(await store.runs.list_undelivered()) == 100
    await store.close()


async def test_every_commit_is_flushed_to_the_disk(store: Store) -> None:
    def synchronous(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())

    assert await store.database.write(synchronous) == 2  # FULL


async def test_a_full_disk_refuses_the_move_in_a_sentence_and_keeps_the_rest(store: Store) -> None:
    await store.runs.reserve(a_run("before"), ())
    await store.database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1").close())
    with pytest.raises(StoreError, match="disk that holds the database is full"):
        await store.runs.reserve(a_run("large", prompt="a cat " * 100_000), ())
    assert await store.runs.get("large") is None
    assert await store.runs.get("before") is not None
    await store.database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000").close())
    await store.runs.reserve(a_run("large", prompt="a cat " * 100_000), ())


async def test_an_error_tells_no_prompt_and_no_token_not_even_its_cause(store: Store) -> None:
    run = a_run(prompt="my secret wish")
    await store.runs.reserve(run, ())
    with pytest.raises(StoreError) as failed:
        await store.runs.reserve(run, ())
    text = "".join(traceback.format_exception(failed.value))
    assert "UNIQUE" in text
    assert "secret wish" not in text
    assert run.place.token not in text


async def test_while_another_program_holds_the_database_moves_fail_together_and_then_go_on(
    store: Store, tmp_path: Path, clock: VirtualClock
) -> None:
    await store.runs.reserve(a_run(), ())
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell:
        shell.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        answers = await asyncio.gather(
            *(store.runs.mark_sent("run-1", at=clock.now(), webhook=None) for _ in range(20)), return_exceptions=True
        )
        assert {str(answer) for answer in answers} == {LOCKED}
        assert time.monotonic() - begun < 10  # one wait for all, or two, but not one each
        assert await store.runs.get("run-1") is not None
    assert await store.runs.mark_sent("run-1", at=clock.now(), webhook=None)
