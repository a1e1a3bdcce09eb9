"""Many runs at once: people take turns before Replicate, and waiting costs nothing."""

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, StartedRun, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def arrived(bot: BotUnderTest, who: str) -> StartedRun:
    """Return a run that has joined the line: what was given is read at its own pace."""
    run = await bot.generate(who, images=1)
    await eventually(lambda: run.row)
    return run


async def test_the_queue_is_fair_and_shows_positions(open_bot: OpenBot) -> None:
    async with open_bot(CREATES_PER_MINUTE="1", RUNS_PER_USER="9") as bot:
        first, *mine = [await arrived(bot, "mia") for _ in range(4)]
        noahs = await arrived(bot, "noah")
        await noahs.wait_for(lambda: "Queued · 2nd in line" in noahs.card_text)
        await mine[1].wait_for(lambda: "Queued · 3rd in line" in mine[1].card_text)
        await mine[2].wait_for(lambda: "Queued · 4th in line" in mine[2].card_text)
        await first.assert_consistent(images=1)
        assert len(bot.replicate.calls.creates) == 1


async def test_a_cancel_in_the_queue_moves_others_up(open_bot: OpenBot) -> None:
    async with open_bot(CREATES_PER_MINUTE="1") as bot:
        await arrived(bot, "mia")
        waiting, behind = await arrived(bot, "mia"), await arrived(bot, "mia")
        await behind.wait_for(lambda: "Queued · 2nd in line" in behind.card_text)
        await waiting.wait_for(lambda: waiting.message.reaction_users("❌"))
        await bot.mia.react(waiting.message, "❌")
        await waiting.assert_consistent("canceled", predictions=0)
        assert "nothing was billed" in waiting.card_text
        await behind.wait_for(lambda: "Queued · 1st in line" in behind.card_text)


async def test_reported_rate_limits_slow_the_queue(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.throttle.set_low_credit()  # six creates a minute, one at once
        runs = [await bot.generate(who, images=1) for who in ("mia", "noah")]
        for run in runs:
            await run.assert_consistent(images=1)
        refused = [call for call in bot.replicate.calls.creates if call.status == 429]
        assert len(refused) <= 1


async def test_the_concurrent_run_limit_holds(open_bot: OpenBot) -> None:
    async with open_bot(RUNS_PER_USER="2") as bot:
        bot.replicate.faults.add("slow-start", seconds=2, times=2)
        runs = [await bot.generate(images=1) for _ in range(2)]
        await eventually(lambda: all(run.row for run in runs))
        refused = await bot.mia.use_command(bot.channel(), "talk", {"prompt": "one more"})
        await refused.wait_for(lambda it: it.text)
        assert "2" in refused.text
        others = await bot.generate("noah", images=1)
        for run in (*runs, others):
            await run.assert_consistent(images=1)
        assert len(bot.replicate.calls.creates) == 3


async def test_many_concurrent_runs_end_in_their_own_messages(shared_bot: BotUnderTest) -> None:
    people = ["mia", "noah", "ada", "olga"] * 3
    runs = [await shared_bot.generate(who, images=2) for who in people]
    for run in runs:
        await run.assert_consistent(images=2)
    assert len({run.message.id for run in runs}) == len(runs)
