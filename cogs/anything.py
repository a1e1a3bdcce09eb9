"""/run: any model on Replicate, for those who may."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.command import Command
from bot.catalog.naming import read_model
from bot.client import Replicord, report
from bot.inputs.commands import BOTH_INSTALLS, EVERYWHERE
from bot.inputs.edit import form
from bot.ui.modals import Answers, FormModal
from cogs._forms import open_form
from cogs._invocation import Invocations
from cogs._model_choices import Choices, ModelChoices
from cogs._rights import AnyModel

Interaction = discord.Interaction[Replicord]


class Anything(commands.Cog):
    """One command whose options are a form: Discord knows the options of no model that it was not told of."""

    def __init__(
        self, *, catalog: Catalog, invocations: Invocations, choices: ModelChoices, any_model: AnyModel
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
        target = own.target if own else read_model(model)

        async def find() -> Command:
            return own or await self._catalog.resolve(target)

        await open_form(interaction, find(), self._modal)

    @run_any.autocomplete("model")
    async def _complete(self, interaction: Interaction, current: str) -> Choices:
        return await self._choices.any_model(interaction, current)

    def _modal(self, command: Command) -> FormModal:
        asked = form(command.plan)

        async def submitted(answer: Interaction, answers: Answers) -> None:
            await self._invocations.start(answer, command, asked.values(answers))

        return FormModal(asked, title=f"Run {command.target.name}", submitted=submitted, failed=report)
