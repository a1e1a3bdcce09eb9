"""/about: what this bot is, what it can do here, and what it remembers."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.client import Replicord
from bot.formatting import truncate
from bot.ui.render.formatting import escape, one_line
from bot.ui.render.list_cards import Entry, list_card

_DESCRIPTION_CHARS = 140


class About(commands.Cog):
    """Says what there is, from what there is: the commands of this very moment."""

    def __init__(self, client: Replicord, *, catalog: Catalog, version: str, link: str | None) -> None:
        self._client = client
        self._catalog = catalog
        self._version = version
        self._link = link

    @app_commands.command(description="What this bot is, what it can do, and what it remembers")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def about(self, interaction: discord.Interaction[Replicord]) -> None:
        """Show the card to the person who asked."""
        models = [
            Entry(text=f"**/{command.name}** · {command.target.model}\n-# {_told(command.description)}")
            for command in self._catalog
        ]
        latency = self._client.latency
        shown = f" · {latency * 1000:.0f} ms to Discord" if 0 <= latency < 60 else ""
        card = list_card(
            "Replicord",
            models,
            intro=(
                "Runs models of [Replicate](https://replicate.com) and shows what they make as they make it. "
                "❌ under a reply stops its run; what was made stays. `/runs list` shows yours."
            ),
            footer=(
                "-# I remember your runs: what you asked, what came back, when. "
                "`/privacy show` says what is stored about you, `/privacy delete` deletes it.\n"
                f"-# Version {self._version}{shown}"
            ),
            buttons=[discord.ui.Button(label="More", url=self._link)] if self._link else (),
        )
        await interaction.response.send_message(view=card, ephemeral=True)


def _told(description: str) -> str:
    return escape(truncate(one_line(description, _DESCRIPTION_CHARS), _DESCRIPTION_CHARS))
