"""❌ and the button: on their own run, by the right person, once, whatever is under way."""

import pytest

from tests.faults.conftest import Open
from tests.faults.environment import Stage, eventually, has_image, shows_end
from tests.faults.photos import large_photo

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATE = "POST /v1/predictions"
CANCEL = "POST /v1/predictions/*/cancel"
MANY = 20


def cancels(stage: Stage, prediction_id: str) -> int:
    return len(stage.replicate.calls.to(f"POST /v1/predictions/{prediction_id}/cancel"))


async def test_a_reaction_cancels_only_its_own_run(shared: Stage) -> None:
    crossed, other = await shared.ask(images=MANY), await shared.ask(images=3)
    await crossed.until(lambda: crossed.message.reaction_users("❌") and crossed.images)
    await shared.mia.react(crossed.message, "❌")
    await crossed.sound("canceled")
    await other.sound("succeeded", images=3)


async def test_reactions_by_others_and_the_bot_cancel_nothing(shared: Stage) -> None:
    shared.replicate.faults.add("slow-start", seconds=3)
    asked = await shared.ask(images=4)
    await asked.until(lambda: asked.message.reaction_users("❌"))
    await shared.discord.person("noah").react(asked.message, "❌")
    refused = await shared.discord.person("noah").press(asked.message, "Cancel")
    assert refused.ephemeral
    assert "Only Mia" in refused.text
    await asked.sound("succeeded", images=4)
    assert asked.row["cancel_requested_at"] is None


async def test_a_repeated_cancel_is_one_cancel(shared: Stage) -> None:
    asked = await shared.ask(images=MANY)
    await asked.until(lambda: asked.message.reaction_users("❌") and asked.images)
    button = asked.message
    first = await shared.mia.press(button, "Cancel", wait=False)
    second = await shared.mia.press(button, "Cancel", wait=False)
    await shared.mia.react(button, "❌")
    await asked.sound("canceled")
    await first.wait_for(lambda it: it.text)
    await second.wait_for(lambda it: it.text)
    # The presses and the reaction may reach the bot in any order; one of the three was first.
    answers = [first.text, second.text]
    assert all("Stopping" in answer or "being stopped already" in answer for answer in answers)
    assert sum("Stopping" in answer for answer in answers) <= 1
    assert cancels(shared, asked.predictions[0].id) == 1


async def test_a_cancel_before_the_create_answers_takes_effect(shared: Stage) -> None:
    shared.replicate.faults.add("delay", on=CREATE, before=True, seconds=1.5)
    asked = await shared.ask(images=MANY)
    await eventually(lambda: asked.row.get("sent_at"))
    await asked.until(lambda: "Cancel" in asked.message.buttons)
    await shared.mia.press(asked.message, "Cancel")
    assert not asked.predictions
    await asked.sound("canceled", images=0)
    assert asked.predictions[0].status == "canceled"


async def test_a_cancel_during_the_upload_creates_nothing(shared: Stage) -> None:
    fault = shared.replicate.faults.add("stuck", on="POST /v1/files")
    asked = await shared.ask(subject=large_photo())
    await eventually(lambda: fault.hits)
    await asked.until(lambda: "Cancel" in asked.message.buttons)
    await shared.mia.press(asked.message, "Cancel")
    await asked.sound("canceled", predictions=0)
    assert "nothing is paid" in asked.words


async def test_a_cancel_during_an_edit_ends_in_the_right_card(shared: Stage) -> None:
    held = shared.discord.faults.hang_after("PATCH /webhooks/*", when=has_image)
    asked = await shared.ask(images=MANY)
    await eventually(lambda: held.hits)
    await shared.mia.react(asked.message, "❌")
    await eventually(lambda: asked.state == "canceled")
    shared.discord.faults.remove(held)
    await asked.sound("canceled")
    assert "Stopped by" in asked.words
    assert "Cancel" not in asked.message.buttons


async def test_a_cancel_after_the_end_is_no_error(shared: Stage) -> None:
    held = shared.discord.faults.hang_before("PATCH /webhooks/*", when=shows_end)
    asked = await shared.ask(images=1)
    await eventually(lambda: held.hits)
    pressed = await shared.mia.press(asked.message, "Cancel")
    assert "over already" in pressed.text
    shared.discord.faults.remove(held)
    await asked.sound("succeeded", images=1)
    await shared.mia.react(asked.message, "❌")
    later = await shared.ask(images=1)
    await later.sound("succeeded", images=1)
    assert asked.row["cancel_requested_at"] is None


async def test_a_failed_cancel_is_retried_and_shown(shared: Stage) -> None:
    # The client itself repeats what failed; only a Replicate that fails for longer is the run's business.
    fault = shared.replicate.faults.add("cancel-fails", times=None)
    asked = await shared.ask(images=MANY)
    await asked.until(lambda: asked.images)
    await shared.mia.press(asked.message, "Cancel")
    await asked.until(lambda: "Stopping" in asked.words and "asked again" in asked.words)
    assert asked.predictions[0].status == "processing"
    shared.replicate.faults.clear(fault)
    await asked.sound("canceled")
    assert asked.predictions[0].status == "canceled"


async def test_a_prediction_that_ignores_its_cancel_is_tracked(shared: Stage) -> None:
    shared.replicate.faults.add("cancel-lags", seconds=1.5)
    asked = await shared.ask(images=MANY)
    await asked.until(lambda: asked.images)
    await shared.mia.press(asked.message, "Cancel")
    await asked.until(lambda: "Stopping" in asked.words)
    await asked.sound("canceled")
    assert len(asked.images) == len(asked.predictions[0].output)


async def test_a_cancel_works_after_a_restart(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("never-ends", after=4)
        asked = await stage.ask(images=MANY)
        await asked.until(lambda: asked.images)
        await stage.restart()
        pressed = await stage.mia.press(asked.message, "Cancel")
        assert pressed.ephemeral
        await asked.sound("canceled")


async def test_a_reaction_missed_while_offline_cancels(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("never-ends", after=1)
        asked = await stage.ask(images=MANY)
        await asked.until(lambda: asked.images and asked.message.reaction_users("❌"))
        await stage.kill()
        await stage.discord.person("noah").react(asked.message, "❌")
        await stage.mia.react(asked.message, "❌")
        await stage.start()
        await asked.sound("canceled")
        assert "Stopped by @Mia" in asked.words


async def test_missed_reactions_respect_permissions(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("never-ends", after=1, times=2)
        stopped, left = await stage.ask(images=MANY), await stage.ask(images=MANY)
        await stopped.until(lambda: stopped.images and stopped.message.reaction_users("❌"))
        await left.until(lambda: left.images and left.message.reaction_users("❌"))
        await stage.kill()
        await stage.discord.person("noah").react(left.message, "❌")
        await stage.discord.person("ada").react(stopped.message, "❌")
        await stage.start()
        await stopped.sound("canceled")
        assert "Stopped by @Ada" in stopped.words
        assert left.row["cancel_requested_at"] is None


async def test_a_missed_reaction_prevents_the_create(house_of: Open) -> None:
    async with house_of(CREATES_PER_MINUTE="1") as stage:
        first = await stage.ask("noah")
        await eventually(lambda: first.row.get("sent_at"))
        asked = await stage.ask("mia")
        await asked.until(lambda: "In line" in asked.words and asked.message.reaction_users("❌"))
        await stage.kill()
        await stage.mia.react(asked.message, "❌")
        await stage.start()
        await asked.sound("canceled", predictions=0)
        assert "nothing is paid" in asked.words


async def test_a_reaction_missed_by_a_lost_session_cancels(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.faults.add("never-ends", after=1)
        asked = await stage.ask(images=MANY)
        await asked.until(lambda: asked.images and asked.message.reaction_users("❌"))
        stage.discord.faults.drop_gateway(resumable=False)
        await stage.mia.react(asked.message, "❌")
        await asked.sound("canceled")


async def test_a_press_of_cancel_renews_the_token(shared: Stage) -> None:
    shared.mia.user.installed = True
    where = shared.discord.state.dm("mia", "noah")
    shared.replicate.faults.add("never-ends", after=1)
    asked = await shared.ask(where=where, images=MANY)
    await asked.until(lambda: asked.images)
    shared.discord.faults.expire_tokens()
    pressed = await shared.mia.press(asked.message, "Cancel")
    assert pressed.message is asked.message
    assert not asked.message.ephemeral
    await asked.sound("canceled")
    assert "Stopped by" in asked.words
