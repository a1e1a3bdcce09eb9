"""❌ and the button: on their own run, by the right person, once, whatever is under way."""

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, eventually, has_image, shows_end
from tests.faults.photos import large_photo

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATE = "POST /v1/predictions"
CANCEL = "POST /v1/predictions/*/cancel"
MANY = 20


def cancels(bot: BotUnderTest, prediction_id: str) -> int:
    return len(bot.replicate.calls.to(f"POST /v1/predictions/{prediction_id}/cancel"))


async def test_a_reaction_cancels_only_its_own_run(shared_bot: BotUnderTest) -> None:
    crossed, other = await shared_bot.generate(images=MANY), await shared_bot.generate(images=3)
    await crossed.wait_for(lambda: crossed.message.reaction_users("❌") and crossed.images)
    await shared_bot.mia.react(crossed.message, "❌")
    await crossed.assert_consistent("canceled")
    await other.assert_consistent("succeeded", images=3)


async def test_reactions_by_others_and_the_bot_cancel_nothing(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("slow-start", seconds=3)
    run = await shared_bot.generate(images=4)
    await run.wait_for(lambda: run.message.reaction_users("❌"))
    await shared_bot.discord.person("noah").react(run.message, "❌")
    refused = await shared_bot.discord.person("noah").press(run.message, "Cancel")
    assert refused.ephemeral
    assert "Only Mia" in refused.text
    await run.assert_consistent("succeeded", images=4)
    assert run.row["cancel_requested_at"] is None


async def test_a_repeated_cancel_is_one_cancel(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("never-ends", after=2)
    run = await shared_bot.generate(images=MANY)
    await run.wait_for(lambda: run.message.reaction_users("❌") and run.images)
    button = run.message
    first = await shared_bot.mia.press(button, "Cancel", wait=False)
    second = await shared_bot.mia.press(button, "Cancel", wait=False)
    await shared_bot.mia.react(button, "❌")
    await run.assert_consistent("canceled")
    await first.wait_for(lambda it: it.text)
    await second.wait_for(lambda it: it.text)
    # The presses and the reaction may reach the bot in any order; one of the three was first.
    answers = [first.text, second.text]
    assert all("Stopping" in answer or "already being stopped" in answer for answer in answers)
    assert sum("Stopping" in answer for answer in answers) <= 1
    assert cancels(shared_bot, run.predictions[0].id) == 1


async def test_a_cancel_before_the_create_answers_takes_effect(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("delay", on=CREATE, before=True, seconds=1.5)
    run = await shared_bot.generate(images=MANY)
    await eventually(lambda: run.row.get("sent_at"))
    await run.wait_for(lambda: "Cancel" in run.message.buttons)
    await shared_bot.mia.press(run.message, "Cancel")
    assert not run.predictions
    await run.assert_consistent("canceled", images=0)
    assert run.predictions[0].status == "canceled"


async def test_a_cancel_during_the_upload_creates_nothing(shared_bot: BotUnderTest) -> None:
    fault = shared_bot.replicate.faults.add("stuck", on="POST /v1/files")
    run = await shared_bot.generate(subject=large_photo())
    await eventually(lambda: fault.hits)
    await run.wait_for(lambda: "Cancel" in run.message.buttons)
    await shared_bot.mia.press(run.message, "Cancel")
    await run.assert_consistent("canceled", predictions=0)
    assert "nothing was billed" in run.card_text


async def test_a_cancel_during_an_edit_ends_in_the_right_card(shared_bot: BotUnderTest) -> None:
    held = shared_bot.discord.faults.hang_after("PATCH /webhooks/*", when=has_image)
    run = await shared_bot.generate(images=MANY)
    await eventually(lambda: held.hits)
    await shared_bot.mia.react(run.message, "❌")
    await eventually(lambda: run.state == "canceled")
    shared_bot.discord.faults.remove(held)
    await run.assert_consistent("canceled")
    assert "Stopped by" in run.card_text
    assert "Cancel" not in run.message.buttons


async def test_a_cancel_after_the_end_is_no_error(shared_bot: BotUnderTest) -> None:
    held = shared_bot.discord.faults.hang_before("PATCH /webhooks/*", when=shows_end)
    run = await shared_bot.generate(images=1)
    await eventually(lambda: held.hits)
    pressed = await shared_bot.mia.press(run.message, "Cancel")
    assert "already finished" in pressed.text
    shared_bot.discord.faults.remove(held)
    await run.assert_consistent("succeeded", images=1)
    await shared_bot.mia.react(run.message, "❌")
    later = await shared_bot.generate(images=1)
    await later.assert_consistent("succeeded", images=1)
    assert run.row["cancel_requested_at"] is None


async def test_a_failed_cancel_is_retried_and_shown(shared_bot: BotUnderTest) -> None:
    # The client itself repeats what failed; only a Replicate that fails for longer is the run's business.
    fault = shared_bot.replicate.faults.add("cancel-fails", times=None)
    run = await shared_bot.generate(images=MANY)
    await run.wait_for(lambda: run.images)
    await shared_bot.mia.press(run.message, "Cancel")
    await run.wait_for(lambda: "Stopping" in run.card_text and "hasn't accepted the cancel" in run.card_text)
    assert run.predictions[0].status == "processing"
    shared_bot.replicate.faults.clear(fault)
    await run.assert_consistent("canceled")
    assert run.predictions[0].status == "canceled"


async def test_a_prediction_that_ignores_its_cancel_is_tracked(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("cancel-lags", seconds=1.5)
    run = await shared_bot.generate(images=MANY)
    await run.wait_for(lambda: run.images)
    await shared_bot.mia.press(run.message, "Cancel")
    await run.wait_for(lambda: "Stopping" in run.card_text)
    await run.assert_consistent("canceled")
    assert len(run.images) == len(run.predictions[0].output)


async def test_a_cancel_works_after_a_restart(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=4)
        run = await bot.generate(images=MANY)
        await run.wait_for(lambda: run.images)
        await bot.restart()
        pressed = await bot.mia.press(run.message, "Cancel")
        assert pressed.ephemeral
        await run.assert_consistent("canceled")


async def test_a_reaction_missed_while_offline_cancels(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=1)
        run = await bot.generate(images=MANY)
        await run.wait_for(lambda: run.images and run.message.reaction_users("❌"))
        await bot.kill()
        await bot.discord.person("noah").react(run.message, "❌")
        await bot.mia.react(run.message, "❌")
        await bot.start()
        await run.assert_consistent("canceled")
        assert f"Stopped by <@{bot.mia.user.id}>" in run.card_text


async def test_missed_reactions_respect_permissions(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=1, times=2)
        stopped, left = await bot.generate(images=MANY), await bot.generate(images=MANY)
        await stopped.wait_for(lambda: stopped.images and stopped.message.reaction_users("❌"))
        await left.wait_for(lambda: left.images and left.message.reaction_users("❌"))
        await bot.kill()
        await bot.discord.person("noah").react(left.message, "❌")
        await bot.discord.person("ada").react(stopped.message, "❌")
        await bot.start()
        await stopped.assert_consistent("canceled")
        assert f"Stopped by <@{bot.discord.person('ada').user.id}>" in stopped.card_text
        assert left.row["cancel_requested_at"] is None


async def test_a_missed_reaction_prevents_the_create(open_bot: OpenBot) -> None:
    async with open_bot(CREATES_PER_MINUTE="1") as bot:
        first = await bot.generate("noah")
        await eventually(lambda: first.row.get("sent_at"))
        run = await bot.generate("mia")
        await run.wait_for(lambda: "Queued" in run.card_text and run.message.reaction_users("❌"))
        await bot.kill()
        await bot.mia.react(run.message, "❌")
        await bot.start()
        await run.assert_consistent("canceled", predictions=0)
        assert "nothing was billed" in run.card_text


async def test_a_reaction_missed_by_a_lost_session_cancels(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        bot.replicate.faults.add("never-ends", after=1)
        run = await bot.generate(images=MANY)
        await run.wait_for(lambda: run.images and run.message.reaction_users("❌"))
        bot.discord.faults.drop_gateway(resumable=False)
        await bot.mia.react(run.message, "❌")
        await run.assert_consistent("canceled")


async def test_a_press_of_cancel_renews_the_token(shared_bot: BotUnderTest) -> None:
    shared_bot.mia.user.installed = True
    where = shared_bot.discord.state.dm("mia", "noah")
    shared_bot.replicate.faults.add("never-ends", after=1)
    run = await shared_bot.generate(where=where, images=MANY)
    await run.wait_for(lambda: run.images)
    shared_bot.discord.faults.expire_tokens()
    pressed = await shared_bot.mia.press(run.message, "Cancel")
    assert pressed.message is run.message
    assert not run.message.ephemeral
    await run.assert_consistent("canceled")
    assert "Stopped by" in run.card_text
