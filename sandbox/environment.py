"""The sandbox environment: both stand-ins with the real bot between them."""

import asyncio
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib import resources
from pathlib import Path
from typing import Self

from bot.errors import ConfigError
from sandbox.bot_process import BotProcess, Spawn, spawn_python
from sandbox.cog.server import CogServer
from sandbox.discord.standin import DiscordStandIn
from sandbox.loopback import find_free_port
from sandbox.replicate.job import Timings
from sandbox.replicate.standin import ReplicateStandIn

COMMANDS = (
    "generate=fofr/consistent-character:9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772,"
    "talk=meta/meta-llama-3-8b-instruct,draw=black-forest-labs/flux-schnell"
)
COMMANDS_FILE = "commands.toml"  # those that do something with a picture, each with its role
COG_MODELS = {"paint": "pictures", "write": "words"}  # the command that runs each of the tiny models
_START_LIMIT = 30.0
_POLL_EVERY = 0.05


class BotDidNotStartError(Exception):
    """The bot exited during start-up or took too long; the text is the end of its log."""


def create_folder(path: Path) -> None:
    """Create a folder that a person named, with its parents; ConfigError if files cannot be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise ConfigError(f"{path} cannot be used as a folder: {error.strerror}. Choose another one.") from error


class Environment:
    """``discord``, ``replicate`` and ``bot``, opened and closed together.

    ``cog``: with a real Cog server for each of the tiny models, by the command that runs it. ``roles``: with a command
    for everything that can be done with a picture.
    """

    def __init__(
        self,
        folder: Path,
        *,
        timings: Timings | None = None,
        settings: Mapping[str, str] | None = None,
        spawn: Spawn = spawn_python,
        cog: bool = False,
        roles: bool = False,
    ) -> None:
        self.discord = DiscordStandIn()
        self.replicate = ReplicateStandIn(timings=timings)
        self._folder = folder
        self._settings = dict(settings or {})
        self._spawn = spawn
        self._roles = roles
        self.cog = {command: CogServer(model, folder=folder) for command, model in COG_MODELS.items()} if cog else {}
        self.bot: BotProcess
        self._stack: AsyncExitStack

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(create_folder, self._folder)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.discord.stop)
            await self.discord.start()
            stack.push_async_callback(self.replicate.stop)
            await self.replicate.start()
            for server in self.cog.values():
                stack.push_async_callback(server.stop)
                await server.start()
            self.bot = BotProcess(settings=self.settings(), folder=self._folder, spawn=self._spawn)
            stack.push_async_callback(self._stop_bot)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _stop_bot(self) -> None:
        await self.bot.stop()  # a caller may have put one with other settings in its place

    @property
    def database_path(self) -> Path:
        """The bot's database."""
        return self._folder / "replicord.db"

    def settings(self) -> dict[str, str]:
        """Return the environment variables that point the bot at the stand-ins."""
        return {
            "DISCORD_TOKEN": self.discord.bot_token,
            "REPLICATE_API_TOKEN": self.replicate.token,
            "REPLICATE_BASE_URL": self.replicate.base_url,
            "REPLICATE_FILE_HOSTS": ",".join(self.replicate.file_hosts),
            "DISCORD_API_URL": self.discord.api_url,
            "DISCORD_GATEWAY_URL": self.discord.gateway_url,
            "DATABASE_URL": f"sqlite+aiosqlite:///{self.database_path}",
            "COMMANDS": ",".join([COMMANDS, *(f"{name}=cog+{server.url}" for name, server in self.cog.items())]),
            **({"COMMANDS_FILE": str(resources.files("sandbox") / COMMANDS_FILE)} if self._roles else {}),
            **({"HTTP_PORT": str(find_free_port())} if self.cog else {}),
        } | self._settings

    async def start_bot(self) -> None:
        """Start the bot and wait until its commands can be used; raise BotDidNotStartError otherwise."""
        await self.bot.start()
        exited = asyncio.create_task(self.bot.wait())
        ready = asyncio.create_task(self._wait_until_usable())
        try:
            await asyncio.wait({exited, ready}, timeout=_START_LIMIT, return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                raise BotDidNotStartError(self.bot.log.read_text(encoding="utf-8", errors="replace")[-4000:])
        finally:
            exited.cancel()
            ready.cancel()

    async def _wait_until_usable(self) -> None:
        """Return once the bot is connected and its commands are registered."""
        # No event covers both conditions, so poll.
        while not (self.discord.gateway.connected and self.discord.commands.all()):  # noqa: ASYNC110  # see above
            await asyncio.sleep(_POLL_EVERY)
