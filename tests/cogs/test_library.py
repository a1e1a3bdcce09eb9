"""/library as people use it: pages, filters, words, one result, favourites, the export."""

import io
import json
import sqlite3
import zipfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import pytest

from bot.store.tables import metadata
from sandbox.discord.errors import CANNOT_MESSAGE_USER
from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message
from sandbox.environment import Environment
from tests.app.conftest import answered, over, reached
from tests.cogs.conftest import private_text
from tests.faults.environment import eventually


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {"COMMANDS": "draw=black-forest-labs/flux-schnell,talk=meta/meta-llama-3-8b-instruct"}


async def make(environment: Environment, who: Person, where: Channel, prompt: str, command: str = "draw") -> Message:
    """Run a command until its result is in the library."""
    message = answered(await who.use_command(where, command, {"prompt": prompt}))
    await reached(environment, lambda: over(message))
    await eventually(lambda: query(environment, "SELECT 1 FROM library_entries e JOIN runs r ON r.id = e.run_id "
                                                "WHERE r.message_id = ?", message.id))  # fmt: skip
    return message


def query(environment: Environment, question: str, *values: object) -> list[tuple[object, ...]]:
    """Ask the bot's database."""
    with closing(sqlite3.connect(f"file:{environment.database_path}?mode=ro", uri=True)) as database:
        return database.execute(question, values).fetchall()


def shown(result: InteractionResult) -> Message:
    assert result.message is not None
    return result.message


async def test_a_result_is_found_opened_and_kept(environment: Environment, mia: Person, pictures: Channel) -> None:
    for prompt in ("a cat in the rain", "a dog in the sun"):
        await make(environment, mia, pictures, prompt)
    await make(environment, mia, pictures, "a story about a cat", command="talk")
    page = await mia.use_command(pictures, "library browse")
    await private_text(page, "a cat in the rain", "a dog in the sun", "a story about a cat")
    assert [file.filename.split("-")[0] for file in shown(page).attachments] == ["result"] * 3
    found = await mia.use_command(pictures, "library browse", {"words": "CAT rain"})
    text = await private_text(found, "a cat in the rain")
    assert "dog" not in text
    await mia.choose(shown(found), "Open a result", ["1 · a cat in the rain"])
    await private_text(found, "a cat in the rain")
    assert {"Open", "Again", "Edit", "⭐ Favourite", "Delete…"} <= set(shown(found).buttons)
    await mia.press(shown(found), "⭐ Favourite")
    await reached(environment, lambda: "Remove ⭐" in shown(found).buttons)
    await mia.press(shown(found), "◀ Back to the library")
    await private_text(found, "⭐")
    favourites = await mia.use_command(pictures, "library browse")
    await mia.choose(shown(favourites), "Show only…", ["Favourites"])
    await reached(environment, lambda: "dog" not in favourites.text and "rain" in favourites.text)


async def test_an_export_comes_as_archives_by_dm(environment: Environment, mia: Person, pictures: Channel) -> None:
    result = await mia.use_command(pictures, "library export")
    await private_text(result, "You have no results to export yet.")
    for prompt in ("a cat in the rain", "a dog in the sun"):
        await make(environment, mia, pictures, prompt)
    result = await mia.use_command(pictures, "library export")
    await private_text(result, "Sent your newest 2 results to your DMs in 1 file.")
    [archive] = [file for message in direct_messages(environment, mia) for file in message.attachments]
    with zipfile.ZipFile(io.BytesIO(archive.data)) as written:
        index = json.loads(written.read("results.json"))
        assert [result["prompt"] for result in index] == ["a dog in the sun", "a cat in the rain"]
        assert {name.split("/")[0] for name in written.namelist()} == {"results.json", "001-draw", "002-draw"}
        assert all(file in written.namelist() for result in index for file in result["files"])


async def test_closed_direct_messages_are_told_in_private(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    await make(environment, mia, pictures, "a cat in the rain")
    environment.discord.faults.refuse("POST /channels/*/messages", error=CANNOT_MESSAGE_USER)
    result = await mia.use_command(pictures, "library export")
    await private_text(result, "I can't send you direct messages.")


async def test_erasing_leaves_nothing_of_a_person(environment: Environment, mia: Person, pictures: Channel) -> None:
    noah = environment.discord.person("noah")
    wish = "an unmistakable wish about walruses"
    message = await make(environment, mia, pictures, wish)
    theirs = await make(environment, noah, pictures, "a picture of Noah's")
    await mia.react(message, "⭐")
    await mia.react(theirs, "⭐")
    await eventually(lambda: len(query(environment, "SELECT 1 FROM favourites")) == 2)
    await private_text(await mia.use_command(pictures, "library export"), "Sent your newest")
    settings = await mia.use_command(pictures, "library settings")
    await mia.press(shown(settings), "Show my prompts")
    told = await private_text(await mia.use_command(pictures, "privacy show"), "1 result in your library")
    assert "2 favourites" in told
    assert "What you allow with your results in galleries" in told
    asked = await mia.use_command(pictures, "privacy delete")
    await mia.press(shown(asked), "Delete data and messages")
    await private_text(asked, "Deleted 1 run.")
    await reached(environment, lambda: message.deleted and not direct_messages(environment, mia))
    await eventually(lambda: not query(environment, "SELECT 1 FROM message_removals"))
    assert find_files(environment.database_path.parent, b"walrus") == []  # while the bot runs, too
    assert await environment.bot.stop() == 0
    # When a run was made, for a day, and what it cost, for a month: erasing gives nobody a new day or budget.
    assert find_in_tables(environment, str(mia.user.id)) <= {"erased_runs", "budget_sums"}
    assert find_in_tables(environment, "walruses") == set()
    assert find_files(environment.database_path.parent, b"walrus") == []
    assert not theirs.deleted


def find_files(folder: Path, words: bytes) -> list[Path]:
    """Return the bot's files, but for its log, that hold some words anywhere."""
    return [
        path for path in folder.rglob("*") if path.is_file() and path.suffix != ".log" and words in path.read_bytes()
    ]


def direct_messages(environment: Environment, person: Person) -> list[Message]:
    """Return what the bot wrote to a person that is still there."""
    chats = [
        one for one in environment.discord.state.channels.values() if person.user in one.recipients and not one.guild
    ]
    return [
        message for chat in chats for message in chat.messages.values() if message.author.bot and not message.deleted
    ]


def find_in_tables(environment: Environment, text: str) -> set[str]:
    """Return the tables, of all there are, that hold a text or number anywhere."""
    return {
        table.name
        for table in metadata.sorted_tables
        for row in query(environment, f"SELECT * FROM {table.name}")  # noqa: S608  # a name of ours
        if any(text in str(value) for value in row)
    }


async def test_a_message_deleted_while_the_bot_was_away_is_noticed(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = await make(environment, mia, pictures, "a cat in the rain")
    await environment.bot.stop()
    await environment.discord.person("olga").delete(message)
    await environment.start_bot()
    page = await mia.use_command(pictures, "library browse")
    await private_text(page, "a cat in the rain")
    await mia.choose(shown(page), "Open a result", ["1 · a cat in the rain"])
    await private_text(page, "The message was deleted in Discord")
    assert not {"Open", "Delete…"} & set(shown(page).buttons)
    assert query(environment, "SELECT * FROM library_thumbnails") == []


async def test_a_missing_thumbnail_is_made_when_its_page_is_shown(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    await make(environment, mia, pictures, "a cat in the rain")
    with closing(sqlite3.connect(environment.database_path)) as database:
        database.execute("DELETE FROM library_thumbnails")
        database.commit()
    page = await mia.use_command(pictures, "library browse")
    await private_text(page, "a cat in the rain")
    await eventually(lambda: query(environment, "SELECT 1 FROM library_thumbnails WHERE length(data) > 0"))
    [(small,)] = query(environment, "SELECT data FROM library_thumbnails")
    await reached(environment, lambda: [file.data for file in shown(page).attachments] == [small])
