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
from bot.formatting import truncate
from bot.language import _
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION
from bot.media.types import is_named_as_image
from bot.own_commands import OwnCommand
from bot.runs import Run
from bot.runs.engine import Engine
from bot.store.runs import Runs
from bot.ui.components import RunListAction
from bot.ui.first_response import defer, edit_response
from bot.ui.render.markdown import one_line
from bot.ui.render.run_list import RUNS_PER_PAGE, not_own_run, run_list_card
from bot.ui.render.strings import CANCEL_ANSWERS
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import respond

Interaction = discord.Interaction[Replicord]

_IMAGE_TIMEOUT: Final = 2.0


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class RunsCommands(
    commands.GroupCog,
    group_name=OwnCommand.RUNS,
    group_description="Your runs: list or cancel them",
):
    """Shows people their own runs, and nobody else's."""

    def __init__(self, client: Replicord, *, engine: Engine, runs: Runs) -> None:
        self._client = client
        self._engine = engine
        self._runs = runs

    @app_commands.command(name="list", description="Your running and recent runs")
    async def show_list(self, interaction: Interaction) -> None:
        """Show the runs in private, with images if Discord returns them soon."""
        await defer(interaction, ephemeral=True)
        await self._show_page(interaction)

    @commands.Cog.listener()
    async def on_run_list_button(self, interaction: Interaction, action: RunListAction, run_id: str) -> None:
        """Turn the page."""
        await defer(interaction)
        is_older = action is RunListAction.OLDER
        await self._show_page(interaction, before=run_id if is_older else None, after=None if is_older else run_id)

    async def _show_page(
        self, interaction: Interaction, *, before: str | None = None, after: str | None = None
    ) -> None:
        page = await self._runs.list_page(interaction.user.id, limit=RUNS_PER_PAGE, before=before, after=after)
        active = await self._runs.list_active(interaction.user.id)
        images = await self._load_images(page.runs)
        await edit_response(interaction, view=run_list_card(page, images, active=len(active)))

    @app_commands.command(description="Stop one of your runs; you keep what's finished")
    @app_commands.describe(run="The run to stop")
    async def cancel(self, interaction: Interaction, run: str) -> None:
        await defer(interaction, ephemeral=True)
        found = await self._runs.get(run)
        if found is None or found.author_id != interaction.user.id:
            raise Refused(not_own_run())
        await respond(interaction, CANCEL_ANSWERS[await self._engine.cancel(run, by=interaction.user.id)])

    @cancel.autocomplete("run")
    async def _autocomplete_run(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        active = await self._runs.list_active(interaction.user.id)
        untitled = _("no prompt")
        names = {run.id: f"/{run.command} · {one_line(run.prompt or untitled, 80)}" for run in reversed(active)}
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
        if run.place.token_only or not run.state.terminal or run.deleted_at is not None:
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
