"""A slash command for each model of the catalogue."""

from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.catalog.command import Command
from bot.client import Replicord
from bot.inputs.commands import build
from cogs._invocation import Invocations


class ModelCommands(commands.Cog):
    """Keeps the tree's model commands equal to the catalogue."""

    def __init__(self, client: Replicord, *, catalog: Catalog, invocations: Invocations) -> None:
        self._client = client
        self._catalog = catalog
        self._invocations = invocations
        self._names: set[str] = set()

    async def cog_load(self) -> None:
        """Offer what the catalogue has."""
        self.refresh()

    def refresh(self) -> None:
        """Take commands out of the tree and put them in, as the catalogue changed."""
        wanted = {command.name: command for command in self._catalog}
        for name in self._names - wanted.keys():
            self._client.tree.remove_command(name)
        for command in wanted.values():
            built = build(
                name=command.name,
                description=command.description,
                plan=command.plan,
                callback=self._callback(command),
            )
            self._client.tree.add_command(built, override=True)
        self._names = set(wanted)

    def _callback(self, command: Command) -> Callable[[discord.Interaction[Any], dict[str, Any]], Awaitable[None]]:
        async def run(interaction: discord.Interaction[Any], values: dict[str, Any]) -> None:
            await self._invocations.start(interaction, command, values)

        return run
