"""SIGTERM: no new runs, the last edits are sent, the rest is found again at the next start. Twice: now."""

import os
import signal
import time

import pytest

from tests.faults.conftest import Open
from tests.faults.environment import Stage, eventually

CREATE = "POST /v1/predictions"
WITHIN = 10.0


def tell(stage: Stage, number: int = signal.SIGTERM) -> None:
    assert stage.environment.bot.pid is not None
    os.kill(stage.environment.bot.pid, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_runs_resume_after_a_shutdown(stage: Stage, number: int) -> None:
    stage.replicate.faults.add("slow-start", seconds=2)
    asked = await stage.ask(images=2)
    await eventually(lambda: asked.state == "submitted")
    tell(stage, number)
    assert await stage.environment.bot.wait() == 0
    assert not list(stage.folder.glob("*-wal")), "the database was not closed"
    assert asked.state == "submitted"
    assert stage.replicate.calls.cancels == []
    await stage.start()
    await asked.sound(images=2)


async def test_a_shutdown_sends_the_newest_snapshot(stage: Stage) -> None:
    stage.replicate.faults.add("never-ends", after=3)
    asked = await stage.ask(images=9)
    await asked.until(lambda: asked.predictions and len(asked.predictions[0].output or ()) >= 3)
    spool = stage.folder / "spool"
    made = len(asked.predictions[0].output)
    await eventually(lambda: len([one for one in spool.rglob("*") if one.is_file()]) >= made)
    tell(stage)
    assert await stage.environment.bot.wait() == 0
    assert len(asked.images) == made


async def test_commands_during_a_shutdown_are_refused(stage: Stage) -> None:
    fault = stage.replicate.faults.add("silence", on=CREATE)
    first = await stage.ask(images=1)
    await eventually(lambda: fault.hits)
    tell(stage)
    late = await stage.discord.person("noah").use_command(stage.channel(), "talk", {"prompt": "too late"})
    await late.wait_for(lambda it: "restarting" in it.text)
    assert "Try again in a minute" in late.text
    assert await stage.environment.bot.wait() == 0
    assert len(stage.replicate.calls.creates) == 1
    await stage.start()
    await first.sound(images=1)


async def test_a_shutdown_waits_for_a_create_in_flight(stage: Stage) -> None:
    stage.replicate.faults.add("delay", on=CREATE, seconds=1)
    asked = await stage.ask(images=1)
    await eventually(lambda: asked.predictions)
    tell(stage)
    assert await stage.environment.bot.wait() == 0
    assert asked.row["prediction_id"] == asked.predictions[0].id


@pytest.mark.parametrize("hangs", ["Discord", "Replicate"])
async def test_a_shutdown_takes_ten_seconds_at_most(stage: Stage, hangs: str) -> None:
    stage.replicate.faults.add("never-ends", after=1)
    asked = await stage.ask(images=5)
    await asked.until(lambda: asked.images)
    if hangs == "Discord":
        stage.discord.faults.hang_before("PATCH *", times=None)
        stage.discord.faults.hang_before("GET *", times=None)
    else:
        stage.replicate.faults.add("stuck", times=None)
    await stage.discord.person("noah").use_command(stage.channel(), "talk", {"prompt": "hello"})
    began = time.monotonic()
    tell(stage)
    assert await stage.environment.bot.wait() == 0
    assert time.monotonic() - began < WITHIN


async def test_a_second_signal_exits_at_once(house_of: Open) -> None:
    async with house_of() as stage:
        fault = stage.replicate.faults.add("silence", on=CREATE)
        asked = await stage.ask(images=1)
        await eventually(lambda: fault.hits)
        tell(stage)
        await eventually(lambda: "Stopping." in stage.said())
        began = time.monotonic()
        tell(stage)
        assert await stage.environment.bot.wait() == -signal.SIGTERM, "it ends as the system ends it, with no clean-up"
        assert time.monotonic() - began < 2.0  # the patient way takes four seconds at least
        assert "Traceback" not in stage.said()
        await stage.start()
        await asked.sound(images=1)
