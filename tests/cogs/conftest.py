"""The whole bot as a process of its own between both stand-ins, with settings that a test may choose."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.discord.people.interaction_result import InteractionResult
from sandbox.discord.people.person import Person
from sandbox.discord.state.models import Channel
from sandbox.environment import Environment
from sandbox.replicate.job import Timings
from tests.bot_environment import open_environment
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

PACE = Timings(boot=0.1, queue=0.05, image=0.1, tokens_per_second=400, work=0.1)


@pytest.fixture
def settings() -> Mapping[str, str]:
    """What differs from the sandbox's own settings; a test module may say otherwise."""
    return {}


@pytest.fixture
async def environment(tmp_path: Path, settings: Mapping[str, str]) -> AsyncIterator[Environment]:
    """A started bot; at the end everything that it asked of the two services must have been what they promise."""
    async with open_environment(tmp_path, timings=PACE, settings=settings) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
def mia(environment: Environment) -> Person:
    """Somebody who runs commands."""
    return environment.discord.person("mia")


@pytest.fixture
def olga(environment: Environment) -> Person:
    """The owner of the application."""
    return environment.discord.person("olga")


@pytest.fixture
def pictures(environment: Environment) -> Channel:
    return environment.discord.state.channel("pictures")


async def said(exchange: InteractionResult, *words: str) -> str:
    """Return what a private answer says, as soon as it says all of these words."""
    await exchange.wait_for(lambda it: it.text and all(word in it.text.replace("**", "") for word in words), timeout=15)
    assert all(message.ephemeral for message in (exchange.message, *exchange.followups) if message and message.text)
    return exchange.text.replace("**", "")


def offered(exchange: InteractionResult) -> list[Any]:
    """Return the values that autocomplete offers."""
    return [choice["value"] for choice in exchange.choices or []]
