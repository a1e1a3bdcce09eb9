"""/privacy: see, take away, or delete what is stored about oneself."""

import asyncio
import io
import json
from collections.abc import Mapping
from typing import Any, Protocol

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Replicord
from bot.ui.render.formatting import moment
from bot.ui.render.list_cards import Entry, Tone, list_card, sentence_card
from cogs.privacy.retention import RetentionText

_CONFIRM_SECONDS = 300.0
_WITHOUT_OUTPUTS = (
    "All of it would be a larger file than Discord takes, so what the models made is left out: "
    "it stands in the messages. Whoever runs the bot can hand you the rest."
)


class Erased(Protocol):
    """How many runs were deleted, and how many will be when they are over."""

    @property
    def deleted(self) -> int:
        """Gone now."""
        ...

    @property
    def pending(self) -> int:
        """Gone when they are over."""
        ...


class Memory(Protocol):
    """What is stored about people."""

    async def export(self, author_id: int) -> dict[str, Any]:
        """Return all of it about one person, as JSON."""
        ...

    async def erase(self, author_id: int) -> Erased:
        """Delete it."""
        ...


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class Privacy(commands.GroupCog, group_name="privacy", group_description="What is stored about you: see, take, delete"):
    """Each person reaches what is theirs, and nothing else."""

    def __init__(self, *, memory: Memory, keeping: RetentionText) -> None:
        self._memory = memory
        self._keeping = keeping

    @app_commands.command(description="What is stored about you, and for how long")
    async def show(self, interaction: discord.Interaction[Replicord]) -> None:
        """Say it in a card."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        stored = await self._memory.export(interaction.user.id)
        card = list_card(
            "What I remember of you",
            [Entry(text=line) for line in _counted(stored)],
            intro="Your Discord id and name, and for each run what you gave, what came back and when.",
            footer=(
                f"-# Given files are kept for {self._keeping.files}, prompts and texts for {self._keeping.prompts}, "
                f"the rest for {self._keeping.runs}. Replicate deletes its copy after an hour. "
                "Messages in Discord stay until you delete them there.\n"
                "-# `/privacy export` hands it to you as a file, `/privacy delete` deletes it."
            ),
        )
        await interaction.followup.send(view=card, ephemeral=True)

    @app_commands.command(description="Everything that is stored about you, as a file")
    async def export(self, interaction: discord.Interaction[Replicord]) -> None:
        """Hand it over, privately."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        stored = await self._memory.export(interaction.user.id)
        text, whole = await asyncio.to_thread(_written, stored, interaction.filesize_limit)
        file = discord.File(io.BytesIO(text), filename="replicord-export.json")
        sentence = "This is all of it." if whole else _WITHOUT_OUTPUTS
        await interaction.followup.send(sentence, file=file, ephemeral=True)

    @app_commands.command(description="Delete what is stored about you; runs that go on are deleted when they are over")
    async def delete(self, interaction: discord.Interaction[Replicord]) -> None:
        """Ask once more, then delete."""
        await interaction.response.send_message(view=_Confirmation(self._memory), ephemeral=True)


class _Confirmation(ui.LayoutView):
    """Asks whether it is meant; only the person who asked sees it."""

    def __init__(self, memory: Memory) -> None:
        super().__init__(timeout=_CONFIRM_SECONDS)
        self._memory = memory
        button: ui.Button[_Confirmation] = ui.Button(label="Delete my data", style=discord.ButtonStyle.danger)
        button.callback = self._delete  # type: ignore[method-assign]  # discord.py's own way for built views
        question = "Everything that is stored about your runs is deleted. The messages here in Discord stay."
        self.add_item(ui.Container(ui.TextDisplay(question), ui.ActionRow(button), accent_colour=Tone.WARNING.value))

    async def _delete(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.response.defer()
        erased = await self._memory.erase(interaction.user.id)
        later = f" {erased.pending} more will be, when they are over." if erased.pending else ""
        card = sentence_card(f"{_runs(erased.deleted)} deleted.{later}", tone=Tone.GOOD)
        await interaction.edit_original_response(view=card)
        self.stop()


def _counted(stored: Mapping[str, Any]) -> list[str]:
    runs = stored["runs"]
    lines = [f"**{_runs(len(runs))}**"]
    if runs:
        oldest = discord.utils.parse_time(min(run["created_at"] for run in runs))
        lines[0] += f", the oldest {moment(oldest)}"
    files = sum(len(run["files"]) for run in runs)
    if files:
        lines.append(f"**{files} given file{'s' if files != 1 else ''}**")
    if stored["added_commands"]:
        lines.append(f"**{len(stored['added_commands'])} added commands**")
    return lines


def _written(stored: Mapping[str, Any], limit: int) -> tuple[bytes, bool]:
    """Return all of it as a file, and whether it is all: outputs are left out where Discord does not take so much."""
    text = json.dumps(stored, ensure_ascii=False, indent=2, default=str).encode()
    if len(text) <= limit:
        return text, True
    stored = {**stored, "runs": _without_outputs(stored["runs"])}
    return json.dumps(stored, ensure_ascii=False, default=str).encode(), False


def _without_outputs(runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave outputs out where all of it would be more than Discord takes; they stand in the messages."""
    return [{key: value for key, value in run.items() if key != "output"} for run in runs]


def _runs(count: int) -> str:
    return f"{count} run{'s' if count != 1 else ''}"
