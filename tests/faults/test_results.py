"""The process is killed, or Discord refuses, while a finished result is deleted or loses a file: both end as one."""

import pytest

from sandbox.discord.errors import OLD_MESSAGE_EDITS
from sandbox.discord.person import InteractionResult
from sandbox.discord.state.models import Message
from tests.faults.environment import BotUnderTest, StartedRun, eventually

DELETE = "DELETE /channels/*/messages/*"
EDIT = "PATCH /channels/*/messages/*"


async def private_message(result: InteractionResult, *words: str) -> Message:
    def find(shown: InteractionResult) -> Message | None:
        candidates = [one for one in (*shown.followups, shown.message) if one is not None and one.ephemeral]
        return next((one for one in candidates if all(word in one.text for word in words)), None)

    found = await result.wait_for(find)
    assert found is not None
    return found


async def delivered(bot: BotUnderTest, images: int = 2) -> StartedRun:
    run = await bot.generate(images=images)
    await eventually(lambda: run.row.get("delivered_at"))
    await run.wait_for(lambda: not run.message.reactions)  # the ❌ goes with a DELETE, too
    return run


async def press_delete(bot: BotUnderTest, run: StartedRun) -> InteractionResult:
    menu = await private_message(await bot.mia.press(run.message, "⋯"), "/generate")
    await private_message(await bot.mia.press(menu, "Delete…"), "Delete this result?")
    return await bot.mia.press(menu, "Delete", wait=False)


async def press_remove(bot: BotUnderTest, run: StartedRun, image: str) -> InteractionResult:
    menu = await private_message(await bot.mia.press(run.message, "⋯"), "/generate")
    await private_message(await bot.mia.press(menu, "Remove a file…"), "Which one")
    return await bot.mia.choose(menu, "Choose a file", [image], wait=False)


def pictures(run: StartedRun) -> list[str]:
    return [one.filename for one in run.message.attachments if one.filename.startswith("generate-")]


@pytest.mark.parametrize("point", ["before", "after"])
async def test_killed_while_a_result_is_deleted(bot: BotUnderTest, point: str) -> None:
    run = await delivered(bot)
    hang = bot.discord.faults.hang_before if point == "before" else bot.discord.faults.hang_after
    fault = hang(DELETE)
    await press_delete(bot, run)
    await eventually(lambda: fault.hits)
    assert run.row["delete_requested_at"]
    assert run.row["deleted_at"] is None
    await bot.restart()
    await eventually(lambda: run.row["deleted_at"])
    assert run.message.deleted
    assert run.row["output"] is None
    assert bot.query("SELECT count(*) AS left FROM run_outputs WHERE removed_at IS NULL") == [{"left": 0}]


@pytest.mark.parametrize("point", ["before", "after"])
async def test_killed_while_a_picture_is_removed(bot: BotUnderTest, point: str) -> None:
    run = await delivered(bot)
    first, second = pictures(run)
    hang = bot.discord.faults.hang_before if point == "before" else bot.discord.faults.hang_after
    fault = hang(EDIT)
    await press_remove(bot, run, "Image 1")
    await eventually(lambda: fault.hits)
    await bot.restart()
    await eventually(lambda: bot.query("SELECT number FROM run_outputs WHERE removed_at IS NOT NULL"))
    assert pictures(run) == [second]
    assert first != second
    assert "Again" in run.message.buttons
    assert "Done · 1 of 2 images · 1 was removed" in run.card_text


async def test_killed_between_a_removed_picture_and_its_card(bot: BotUnderTest) -> None:
    run = await delivered(bot, images=11)
    assert "Done · 11 images" in run.card_text
    fault = bot.discord.faults.hang_after(EDIT)
    await press_remove(bot, run, "Image 11")
    await eventually(lambda: fault.hits)
    assert "Done · 11 images" in run.card_text  # the picture was in a further message
    await bot.restart()
    await eventually(lambda: bot.query("SELECT number FROM run_outputs WHERE removed_at IS NOT NULL"))
    assert "Done · 10 of 11 images · 1 was removed" in run.card_text
    assert len(pictures(run)) + sum(len(one.attachments) for one in run.follow_ups) == 10


async def test_a_result_is_deleted_when_discord_is_back(bot: BotUnderTest) -> None:
    run = await delivered(bot)
    bot.discord.faults.fail(DELETE, status=503, times=None)
    await private_message(await press_delete(bot, run), "Discord didn't take that")
    assert not run.message.deleted
    bot.discord.faults.clear()
    menu = await private_message(await bot.mia.press(run.message, "⋯"), "/generate")
    await private_message(await bot.mia.press(menu, "Delete…"), "Delete this result?")
    await private_message(await bot.mia.press(menu, "Delete"), "Deleted")
    assert run.message.deleted


async def test_a_private_run_is_moved_and_survives_a_kill(bot: BotUnderTest) -> None:
    bot.replicate.faults.add("slow-start", seconds=30)
    run = await bot.generate(visibility="private")
    await eventually(lambda: run.state == "submitted")
    assert run.message.ephemeral
    await bot.kill()
    bot.advance(180)
    await bot.start()
    await run.wait_for(lambda: "Send it to my DMs" in run.message.buttons)
    await bot.mia.press(run.message, "Send it to my DMs")
    await run.wait_for(lambda: "direct messages" in run.card_text)
    dm = bot.discord.state.open_dm({bot.mia.user, bot.discord.state.bot})
    (card,) = [one for one in dm.messages.values() if one.author.bot]
    await bot.restart()
    moved = StartedRun(bot, card, run.prompt)
    await moved.assert_consistent(images=2)
    assert len(bot.replicate.calls.creates) == 1
    assert not card.ephemeral


async def test_an_old_result_loses_a_picture_when_discord_lets_it(bot: BotUnderTest) -> None:
    run = await delivered(bot)
    first, second = pictures(run)
    await bot.kill()
    bot.advance(7200)
    await bot.start()
    bot.discord.faults.refuse(EDIT, OLD_MESSAGE_EDITS, times=None)
    await private_message(await press_remove(bot, run, "Image 2"), "few changes", "as soon as it lets me")
    assert pictures(run) == [first, second]
    await bot.restart()
    await run.wait_for(lambda: pictures(run) == [first])


async def test_killed_while_the_question_about_data_stands(bot: BotUnderTest) -> None:
    run = await delivered(bot)
    asked = await bot.mia.use_command(run.message.channel, "privacy delete")
    question = await private_message(asked, "Pictures in channels stay")
    await bot.restart()
    pressed = await bot.mia.press(question, "Delete my data")
    await private_message(pressed, "Deleted 1 run.", "Pictures in channels stay.")
    assert not question.buttons
    assert not run.message.deleted
