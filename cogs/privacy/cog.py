"""/privacy: show, export or delete what is stored about a person."""

import asyncio
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol

import discord
import structlog
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Replicord
from bot.formatting import format_count, spell_duration
from bot.language import ngettext
from bot.maintenance import RetentionPeriods
from bot.store.gallery import Gallery
from bot.store.privacy import StoredCounts
from bot.store.runs import Runs
from bot.ui.first_response import defer, edit_response, edit_response_with_file, send_privately
from bot.ui.render.cards import Card, Entry, Tone, list_card, sentence_card
from bot.ui.render.chains import format_saved_chains
from bot.ui.render.characters import describe_creations
from bot.ui.render.markdown import format_timestamp
from bot.ui.render.privacy import (
    ask_to_erase,
    describe_consent,
    describe_library,
    erasure_labels,
    explain_erasure,
    explain_favourites,
)
from bot.ui.requests import REQUEST_ERRORS, send_request
from cogs.presets.published import PublishedPresets

Interaction = discord.Interaction[Replicord]

log = structlog.get_logger(__name__)

_REPLICATE_COPY: Final = "Replicate deletes its copy after an hour. "
_CONFIRM_SECONDS: Final = 300.0
_INTRO: Final = "Your Discord ID and name, and the prompt, inputs, result and times of each run."
_EVERYTHING: Final = "Here is everything stored about you. Values of keys and passwords are masked."
_WITHOUT_OUTPUTS: Final = (
    "Your data is too large for one file in Discord, so the outputs of your runs are left out. "
    "They are in your messages; ask the bot's owner for a full copy."
)


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class PrivacyCommands(
    commands.GroupCog, group_name="privacy", group_description="Your stored data: show, export or delete it"
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
    ) -> None:
        self._runs = runs
        self._gallery = gallery
        self._wake_keeper = wake_keeper
        self._published = published
        self._keep = keep
        self._on_replicate = on_replicate

    @app_commands.command(description="What is stored about you, and for how long")
    async def show(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        counts = await self._runs.count_stored(interaction.user.id)
        card = list_card(
            "Your stored data", [Entry(text=line) for line in _describe(counts)], intro=_INTRO, footer=self._footer()
        )
        await edit_response(interaction, view=card)

    @app_commands.command(description="Download everything stored about you")
    async def export(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        stored = await self._runs.export(interaction.user.id)
        data, complete = await asyncio.to_thread(_to_json, stored, interaction.filesize_limit)
        await edit_response_with_file(
            interaction,
            _EVERYTHING if complete else _WITHOUT_OUTPUTS,
            open_file=lambda: discord.File(io.BytesIO(data), filename="replicord-export.json"),
        )

    @app_commands.command(description="Delete everything stored about you")
    async def delete(self, interaction: Interaction) -> None:
        """Ask for confirmation first."""
        await send_privately(interaction, view=_ConfirmCard(self._erase))

    async def _erase(self, interaction: discord.Interaction[Any], *, messages: bool) -> str:
        """Erase a person's data, and with ``messages`` what the bot sent about it; return what was done."""
        erased = await self._runs.erase(interaction.user.id, messages=messages)
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
        return (
            f"-# Uploaded files are kept for {spell_duration(self._keep.files)}, prompts and results for "
            f"{spell_duration(self._keep.prompts)}, everything else for {spell_duration(self._keep.runs)}. "
            f"{_REPLICATE_COPY if self._on_replicate else ''}{explain_favourites()} "
            "Messages in Discord stay until you delete them.\n"
            "-# Download it as a file with `/privacy export`, delete it with `/privacy delete`."
        )


class _Erase(Protocol):
    async def __call__(self, interaction: discord.Interaction[Any], *, messages: bool) -> str:
        """Erase a person's data and return what was done."""
        ...


class _ConfirmCard(Card):
    """Asks for confirmation, and whether the bot's messages go, too; only the person who used the command sees it."""

    def __init__(self, erase: "_Erase") -> None:
        self._erase = erase
        buttons = [self._button(label, messages=messages) for messages, label in enumerate(erasure_labels())]
        super().__init__(
            [ui.TextDisplay(ask_to_erase()), ui.ActionRow(*buttons)], Tone.WARNING, timeout=_CONFIRM_SECONDS
        )

    def _button(self, label: str, *, messages: int) -> "ui.Button[_ConfirmCard]":
        async def delete(interaction: discord.Interaction[Any]) -> None:
            await defer(interaction)
            sentence = await self._erase(interaction, messages=bool(messages))
            await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))
            self.stop()

        button: ui.Button[_ConfirmCard] = ui.Button(label=label, style=discord.ButtonStyle.danger)
        button.callback = delete  # type: ignore[method-assign]  # discord.py's own way for built views
        return button


def _describe(counts: StoredCounts) -> Iterator[str]:
    oldest = f", the oldest {format_timestamp(counts.oldest_run_at)}" if counts.oldest_run_at is not None else ""
    yield f"**{format_count(counts.runs, 'run')}**{oldest}"
    if counts.files:
        yield f"**{format_count(counts.files, 'uploaded file')}**"
    if counts.added_commands:
        yield f"**{format_count(counts.added_commands, 'added command')}**"
    yield from describe_library(counts)
    yield from describe_consent(counts)
    if counts.server_records:
        yield ngettext(
            "**{count} block or report** in servers", "**{count} blocks and reports** in servers", counts.server_records
        ).format(count=counts.server_records)
    yield from describe_creations(counts)
    if counts.chains:
        yield format_saved_chains(counts.chains)


def _to_json(stored: Mapping[str, Any], limit: int) -> tuple[bytes, bool]:
    """Return the data as JSON, and whether it is complete; above ``limit`` bytes the outputs are left out."""
    data = json.dumps(stored, ensure_ascii=False, indent=2, default=str).encode()
    if len(data) <= limit:
        return data, True
    runs = [{name: value for name, value in run.items() if name != "output"} for run in stored["runs"]]
    return json.dumps({**stored, "runs": runs}, ensure_ascii=False, default=str).encode(), False
