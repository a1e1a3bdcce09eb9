"""/library as people use it: pages, filters, words, one result, favourites, the export."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing

import pytest

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
    assert {"Open", "Again", "Edit", "⭐", "Delete…"} <= set(shown(found).buttons)
    await mia.press(shown(found), "⭐")
    await reached(environment, lambda: "Remove ⭐" in shown(found).buttons)
    await mia.press(shown(found), "◀ Back to the library")
    await private_text(found, "⭐")
    favourites = await mia.use_command(pictures, "library browse")
    await mia.choose(shown(favourites), "Show only…", ["Favourites"])
    await reached(environment, lambda: "dog" not in favourites.text and "rain" in favourites.text)
