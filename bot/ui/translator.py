"""Names and descriptions of the bot's own commands, entries of menus and choices in other languages.

Each file in ``languages/`` is named for a Discord locale (``de.toml``, ``es-ES.toml``) and maps English texts to
translated ones; it also serves the locales of the same language that have none (``es-419``). Texts without a
translation stay English. The commands of models are never translated, but for the bot's own option in them.
"""

import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Final

import discord
from discord import app_commands

from bot.language import find_language
from bot.limits import CHOICE_CHARS, COMMAND_NAME_CHARS, DESCRIPTION_CHARS

_NAME_LOCATIONS: Final = frozenset(
    {
        app_commands.TranslationContextLocation.command_name,
        app_commands.TranslationContextLocation.group_name,
        app_commands.TranslationContextLocation.parameter_name,
    }
)


class Translator(app_commands.Translator):
    """Looks texts up in ``languages``: locale → English text → translated text."""

    def __init__(self, languages: Mapping[str, Mapping[str, str]]) -> None:
        self._languages = languages

    async def translate(
        self, string: app_commands.locale_str, locale: discord.Locale, context: app_commands.TranslationContextTypes
    ) -> str | None:
        """Return the translated text, or None if there is none or Discord would reject it."""
        language = locale.value if locale.value in self._languages else find_language(locale.value)
        text = self._languages.get(language, {}).get(string.message)
        if text is None:
            return None
        if isinstance(context.data, app_commands.ContextMenu):
            return text if len(text) <= COMMAND_NAME_CHARS else None  # of any letters, with spaces
        if context.location is app_commands.TranslationContextLocation.choice_name:
            return text if len(text) <= CHOICE_CHARS else None
        if context.location in _NAME_LOCATIONS:
            return text if len(text) <= COMMAND_NAME_CHARS and text == text.lower() and " " not in text else None
        return text if len(text) <= DESCRIPTION_CHARS else None


def read_languages() -> dict[str, dict[str, str]]:
    """Return the translations of every language file, by locale."""
    folder = resources.files("bot.ui") / "languages"
    files = [entry for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return {entry.name.removesuffix(".toml"): tomllib.loads(entry.read_text(encoding="utf-8")) for entry in files}
