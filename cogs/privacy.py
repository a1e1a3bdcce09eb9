"""/privacy: show, export or delete what is stored about a person."""

import asyncio
import io
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import discord
import structlog
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.formatting import spell_duration
from bot.language import _, ngettext, retranslate
from bot.maintenance import RetentionPeriods
from bot.own_commands import OwnCommand
from bot.store.gallery import Gallery
from bot.store.privacy import StoredCounts
from bot.store.runs import Runs
from bot.ui.components import ErasureAnswer, ErasureButton
from bot.ui.first_response import defer, edit_message, edit_response, edit_response_with_file, send_privately
from bot.ui.render.cards import Card, Entry, Tone, list_card, sentence_card
from bot.ui.render.chains import format_saved_chains
from bot.ui.render.characters import describe_creations
from bot.ui.render.markdown import format_timestamp
from bot.ui.render.privacy import (
    already_erasing,
    ask_to_erase,
    describe_consent,
    describe_library,
    describe_spending,
    erasure_question_expired,
    explain_erasure,
    explain_favourites,
    not_your_question,
    nothing_erased,
)
from bot.ui.render.refused_runs import describe_refused_runs
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.ui.spoken_language import ChosenLanguages
from cogs.presets.published import PublishedPresets

Interaction = discord.Interaction[Replicord]

log = structlog.get_logger(__name__)

_REPLICATE_COPY: Final = _("Replicate deletes its copy after an hour.")
_ANSWERED_WITHIN: Final = timedelta(minutes=5)
_INTRO: Final = _("Your Discord ID and name, and the prompt, inputs, result and times of each run.")
_EVERYTHING: Final = _("Here is everything stored about you. Values of keys and passwords are masked.")
_WITHOUT_OUTPUTS: Final = _(
    "Your data is too large for one file in Discord, so the outputs of your runs are left out. "
    "They are in your messages; ask the bot's owner for a full copy."
)


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class PrivacyCommands(
    commands.GroupCog,
    group_name=OwnCommand.PRIVACY,
    group_description="Your stored data: show, export or delete it",
):
    """Each person reaches their own data, and nobody else's."""

    def __init__(
        self,
        *,
        runs: Runs,
        gallery: Gallery,
        keep: RetentionPeriods,
        on_replicate: bool,
        wake_keeper: Callable[[], None],
        published: PublishedPresets,
        languages: ChosenLanguages,
        clock: Clock,
        forget_refused: Callable[[int], Awaitable[None]],
    ) -> None:
        """``forget_refused`` deletes what is beside the database of a person's refused runs."""
        self._clock = clock
        self._erasing: set[int] = set()
        self._runs = runs
        self._gallery = gallery
        self._wake_keeper = wake_keeper
        self._published = published
        self._languages = languages
        self._forget_refused = forget_refused
        self._keep = keep
        self._on_replicate = on_replicate

    @app_commands.command(description="What is stored about you, and for how long")
    async def show(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        counts = await self._runs.count_stored(interaction.user.id)
        card = list_card(
            _("Your stored data"), [Entry(text=line) for line in _describe(counts)], intro=_INTRO, footer=self._footer()
        )
        await edit_response(interaction, view=card)

    @app_commands.command(description="Download everything stored about you")
    async def export(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        stored = await self._runs.export(interaction.user.id)
        data, complete = await asyncio.to_thread(_to_json, stored, interaction.filesize_limit)
        await edit_response_with_file(
            interaction,
            retranslate(_EVERYTHING if complete else _WITHOUT_OUTPUTS),
            open_file=lambda: discord.File(io.BytesIO(data), filename="replicord-export.json"),
        )

    @app_commands.command(description="Delete everything stored about you")
    async def delete(self, interaction: Interaction) -> None:
        """Ask for confirmation first."""
        buttons = [
            ErasureButton(answer, person=interaction.user.id, asked_at=self._clock.now()) for answer in ErasureAnswer
        ]
        await send_privately(
            interaction, view=Card([ui.TextDisplay(ask_to_erase()), ui.ActionRow(*buttons)], Tone.WARNING)
        )

    @commands.Cog.listener()
    async def on_erasure_button(
        self, interaction: Interaction, answer: ErasureAnswer, person: int, asked_at: datetime
    ) -> None:
        """Do what the person answered, if it is still their answer to give."""
        if interaction.user.id != person:
            raise Refused(not_your_question())
        if answer is ErasureAnswer.NOTHING:
            await edit_message(interaction, view=sentence_card(nothing_erased(), tone=Tone.NEUTRAL))
            return
        if self._clock.now() - asked_at > _ANSWERED_WITHIN:
            await edit_message(interaction, view=sentence_card(erasure_question_expired(), tone=Tone.NEUTRAL))
            return
        if person in self._erasing:
            raise Refused(already_erasing())
        self._erasing.add(person)
        try:
            await defer(interaction)
            sentence = await self._erase(interaction, messages=answer is ErasureAnswer.MESSAGES)
        finally:
            self._erasing.discard(person)
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))

    async def _erase(self, interaction: Interaction, *, messages: bool) -> str:
        """Erase a person's data, and with ``messages`` what the bot sent about it; return what was done."""
        erased = await self._runs.erase(interaction.user.id, messages=messages)
        await self._forget_refused(interaction.user.id)
        await self._languages.reload(interaction.user.id)
        if messages:
            await self._clear_direct_messages(interaction.user)
        self._wake_keeper()
        await self._published.update()  # the commands that were the person's presets
        return explain_erasure(deleted=erased.deleted, pending=erased.pending, messages=messages)

    async def _clear_direct_messages(self, user: discord.User | discord.Member) -> None:
        try:
            channel = await send_request(user.create_dm())
        except REQUEST_ERRORS as error:
            log.info("direct_messages_not_cleared", error=str(error))
        else:
            await self._gallery.request_clearing(channel.id)

    def _footer(self) -> str:
        kept = _(
            "Uploaded files are kept for {files}, prompts and results for {prompts}, everything else for {rest}."
        ).format(
            files=spell_duration(self._keep.files),
            prompts=spell_duration(self._keep.prompts),
            rest=spell_duration(self._keep.runs),
        )
        copy = [retranslate(_REPLICATE_COPY)] if self._on_replicate else []
        messages = _("Messages in Discord stay until you delete them.")
        hint = _("Download it as a file with `/privacy export`, delete it with `/privacy delete`.")
        return f"-# {' '.join([kept, *copy, explain_favourites(), messages])}\n-# {hint}"


def _describe(counts: StoredCounts) -> Iterator[str]:
    if counts.oldest_run_at is None:
        yield ngettext("**{count} run**", "**{count} runs**", counts.runs).format(count=counts.runs)
    else:
        yield ngettext("**{count} run**, the oldest {time}", "**{count} runs**, the oldest {time}", counts.runs).format(
            count=counts.runs, time=format_timestamp(counts.oldest_run_at)
        )
    if counts.files:
        yield ngettext("**{count} uploaded file**", "**{count} uploaded files**", counts.files).format(
            count=counts.files
        )
    if counts.added_commands:
        yield ngettext("**{count} added command**", "**{count} added commands**", counts.added_commands).format(
            count=counts.added_commands
        )
    yield from describe_library(counts)
    yield from describe_consent(counts)
    if counts.server_records:
        yield ngettext(
            "**{count} block or report** in servers", "**{count} blocks and reports** in servers", counts.server_records
        ).format(count=counts.server_records)
    yield from describe_creations(counts)
    if counts.chains:
        yield format_saved_chains(counts.chains)
    yield from describe_spending(counts)
    if counts.refused_runs:
        yield describe_refused_runs(counts.refused_runs)


def _to_json(stored: Mapping[str, Any], limit: int) -> tuple[bytes, bool]:
    """Return the data as JSON, and whether it is complete; above ``limit`` bytes the outputs are left out."""
    data = json.dumps(stored, ensure_ascii=False, indent=2, default=str).encode()
    if len(data) <= limit:
        return data, True
    runs = [{name: value for name, value in run.items() if name != "output"} for run in stored["runs"]]
    return json.dumps({**stored, "runs": runs}, ensure_ascii=False, default=str).encode(), False
