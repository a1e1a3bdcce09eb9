"""Which language is spoken with a person, and in a server.

With a person it is what they chose with /me, else that of their Discord; in a server what its managers have set there.
"""

from collections.abc import Coroutine, Mapping
from datetime import timedelta
from typing import Any, Final

import discord
from discord.ext import commands

from bot.clock import Clock
from bot.discord_internals import run_before_interactions
from bot.language import are_loaded, current_language, find_language, load_languages, set_language
from bot.store.preferences import PreferenceRows

_LOADED_FOR: Final = timedelta(minutes=10)  # until choices are read anew that no message told of


class ChosenLanguages:
    """What people chose, in memory: an interaction is acknowledged before anything is awaited."""

    def __init__(self, preferences: PreferenceRows, *, clock: Clock) -> None:
        self._preferences = preferences
        self._clock = clock
        self._by_person: Mapping[int, str] = {}
        self._loaded_at = 0.0

    def get(self, person_id: int) -> str | None:
        """Return the locale that a person chose, None for that of their Discord."""
        return self._by_person.get(person_id)

    async def load(self) -> None:
        """Read all choices; StoreError if the database is away."""
        self._loaded_at = self._clock.monotonic()
        self._by_person = await self._preferences.list_languages()

    async def reload(self, person_id: int) -> None:
        """Read what one person has just chosen; StoreError if the database is away."""
        chosen = (await self._preferences.get(person_id)).language
        others = {person: locale for person, locale in self._by_person.items() if person != person_id}
        self._by_person = others if chosen is None else {**others, person_id: chosen}

    async def catch_up(self) -> None:
        """Read all choices now and then, as messages about them may be lost; StoreError if the database is away."""
        if self._clock.monotonic() - self._loaded_at > _LOADED_FOR.total_seconds():
            await self.load()


def speak_persons_language(client: commands.AutoShardedBot, chosen: ChosenLanguages) -> None:
    """Let every interaction be handled in the language of its person; catalogs are read before they are needed."""

    def prepare(interaction: Mapping[str, Any]) -> Coroutine[Any, Any, None] | None:
        user = interaction.get("user") or interaction.get("member", {}).get("user", {})
        locale = chosen.get(int(user.get("id", 0))) or interaction.get("locale")
        set_language(locale)
        spoken = locale, interaction.get("guild_locale")
        return None if are_loaded(*spoken) else load_languages(*spoken)

    async def load_of_servers(shard_id: int) -> None:
        await load_languages(*{guild.preferred_locale.value for guild in client.guilds if guild.shard_id == shard_id})

    async def load_of_server(guild: discord.Guild) -> None:
        await load_languages(guild.preferred_locale.value)

    async def load_of_changed_server(_before: discord.Guild, guild: discord.Guild) -> None:
        await load_languages(guild.preferred_locale.value)

    run_before_interactions(client, prepare)
    client.add_listener(load_of_servers, "on_shard_ready")
    client.add_listener(load_of_server, "on_guild_join")
    client.add_listener(load_of_changed_server, "on_guild_update")


def server_language(client: discord.Client, guild_id: int | None) -> str:
    """Return the language of a server; English where it is not known."""
    guild = client.get_guild(guild_id) if guild_id is not None else None
    return find_language(guild.preferred_locale.value if guild is not None else None)


def reply_language(interaction: discord.Interaction[Any], *, ephemeral: bool) -> str:
    """Return the language of a reply to an interaction: its server's, or the person's if nobody else sees it."""
    if ephemeral or interaction.guild_locale is None:
        return current_language()
    return find_language(interaction.guild_locale.value)
