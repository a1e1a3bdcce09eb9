"""/run: any model on Replicate, for those who may."""

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import ANY_MODEL
from bot.catalog.run_access import AnyModel
from bot.client import Replicord
from cogs.models.autocomplete import Choices, ModelAutocomplete
from cogs.permissions import RunAccess
from cogs.run.form import RunForms

Interaction = discord.Interaction[Replicord]

# Discord shows it before the command is chosen.
FOR_EVERYBODY = "Run any model on Replicate"
FOR_EDITORS = "Run any model on Replicate (editors), or a command's model (everybody)"


class RunCommand(commands.Cog):
    """The command /run, whose inputs are a form: slash options must be known before the model is chosen."""

    def __init__(
        self, *, forms: RunForms, autocomplete: ModelAutocomplete, access: RunAccess, any_model: AnyModel
    ) -> None:
        self._forms = forms
        self._autocomplete = autocomplete
        self._access = access
        self.run.description = FOR_EVERYBODY if any_model == "everyone" else FOR_EDITORS

    @app_commands.command(name=ANY_MODEL, description=FOR_EVERYBODY)
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
