"""The bot as a process between both stand-ins, with settings that a test module may choose."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message
from sandbox.environment import Environment
from sandbox.replicate.job import Timings
from tests.app.conftest import eventually
from tests.bot_environment import open_environment
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

PACE = Timings(boot=0.1, queue=0.05, image=0.1, tokens_per_second=400, work=0.1)


@pytest.fixture
def settings() -> Mapping[str, str]:
    """Settings that differ from the sandbox's own; test modules override this."""
    return {}


@pytest.fixture
async def environment(tmp_path: Path, settings: Mapping[str, str]) -> AsyncIterator[Environment]:
    """A started bot; at the end all its requests must match the specifications of both services."""
    async with open_environment(tmp_path, timings=PACE, settings=settings) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
def mia(environment: Environment) -> Person:
    """A person who runs commands."""
    return environment.discord.person("mia")


@pytest.fixture
def olga(environment: Environment) -> Person:
    """The owner of the application."""
    return environment.discord.person("olga")


@pytest.fixture
def pictures(environment: Environment) -> Channel:
    return environment.discord.state.channel("pictures")


async def private_text(result: InteractionResult, *words: str) -> str:
    """Return the text of a private answer as soon as it contains all of these words; bold marks are left out."""

    def is_complete(shown: InteractionResult) -> bool:
        text = shown.text.replace("**", "")
        return bool(text) and all(word in text for word in words)

    try:
        await result.wait_for(is_complete)
    except TimeoutError:
        pytest.fail(f"{result.text!r} lacks one of {words}")
    assert all(message.ephemeral for message in (result.message, *result.followups) if message and message.text)
    return result.text.replace("**", "")


async def offered(person: Person, channel: Channel, command: str, typed: str, value: str) -> list[Any]:
    """Type a model until it is offered, and return all that is; a key press does not wait long for Replicate."""
    async with asyncio.timeout(60):
        while True:
            values = choice_values(await person.autocomplete(channel, command, {"model": typed}, "model"))
            if value in values:
                return values
            await asyncio.sleep(0.05)


def choice_values(result: InteractionResult) -> list[Any]:
    """Return the values that autocomplete offers."""
    return [choice["value"] for choice in result.choices or []]


async def delivered(environment: Environment, result: Message) -> None:
    """Wait until all of a result is in Discord: its buttons are there a moment before its further messages."""
    question = "SELECT min(delivered_at IS NOT NULL) FROM runs WHERE message_id = ?"

    def is_delivered() -> bool:
        with closing(sqlite3.connect(f"file:{environment.database_path}?mode=ro", uri=True)) as database:
            return bool(database.execute(question, (result.id,)).fetchone()[0])

    await eventually(is_delivered)


async def open_menu(environment: Environment, person: Person, result: Message) -> Message:
    """Press ⋯ under a result, once it is delivered."""
    await delivered(environment, result)
    menu = await person.press(result, "⋯")
    assert menu.message is not None
    return menu.message
