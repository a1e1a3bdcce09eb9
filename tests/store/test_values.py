"""Whatever a person, a model or Discord sends is read back unchanged."""

import asyncio
import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.media.types import Media, MediaKind, MediaType
from bot.store.errors import StoreError
from bot.store.models import Run, RunState
from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.databases import create_database, empty_folder
from tests.store.samples import T0, after, load_files, make_run

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
SNOWFLAKE = st.integers(0, 2**63 - 1)
KATHMANDU = timezone(timedelta(hours=5, minutes=45))
TIME = st.datetimes(datetime.fromisoformat("0001-01-02"), timezones=st.sampled_from([UTC, KATHMANDU]))
MEDIA = st.builds(Media, TEXT, st.builds(MediaType, TEXT, TEXT, st.sampled_from(MediaKind)), st.binary(max_size=2_000))


def store_and_read(run: Run, files: list[Media]) -> tuple[Run | None, tuple[Media, ...]]:
    async def round_trip(url: str) -> tuple[Run | None, tuple[Media, ...]]:
        store = await Store.open(url, clock=VirtualClock(), durable=False)
        try:
            await store.runs.reserve(run, files)
            return await store.runs.get(run.id), await load_files(store.runs, run.id)
        finally:
            await store.close()

    return asyncio.run(round_trip(create_database(empty_folder())))


@settings(max_examples=60, deadline=None)
@given(
    words=st.tuples(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3)),
    data=st.dictionaries(st.text(), JSON, max_size=4),
    numbers=st.tuples(SNOWFLAKE, SNOWFLAKE),
    at=TIME,
    files=st.lists(MEDIA, max_size=3),
)
def test_run_is_read_back_unchanged(
    words: tuple[str, str, str, list[str]],
    data: dict[str, Any],
    numbers: tuple[int, int],
    at: datetime,
    files: list[Media],
) -> None:
    prompt, summary, name, notes = words
    run = make_run(
        prompt=prompt,
        summary=summary,
        author_name=name,
        notes=tuple(notes),
        input=data,
        output_schema=data,
        author_id=numbers[0],
        message_id=numbers[1],
        created_at=at,
    )
    assert store_and_read(run, files) == (run, tuple(files))


@pytest.mark.parametrize(
    "value",
    [2**64, -(2**200), 1e-320, math.inf, 0.1 + 0.2, "\ud83d half a pair", "\x00", {"": {"": []}}, [[[]]], False, 0, ""],
)
async def test_output_is_read_back_unchanged(runs: Runs, value: object) -> None:
    await runs.reserve(make_run(), ())
    await runs.mark_ended("run-1", state=RunState.FAILED, at=after(1), output=value, metrics={"of the model": value})
    run = await runs.get("run-1")
    assert run is not None
    assert (run.output, type(run.output)) == (value, type(value))
    assert run.metrics == {"of the model": value}


async def test_nan_is_read_back(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    await runs.mark_ended("run-1", state=RunState.FAILED, at=after(1), output=[math.nan])
    run = await runs.get("run-1")
    assert run is not None
    assert math.isnan(run.output[0])


async def test_lone_surrogate_becomes_a_question_mark(runs: Runs) -> None:
    await runs.reserve(make_run(prompt="a \ud83d cat"), ())
    run = await runs.get("run-1")
    assert run is not None
    assert run.prompt == "a ? cat"


async def test_times_are_converted_to_utc(runs: Runs) -> None:
    there = T0.astimezone(timezone(timedelta(hours=-8)))
    await runs.reserve(make_run(created_at=there), ())
    run = await runs.get("run-1")
    assert run is not None
    assert (run.created_at, run.created_at.tzinfo) == (T0, UTC)


async def test_time_without_a_zone_is_rejected(runs: Runs) -> None:
    with pytest.raises(StoreError, match="no time zone"):
        await runs.reserve(make_run(created_at=datetime(2026, 1, 1)), ())  # noqa: DTZ001 (the mistake to be caught)


async def test_text_that_looks_like_sql_is_stored(runs: Runs) -> None:
    words = "'); DROP TABLE runs; --"
    await runs.reserve(make_run(words, prompt=words), ())
    run = await runs.get(words)
    assert run is not None
    assert run.prompt == words
