"""Super reactions (burst) are reactions, seen as they come and found after a restart."""

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest

pytestmark = pytest.mark.asyncio(loop_scope="session")

CROSS = "❌"
MANY = 20


async def test_a_super_reaction_cancels_its_run(shared_bot: BotUnderTest) -> None:
    run, other = await shared_bot.generate(images=MANY), await shared_bot.generate(images=3)
    await run.wait_for(lambda: run.message.reaction_users(CROSS) and run.images)
    await shared_bot.mia.react(run.message, CROSS, burst=True)
    await run.assert_consistent("canceled")
    await other.assert_consistent("succeeded", images=3)


async def test_a_super_reaction_missed_while_offline_cancels(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=1)
        run = await bot.generate(images=MANY)
        await run.wait_for(lambda: run.images and run.message.reaction_users(CROSS))
        await bot.kill()
        await bot.mia.react(run.message, CROSS, burst=True)
        await bot.start()
        await run.assert_consistent("canceled")
        assert f"Stopped by <@{bot.mia.user.id}>" in run.card_text


async def test_super_reactions_respect_permissions(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=1, times=2)
        stopped, left = await bot.generate(images=MANY), await bot.generate(images=MANY)
        for run in (stopped, left):
            await run.wait_for(lambda run=run: run.images and run.message.reaction_users(CROSS))  # type: ignore[misc]
        await bot.kill()
        await bot.discord.person("noah").react(stopped.message, CROSS)
        await bot.discord.person("ada").react(stopped.message, CROSS, burst=True)
        await bot.discord.person("noah").react(left.message, CROSS, burst=True)
        await bot.start()
        await stopped.assert_consistent("canceled")
        assert f"Stopped by <@{bot.discord.person('ada').user.id}>" in stopped.card_text
        assert left.row["cancel_requested_at"] is None
