"""The self-check between both stand-ins, set up so that every check passes; a test breaks one thing."""

import logging
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import discord
import pytest

from bot.diagnostics import check
from bot.discord_internals import DEFAULT_GATEWAY, set_api_urls
from bot.settings import Settings
from sandbox.environment import Environment
from tests.logs import configure_logs


class RunCheck(Protocol):
    """Run the self-check with the environment's settings and these; return the exit code and the lines."""

    async def __call__(
        self, settings: Mapping[str, object] | None = None, *, offline: bool = False
    ) -> tuple[int, list[str]]: ...


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
    """Both stand-ins, no bot, and a server in which the bot has all permissions it needs."""
    async with Environment(tmp_path) as environment:
        for channel in environment.discord.state.channels.values():
            channel.overwrites.clear()
        yield environment


@pytest.fixture(autouse=True)
def isolated_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Remove settings from the environment, and restore discord.py's URLs afterwards."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    api = discord.http.Route.BASE
    yield
    set_api_urls(api, DEFAULT_GATEWAY)


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Restore logging: the self-check silences it for its process."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    yield
    root.handlers[:], root.level, sys.excepthook = before
    logging.captureWarnings(capture=False)
    configure_logs()


@pytest.fixture
def run_check(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunCheck:
    async def run(settings: Mapping[str, object] | None = None, *, offline: bool = False) -> tuple[int, list[str]]:
        changed = {name: str(value) for name, value in (settings or {}).items()}
        for name, value in (environment.settings() | changed).items():
            monkeypatch.setenv(name, value)
        code = await check(offline=offline)
        return code, capsys.readouterr().out.splitlines()

    return run
