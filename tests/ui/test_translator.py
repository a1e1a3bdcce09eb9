"""Translations of the bot's own commands: complete, in step with the English texts, and accepted by Discord."""

from collections.abc import Iterator

import pytest
from discord import Locale, app_commands
from discord.ext import commands

from bot.language import ENGLISH, languages
from bot.limits import COMMAND_NAME_CHARS, DESCRIPTION_CHARS
from bot.ui.translator import Translator, read_languages
from cogs.about import About
from cogs.chain.cog import ChainCommands
from cogs.characters.cog import CharacterCommands
from cogs.library.cog import LibraryCommands
from cogs.models.cog import ModelsCommands
from cogs.preferences import PreferencesCommand
from cogs.presets.cog import PresetCommands
from cogs.privacy import PrivacyCommands
from cogs.run import FOR_EDITORS, RunCommand
from cogs.runs import RunsCommands
from cogs.server.cog import ServerCommands

COGS: tuple[type[commands.Cog], ...] = (
    About,
    ChainCommands,
    CharacterCommands,
    LibraryCommands,
    ModelsCommands,
    PreferencesCommand,
    PresetCommands,
    PrivacyCommands,
    RunCommand,
    RunsCommands,
    ServerCommands,
)
LANGUAGES = read_languages()


def english_commands() -> Iterator[app_commands.Command[commands.Cog, ..., None] | app_commands.Group]:
    for cls in COGS:
        cog = cls.__new__(cls)
        group = cog.app_command
        if isinstance(group, app_commands.Group):
            yield group
        yield from cog.walk_app_commands()


def names() -> set[str]:
    found = {command.name for command in english_commands()}
    for command in english_commands():
        if isinstance(command, app_commands.Command):
            found |= {parameter.name for parameter in command.parameters}
    return found


def descriptions() -> set[str]:
    found = {command.description for command in english_commands()}
    for command in english_commands():
        if isinstance(command, app_commands.Command):
            found |= {str(parameter.description) for parameter in command.parameters}
    return found


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_text_is_translated_and_nothing_else(locale: str) -> None:
    assert locale in {each.value for each in Locale}
    assert set(LANGUAGES[locale]) == names() | descriptions() | {FOR_EDITORS}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_translations_are_accepted_by_discord(locale: str) -> None:
    for name in names():
        translated = LANGUAGES[locale][name]
        assert len(translated) <= COMMAND_NAME_CHARS
        assert translated == translated.lower()
        assert " " not in translated
    for description in descriptions():
        assert 1 <= len(LANGUAGES[locale][description]) <= DESCRIPTION_CHARS


@pytest.mark.parametrize("locale", LANGUAGES)
def test_no_two_commands_of_a_group_share_a_name(locale: str) -> None:
    siblings: dict[str | None, list[str]] = {}
    for command in english_commands():
        parent = command.parent.name if command.parent else None
        siblings.setdefault(parent, []).append(LANGUAGES[locale][command.name])
    for translated in siblings.values():
        assert len(translated) == len(set(translated))


@pytest.mark.parametrize(
    ("text", "translated"), [("Laufen", None), ("lange liste", None), ("x" * 33, None), ("läufe", "läufe")]
)
async def test_names_that_discord_rejects_stay_english(text: str, translated: str | None) -> None:
    translator = Translator({"de": {"runs": text}})
    command = next(iter(About.__new__(About).walk_app_commands()))
    assert isinstance(command, app_commands.Command)
    context: app_commands.TranslationContextTypes = app_commands.TranslationContext(
        app_commands.TranslationContextLocation.command_name, command
    )
    assert await translator.translate(app_commands.locale_str("runs"), Locale.german, context) == translated
    assert await translator.translate(app_commands.locale_str("runs"), Locale.french, context) is None


def test_every_language_has_the_names_of_commands() -> None:
    assert set(LANGUAGES) == set(languages()) - {ENGLISH}
