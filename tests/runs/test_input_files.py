"""Files of inputs on disk, and places that are held while they are read."""

import asyncio
import os
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.errors import Refused
from bot.media.types import Media, MediaKind, MediaType
from bot.runs.input_files import InputSpool
from bot.store.errors import AlreadyStarted, QuotaExceeded
from tests.runs.environment import AUTHOR, OTHER, Environment


async def test_files_lie_in_a_private_folder_that_goes_away(tmp_path: Path) -> None:
    spool = InputSpool(tmp_path / ".uploads")
    async with spool.folder(10) as first, spool.folder(10) as second:
        assert first != second
        (first / "0").write_bytes(b"mine")
        assert {path.stat().st_mode & 0o077 for path in (tmp_path / ".uploads", first, second)} == {0}
    assert list((tmp_path / ".uploads").iterdir()) == []


async def test_files_of_a_killed_bot_are_deleted(tmp_path: Path) -> None:
    root = tmp_path / ".uploads"
    (root / "left").mkdir(parents=True)
    (root / "left" / "0").write_bytes(b"old")
    InputSpool(root).clear()
    assert not (root / "left").exists()
    InputSpool(tmp_path / "none yet").clear()


async def test_files_of_other_processes_stay(tmp_path: Path) -> None:
    root = tmp_path / ".uploads"
    for name, age in (("left by a killed one", 7200), ("of a live one", 5)):
        (root / name).mkdir(parents=True)
        os.utime(root / name, (time.time() - age,) * 2)
    InputSpool(root).clear(older_than=timedelta(hours=1))
    assert [folder.name for folder in root.iterdir()] == ["of a live one"]


async def test_places_are_held_in_the_order_of_arrival(env: Environment) -> None:
    limit = env.policy.active_per_user
    assert limit is not None
    entered, release = [], asyncio.Event()

    async def hold(run_id: str, author: int = AUTHOR) -> None:
        with env.engine.hold_place(run_id, author) as place:
            await place.read()
            await place.check()
            entered.append(run_id)
            await release.wait()

    tasks = [asyncio.create_task(hold(f"held-{number}")) for number in range(limit + 2)]
    tasks.append(asyncio.create_task(hold("other", OTHER)))
    await env.clock.settle()
    assert sorted(entered) == [*(f"held-{number}" for number in range(limit)), "other"]
    release.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results[limit:-1]] == [QuotaExceeded] * 2
    await hold("again")


async def test_a_started_run_counts_once_while_its_place_is_held(env: Environment) -> None:
    limit = env.policy.active_per_user
    assert limit is not None
    for number in range(limit):
        with env.engine.hold_place(f"run-{number}", AUTHOR) as place:
            await place.read()
            await place.check()
            await env.start(id=f"run-{number}")
            assert env.active_runs() == number + 1
    with env.engine.hold_place("one too many", AUTHOR) as place:
        await place.read()
        with pytest.raises(QuotaExceeded):
            await place.check()


async def test_one_run_has_one_place_and_starts_once(env: Environment) -> None:
    with env.engine.hold_place("run-1", AUTHOR) as place:
        with pytest.raises(AlreadyStarted), env.engine.hold_place("run-1", AUTHOR):
            pass
        await place.read()
        await place.check()
        await env.start(id="run-1")
    with env.engine.hold_place("run-1", AUTHOR) as place:
        await place.read()
        with pytest.raises(AlreadyStarted):
            await place.check()


async def test_files_of_an_earlier_run_are_copied_or_refused(env: Environment) -> None:
    photo = Media("me.jpg", MediaType("image/jpeg", ".jpg", MediaKind.IMAGE), b"\xff\xd8mine")
    first = await env.start(input={"subject": "file:0"}, files=(photo,), thumbnail=photo)
    [stored] = await env.store.runs.list_files(first.id)
    second = env.new_run(input={"subject": "file:0"})
    await env.engine.start(second, files=(stored,), thumbnail=photo)
    [copied] = await env.store.runs.list_files(second.id)
    assert await env.store.runs.load_file(copied) == photo
    third = env.new_run(input={"subject": "file:0"})
    with pytest.raises(Refused, match="files were deleted"):
        await env.engine.start(third, files=(replace(stored, run_id="nobody"),))
    assert await env.store.runs.get(third.id) is None
