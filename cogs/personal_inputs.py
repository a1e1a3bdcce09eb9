"""What a person has of their own for the inputs of a run: saved characters, last prompts, choices of /me."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, Final, TypeVar

import discord
import structlog

from bot.characters.completion import is_naming, recalled_run, suggest_addresses, suggest_prompts
from bot.characters.placement import Placement, mentioned_keys, place_characters, spread_values
from bot.errors import BadOption
from bot.language import _
from bot.limits import LAST_PROMPTS
from bot.options.autocomplete import Suggestion
from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionRole
from bot.store.characters import Character, Characters
from bot.store.errors import StoreError
from bot.store.preferences import PreferenceRows, Preferences
from bot.store.runs import Runs

Interaction = discord.Interaction[Any]
T = TypeVar("T")

# Seconds. Discord takes a first response for three, and this is read before it.
_READ_SECONDS: Final = 1.5
_ASPECT_RATIO: Final = ("aspect_ratio", "aspectratio")

log = structlog.get_logger(__name__)


class PersonalInputs:
    """Completes inputs with what a person has, and puts it into the values that they give."""

    def __init__(self, *, characters: Characters, runs: Runs, preferences: PreferenceRows) -> None:
        self._characters = characters
        self._runs = runs
        self._preferences = preferences

    async def complete(
        self, interaction: Interaction, _layout: OptionLayout, option: Option, typed: str
    ) -> list[Suggestion]:
        """Return suggestions for a prompt or the address of a picture. Never raises: people can type on."""
        try:
            if option.role is OptionRole.URL:
                return suggest_addresses(await self._list_characters(interaction), typed)
            if is_naming(typed):
                return suggest_prompts({}, await self._list_characters(interaction), typed)
            prompts = await self._runs.list_prompts(interaction.user.id, limit=LAST_PROMPTS)
            return suggest_prompts(prompts, (), typed)
        except StoreError as error:
            log.warning("not_completed", error=str(error))
            return []

    async def get_preferences(self, person_id: int) -> Preferences:
        """Return what a person chose with /me."""
        return await _read_soon(self._preferences.get(person_id))

    async def place(
        self, interaction: Interaction, layout: OptionLayout, values: Mapping[str, Any], *, chosen: Preferences
    ) -> Placement:
        """Return the values with the person's aspect ratio and characters in their places; raise BadOption."""
        given = _add_aspect_ratio(layout, values, chosen.aspect_ratio)
        keys = mentioned_keys(layout, given)
        found: Mapping[str, Character] = {}
        if keys:
            found = await _read_soon(self._characters.find(interaction.user.id, interaction.guild_id, keys))
        return place_characters(layout, given, found)

    async def recall_prompt(
        self, interaction: Interaction, layout: OptionLayout, values: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        """Return the values with the prompt that a suggestion stands for; raise BadOption if it is gone."""
        for name, value in values.items():
            run_id = recalled_run(value)
            field = layout.find_field(name) if run_id is not None else None
            if run_id is None or field is None or field.name != layout.prompt_field:
                continue
            run = await _read_soon(self._runs.get(run_id))
            if run is None or run.author_id != interaction.user.id or run.prompt is None:
                raise BadOption(name, _("`{option}`: that prompt was deleted. Type it again.").format(option=name))
            return {**values, name: run.prompt}
        return values

    async def _list_characters(self, interaction: Interaction) -> tuple[Character, ...]:
        """Return a person's characters, then those that are shared with the server."""
        return await self._characters.list_usable(interaction.user.id, interaction.guild_id)


async def _read_soon(reading: Awaitable[T]) -> T:
    """Return what is read; StoreError if the database takes too long for a first response."""
    try:
        async with asyncio.timeout(_READ_SECONDS):
            return await reading
    except TimeoutError as error:
        raise StoreError("The database did not answer in time.") from error


def _add_aspect_ratio(layout: OptionLayout, values: Mapping[str, Any], ratio: str | None) -> Mapping[str, Any]:
    """Return the values with the person's aspect ratio, where the model has it and nothing else was given."""
    field = next((one for one in layout.fields if one.name.lower() in _ASPECT_RATIO), None)
    if ratio is None or field is None or ratio not in field.choices or field.name in layout.defaults:
        return values
    is_given = any(one.field is field for one in spread_values(layout, values))
    return values if is_given else {**values, field.name: ratio}
