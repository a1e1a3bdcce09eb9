"""Translations of the bot's own commands: complete, in step with the English texts, and accepted by Discord."""

from collections.abc import Iterator

import pytest
from discord import Locale, app_commands
from discord.ext import commands

from bot.language import ENGLISH, languages
from bot.limits import CHOICE_CHARS, COMMAND_NAME_CHARS, DESCRIPTION_CHARS
from bot.options.visibility import (
    VISIBILITY,
    VISIBILITY_TRANSLATED_CHARS,
    visibility_choices,
    visibility_description,
)
from bot.ui.translator import Translator, read_languages
from cogs.about import About
from cogs.budget.cog import BudgetCommands
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
from cogs.usage import UsageCommand

COGS: tuple[type[commands.Cog], ...] = (
    About,
    BudgetCommands,
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
    UsageCommand,
)
LANGUAGES = read_languages()
# The entries in the menu of a message; that these are all is tested with the whole bot.
MENU = {
    "Describe", "Details", "Edit with words", "Report result", "Save as character", "Upscale", "Use as subject"
}  # fmt: skip


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
    return found | {VISIBILITY}


def descriptions() -> set[str]:
    found = {command.description for command in english_commands()}
    for command in english_commands():
        if isinstance(command, app_commands.Command):
            found |= {str(parameter.description) for parameter in command.parameters}
    return found | {visibility_description()}


def choices() -> set[str]:
    """Return the names of the choices that are words."""
    parameters = [
        parameter
        for command in english_commands()
        if isinstance(command, app_commands.Command)
        for parameter in command.parameters
    ]
    found = {choice.name for parameter in parameters for choice in parameter.choices}
    return {name for name in found if not name.isdigit()} | {label for label, _ in visibility_choices()}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_every_text_is_translated_and_nothing_else(locale: str) -> None:
    assert locale in {each.value for each in Locale}
    assert set(LANGUAGES[locale]) == names() | descriptions() | choices() | MENU | {FOR_EDITORS}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_translations_are_accepted_by_discord(locale: str) -> None:
    for name in names():
        translated = LANGUAGES[locale][name]
        assert len(translated) <= COMMAND_NAME_CHARS
        assert translated == translated.lower()
        assert " " not in translated
    for description in descriptions():
        assert 1 <= len(LANGUAGES[locale][description]) <= DESCRIPTION_CHARS
    assert all(1 <= len(LANGUAGES[locale][name]) <= COMMAND_NAME_CHARS for name in MENU)
    assert all(1 <= len(LANGUAGES[locale][name]) <= CHOICE_CHARS for name in choices())
    assert len({LANGUAGES[locale][name] for name in MENU}) == len(MENU)


def test_the_translated_visibility_fits_into_its_room() -> None:
    texts = (VISIBILITY, visibility_description(), *(label for label, _ in visibility_choices()))
    longest = [max(len(text), *(len(language[text]) for language in LANGUAGES.values())) for text in texts]
    assert sum(longest) + sum(len(value) for _, value in visibility_choices()) <= VISIBILITY_TRANSLATED_CHARS


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
