"""Heavy work in processes: results, errors, limits, fairness, and nothing left behind."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from bot.clock import SystemClock
from bot.errors import BadOption
from bot.limits import MIB, WORK_WAITING_PER_OWNER
from bot.worker_pool import WorkerPool, WorkersBusy, WorkTooHeavy
from tests.clock import VirtualClock, settle
from tests.worker_calls import (
    crash,
    echo,
    environment,
    fail,
    fail_unpicklably,
    process_id,
    speak,
    spin,
    take_memory,
    wait_for_file,
)

ANNA, BEN, CARA = 1, 2, 3
SECONDS = 30.0  # of CPU: no call below needs them


def refuse(option: str) -> None:
    raise BadOption(option, f"`{option}` is wrong.")


@pytest_asyncio.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(clock=SystemClock())
    yield pool
    await pool.close()


async def wait_until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    """Return whether a process is there and no zombie, which only its parent's attention could remove."""
    try:
        os.kill(pid, 0)
        stat = Path(f"/proc/{pid}/stat")
        return not stat.parent.parent.is_dir() or ") Z " not in stat.read_text(encoding="utf-8")
    except (ProcessLookupError, FileNotFoundError):
        return False


async def test_a_large_result_comes_back_whole(pool: WorkerPool) -> None:
    data = os.urandom(20 * MIB)
    assert await pool.run(echo, data, owner=ANNA, seconds=SECONDS) == data


async def test_an_error_comes_back_as_it_was_raised(pool: WorkerPool) -> None:
    with pytest.raises(ValueError, match="no such thing") as raised:
        await pool.run(fail, "no such thing", owner=ANNA, seconds=SECONDS)
    assert any("in fail" in note for note in raised.value.__notes__)
    with pytest.raises(BadOption) as refused:
        await pool.run(refuse, "subject", owner=ANNA, seconds=SECONDS)
    assert (refused.value.option, refused.value.sentence) == ("subject", "`subject` is wrong.")


async def test_an_error_that_cannot_travel_is_told(pool: WorkerPool) -> None:
    with pytest.raises(RuntimeError, match="both are needed"):
        await pool.run(fail_unpicklably, owner=ANNA, seconds=SECONDS)


async def test_work_without_end_is_stopped(pool: WorkerPool) -> None:
    with pytest.raises(WorkTooHeavy):
        await pool.run(spin, owner=ANNA, seconds=0.2)
    assert await pool.run(echo, b"next", owner=ANNA, seconds=SECONDS) == b"next"


async def test_work_that_sleeps_is_stopped_by_the_clock(tmp_path: Path) -> None:
    clock = VirtualClock()
    pool = WorkerPool(clock=clock)
    call = asyncio.create_task(
        pool.run(wait_for_file, str(tmp_path / "started"), str(tmp_path / "never"), owner=ANNA, seconds=1.0)
    )
    await wait_until((tmp_path / "started").exists)
    await clock.advance(60)
    with pytest.raises(WorkTooHeavy):
        await call
    assert pool.processes == 0
    await pool.close()


async def test_work_is_refused_too_much_memory(pool: WorkerPool) -> None:
    with pytest.raises(WorkTooHeavy):
        await pool.run(take_memory, 400 * MIB, owner=ANNA, seconds=SECONDS, memory=100 * MIB)
    assert await pool.run(take_memory, 20 * MIB, owner=ANNA, seconds=SECONDS, memory=100 * MIB) == 20 * MIB


async def test_a_crash_is_the_end_of_that_call_only(pool: WorkerPool) -> None:
    with pytest.raises(WorkTooHeavy):
        await pool.run(crash, owner=ANNA, seconds=SECONDS)
    assert await pool.run(echo, b"next", owner=ANNA, seconds=SECONDS) == b"next"


async def test_what_a_library_prints_is_no_answer(pool: WorkerPool) -> None:
    assert await pool.run(speak, owner=ANNA, seconds=SECONDS) == "silence"


async def test_processes_inherit_no_secrets(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "not to be seen")
    names = await pool.run(environment, owner=ANNA, seconds=SECONDS)
    assert "PYTHONPATH" in names
    assert "DISCORD_TOKEN" not in names


async def test_a_process_is_used_again(pool: WorkerPool) -> None:
    first = await pool.run(process_id, owner=ANNA, seconds=SECONDS)
    assert await pool.run(process_id, owner=BEN, seconds=SECONDS) == first
    assert pool.processes == 1


async def test_twenty_calls_of_one_hold_nobody_else_up(pool: WorkerPool, tmp_path: Path) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    many = [
        asyncio.create_task(pool.run(wait_for_file, str(started), str(gate), owner=ANNA, seconds=SECONDS))
        for _ in range(20)
    ]
    await wait_until(started.exists)
    assert await pool.run(echo, b"ben", owner=BEN, seconds=SECONDS) == b"ben"
    assert await pool.run(echo, b"cara", owner=CARA, seconds=SECONDS) == b"cara"
    assert not any(call.done() for call in many)
    gate.touch()
    await asyncio.gather(*many)
    assert pool.processes <= 2


async def test_only_so_many_of_one_person_wait(pool: WorkerPool, tmp_path: Path) -> None:
    gate = str(tmp_path / "gate")
    calls = [
        asyncio.create_task(pool.run(wait_for_file, gate, gate, owner=ANNA, seconds=SECONDS))
        for _ in range(WORK_WAITING_PER_OWNER + 1)
    ]
    await settle()
    with pytest.raises(WorkersBusy):
        await pool.run(echo, b"", owner=ANNA, seconds=SECONDS)
    assert await pool.run(echo, b"ben", owner=BEN, seconds=SECONDS) == b"ben"
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert await pool.run(echo, b"anna", owner=ANNA, seconds=SECONDS) == b"anna"


async def test_a_wait_for_a_process_has_an_end(tmp_path: Path) -> None:
    clock = VirtualClock()
    pool = WorkerPool(clock=clock, workers=1)
    started, gate = tmp_path / "started", tmp_path / "gate"
    long = asyncio.create_task(pool.run(wait_for_file, str(started), str(gate), owner=ANNA, seconds=1000.0))
    await wait_until(started.exists)
    waiting = asyncio.create_task(pool.run(echo, b"", owner=BEN, seconds=SECONDS))
    await settle()
    await clock.advance(130)
    with pytest.raises(WorkersBusy):
        await waiting
    gate.touch()
    assert await long == str(gate)
    await pool.close()


async def test_a_cancelled_call_ends_its_process(pool: WorkerPool, tmp_path: Path) -> None:
    started = tmp_path / "started"
    call = asyncio.create_task(
        pool.run(wait_for_file, str(started), str(tmp_path / "never"), owner=ANNA, seconds=SECONDS)
    )
    await wait_until(started.exists)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    assert call.cancelled()
    assert pool.processes == 0


async def test_idle_processes_end() -> None:
    clock = VirtualClock()
    pool = WorkerPool(clock=clock)
    child = await pool.run(process_id, owner=ANNA, seconds=SECONDS)
    await settle()
    assert is_running(child)
    await clock.advance(60)
    await wait_until(lambda: not is_running(child))
    assert pool.processes == 0
    await pool.close()


async def test_closing_ends_calls_in_progress(tmp_path: Path) -> None:
    pool = WorkerPool(clock=SystemClock())
    started = tmp_path / "started"
    arguments = (str(started), str(tmp_path / "never"))
    calls = [asyncio.create_task(pool.run(wait_for_file, *arguments, owner=ANNA, seconds=SECONDS)) for _ in range(3)]
    await wait_until(started.exists)
    await pool.close()
    assert pool.processes == 0
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [WorkersBusy] * 3


_HOST = """
import asyncio, sys
from bot.clock import SystemClock
from bot.worker_pool import WorkerPool
from tests.worker_calls import wait_for_file

asyncio.run(WorkerPool(clock=SystemClock()).run(wait_for_file, sys.argv[1], "/nowhere", owner=1, seconds=60))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
async def test_a_killed_bot_leaves_no_process_behind(tmp_path: Path) -> None:
    started, root = tmp_path / "started", Path(__file__).parents[1]
    host = await asyncio.create_subprocess_exec(sys.executable, "-c", _HOST, str(started), cwd=root)
    try:
        await wait_until(started.exists)
        child = int(started.read_text(encoding="ascii"))
        assert is_running(child)
    finally:
        host.kill()
        await host.wait()
    await wait_until(lambda: not is_running(child))


@pytest.mark.parametrize("turns", range(6))
async def test_a_process_ends_though_its_call_is_cancelled_twice(tmp_path: Path, turns: int) -> None:
    pool, started = WorkerPool(clock=SystemClock()), tmp_path / "started"
    call = asyncio.create_task(
        pool.run(wait_for_file, str(started), str(tmp_path / "never"), owner=ANNA, seconds=SECONDS)
    )
    await wait_until(started.exists)
    call.cancel()
    await settle(turns)
    call.cancel()
    await asyncio.wait([call])
    await pool.close()
    with pytest.raises(ProcessLookupError):  # nor a zombie: who closes the pool may close the event loop next
        os.kill(int(started.read_text(encoding="ascii")), 0)


async def test_a_process_that_starts_while_the_pool_closes_ends() -> None:
    pool = WorkerPool(clock=SystemClock())
    call = asyncio.create_task(pool.run(process_id, owner=ANNA, seconds=SECONDS))
    await settle(1)
    await pool.close()
    assert call.done()
    with pytest.raises(WorkersBusy):
        await call
    assert pool.processes == 0


async def test_a_process_started_for_a_cancelled_call_ends(pool: WorkerPool) -> None:
    call = asyncio.create_task(pool.run(process_id, owner=ANNA, seconds=SECONDS))
    await settle(1)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await wait_until(lambda: all(task.get_name() != "worker process" for task in asyncio.all_tasks()))
    assert pool.processes == 0
