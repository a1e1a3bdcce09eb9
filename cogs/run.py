"""/run: any model on Replicate, for those who may."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import ANY_MODEL, Catalog, Command
from bot.catalog.resolve import parse_command_name, parse_model_name
from bot.catalog.run_access import AnyModel
from bot.client import Replicord
from bot.language import _
from bot.options.form import build_form
from bot.own_commands import OwnCommand
from bot.ui.modals import Answers, FormModal
from cogs.deferred_modal import open_modal
from cogs.models.autocomplete import Choices, ModelAutocomplete
from cogs.permissions import RunAccess
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]

# Discord shows it before the command is chosen.
FOR_EVERYBODY = "Run any model on Replicate"
FOR_EDITORS = "Run any model on Replicate (editors), or a command's model (everybody)"


class RunForms:
    """Opens forms whose submission starts a run."""

    def __init__(self, *, catalog: Catalog, starter: RunStarter, access: RunAccess) -> None:
        self._catalog = catalog
        self._starter = starter
        self._access = access

    async def open(self, interaction: Interaction, model: str) -> None:
        """Show the form of a command, or of a model as owner/name; raise Refused where the person may not run it."""
        named = self._catalog.get(parse_command_name(model))
        target = named.target if named else parse_model_name(model)
        # Without a version, a model that is a command's is run as that command runs it.
        command = named or (self._catalog.find_by_model(target) if target.version is None else None)
        name, target = (command.name, command.target) if command else (ANY_MODEL, target)
        await self._access.decide(interaction, command=name, target=target)

        async def load_command() -> Command:
            return command or await self._catalog.resolve_model(target)

        await open_modal(interaction, load_command(), self._build_modal)

    def _build_modal(self, command: Command) -> FormModal:
        form = build_form(command.layout)

        async def start_run(interaction: Interaction, answers: Answers) -> None:
            await self._starter.start(interaction, form.fill(answers), command=command)

        return FormModal(form, title=_("Run {name}").format(name=command.target.name), submitted=start_run)


class RunCommand(commands.Cog):
    """The command /run, whose inputs are a form: slash options must be known before the model is chosen."""

    def __init__(
        self, *, forms: RunForms, autocomplete: ModelAutocomplete, access: RunAccess, any_model: AnyModel
    ) -> None:
        self._forms = forms
        self._autocomplete = autocomplete
        self._access = access
        self.run.description = FOR_EVERYBODY if any_model == "everyone" else FOR_EDITORS

    @app_commands.command(name=OwnCommand.RUN, description=FOR_EVERYBODY)
    @app_commands.describe(model="What it should do, or owner/name")
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def run(self, interaction: Interaction, model: str) -> None:
        """Show the form with the model's inputs; submitting it starts the run."""
        await self._forms.open(interaction, model)

    @run.autocomplete("model")
    async def _autocomplete_model(self, interaction: Interaction, current: str) -> Choices:
        if self._access.may_run_any_model(interaction):
            return await self._autocomplete.any_model(interaction, current)
        return self._autocomplete.command_models(current)
