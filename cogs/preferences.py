"""/me: a person's default command, visibility, aspect ratio and language, as a form."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.client import Replicord
from bot.language import _, languages, load_languages, use_language
from bot.limits import CHOICE_CHARS, SELECT_OPTIONS
from bot.own_commands import OwnCommand
from bot.store.preferences import PreferenceRows, Preferences
from bot.ui.first_response import defer, edit_response, send_modal
from bot.ui.modals import Form
from bot.ui.render import preferences as render
from bot.ui.render.cards import Tone, sentence_card
from bot.ui.render.markdown import one_line
from bot.ui.spoken_language import ChosenLanguages

Interaction = discord.Interaction[Replicord]
Save = Callable[[discord.Interaction[Any], Preferences], Awaitable[None]]

_VISIBILITIES: Final = ("public", "spoiler", "private")


class PreferencesCommand(commands.Cog):
    """The command /me."""

    def __init__(self, *, preferences: PreferenceRows, languages: ChosenLanguages, catalog: Catalog) -> None:
        self._preferences = preferences
        self._languages = languages
        self._catalog = catalog

    @app_commands.command(name=OwnCommand.ME, description="Your defaults: command, visibility, aspect ratio")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def me(self, interaction: Interaction) -> None:
        """Show the form, filled in with what was chosen before."""
        chosen = await self._preferences.get(interaction.user.id)
        names = [command.name for command in self._catalog if command.layout.image_field is not None]
        await send_modal(interaction, _PreferencesForm(chosen, names, self._save))

    async def _save(self, interaction: discord.Interaction[Any], chosen: Preferences) -> None:
        """Store the choices, and answer in the language that holds from now on."""
        await self._preferences.put(interaction.user.id, chosen)
        await self._languages.reload(interaction.user.id)
        spoken = chosen.language or interaction.locale.value
        await load_languages(spoken)
        with use_language(spoken):
            await edit_response(interaction, view=sentence_card(render.saved(), tone=Tone.SUCCESS))


class _PreferencesForm(Form):
    def __init__(self, chosen: Preferences, commands: Iterable[str], save: Save) -> None:
        super().__init__(title=_("Your defaults"))
        self._save = save
        self._command = _make_select([(name, f"/{name}") for name in commands], chosen.command)
        self._visibility = _make_select(
            [(name, render.describe_visibility(name)) for name in _VISIBILITIES], chosen.visibility
        )
        self._aspect_ratio = _make_select([(ratio, ratio) for ratio in render.ASPECT_RATIOS], chosen.aspect_ratio)
        self._language = _make_select(
            list(languages().items()), chosen.language, placeholder=render.discords_language()
        )
        parts = (
            (_("Command for pictures"), _("Used without asking where several commands could"), self._command),
            (_("Visibility"), _("Who sees the results of your runs"), self._visibility),
            (_("Aspect ratio"), _("For models that have one"), self._aspect_ratio),
            (_("Language"), _("Of what only you see; cards speak the server's"), self._language),
        )
        for label, description, select in parts:
            if select is not None:
                self.add_item(ui.Label(text=label, description=description, component=select))

    async def on_submit(self, interaction: discord.Interaction[Any], /) -> None:
        await defer(interaction, ephemeral=True, thinking=True)
        await self._save(
            interaction,
            Preferences(
                command=_read(self._command),
                visibility=_read(self._visibility),
                aspect_ratio=_read(self._aspect_ratio),
                language=_read(self._language),
            ),
        )


def _make_select(
    choices: list[tuple[str, str]], chosen: str | None, *, placeholder: str | None = None
) -> ui.Select[Any] | None:
    """Return a select in which nothing need be chosen; None if there is nothing to choose from."""
    options = [
        discord.SelectOption(label=one_line(label, CHOICE_CHARS), value=value, default=value == chosen)
        for value, label in choices[:SELECT_OPTIONS]
    ]
    if not options:
        return None
    return ui.Select(
        options=options, required=False, min_values=0, max_values=1, placeholder=placeholder or render.no_choice()
    )


def _read(select: ui.Select[Any] | None) -> str | None:
    return select.values[0] if select is not None and select.values else None
