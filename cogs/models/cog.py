"""/models: list, search and describe models; add, remove and update commands."""

from contextlib import suppress
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.catalog.resolve import default_command_name, parse_command_name, parse_model_name
from bot.catalog.run_access import may_run
from bot.catalog.schema_diff import diff_schemas
from bot.catalog.search import ModelSearch
from bot.client import Replicord
from bot.errors import Refused
from bot.language import _
from bot.limits import COMMAND_NAME_CHARS
from bot.own_commands import OwnCommand
from bot.runs import is_served
from bot.runs.pricing import Pricing
from bot.ui.components import ModelAction, is_switch_to, switch_command_name
from bot.ui.first_response import defer, edit_message, edit_response, send_privately
from bot.ui.render.cards import Tone, sentence_card
from bot.ui.render.markdown import escape, one_line
from bot.ui.render.model_cards import added_card, commands_card, info_card, search_card, update_card
from bot.ui.render.money import format_price
from bot.ui.render.strings import model_link
from cogs.generate.cog import GenerateCommands
from cogs.models.autocomplete import Choices, ModelAutocomplete
from cogs.permissions import Editors, RunAccess, actor_of
from cogs.run import RunForms

Interaction = discord.Interaction[Replicord]
_REASON_CHARS: Final = 300


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class ModelsCommands(
    commands.GroupCog,
    group_name=OwnCommand.MODELS,
    group_description="The models this bot runs",
):
    """Everybody may look, editors may change; every answer is private."""

    def __init__(
        self,
        *,
        catalog: Catalog,
        search: ModelSearch,
        generate: GenerateCommands,
        autocomplete: ModelAutocomplete,
        editors: Editors,
        pricing: Pricing,
        access: RunAccess,
        forms: RunForms,
    ) -> None:
        self._access = access
        self._forms = forms
        self._pricing = pricing
        self._catalog = catalog
        self._search = search
        self._generate = generate
        self._autocomplete = autocomplete
        self._editors = editors

    @app_commands.command(name="list", description="The models you can run here")
    async def show_list(self, interaction: Interaction) -> None:
        await send_privately(interaction, view=commands_card(tuple(self._catalog)))

    @app_commands.command(description="A model's inputs and outputs")
    @app_commands.describe(model="A command of this bot, or any model as owner/name")
    async def info(self, interaction: Interaction, model: str) -> None:
        command = self._catalog.get(parse_command_name(model))
        target = command.target if command else parse_model_name(model)
        await defer(interaction, ephemeral=True)
        summary = await self._catalog.get_model_summary(target)
        resolved = command or await self._catalog.resolve_model(target)
        names = [one.name for one in self._catalog if one.target.model == resolved.target.model]
        # A version that somebody named is in none of the names that a button has room for.
        subject = command.name if command else str(target) if target.version else target.model
        actions: dict[ModelAction, str] = {}
        if may_run(actor_of(interaction), resolved, await self._access.load_rules(interaction)):
            actions[ModelAction.TRY] = subject
        if not names and not is_served(str(target)) and self._editors.may_edit(interaction.user):
            actions[ModelAction.ADD] = str(target)
        card = info_card(resolved, summary, command_names=names, price=self._price(resolved), actions=actions)
        await edit_response(interaction, view=card)

    def _find_command(self, model: str) -> Command | None:
        """Return the command of a model that Replicate names; None for a name that is none of ours to parse."""
        with suppress(Refused):
            return self._catalog.find_by_model(parse_model_name(model))
        return None

    def _price(self, command: Command) -> str:
        target = str(command.target)
        return "" if is_served(target) else format_price(self._pricing.find_price(command.name, target))

    @app_commands.command(description="Find a model on Replicate")
    @app_commands.describe(words="What it should do, or its name")
    async def search(self, interaction: Interaction, words: app_commands.Range[str, 1, 200]) -> None:
        await defer(interaction, ephemeral=True)
        found = await self._search.search(words)
        rules, actor = await self._access.load_rules(interaction), actor_of(interaction)
        may_run_any = self._access.may_run_any_model(interaction)
        commands_of = {one.model: self._find_command(one.model) for one in found}
        can_try = {
            model
            for model, command in commands_of.items()
            if (may_run_any if command is None else may_run(actor, command, rules))
        }
        is_editor = self._editors.may_edit(interaction.user)
        can_add = {model for model, command in commands_of.items() if command is None and is_editor}
        await edit_response(interaction, view=search_card(words, found, can_try=can_try, can_add=can_add))

    @app_commands.command(description="Add a model as a command (editors only)")
    @app_commands.describe(
        model="owner/name, or owner/name:version",
        name="The command's name; by default the model's",
    )
    async def add(
        self,
        interaction: Interaction,
        model: str,
        name: app_commands.Range[str, 1, COMMAND_NAME_CHARS] | None = None,
    ) -> None:
        await self._add(interaction, model, name)

    async def _add(self, interaction: Interaction, model: str, name: str | None = None) -> None:
        """Add a command with its version pinned, and send it to Discord."""
        self._editors.check(interaction.user)
        target = parse_model_name(model)
        await defer(interaction, ephemeral=True, thinking=True)
        command_name = parse_command_name(name) if name else default_command_name(target)
        command = await self._catalog.add(command_name, target, by=interaction.user.id)
        try:
            await self._generate.publish()
        except discord.DiscordException as error:
            await self._catalog.remove(command.name)
            with suppress(discord.DiscordException):
                await self._generate.publish()
            raise Refused(
                _("Couldn't add /{name}. Discord rejected it: {reason}").format(
                    name=command.name, reason=_reason(error)
                )
            ) from error
        await edit_response(
            interaction, view=added_card(command, title=_("Added /{name}").format(name=escape(command.name)))
        )

    @app_commands.command(description="Remove an added command (editors only)")
    @app_commands.describe(name="The command to remove")
    async def remove(self, interaction: Interaction, name: str) -> None:
        self._editors.check(interaction.user)
        await defer(interaction, ephemeral=True)
        command_name = parse_command_name(name)
        await self._catalog.remove(command_name)
        await self._generate.publish()
        sentence = _("Removed /{name}. Runs in progress will finish.").format(
            name=escape(one_line(command_name, COMMAND_NAME_CHARS))
        )
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))

    @app_commands.command(description="See what a model's latest version changes, and switch to it (editors only)")
    @app_commands.describe(name="The command to update")
    async def update(self, interaction: Interaction, name: str) -> None:
        """Show what the latest version changes, with a button that switches to it."""
        self._editors.check(interaction.user)
        await defer(interaction, ephemeral=True)
        await self._show_update(interaction, parse_command_name(name))

    @info.autocomplete("model")
    async def _autocomplete_info(self, interaction: Interaction, current: str) -> Choices:
        return await self._autocomplete.commands_and_models(interaction, current)

    @add.autocomplete("model")
    async def _autocomplete_model(self, interaction: Interaction, current: str) -> Choices:
        return await self._autocomplete.any_model(interaction, current)

    @remove.autocomplete("name")
    @update.autocomplete("name")
    async def _autocomplete_added(self, _interaction: Interaction, current: str) -> Choices:
        return self._autocomplete.added_commands(current)

    @commands.Cog.listener()
    async def on_model_button(self, interaction: Interaction, action: ModelAction, subject: str) -> None:
        if action is ModelAction.SWITCH:
            await self._switch(interaction, subject)
        elif action is ModelAction.TRY:
            await self._forms.open(interaction, subject)
        elif action is ModelAction.ADD:
            await self._add(interaction, subject)
        elif subject.isdecimal():
            await edit_message(interaction, view=commands_card(tuple(self._catalog), page=int(subject)))

    async def _switch(self, interaction: Interaction, subject: str) -> None:
        """Switch to the version on the button; if that is not the latest one anymore, show the latest instead."""
        self._editors.check(interaction.user)
        await defer(interaction)
        name = switch_command_name(subject)
        old, new = self._catalog.get(name), await self._catalog.build_latest(name)
        if old is None or not is_switch_to(new, subject):
            await self._show_update(interaction, name)
            return
        await self._catalog.update(new, by=interaction.user.id)
        try:
            await self._generate.publish()
        except discord.DiscordException as error:
            await self._catalog.update(old, by=interaction.user.id)
            with suppress(discord.DiscordException):
                await self._generate.publish()
            raise Refused(
                _("Couldn't switch /{name}, so it stays as it was. Discord rejected it: {reason}").format(
                    name=name, reason=_reason(error)
                )
            ) from error
        await edit_response(interaction, view=added_card(new, title=_("Switched /{name}").format(name=escape(name))))

    async def _show_update(self, interaction: Interaction, name: str) -> None:
        new = await self._catalog.build_latest(name)
        old = self._catalog.get(name) or new
        changes = diff_schemas(old, new)
        if changes.is_new_version or changes.is_visible:
            await edit_response(interaction, view=update_card(old, new, changes))
            return
        sentence = _("/{name} already uses the latest version of {model}.").format(
            name=escape(name), model=model_link(new.target.model)
        )
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))


def _reason(error: discord.DiscordException) -> str:
    return one_line(str(error), _REASON_CHARS).rstrip(".") + "."
