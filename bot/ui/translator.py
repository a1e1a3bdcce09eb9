"""Translator: the names and descriptions of the bot's own commands in other languages, a file each.

A file in ``languages/`` is named for Discord's locale (``de.toml``, ``es-ES.toml``) and maps the English text to the
translated one. What a file does not know stays English; models' own commands are never translated.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources

import discord
from discord import app_commands

from bot.limits import COMMAND_NAME_CHARS, DESCRIPTION_CHARS

_NAMES = frozenset(
    {
        app_commands.TranslationContextLocation.command_name,
        app_commands.TranslationContextLocation.group_name,
        app_commands.TranslationContextLocation.parameter_name,
    }
)


class Translator(app_commands.Translator):
    """Looks texts up; ``languages`` is locale → English text → translated text."""

    def __init__(self, languages: Mapping[str, Mapping[str, str]]) -> None:
        self._languages = languages

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """Return the translated text, or None where there is none or Discord would refuse it."""
        told = self._languages.get(locale.value, {}).get(string.message)
        if told is None:
            return None
        if context.location in _NAMES:
            return told if len(told) <= COMMAND_NAME_CHARS and told == told.lower() and " " not in told else None
        return told if len(told) <= DESCRIPTION_CHARS else None


def read_languages() -> dict[str, dict[str, str]]:
    """Return every language there is a file for."""
    folder = resources.files("bot.ui") / "languages"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return {entry.name.removesuffix(".toml"): tomllib.loads(entry.read_text(encoding="utf-8")) for entry in files}
