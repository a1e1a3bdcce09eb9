"""The bot is removed from a server, or a server is not available for a while."""

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, StartedRun, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

MANY = 20


async def endless_run(bot: BotUnderTest) -> StartedRun:
    """Return a run with output that does not end by itself."""
    bot.replicate.faults.add("never-ends", after=2)
    run = await bot.generate(images=MANY)
    await run.wait_for(lambda: run.images)
    return run


async def assert_canceled(run: StartedRun) -> None:
    await run.wait_until_delivered()
    assert run.state == "canceled"
    assert run.row["canceled_by_id"] is None
    (prediction,) = run.predictions
    await eventually(lambda: prediction.status == "canceled")


async def test_removal_from_a_server_cancels_its_runs(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        run = await endless_run(bot)
        bot.replicate.faults.add("never-ends", after=2)
        elsewhere = await bot.generate("mia", where=bot.discord.state.dm("mia"), images=MANY)
        await elsewhere.wait_for(lambda: elsewhere.images)
        bot.discord.person("olga").remove_bot(bot.discord.state.guild("Sandbox"))
        await assert_canceled(run)
        assert elsewhere.row["cancel_requested_at"] is None


async def test_removal_while_offline_cancels_runs(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        run = await endless_run(bot)
        await bot.kill()
        bot.discord.person("olga").remove_bot(bot.discord.state.guild("Sandbox"))
        await bot.start()
        await assert_canceled(run)


async def test_removal_with_an_expired_token_ends_runs(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        run = await endless_run(bot)
        bot.discord.faults.expire_tokens()
        bot.discord.person("olga").remove_bot(bot.discord.state.guild("Sandbox"))
        await assert_canceled(run)


async def test_an_outage_of_a_server_cancels_nothing(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        guild = bot.discord.state.guild("Sandbox")
        held = bot.replicate.faults.add("slow-start", seconds=2)
        run = await bot.generate(images=2)
        await eventually(lambda: held.hits)
        bot.discord.state.set_outage(guild, on=True)
        await run.assert_consistent(images=2)
        bot.discord.state.set_outage(guild, on=False)
        assert run.row["cancel_requested_at"] is None


async def test_user_installs_outlive_the_bots_removal(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.mia.user.installed = True
        guild = bot.discord.state.guild("Sandbox")
        bot.discord.person("olga").remove_bot(guild)
        held = bot.replicate.faults.add("slow-start", seconds=2)
        run = await bot.generate(images=1)
        await eventually(lambda: held.hits)
        await bot.kill()
        await bot.start()
        await run.wait_until_delivered()
        assert run.state == "succeeded"
        assert run.row["cancel_requested_at"] is None
