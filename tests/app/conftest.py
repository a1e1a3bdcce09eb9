"""The whole bot as a process of its own between both stand-ins."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message
from sandbox.environment import Environment
from sandbox.replicate.job import Timings
from tests.bot_environment import open_environment
from tests.discord_spec import check_discord_calls
from tests.faults.environment import eventually as eventually  # noqa: PLC0414  # for those who use this module
from tests.replicate_spec import check_replicate_calls


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
    """A started bot; at the end everything that it asked of the two services must have been what they promise."""
    async with open_environment(
        tmp_path,
        settings={"ABOUT_URL": "https://bot.example/rules"},
        timings=Timings(boot=0.3, queue=0.1, image=0.3, tokens_per_second=200),
    ) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
def mia(environment: Environment) -> Person:
    return environment.discord.person("mia")


@pytest.fixture
def pictures(environment: Environment) -> Channel:
    return environment.discord.state.channel("pictures")


async def reached(environment: Environment, look: Callable[[], object], timeout: float = 90.0) -> None:  # noqa: ASYNC109  # a limit
    """Wait until something is true in Discord."""
    await environment.discord.state.wait_for(look, timeout=timeout)


def answered(exchange: InteractionResult) -> Message:
    """Return the public reply to a command."""
    assert exchange.message is not None
    return exchange.message


def words(message: Message) -> str:
    """Return what the card says, without its markup."""
    return message.text.replace("**", "")


def over(message: Message) -> bool:
    """Whether the card of a run says that it ended."""
    return "Again" in message.buttons


def images(message: Message, stem: str = "generate") -> list[str]:
    """Return the names of the run's pictures in the message."""
    return [one.filename for one in message.attachments if one.filename.startswith(f"{stem}-")]
