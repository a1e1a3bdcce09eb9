"""What is offered while somebody types a model: what Replicate's search finds, quickly or not at all."""

from collections.abc import Iterable

import discord
from discord import app_commands

from bot.catalog.catalog import Catalog
from bot.catalog.command import Command
from bot.catalog.search import ModelSearch, ModelSummary
from bot.client import Replicord
from bot.clock import Clock
from bot.formatting import format_large_number
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION
from bot.ui.render.formatting import one_line
from bot.ui.render.strings import DOT

Choices = list[app_commands.Choice[str]]

# Discord asks at nearly every key press. Whoever types on within this time is not searched for yet.
_PAUSE = 0.15
# What takes longer is found at the next key press.
_PATIENCE = 0.6


class ModelAutocomplete:
    """Answers well under a second, whatever Replicate does: without its search, with what was typed."""

    def __init__(self, *, search: ModelSearch, catalog: Catalog, clock: Clock) -> None:
        self._search = search
        self._catalog = catalog
        self._clock = clock
        self._typing: dict[int, int] = {}

    async def any_model(self, interaction: discord.Interaction[Replicord], current: str) -> Choices:
        """Offer the models that Replicate finds; before anything is typed, those that have a command."""
        typed = current.strip()
        if not typed:
            return _first_ones(_label(command, command.target.model) for command in self._catalog)
        if not self._search.is_cached(typed) and await self._types_on(interaction):
            return _typed(typed)
        found = await self._search.suggest(typed, max_wait=_PATIENCE)
        known = any(listing.model.lower() == typed.lower() for listing in found)
        # What was typed may be a model that the search does not know of.
        first = [] if known or (found and "/" not in typed) else _typed(typed)
        return _first_ones([*first, *(_choice(listing) for listing in found)])

    async def info(self, interaction: discord.Interaction[Replicord], current: str) -> Choices:
        """Offer the commands whose names begin so, then what Replicate finds."""
        return _first_ones([*self.commands(current), *await self.any_model(interaction, current)])

    def commands(self, current: str = "") -> Choices:
        """Offer the models of the commands whose name or model has what was typed."""
        typed = current.strip().removeprefix("/").lower()
        return _first_ones(
            _label(command, f"/{command.name}")
            for command in self._catalog
            if typed in f"{command.name} {command.target.model}".lower()
        )

    def added(self, current: str) -> Choices:
        """Offer the names of the commands that were added and can be changed."""
        typed = current.strip().removeprefix("/").lower()
        return _first_ones(
            _label(command, command.name)
            for command in self._catalog
            if command.added and typed in f"{command.name} {command.target.model}".lower()
        )

    async def _types_on(self, interaction: discord.Interaction[Replicord]) -> bool:
        """Wait a moment; return whether the person pressed another key meanwhile."""
        person = interaction.user.id
        self._typing[person] = interaction.id
        await self._clock.sleep(_PAUSE)
        if self._typing.get(person) != interaction.id:
            return True
        del self._typing[person]
        return False


def _typed(typed: str) -> Choices:
    return _first_ones([app_commands.Choice(name=one_line(typed, CHOICE_CHARS), value=typed)])


def _label(command: Command, value: str) -> app_commands.Choice[str]:
    return app_commands.Choice(name=one_line(f"/{command.name}{DOT}{command.target.model}", CHOICE_CHARS), value=value)


def _choice(listing: ModelSummary) -> app_commands.Choice[str]:
    runs = f"{format_large_number(listing.run_count)} runs" if listing.run_count else ""
    label = DOT.join(part for part in (listing.model, runs, one_line(listing.description, CHOICE_CHARS)) if part)
    return app_commands.Choice(name=one_line(label, CHOICE_CHARS), value=listing.model)


def _first_ones(choices: Iterable[app_commands.Choice[str]]) -> Choices:
    """Return as many as Discord takes, each once, and none that is too long for it."""
    fitting: dict[str, app_commands.Choice[str]] = {}
    for choice in choices:
        if 0 < len(choice.value) <= CHOICE_CHARS and 0 < len(choice.name) <= CHOICE_CHARS:
            fitting.setdefault(choice.value, choice)
    return list(fitting.values())[:CHOICES_PER_OPTION]
