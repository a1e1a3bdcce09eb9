"""SIGTERM: no new runs, the last edits are sent, the rest is found again at the next start. Twice: now."""

import os
import signal
import time

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, eventually

CREATE = "POST /v1/predictions"
WITHIN = 10.0


def tell(bot: BotUnderTest, number: int = signal.SIGTERM) -> None:
    assert bot.environment.bot.pid is not None
    os.kill(bot.environment.bot.pid, number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_runs_resume_after_a_shutdown(bot: BotUnderTest, number: int) -> None:
    bot.replicate.faults.add("slow-start", seconds=2)
    run = await bot.generate(images=2)
    await eventually(lambda: run.state == "submitted")
    bot.reader.close()  # while somebody reads, SQLite keeps its log
    tell(bot, number)
    assert await bot.environment.bot.wait() == 0
    assert not list(bot.folder.glob("*-wal")), "the database was not closed"
    assert run.state == "submitted"
    assert bot.replicate.calls.cancels == []
    await bot.start()
    await run.assert_consistent(images=2)


async def test_a_shutdown_sends_the_newest_snapshot(bot: BotUnderTest) -> None:
    bot.replicate.faults.add("never-ends", after=3)
    run = await bot.generate(images=9)
    await run.wait_for(lambda: run.predictions and len(run.predictions[0].output or ()) >= 3)
    spool = bot.folder / "spool"
    made = len(run.predictions[0].output)
    await eventually(lambda: len([one for one in spool.rglob("*") if one.is_file()]) >= made)
    tell(bot)
    assert await bot.environment.bot.wait() == 0
    assert len(run.images) == made


async def test_commands_during_a_shutdown_are_refused(bot: BotUnderTest) -> None:
    fault = bot.replicate.faults.add("silence", on=CREATE)
    first = await bot.generate(images=1)
    await eventually(lambda: fault.hits)
    tell(bot)
    await eventually(lambda: "stopping" in bot.log_text())
    late = await bot.discord.person("noah").use_command(bot.channel(), "talk", {"prompt": "too late"})
    await late.wait_for(lambda it: "restarting" in it.text)
    assert "Try again in a minute" in late.text
    assert await bot.environment.bot.wait() == 0
    assert len(bot.replicate.calls.creates) == 1
    await bot.start()
    await first.assert_consistent(images=1)


async def test_a_shutdown_waits_for_a_create_in_flight(bot: BotUnderTest) -> None:
    bot.replicate.faults.add("delay", on=CREATE, seconds=1)
    run = await bot.generate(images=1)
    await eventually(lambda: run.predictions)
    tell(bot)
    assert await bot.environment.bot.wait() == 0
    assert run.row["prediction_id"] == run.predictions[0].id


@pytest.mark.parametrize("hangs", ["Discord", "Replicate"])
async def test_a_shutdown_takes_ten_seconds_at_most(bot: BotUnderTest, hangs: str) -> None:
    bot.replicate.faults.add("never-ends", after=1)
    run = await bot.generate(images=5)
    await run.wait_for(lambda: run.images)
    if hangs == "Discord":
        bot.discord.faults.hang_before("PATCH *", times=None)
        bot.discord.faults.hang_before("GET *", times=None)
    else:
        bot.replicate.faults.add("stuck", times=None)
    await bot.discord.person("noah").use_command(bot.channel(), "talk", {"prompt": "hello"})
    began = time.monotonic()
    tell(bot)
    assert await bot.environment.bot.wait() == 0
    assert time.monotonic() - began < WITHIN


async def test_a_second_signal_exits_at_once(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        fault = bot.replicate.faults.add("silence", on=CREATE)
        run = await bot.generate(images=1)
        await eventually(lambda: fault.hits)
        tell(bot)
        await eventually(lambda: "stopping" in bot.log_text())
        began = time.monotonic()
        tell(bot)
        assert await bot.environment.bot.wait() == -signal.SIGTERM, "it ends as the system ends it, with no clean-up"
        assert time.monotonic() - began < 2.0  # the patient way takes four seconds at least
        assert "Traceback" not in bot.log_text()
        await bot.start()
        await run.assert_consistent(images=1)
