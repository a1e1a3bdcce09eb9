"""/about: what the bot does, its commands, and what it stores."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.client import Replicord
from bot.observability.discord_metrics import is_measured
from bot.runs import is_served
from bot.ui.first_response import send_privately
from bot.ui.render.cards import Entry, list_card
from bot.ui.render.markdown import escape, one_line

_DESCRIPTION_CHARS = 140
_INTRO = (
    "Runs {models} right here and shows results as they arrive. "
    "React ❌ to stop a run; you keep what's finished. `/runs list` shows your runs."
)
_REPLICATE = "[Replicate](https://replicate.com) models"
_OWN = "models on its own servers"
_PRIVACY = "I store your prompts, results and times. See them with `/privacy show`, delete them with `/privacy delete`."


class About(commands.Cog):
    """The command /about."""

    def __init__(
        self, client: Replicord, *, catalog: Catalog, version: str, link: str | None, process: str | None = None
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._version = f"{version} · process {process}" if process else version
        self._link = link

    def _describe_models(self) -> str:
        served = [is_served(str(command.target)) for command in self._catalog]
        if not any(served):
            return _REPLICATE
        return _OWN if all(served) else f"{_REPLICATE} and {_OWN}"

    @app_commands.command(description="What this bot does and what it stores")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def about(self, interaction: discord.Interaction[Replicord]) -> None:
        entries = [
            Entry(
                text=f"**/{command.name}** · {command.target.model}\n"
                f"-# {escape(one_line(command.description, _DESCRIPTION_CHARS))}"
            )
            for command in self._catalog
        ]
        latency = self._client.latency
        ping = f" · {latency * 1000:.0f} ms to Discord" if is_measured(latency) else ""
        card = list_card(
            "Replicord",
            entries,
            intro=_INTRO.format(models=self._describe_models()),
            footer=f"-# {_PRIVACY}\n-# Version {self._version}{ping}",
            buttons=[discord.ui.Button(label="More", url=self._link)] if self._link else (),
        )
        await send_privately(interaction, view=card)
