"""/runs: a person's own runs, and stopping one from anywhere."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Protocol

import discord
from discord import app_commands
from discord.ext import commands

from bot.client import Replicord
from bot.formatting import truncate
from bot.runs import Run
from bot.runs.engine import Engine
from bot.ui.components import Action, RunButton
from bot.ui.render.formatting import one_line
from bot.ui.render.list_cards import list_card, run_entry
from bot.ui.respond import respond
from cogs.cancel.answers import CANCEL_ANSWERS

_RECENT = 8
_CHOICE_CHARS = 100
_PICTURE_PATIENCE = 2.0


class OwnRuns(Protocol):
    """A person's runs."""

    async def get(self, run_id: str) -> Run | None:
        """Return the run of this id."""
        ...

    async def list_active(self, author_id: int) -> tuple[Run, ...]:
        """Return those that have not ended, the oldest first."""
        ...

    async def list_recent(self, author_id: int, *, limit: int) -> tuple[Run, ...]:
        """Return the newest."""
        ...


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class Runs(commands.GroupCog, group_name="runs", group_description="Your runs: what goes on, what was, stopping one"):
    """Shows people their own runs and nobody else's."""

    def __init__(self, client: Replicord, *, engine: Engine, runs: OwnRuns) -> None:
        self._client = client
        self._engine = engine
        self._runs = runs

    @app_commands.command(name="list", description="Your runs: those that go on, and the newest that are over")
    async def show(self, interaction: discord.Interaction[Replicord]) -> None:
        """Show the card to the person who asked, with pictures where Discord hands them over soon."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        active = await self._runs.list_active(interaction.user.id)
        recent = await self._runs.list_recent(interaction.user.id, limit=_RECENT + len(active))
        over = [run for run in recent if run.state.terminal][:_RECENT]
        pictures = await self._pictures(over)
        entries = [run_entry(run, button=RunButton(Action.CANCEL, run.id)) for run in active]
        entries += [run_entry(run, picture=picture) for run, picture in zip(over, pictures, strict=True)]
        intro = f"{len(active)} going" if active else "Nothing is going."
        if not entries:
            intro = "You have no runs yet. Type `/` and pick a model's command."
        await interaction.followup.send(view=list_card("Your runs", entries, intro=intro), ephemeral=True)

    @app_commands.command(description="Stop one of your runs; what was made already stays")
    @app_commands.describe(run="Which one; only those that go on are offered")
    async def cancel(self, interaction: discord.Interaction[Replicord], run: str) -> None:
        """Stop the run if it is theirs."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        found = await self._runs.get(run)
        if found is None or found.author_id != interaction.user.id:
            await respond(interaction, "That is not one of your runs. Pick one from the list.")
            return
        await respond(interaction, CANCEL_ANSWERS[await self._engine.cancel(run, by=interaction.user.display_name)])

    @cancel.autocomplete("run")
    async def _offer(self, interaction: discord.Interaction[Replicord], current: str) -> list[app_commands.Choice[str]]:
        active = await self._runs.list_active(interaction.user.id)
        named = [(f"/{run.command} · {one_line(run.prompt or 'no prompt', 80)}", run.id) for run in reversed(active)]
        return [
            app_commands.Choice(name=truncate(name, _CHOICE_CHARS), value=run_id)
            for name, run_id in named
            if current.lower() in name.lower()
        ][:25]

    async def _pictures(self, runs: Sequence[Run]) -> list[str | None]:
        """Return each run's first picture, as long as its message still shows one and Discord is quick."""
        looks = [asyncio.create_task(self._picture(run), name=f"picture {run.id}") for run in runs]
        if looks:
            _, late = await asyncio.wait(looks, timeout=_PICTURE_PATIENCE)
            for look in late:
                look.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return [None if look.cancelled() else look.result() for look in looks]

    async def _picture(self, run: Run) -> str | None:
        if run.place.token_only:
            return None
        channel = self._client.get_partial_messageable(run.place.channel_id)
        try:
            message = await channel.fetch_message(run.place.message_id)
        except discord.HTTPException:
            return None
        return next(_gallery(message.components), None)


def _gallery(components: Sequence[discord.Component]) -> Iterator[str]:
    """Yield the addresses of the pictures that a card shows in its gallery."""
    for component in components:
        if isinstance(component, discord.MediaGalleryComponent):
            yield from (item.media.url for item in component.items)
        elif isinstance(component, discord.Container):
            yield from _gallery(component.children)
