"""A slash command for each model of the catalogue."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.catalog.command import Command
from bot.client import Replicord
from bot.options.slash_command import build_command
from cogs.generate.command_sync import CommandSync
from cogs.start_run import RunStarter


class GenerateCommands(commands.Cog):
    """Keeps the tree's model commands, and Discord's, equal to the catalogue."""

    def __init__(
        self, client: Replicord, *, catalog: Catalog, invocations: RunStarter, registration: CommandSync
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._invocations = invocations
        self._registration = registration
        self._offered: dict[str, Command] = {}

    async def cog_load(self) -> None:
        """Offer what the catalogue has; Discord is told when every cog is there."""
        self._refresh()

    async def publish(self) -> bool:
        """Offer what the catalogue has and tell Discord; False: there was nothing to tell.

        CommandSyncFailure, or another of discord.py's errors, when Discord does not take it.
        """
        self._refresh()
        return await self._registration.sync()

    def _refresh(self) -> None:
        """Take commands out of the tree and put them in, as the catalogue changed."""
        wanted = {command.name: command for command in self._catalog}
        tree = self._client.tree
        for name in self._offered.keys() - wanted.keys():
            tree.remove_command(name)
        for name, command in wanted.items():
            if self._offered.get(name) is not command:
                tree.add_command(
                    build_command(
                        name=name,
                        description=command.description,
                        layout=command.layout,
                        callback=self._callback(command),
                    ),
                    override=True,
                )
        self._offered = wanted

    def _callback(self, command: Command) -> Callable[[discord.Interaction[Any], dict[str, Any]], Awaitable[None]]:
        async def run(interaction: discord.Interaction[Any], values: dict[str, Any]) -> None:
            await self._invocations.start(interaction, command, values)

        return run
