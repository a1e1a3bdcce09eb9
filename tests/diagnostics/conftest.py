"""The doctor between both stand-ins: a environment that is in order, for a test to break in one place."""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import discord
import pytest
import structlog

from bot.diagnostics import check
from bot.discord_internals import DEFAULT_GATEWAY, set_api_urls
from bot.settings import Settings
from sandbox.environment import Environment

Doctor = Callable[..., Awaitable[tuple[int, list[str]]]]


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
    """Both stand-ins, no bot, and a server in which the bot may do all that it needs."""
    async with Environment(tmp_path) as environment:
        for channel in environment.discord.state.channels.values():
            channel.overwrites.clear()
        yield environment


@pytest.fixture(autouse=True)
def outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No settings from anywhere else, and discord.py as it was."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    api = discord.http.Route.BASE
    yield
    set_api_urls(api, DEFAULT_GATEWAY)


@pytest.fixture(autouse=True)
def quiet_afterwards() -> Iterator[None]:
    """The doctor silences the log of its process; these tests share theirs with others."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    yield
    root.handlers[:], root.level, sys.excepthook = before
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()


@pytest.fixture
def doctor(environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Doctor:
    """Look everything over with settings of the environment and those that are given; exit code and lines."""

    async def look(*, offline: bool = False, **changed: object) -> tuple[int, list[str]]:
        for name, value in (environment.settings() | {name: str(value) for name, value in changed.items()}).items():
            monkeypatch.setenv(name, value)
        code = await check(offline=offline)
        return code, capsys.readouterr().out.splitlines()

    return look
