"""/run: any model on Replicate, for those who may."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.command import Command
from bot.catalog.model_names import parse_model_name
from bot.client import Replicord, report_error
from bot.options.form import build_form
from bot.options.slash_command import BOTH_INSTALLS, EVERYWHERE
from bot.ui.modals import Answers, FormModal
from cogs.deferred_modal import open_modal
from cogs.models.autocomplete import Choices, ModelAutocomplete
from cogs.permissions import AnyModelRule
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]


class RunCommand(commands.Cog):
    """One command whose options are a form: Discord knows the options of no model that it was not told of."""

    def __init__(
        self, *, catalog: Catalog, invocations: RunStarter, choices: ModelAutocomplete, any_model: AnyModelRule
    ) -> None:
        self._catalog = catalog
        self._invocations = invocations
        self._choices = choices
        self._any_model = any_model

    async def cog_load(self) -> None:
        """Let it be used wherever the models' own commands are."""
        for command in self.get_app_commands():
            if isinstance(command, app_commands.Command):
                command.allowed_contexts = EVERYWHERE
                command.allowed_installs = BOTH_INSTALLS

    @app_commands.command(name=ANY_MODEL, description="Run any model on Replicate")
    @app_commands.describe(model="Type what it should do, or owner/name")
    async def run_any(self, interaction: Interaction, model: str) -> None:
        """Ask for the model's inputs and run it."""
        self._any_model.check(interaction.user)
        own = self._catalog.get(model.strip().removeprefix("/").lower())
        target = own.target if own else parse_model_name(model)

        async def find() -> Command:
            return own or await self._catalog.resolve_model(target)

        await open_modal(interaction, find(), self._modal)

    @run_any.autocomplete("model")
    async def _complete(self, interaction: Interaction, current: str) -> Choices:
        return await self._choices.any_model(interaction, current)

    def _modal(self, command: Command) -> FormModal:
        asked = build_form(command.layout)

        async def submitted(answer: Interaction, answers: Answers) -> None:
            await self._invocations.start(answer, command, asked.parse_answers(answers))

        return FormModal(asked, title=f"Run {command.target.name}", submitted=submitted, failed=report_error)
