"""⭐ under a result: by its button, by reaction, also under its copy in the gallery; and messages that are deleted."""

from collections.abc import Awaitable, Callable, Collection
from typing import Any, Final

import discord
from discord.ext import commands

from bot.client import Replicord
from bot.store.gallery import Gallery, GalleryRules
from bot.store.library import Library, Starred
from bot.store.models import Run
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.gallery_keeper import GalleryKeeper, may_copy
from bot.ui.permissions import Reuse, may_reuse
from bot.ui.render.library import STAR, explain_full, explain_missing, explain_star, label_star
from bot.ui.render.results import MenuEntry
from bot.ui.reply.extras import reactions_of_others
from bot.ui.respond import respond

Interaction = discord.Interaction[Replicord]
FindGalleryRules = Callable[[int], Awaitable[GalleryRules | None]]
"""Return the rules of a server's gallery, by the server's id; None if it has none."""


class Stars:
    """Gives and takes ⭐."""

    def __init__(
        self,
        client: Replicord,
        *,
        library: Library,
        runs: Runs,
        keeper: GalleryKeeper,
        find_rules: FindGalleryRules,
    ) -> None:
        self._client = client
        self._library = library
        self._runs = runs
        self._keeper = keeper
        self._find_rules = find_rules

    async def set(self, run_id: str, user_id: int, *, on: bool) -> Starred:
        """Make a result somebody's favourite, or no longer."""
        rules = await self._rules_for(await self._runs.get(run_id)) if on else None
        starred = await self._library.set_favourite(run_id, user_id, on=on, rules=rules)
        if starred.is_due:
            self._keeper.wake()
        return starred

    async def _rules_for(self, run: Run | None) -> GalleryRules | None:
        """Return the rules of the gallery that a result may be copied into."""
        if run is None or run.place.guild_id is None:
            return None
        rules = await self._find_rules(run.place.guild_id)
        channel = self._client.get_channel(rules.channel_id) if rules is not None else None
        return rules if channel is not None and may_copy(self._client, run, channel) else None


FAVOURITE_ENTRIES: Final = (
    MenuEntry(
        action=Action.FAVOURITE,
        row=0,
        is_offered=lambda actor, result: may_reuse(result.run, Reuse.RESULT, user_id=actor.user_id),
        label=lambda result: label_star(is_favourite=result.is_favourite),
    ),
)


class Favourites(commands.Cog):
    """Gives and takes ⭐, and drops what is deleted in Discord."""

    def __init__(self, client: Replicord, *, stars: Stars, library: Library, gallery: Gallery, runs: Runs) -> None:
        self._client = client
        self._stars = stars
        self._library = library
        self._gallery = gallery
        self._runs = runs

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Add the result to the person's favourites, or take it out if it is one."""
        if action is not Action.FAVOURITE:
            return
        entry = await self._library.get_entry(run_id, interaction.user.id)
        if entry is None:
            await respond(interaction, explain_missing())
            return
        starred = await self._stars.set(run_id, interaction.user.id, on=not entry.is_favourite)
        if starred.full:
            await respond(interaction, explain_full())
        else:
            await respond(
                interaction, explain_missing() if starred.missing else explain_star(on=not entry.is_favourite)
            )

    @commands.Cog.listener()
    async def on_raw_reaction_add(self, event: discord.RawReactionActionEvent) -> None:
        """Add the result to the favourites of whoever reacts with ⭐."""
        if event.member is None or not event.member.bot:
            await self._react(event, on=True)

    @commands.Cog.listener()
    async def on_raw_reaction_remove(self, event: discord.RawReactionActionEvent) -> None:
        """Take the result out of the favourites of whoever takes their ⭐ away."""
        await self._react(event, on=False)

    @commands.Cog.listener()
    async def on_result_read(self, run: Run, message: discord.Message) -> None:
        """Count the ⭐ that came while no process listened; one that was taken away again is not seen."""
        for reaction in message.reactions:
            if str(reaction.emoji) == STAR:
                async for user in reactions_of_others(reaction):
                    if not user.bot:
                        await self._stars.set(run.id, user.id, on=True)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        """Drop what is stored of a result whose message was deleted, by whomever."""
        await self._drop([event.message_id])

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        """Drop what is stored of results whose messages were deleted together."""
        await self._drop(event.message_ids)

    async def _drop(self, message_ids: Collection[int]) -> None:
        for message_id in await self._library.find_messages(message_ids):
            await self._library.mark_message_deleted(message_id)

    async def _react(self, event: discord.RawReactionActionEvent, *, on: bool) -> None:
        if str(event.emoji) != STAR or (self._client.user and event.user_id == self._client.user.id):
            return
        run_id = await self._find_run(event.message_id)
        if run_id is not None:
            await self._stars.set(run_id, event.user_id, on=on)

    async def _find_run(self, message_id: int) -> str | None:
        """Return the run whose result, or copy in a gallery, a message is."""
        run: Any = await self._runs.find_by_message(message_id)
        return await self._gallery.find_run(message_id) if run is None else str(run.id)
