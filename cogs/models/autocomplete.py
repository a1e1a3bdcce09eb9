"""Autocomplete for models: commands of this bot, and Replicate's search if it answers in time."""

from collections.abc import Iterable
from typing import Final

import discord
from discord import app_commands

from bot.catalog.catalog import Catalog, Command
from bot.catalog.resolve import parse_command_name
from bot.catalog.search import ModelSearch, ModelSummary
from bot.client import Replicord
from bot.clock import Clock
from bot.formatting import SEPARATOR, join_facts
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION
from bot.ui.render.markdown import one_line
from bot.ui.render.model_cards import count_model_runs

Choices = list[app_commands.Choice[str]]

# Discord asks at nearly every key press; no search starts while the person types on within this many seconds.
_TYPING_PAUSE: Final = 0.15
# A search that takes more seconds than this has its results ready at the next key press.
_SEARCH_TIMEOUT: Final = 0.6


class ModelAutocomplete:
    """Answers in well under a second, with or without Replicate's search."""

    def __init__(self, *, search: ModelSearch, catalog: Catalog, clock: Clock) -> None:
        self._search = search
        self._catalog = catalog
        self._clock = clock
        self._newest: dict[int, int] = {}  # user → their newest interaction

    async def any_model(self, interaction: discord.Interaction[Replicord], current: str) -> Choices:
        """Return the models that Replicate finds, or those with a command while nothing is typed."""
        typed = current.strip()
        if not typed:
            return _limit(_command_choice(command, command.target.model) for command in self._catalog)
        if not self._search.is_cached(typed) and await self._is_still_typing(interaction):
            return _typed_choice(typed)
        found = await self._search.suggest(typed, max_wait=_SEARCH_TIMEOUT)
        # The text itself may be the name of a model that the search does not find.
        is_listed = any(summary.model.lower() == typed.lower() for summary in found)
        typed_first = [] if is_listed or (found and "/" not in typed) else _typed_choice(typed)
        return _limit([*typed_first, *map(_model_choice, found)])

    async def commands_and_models(self, interaction: discord.Interaction[Replicord], current: str) -> Choices:
        """Return the matching commands, then what Replicate finds."""
        typed = parse_command_name(current)
        commands = (
            _command_choice(command, f"/{command.name}") for command in self._catalog if _matches(command, typed)
        )
        return _limit([*commands, *await self.any_model(interaction, current)])

    def command_models(self, current: str) -> Choices:
        """Return the models that have a matching command."""
        typed = parse_command_name(current)
        return _limit(
            _command_choice(command, command.target.model) for command in self._catalog if _matches(command, typed)
        )

    def added_commands(self, current: str) -> Choices:
        """Return the matching commands that were added with /models add."""
        typed = parse_command_name(current)
        return _limit(
            _command_choice(command, command.name)
            for command in self._catalog
            if command.added and _matches(command, typed)
        )

    async def _is_still_typing(self, interaction: discord.Interaction[Replicord]) -> bool:
        """Wait a moment; return whether the person pressed another key meanwhile."""
        user = interaction.user.id
        self._newest[user] = interaction.id
        await self._clock.sleep(_TYPING_PAUSE)
        if self._newest.get(user) != interaction.id:
            return True
        del self._newest[user]
        return False


def _matches(command: Command, typed: str) -> bool:
    return typed in f"{command.name} {command.target.model}".lower()


def _typed_choice(typed: str) -> Choices:
    return _limit([app_commands.Choice(name=one_line(typed, CHOICE_CHARS), value=typed)])


def _command_choice(command: Command, value: str) -> app_commands.Choice[str]:
    name = one_line(f"/{command.name}{SEPARATOR}{command.target.model}", CHOICE_CHARS)
    return app_commands.Choice(name=name, value=value)


def _model_choice(summary: ModelSummary) -> app_commands.Choice[str]:
    runs = count_model_runs(summary.run_count) if summary.run_count else ""
    facts = join_facts(summary.model, runs, one_line(summary.description, CHOICE_CHARS))
    name = one_line(facts, CHOICE_CHARS)
    return app_commands.Choice(name=name, value=summary.model)


def _limit(choices: Iterable[app_commands.Choice[str]]) -> Choices:
    """Return as many choices as Discord accepts, without duplicates and without any that is too long."""
    fitting: dict[str, app_commands.Choice[str]] = {}
    for choice in choices:
        if 0 < len(choice.value) <= CHOICE_CHARS and 0 < len(choice.name) <= CHOICE_CHARS:
            fitting.setdefault(choice.value, choice)
    return list(fitting.values())[:CHOICES_PER_OPTION]
