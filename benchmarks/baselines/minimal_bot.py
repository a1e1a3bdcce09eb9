"""The bot of both baselines: discord.py with one command, which edits its response once a second."""

import os
import time
from collections.abc import AsyncIterator, Callable

import discord
import yarl
from discord import app_commands
from discord.ext import commands

MODEL = "bench/text"
_EDIT_EVERY = 1.0
_MAX_CHARS = 1990  # a message has at most 2,000 characters; the newest are shown


class MinimalBot(commands.Bot):
    """A bot with default intents that syncs its commands at start."""

    def __init__(self, stream: Callable[[str], AsyncIterator[str]]) -> None:
        super().__init__(command_prefix="!", intents=discord.Intents.default())
        self._stream = stream

    async def setup_hook(self) -> None:
        self.tree.add_command(app_commands.Command(name="talk", description="Ask the model.", callback=self._talk))
        await self.tree.sync()

    async def _talk(self, interaction: discord.Interaction, prompt: str) -> None:
        await interaction.response.defer()
        text, last = "", 0.0
        async for piece in self._stream(prompt):
            text += piece
            if time.monotonic() - last >= _EDIT_EVERY:
                await interaction.edit_original_response(content=text[-_MAX_CHARS:])
                last = time.monotonic()
        await interaction.edit_original_response(content=f"{text[-_MAX_CHARS + 10 :]} (done)")


def run(stream: Callable[[str], AsyncIterator[str]]) -> None:
    """Run the bot against the URLs in the environment variables."""
    discord.http.Route.BASE = os.environ["DISCORD_API_URL"]
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["DISCORD_GATEWAY_URL"])
    MinimalBot(stream).run(os.environ["DISCORD_TOKEN"], log_level=30)
