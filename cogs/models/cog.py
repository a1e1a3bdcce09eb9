"""/models: which models have a command, what a model takes, and adding, removing and updating them."""

from contextlib import suppress
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.catalog.model_names import default_command_name, parse_model_name
from bot.catalog.schema_diff import diff_schemas
from bot.catalog.search import ModelSearch
from bot.client import Replicord, report_error
from bot.errors import Refused, UserError
from bot.limits import COMMAND_NAME_CHARS
from bot.options.slash_command import BOTH_INSTALLS, EVERYWHERE
from bot.ui.components import ModelAction, is_meant, named
from bot.ui.render.formatting import escape, one_line
from bot.ui.render.list_cards import Tone, sentence_card
from bot.ui.render.model_cards import added_card, changes_card, commands_card, found_card, info_card
from bot.ui.render.strings import model_link
from cogs.generate.cog import GenerateCommands
from cogs.models.autocomplete import Choices, ModelAutocomplete
from cogs.permissions import Editors

Interaction = discord.Interaction[Replicord]
_REASON_CHARS: Final = 300


class Models(
    commands.GroupCog,
    group_name="models",
    group_description="The models that this bot runs",
):
    """Everybody may look; editors may change. Every answer is private."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        search: ModelSearch,
        offered: GenerateCommands,
        choices: ModelAutocomplete,
        editors: Editors,
    ) -> None:
        self._catalog = catalog
        self._search = search
        self._offered = offered
        self._choices = choices
        self._editors = editors

    async def cog_load(self) -> None:
        """Let the group be used wherever the models' own commands are."""
        group = self.app_command
        if isinstance(group, app_commands.Group):
            group.allowed_contexts = EVERYWHERE
            group.allowed_installs = BOTH_INSTALLS

    @app_commands.command(name="list", description="The models that have a command here")
    async def show_list(self, interaction: Interaction) -> None:
        """Show every command and its model."""
        await interaction.response.send_message(view=commands_card(tuple(self._catalog)), ephemeral=True)

    @app_commands.command(description="What a model takes and makes")
    @app_commands.describe(model="A command of this bot, or any model as owner/name")
    async def info(self, interaction: Interaction, model: str) -> None:
        """Show a model's page, inputs and output."""
        command = self._catalog.get(_bare(model))
        target = command.target if command else parse_model_name(model)
        await interaction.response.defer(ephemeral=True)
        listing = await self._catalog.get_model_summary(target)
        shown = command or await self._catalog.resolve_model(target)
        runs_it = [one.name for one in self._catalog if one.target.model == shown.target.model]
        await interaction.edit_original_response(view=info_card(shown, listing, known_as=runs_it))

    @app_commands.command(description="Find a model on Replicate")
    @app_commands.describe(words="What it should do, or what it is called")
    async def search(self, interaction: Interaction, words: app_commands.Range[str, 1, 200]) -> None:
        """Show what Replicate finds."""
        await interaction.response.defer(ephemeral=True)
        found = await self._search.search(words)
        await interaction.edit_original_response(view=found_card(words, found))

    @app_commands.command(description="Make a command of a model; for the bot's editors")
    @app_commands.describe(
        model="The model as owner/name, or as owner/name:version",
        name="The command's name; without one, the model's",
    )
    async def add(
        self,
        interaction: Interaction,
        model: str,
        name: app_commands.Range[str, 1, COMMAND_NAME_CHARS] | None = None,
    ) -> None:
        """Add a command, pin its version, and register it with Discord."""
        self._editors.check(interaction.user)
        target = parse_model_name(model)
        await interaction.response.defer(ephemeral=True)
        wanted = _bare(name) if name else default_command_name(target)
        command = await self._catalog.add(wanted, target, by=interaction.user.id)
        try:
            await self._offered.publish()
        except discord.DiscordException as error:
            await self._catalog.remove(command.name)
            with suppress(discord.DiscordException):
                await self._offered.publish()
            raise Refused(f"Discord did not take /{command.name}: {_reason(error)} It was not added.") from error
        await interaction.edit_original_response(view=added_card(command, title=f"/{escape(command.name)} is there"))

    @app_commands.command(description="Remove an added command; for the bot's editors")
    @app_commands.describe(name="The command to remove")
    async def remove(self, interaction: Interaction, name: str) -> None:
        """Remove an added command, here and at Discord."""
        self._editors.check(interaction.user)
        await interaction.response.defer(ephemeral=True)
        gone = _bare(name)
        await self._catalog.remove(gone)
        await self._offered.publish()
        sentence = f"/{escape(one_line(gone, COMMAND_NAME_CHARS))} is removed. Runs that are under way go on."
        await interaction.edit_original_response(view=sentence_card(sentence, tone=Tone.GOOD))

    @app_commands.command(description="See what a model's newest version changes, and switch; for the bot's editors")
    @app_commands.describe(name="The command to update")
    async def update(self, interaction: Interaction, name: str) -> None:
        """Show what the newest version changes; the button under it switches."""
        self._editors.check(interaction.user)
        await interaction.response.defer(ephemeral=True)
        await self._offer_update(interaction, _bare(name))

    @info.autocomplete("model")
    async def _complete_info(self, interaction: Interaction, current: str) -> Choices:
        return await self._choices.info(interaction, current)

    @add.autocomplete("model")
    async def _complete_model(self, interaction: Interaction, current: str) -> Choices:
        return await self._choices.any_model(interaction, current)

    @remove.autocomplete("name")
    @update.autocomplete("name")
    async def _complete_added(self, _interaction: Interaction, current: str) -> Choices:
        return self._choices.added(current)

    @commands.Cog.listener()
    async def on_model_button(self, interaction: Interaction, action: str, subject: str) -> None:
        """Answer a press; what goes wrong is told to the person who pressed."""
        try:
            if action == ModelAction.PAGE:
                view = commands_card(tuple(self._catalog), page=int(subject))
                await interaction.response.edit_message(view=view)
            elif action == ModelAction.SWITCH:
                await self._switch(interaction, subject)
        except (UserError, discord.DiscordException, ValueError) as error:
            await report_error(interaction, error)

    async def _switch(self, interaction: Interaction, subject: str) -> None:
        """Switch to the version that the person saw; where it is no longer the newest, show what is."""
        self._editors.check(interaction.user)
        await interaction.response.defer()
        name = named(subject)
        old, new = self._catalog.get(name), await self._catalog.build_latest(name)
        if old is None or not is_meant(new, subject):
            await self._offer_update(interaction, name)
            return
        await self._catalog.update(new, by=interaction.user.id)
        try:
            await self._offered.publish()
        except discord.DiscordException as error:
            await self._catalog.update(old, by=interaction.user.id)
            with suppress(discord.DiscordException):
                await self._offered.publish()
            raise Refused(f"Discord did not take the new /{name}: {_reason(error)} The old one stays.") from error
        await interaction.edit_original_response(view=added_card(new, title=f"/{escape(name)} is switched"))

    async def _offer_update(self, interaction: Interaction, name: str) -> None:
        new = await self._catalog.build_latest(name)
        old = self._catalog.get(name) or new
        differences = diff_schemas(old, new)
        if differences.is_new_version or differences.is_visible:
            await interaction.edit_original_response(view=changes_card(old, new, differences))
            return
        sentence = f"/{escape(name)} has the newest version of {model_link(new.target.model)} already."
        await interaction.edit_original_response(view=sentence_card(sentence, tone=Tone.GOOD))


def _bare(name: str) -> str:
    return name.strip().removeprefix("/").lower()


def _reason(error: discord.DiscordException) -> str:
    return one_line(str(error), _REASON_CHARS).rstrip(".") + "."
