"""/runs: list a person's own runs, and cancel one from anywhere."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlsplit

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Replicord
from bot.errors import Refused
from bot.formatting import format_count, truncate
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION
from bot.media.types import is_named_as_image
from bot.runs import Run
from bot.runs.engine import Engine
from bot.store.runs import Runs
from bot.ui.components import Action, RunButton
from bot.ui.first_response import defer, edit_response
from bot.ui.render.cards import list_card, run_entry
from bot.ui.render.markdown import one_line
from bot.ui.render.strings import CANCEL_ANSWERS
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import respond

Interaction = discord.Interaction[Replicord]

_RECENT_SHOWN: Final = 8
_IMAGE_TIMEOUT: Final = 2.0


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class RunsCommands(commands.GroupCog, group_name="runs", group_description="Your runs: list or cancel them"):
    """Shows people their own runs, and nobody else's."""

    def __init__(self, client: Replicord, *, engine: Engine, runs: Runs) -> None:
        self._client = client
        self._engine = engine
        self._runs = runs

    @app_commands.command(name="list", description="Your running and recent runs")
    async def show_list(self, interaction: Interaction) -> None:
        """Show the runs in private, with images if Discord returns them soon."""
        await defer(interaction, ephemeral=True)
        active = await self._runs.list_active(interaction.user.id)
        recent = await self._runs.list_recent(interaction.user.id, limit=_RECENT_SHOWN + len(active))
        finished = [run for run in recent if run.state.terminal][:_RECENT_SHOWN]
        images = await self._load_images(finished)
        entries = [run_entry(run, button=RunButton(Action.CANCEL, run.id)) for run in active]
        entries += [run_entry(run, image=image) for run, image in zip(finished, images, strict=True)]
        intro = f"{format_count(len(active), 'run')} in progress." if active else "No runs in progress."
        if not entries:
            intro = "You have no runs yet. Type `/` and pick a model's command."
        await edit_response(interaction, view=list_card("Your runs", entries, intro=intro))

    @app_commands.command(description="Stop one of your runs; you keep what's finished")
    @app_commands.describe(run="The run to stop")
    async def cancel(self, interaction: Interaction, run: str) -> None:
        await defer(interaction, ephemeral=True)
        found = await self._runs.get(run)
        if found is None or found.author_id != interaction.user.id:
            raise Refused("That isn't one of your runs. Pick one from the list.")
        await respond(interaction, CANCEL_ANSWERS[await self._engine.cancel(run, by=interaction.user.id)])

    @cancel.autocomplete("run")
    async def _autocomplete_run(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        active = await self._runs.list_active(interaction.user.id)
        names = {run.id: f"/{run.command} · {one_line(run.prompt or 'no prompt', 80)}" for run in reversed(active)}
        return [
            app_commands.Choice(name=truncate(name, CHOICE_CHARS), value=run_id)
            for run_id, name in names.items()
            if current.lower() in name.lower()
        ][:CHOICES_PER_OPTION]

    async def _load_images(self, runs: Sequence[Run]) -> list[str | None]:
        """Return the URL of each run's first image, or None where it is gone or Discord is slow."""
        tasks = [asyncio.create_task(self._load_image(run), name=f"image of run {run.id}") for run in runs]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_IMAGE_TIMEOUT)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return [None if task.cancelled() else task.result() for task in tasks]

    async def _load_image(self, run: Run) -> str | None:
        if run.place.token_only:
            return None
        channel = self._client.get_partial_messageable(run.place.channel_id)
        try:
            message = await channel.fetch_message(run.place.message_id)
        except REQUEST_ERRORS:  # deleted, out of reach, or the connection broke: the list does without its image
            return None
        return next(_image_urls(message.components), None)


def _image_urls(components: Sequence[discord.Component]) -> Iterator[str]:
    """Yield the URLs of the images in galleries; Discord draws neither videos nor audio as a thumbnail."""
    for component in components:
        if isinstance(component, discord.MediaGalleryComponent):
            media = (item.media for item in component.items)
            yield from (one.url for one in media if is_named_as_image(one.content_type, urlsplit(one.url).path))
        elif isinstance(component, discord.Container):
            yield from _image_urls(component.children)
