"""/about: what the bot does, with a first run in one press, and what it stores."""

import asyncio
from typing import Final

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.catalog.run_access import may_run
from bot.catalog.samples import find_samples
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.observability.discord_metrics import is_measured
from bot.own_commands import OwnCommand
from bot.store.errors import StoreError
from bot.ui.first_response import send_privately
from bot.ui.render.about import (
    SAMPLES_SHOWN,
    about_card,
    describe_latency,
    describe_version,
    no_sample,
    sample_started,
)
from cogs.double_press import DoublePresses
from cogs.permissions import RunAccess, actor_of
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]

_READ_SECONDS: Final = 1.5  # Discord takes a first response for three
_DOUBLE_PRESS_SECONDS: Final = 10.0

log = structlog.get_logger(__name__)


class About(commands.Cog):
    """The command /about, and the presses of its tiles."""

    def __init__(
        self,
        client: Replicord,
        *,
        catalog: Catalog,
        access: RunAccess,
        starter: RunStarter,
        clock: Clock,
        version: str,
        link: str | None,
        process: str | None = None,
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._access = access
        self._starter = starter
        self._version = version
        self._process = process
        self._link = link
        self._presses = DoublePresses(_DOUBLE_PRESS_SECONDS, clock)

    @app_commands.command(name=OwnCommand.ABOUT, description="What this bot does and what it stores")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def about(self, interaction: Interaction) -> None:
        usable = await self._list_usable(interaction)
        facts = [describe_version(self._version, self._process)]
        if is_measured(self._client.latency):
            facts.append(describe_latency(self._client.latency))
        card = about_card(usable, find_samples(usable, limit=SAMPLES_SHOWN), facts=facts, link=self._link)
        await send_privately(interaction, view=card)

    @commands.Cog.listener()
    async def on_sample_button(self, interaction: Interaction, name: str) -> None:
        """Start the sample like any other run, once for the two presses of a double press."""
        # The one that the card shows: which prompt it has depends on the commands that the person may run.
        shown = find_samples(await self._list_usable(interaction), limit=SAMPLES_SHOWN)
        sample = next((one for one in shown if one.command.name == name), None)
        if sample is None:
            raise Refused(no_sample(name))
        with self._presses.once(interaction, name, sample_started(name)):
            await self._starter.start(interaction, sample.values, command=sample.command)

    async def _list_usable(self, interaction: Interaction) -> list[Command]:
        """Return the commands that the person may run here; all of them while the server's rules cannot be read."""
        try:
            async with asyncio.timeout(_READ_SECONDS):
                rules = await self._access.load_rules(interaction)
        except (StoreError, TimeoutError) as error:
            log.info("rules_not_read", error=str(error))
            return list(self._catalog)
        actor = actor_of(interaction)
        return [command for command in self._catalog if may_run(actor, command, rules)]
