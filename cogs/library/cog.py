"""/library: what a person made and likes, page by page, and as an archive."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.catalog.next_actions import NextOffers
from bot.client import Replicord
from bot.errors import Refused, ReplicordError
from bot.library.thumbnails import NO_THUMBNAIL, Thumbnails
from bot.limits import SEARCH_CHARS, SELECT_OPTIONS
from bot.own_commands import OwnCommand
from bot.store.errors import StoreError
from bot.store.gallery import Gallery, GalleryConsent
from bot.store.library import Library, LibraryEntry, LibraryPage, LibraryQuery
from bot.store.models import Run, RunOutput
from bot.store.runs import Runs
from bot.ui.components import next_select_item
from bot.ui.first_response import OpenFiles, defer, edit_message, edit_response, send_modal, send_privately
from bot.ui.library_items import (
    FAVOURITES_FLAG,
    HERE_FLAG,
    LibraryAction,
    LibrarySelection,
    LibraryState,
    SearchModal,
)
from bot.ui.permissions import Reuse, may_reuse
from bot.ui.render.gallery import is_picture
from bot.ui.render.library import (
    consent_card,
    consent_labels,
    entry_card,
    entry_files,
    explain_closed_dms,
    explain_export,
    explain_export_started,
    explain_full,
    explain_missing,
    lacks_thumbnail,
    page_card,
    page_files,
)
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import respond
from bot.ui.result_messages import ResultGone, ResultMessages
from bot.visibility import Visibility
from bot.worker_pool import WorkersBusy
from cogs.favourites import Stars
from cogs.library.export import DirectMessagesClosed, LibraryExport

Interaction = discord.Interaction[Replicord]

LoadPicture = Callable[[Run, RunOutput], Awaitable[bytes]]

_MISSING_SECONDS: Final = 10.0  # for the thumbnails that a page lacks; then the next look at it tries again


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class LibraryCommands(
    commands.GroupCog,
    group_name=OwnCommand.LIBRARY,
    group_description="What you made and what you like: find it, export it",
):
    """Shows people their own results and their favourites, to them alone."""

    def __init__(
        self,
        *,
        library: Library,
        gallery: Gallery,
        runs: Runs,
        stars: Stars,
        thumbnails: Thumbnails,
        load_picture: LoadPicture,
        messages: ResultMessages,
        export: LibraryExport,
        offers: NextOffers,
    ) -> None:
        self._library = library
        self._gallery = gallery
        self._runs = runs
        self._stars = stars
        self._thumbnails = thumbnails
        self._load_picture = load_picture
        self._messages = messages
        self._export = export
        self._offers = offers

    @app_commands.command(description="Look through what you made and what you like")
    @app_commands.describe(words="Words of the prompt")
    async def browse(self, interaction: Interaction, words: app_commands.Range[str, 1, SEARCH_CHARS] = "") -> None:
        async def show(card: ui.LayoutView, files: OpenFiles | None) -> None:
            await send_privately(interaction, view=card, open_files=files)

        await self._show_page(interaction, LibraryState(words=words), show)

    @app_commands.command(name="export", description="Get your newest results as files in your DMs")
    async def export_results(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        await edit_response(interaction, content=explain_export_started())
        try:
            result = await self._export.send(interaction.user)
        except DirectMessagesClosed as error:
            raise Refused(explain_closed_dms()) from error
        sentence = explain_export(parts=result.parts, results=result.results, missing=result.missing)
        await edit_response(interaction, content=sentence)

    @app_commands.command(description="What servers may show of your results in their galleries")
    async def settings(self, interaction: Interaction) -> None:
        consent = await self._gallery.get_consent(interaction.user.id)
        await send_privately(interaction, view=_consent_card(self._gallery, consent))

    @commands.Cog.listener()
    async def on_library_button(
        self, interaction: Interaction, action: LibraryAction, state: LibraryState, run_id: str | None
    ) -> None:
        """Turn the page, search, or give a ⭐ to the result that is shown."""
        if action is LibraryAction.SEARCH:
            await send_modal(interaction, SearchModal(state))
        elif action in (LibraryAction.STAR, LibraryAction.UNSTAR) and run_id is not None:
            starred = await self._stars.set(run_id, interaction.user.id, on=action is LibraryAction.STAR)
            if starred.full:
                await respond(interaction, explain_full())
            else:
                await self._show_entry(interaction, run_id, state)
        else:
            await self._show_page(interaction, state, _editing(interaction))

    @commands.Cog.listener()
    async def on_library_select(
        self, interaction: Interaction, selection: LibrarySelection, state: LibraryState, values: Sequence[str]
    ) -> None:
        """Open a result, or filter the page."""
        match selection:
            case LibrarySelection.OPEN:
                await self._show_entry(interaction, values[0], state)
                return
            case LibrarySelection.PLACE:
                state = state.with_place(values[0])
            case LibrarySelection.KIND:
                state = state.with_kind(values[0])
        await self._show_page(interaction, state, _editing(interaction))

    @commands.Cog.listener()
    async def on_library_search(self, interaction: Interaction, state: LibraryState) -> None:
        """Show what is found."""
        await self._show_page(interaction, state, _editing(interaction))

    async def _show_page(
        self,
        interaction: Interaction,
        state: LibraryState,
        show: Callable[[ui.LayoutView, OpenFiles | None], Awaitable[None]],
    ) -> None:
        """Show a page at once, and again with the thumbnails that it lacked as soon as they are made."""
        user_id = interaction.user.id
        page, commands_used = await asyncio.gather(
            self._library.list_page(_query(interaction, state)),
            self._library.list_commands(user_id, limit=SELECT_OPTIONS),
        )
        if not page.entries and (state.before is not None or state.after is not None):
            state = state.from_start()  # what was there is deleted
            page = await self._library.list_page(_query(interaction, state))

        def render(shown: LibraryPage) -> ui.LayoutView:
            return page_card(shown, state, commands_used, in_server=interaction.guild_id is not None)

        await show(render(page), page_files(page))
        completed = await self._make_missing(page)
        if completed is not None:
            await edit_response(interaction, view=render(completed), open_files=page_files(completed))

    async def _show_entry(self, interaction: Interaction, run_id: str, state: LibraryState) -> None:
        entry, run = await asyncio.gather(self._library.get_entry(run_id, interaction.user.id), self._runs.get(run_id))
        if entry is None or run is None:
            raise Refused(explain_missing())
        is_author = entry.author_id == interaction.user.id
        if not is_author and not entry.is_favourite:  # any more, or the id was made up
            await self._show_page(interaction, state, _editing(interaction))
            return
        # Of a chain, the inputs that count are those of its first step; they are looked at when it is repeated.
        may_repeat = run.chain is not None or may_reuse(run, Reuse.INPUTS, user_id=interaction.user.id)
        show = partial(entry_card, run=run, state=state, is_author=is_author, may_repeat=may_repeat)
        card = show(entry, rows=await self._next_rows(entry, run))
        await edit_message(interaction, view=card, open_files=entry_files(entry))
        if await self._has_gone_unseen(entry, run):
            gone = await self._library.get_entry(run_id, interaction.user.id)
            if gone is not None:
                await edit_response(interaction, view=show(gone), open_files=entry_files(gone))

    async def _has_gone_unseen(self, entry: LibraryEntry, run: Run) -> bool:
        """Return whether the message of a result was deleted while the bot was away; it is noted then."""
        if entry.deleted_at is not None or run.place.token_only:
            return False
        try:
            await self._messages.read(run, run.place.message_id)
        except ResultGone:
            return await self._library.mark_message_deleted(run.place.message_id)
        except (Refused, *REQUEST_ERRORS):
            return False
        return False

    async def _next_rows(self, entry: LibraryEntry, run: Run) -> list[ui.ActionRow[Any]]:
        """Return the row with what can be done with the pictures of a result, where the bot can read them."""
        if entry.deleted_at is not None or entry.visibility is Visibility.PRIVATE or run.place.token_only:
            return []
        pictures = [output for output in await self._runs.list_outputs(run.id) if is_picture(output)]
        offers = self._offers.of_images(run, frozenset(output.mime for output in pictures)) if pictures else ()
        return [next_select_item(run.id, offers)] if offers else []

    async def _make_missing(self, page: LibraryPage) -> LibraryPage | None:
        """Make the thumbnails that a page lacks; return it with those that could be made, None if there are none."""
        lacking = [entry for entry in page.entries if lacks_thumbnail(entry)]
        tasks = {
            entry.run_id: asyncio.create_task(self._make_thumbnail(entry), name=f"thumbnail of run {entry.run_id}")
            for entry in lacking
        }
        if not tasks:
            return None
        _done, late = await asyncio.wait(tasks.values(), timeout=_MISSING_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        made = {run_id: task.result() for run_id, task in tasks.items() if not task.cancelled()}
        if not any(made.values()):
            return None
        return replace(
            page,
            entries=tuple(
                replace(entry, thumbnail=made.get(entry.run_id) or entry.thumbnail) for entry in page.entries
            ),
        )

    async def _make_thumbnail(self, entry: LibraryEntry) -> bytes | None:
        """Return the small picture of a result, made from what Discord has of it; None if that cannot be done now."""
        try:
            run = await self._runs.get(entry.run_id)
            if run is None or run.place.token_only:
                return None
            pictures = [output for output in await self._runs.list_outputs(entry.run_id) if is_picture(output)]
            if not pictures:
                await self._library.save_thumbnail(entry.run_id, NO_THUMBNAIL)
                return None
            data = await self._load_picture(run, pictures[0])
            return await self._thumbnails.save(entry.run_id, data, owner=entry.author_id)
        except ResultGone:
            await self._library.mark_message_deleted(pictures[0].message_id)
            return None
        except (WorkersBusy, StoreError, OSError, ReplicordError, *REQUEST_ERRORS):
            return None


def _query(interaction: Interaction, state: LibraryState) -> LibraryQuery:
    return LibraryQuery(
        user_id=interaction.user.id,
        favourites=FAVOURITES_FLAG in state.flags,
        guild_id=interaction.guild_id if HERE_FLAG in state.flags else None,
        command=state.command or None,
        kinds=state.kinds,
        words=state.words,
        before=state.before,
        after=state.after,
    )


def _editing(interaction: Interaction) -> Callable[[ui.LayoutView, OpenFiles | None], Awaitable[None]]:
    async def show(card: ui.LayoutView, files: OpenFiles | None) -> None:
        await edit_message(interaction, view=card, open_files=files)

    return show


def _consent_card(gallery: Gallery, consent: GalleryConsent) -> ui.LayoutView:
    """Return the card on which a person says what they allow; only they see it."""

    def build_button(label: str, changed: GalleryConsent) -> ui.Button[Any]:
        async def change(interaction: discord.Interaction[Any]) -> None:
            await gallery.set_consent(interaction.user.id, changed)
            await edit_message(interaction, view=_consent_card(gallery, changed))

        button: ui.Button[Any] = ui.Button(label=label)
        button.callback = change  # type: ignore[method-assign]  # discord.py's own way for built views
        return button

    copies, prompts = consent_labels(consent)
    buttons = [build_button(copies, replace(consent, copies=not consent.copies))]
    if consent.copies:
        buttons.append(build_button(prompts, replace(consent, prompts=not consent.prompts)))
    return consent_card(consent, buttons)
