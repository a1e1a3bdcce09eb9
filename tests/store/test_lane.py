"""Jobs that share a transaction: none harms another, and none is answered before the disk has it."""

import asyncio
import sqlite3
import traceback
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection

from bot.store.errors import StoreError
from bot.store.run import RunState
from bot.store.store import Store
from tests.store.sample import a_run, after


async def test_one_that_fails_among_many_fails_alone(store: Store) -> None:
    await store.runs.reserve(a_run("twice"), ())
    answers = await asyncio.gather(
        *(store.runs.reserve(a_run(f"run-{number}" if number != 7 else "twice"), ()) for number in range(20)),
        return_exceptions=True,
    )
    assert [number for number, answer in enumerate(answers) if answer is not None] == [7]
    assert isinstance(answers[7], StoreError)
    assert len(await store.runs.undelivered()) == 20


async def test_an_ended_run_is_counted_once_though_its_transaction_was_made_twice(store: Store) -> None:
    await store.runs.reserve(a_run("twice"), ())
    await store.runs.reserve(a_run("over"), ())
    await asyncio.gather(
        store.runs.ended("over", state=RunState.FAILED, at=after(1)),
        store.runs.reserve(a_run("twice"), ()),
        return_exceptions=True,
    )
    assert (await store.runs.totals())[RunState.FAILED] == 1


async def test_an_answer_means_that_others_see_it(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "replicord.db")) as shell:

        async def reserve(number: int) -> None:
            await store.runs.reserve(a_run(f"run-{number}"), ())
            assert shell.execute("SELECT 1 FROM runs WHERE id = ?", (f"run-{number}",)).fetchone()

        await asyncio.gather(*(reserve(number) for number in range(100)))


async def test_many_waiting_moves_share_transactions(store: Store) -> None:
    for number in range(200):
        await store.runs.reserve(a_run(f"run-{number}"), ())
    before = await _commits(store)
    await asyncio.gather(*(store.runs.sent(f"run-{number}", at=after(1), webhook=None) for number in range(200)))
    assert await _commits(store) - before < 50


async def _commits(store: Store) -> int:
    """Frames in the write-ahead log: a commit of one page writes one, however many rows it changed."""

    def frames(connection: Connection) -> int:
        return int(connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").one()[1])

    return await store._database.look(frames)


async def test_a_caller_who_is_cancelled_before_its_turn_changes_nothing(store: Store) -> None:
    task = asyncio.create_task(store.runs.reserve(a_run(), ()))
    await asyncio.sleep(0)
    busy = [asyncio.create_task(store.runs.reserve(a_run(f"run-{n}x"), ())) for n in range(5)]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.gather(*busy)
    assert len(await store.runs.undelivered()) in (5, 6)


async def test_a_full_disk_refuses_the_move_in_a_sentence_and_keeps_the_rest(store: Store) -> None:
    await store.runs.reserve(a_run("before"), ())
    await store._database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1").close())
    with pytest.raises(StoreError, match="disk that holds the database is full"):
        await store.runs.reserve(a_run("large", prompt="a cat " * 100_000), ())
    assert await store.runs.get("large") is None
    assert await store.runs.get("before") is not None
    await store._database.write(
        lambda connection: connection.exec_driver_sql("PRAGMA max_page_count = 1000000").close()
    )
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
