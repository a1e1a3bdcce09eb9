"""What people do with a finished result: through the private menu, by reaction, and where only a press reaches it."""

import asyncio
import sqlite3
from contextlib import closing
from typing import Any

from sandbox.discord.errors import CANNOT_MESSAGE_USER
from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.components import iter_components
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, eventually, images, over, reached

_BUTTONS = ("Send to my DMs", "Cover with a spoiler", "Remove the spoiler", "Remove a file…", "Delete…")
ME = Upload("me.png", draw_portrait())


def rows(environment: Environment, query: str, *values: Any) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"file:{environment.database_path}?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(query, values)]


def row_of(environment: Environment, message: Message) -> dict[str, Any]:
    return rows(environment, "SELECT * FROM runs WHERE message_id = ?", message.id)[0]


async def finished(environment: Environment, person: Person, where: Channel, **values: Any) -> Message:
    """Return the card of a run that is delivered."""
    given = {"prompt": "a fox", "subject": ME, "number_of_outputs": 1, **values}
    message = answered(await person.use_command(where, "generate", given))
    await reached(environment, lambda: over(message))
    await eventually(lambda: row_of(environment, message)["delivered_at"])
    return message


async def open_menu(person: Person, message: Message) -> Message:
    """Press ⋯ and return the private menu."""
    return await private_answer(await person.press(message, "⋯"), "/generate", beside=message)


async def private_answer(result: InteractionResult, *words: str, beside: Message | None = None) -> Message:
    """Return the private message that has all of these words; it is another one than ``beside``."""

    def find(shown: InteractionResult) -> Message | None:
        candidates = [one for one in (*shown.followups, shown.message) if one is not None and one is not beside]
        return next((one for one in candidates if one.ephemeral and all(word in one.text for word in words)), None)

    found = await result.wait_for(find)
    assert found is not None
    return found


async def choose_in_menu(person: Person, message: Message, button: str, *words: str) -> Message:
    """Open the menu, press a button of it, and return the private message as it is then."""
    menu = await open_menu(person, message)
    return await private_answer(await person.press(menu, button), *words)


def own_buttons(menu: Message) -> tuple[str, ...]:
    """Return the buttons of the menu that change or copy the result, without those of other features."""
    return tuple(label for label in menu.buttons if label in _BUTTONS)


def covers(message: Message) -> set[bool]:
    """Return whether the gallery items and the attachments of a card are behind a spoiler."""
    galleries = [item for item in iter_components(message.components) if "items" in item]
    items = {entry["spoiler"] for gallery in galleries for entry in gallery["items"]}
    return items | {attachment.spoiler for attachment in message.attachments}


async def test_an_author_changes_copies_and_deletes_a_result(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = await finished(environment, mia, pictures, number_of_outputs=3)
    first, second, third = shown = images(message)
    stored = rows(environment, "SELECT * FROM run_outputs ORDER BY number")
    assert [row["name"] for row in stored] == [first, second, third]
    assert [row["attachment_id"] for row in stored] == [one.id for one in message.attachments if one.filename in shown]
    assert all(row["width"] and row["height"] for row in stored)
    menu = await open_menu(mia, message)
    assert "3 images" in menu.text
    assert own_buttons(menu) == ("Send to my DMs", "Cover with a spoiler", "Remove a file…", "Delete…")

    await private_answer(await mia.press(menu, "Remove a file…"), "Which one")
    await private_answer(await mia.choose(menu, "Choose a file", ["Image 2"]), "Image 2 is gone")
    assert images(message) == [first, third]
    assert over(message)
    assert rows(environment, "SELECT number FROM run_outputs WHERE removed_at IS NOT NULL") == [{"number": 2}]

    await choose_in_menu(mia, message, "Cover with a spoiler", "behind a spoiler")
    assert covers(message) == {True}
    await choose_in_menu(mia, message, "Remove the spoiler", "spoiler is gone")
    assert covers(message) == {False}
    assert row_of(environment, message)["visibility"] == "public"

    await choose_in_menu(mia, message, "Send to my DMs", "Sent")
    copy = list(environment.discord.state.open_dm({mia.user, environment.discord.state.bot}).messages.values())[-1]
    assert images(copy) == [first, third]
    assert copy.buttons == ()
    assert str(message.id) in copy.text

    menu = await choose_in_menu(mia, message, "Delete…", "Delete this result?")
    await private_answer(await mia.press(menu, "Keep"), "Kept")
    assert not message.deleted
    menu = await choose_in_menu(mia, message, "Delete…", "Delete this result?")
    await private_answer(await mia.press(menu, "Delete"), "Deleted")
    assert message.deleted
    row = row_of(environment, message)
    assert (row["output"], row["deleted_at"] is not None) == (None, True)


async def test_others_keep_a_copy_and_moderators_delete(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = await finished(environment, mia, pictures)
    noah, ada = environment.discord.person("noah"), environment.discord.person("ada")
    assert own_buttons(await open_menu(noah, message)) == ("Send to my DMs",)
    environment.discord.faults.refuse("POST /channels/*/messages", CANNOT_MESSAGE_USER)
    menu = await open_menu(noah, message)
    await private_answer(await noah.press(menu, "Send to my DMs"), "can't send you direct messages")
    menu = await choose_in_menu(ada, message, "Delete…", "Delete this result?")
    await private_answer(await ada.press(menu, "Delete"), "Deleted")
    assert message.deleted


async def test_a_private_result_is_its_authors_alone(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = await finished(environment, mia, pictures, visibility="private", number_of_outputs=2)
    noah = environment.discord.person("noah")
    assert message.ephemeral
    assert message not in noah.visible_messages(pictures)
    menu = await open_menu(mia, message)
    assert "only you see it" in menu.text
    assert own_buttons(menu) == ("Send to my DMs", "Remove a file…", "Delete…")
    await private_answer(await mia.press(menu, "Send to my DMs"), "Sent")
    again = answered(await mia.press(message, "Again"))
    await reached(environment, lambda: over(again))
    assert again.ephemeral
    menu = await choose_in_menu(mia, message, "Remove a file…", "Which one")
    await private_answer(await mia.choose(menu, "Choose a file", ["Image 1"]), "Image 1 is gone")
    assert len(images(message)) == 1
    menu = await choose_in_menu(mia, message, "Delete…", "Delete this result?")
    await private_answer(await mia.press(menu, "Delete"), "Deleted")
    assert message.deleted


async def test_where_the_bot_is_not_a_press_reaches_the_result(environment: Environment, mia: Person) -> None:
    mia.user.installed = True
    lobby = environment.discord.state.channel("lobby")
    message = await finished(environment, mia, lobby, number_of_outputs=2, visibility="spoiler")
    assert covers(message) == {True}
    await choose_in_menu(mia, message, "Remove the spoiler", "spoiler is gone")
    assert covers(message) == {False}
    menu = await choose_in_menu(mia, message, "Delete…", "Delete this result?")
    await private_answer(await mia.press(menu, "Delete"), "Deleted")
    assert message.deleted


async def test_reactions_count_once_also_while_the_bot_was_away(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = await finished(environment, mia, pictures)
    noah = environment.discord.person("noah")

    def questions() -> list[Message]:
        shown = pictures.messages.values()
        return [one for one in shown if "delete this result?" in one.text and not one.deleted]

    await noah.react(message, "❌")
    await mia.react(message, "🙈")
    await reached(environment, lambda: covers(message) == {True})
    await environment.bot.kill()
    await mia.react(message, "❌")
    await noah.react(message, "✉️")
    await environment.start_bot()
    dm = environment.discord.state.open_dm({noah.user, environment.discord.state.bot})
    await reached(environment, lambda: questions() and [one for one in dm.messages.values() if one.attachments])
    await environment.bot.kill()
    await environment.start_bot()
    await eventually(lambda: environment.bot.log.read_text().count("runs_recovered") >= 3)
    (question,) = questions()
    assert str(mia.user.id) in question.text
    assert len([one for one in dm.messages.values() if one.attachments]) == 1
    await private_answer(await noah.press(question, "Delete"), "Only", "can do that")
    await private_answer(await mia.press(question, "Delete"), "Deleted")
    assert message.deleted
    assert question.deleted


async def test_numbers_run_on_over_several_messages(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = await finished(environment, mia, pictures, number_of_outputs=12)
    (further,) = [one for one in pictures.messages.values() if one.reference is message and one.attachments]
    stored = rows(environment, "SELECT number, message_id FROM run_outputs ORDER BY number")
    assert [row["number"] for row in stored] == list(range(1, 13))
    assert {row["message_id"] for row in stored} == {message.id, further.id}
    on_the_card, before = len(images(message)), images(further)
    menu = await choose_in_menu(mia, message, "Remove a file…", "Which one")
    await private_answer(await mia.choose(menu, "Choose a file", ["Image 12"]), "Image 12 is gone")
    assert images(further) == before[:-1]
    assert len(images(message)) == on_the_card

    ada = environment.discord.person("ada")  # who manages messages, at the same moment
    first = await choose_in_menu(mia, message, "Remove a file…", "Which one")
    second = await choose_in_menu(ada, message, "Remove a file…", "Which one")
    answers = await asyncio.gather(
        mia.choose(first, "Choose a file", ["Image 1"]), ada.choose(second, "Choose a file", ["Image 2"])
    )
    await asyncio.gather(*(private_answer(answer, "is gone") for answer in answers))
    assert len(images(message)) == on_the_card - 2
    first = await choose_in_menu(mia, message, "Delete…", "Delete this result?")
    second = await choose_in_menu(ada, message, "Delete…", "Delete this result?")
    answers = await asyncio.gather(mia.press(first, "Delete"), ada.press(second, "Delete"))
    await asyncio.gather(*(private_answer(answer, "eleted") for answer in answers))
    assert (message.deleted, further.deleted) == (True, True)
