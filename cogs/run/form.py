"""The form of a model's inputs: for the command that runs it, or for any model."""

import discord

from bot.catalog.catalog import ANY_MODEL, Catalog, Command
from bot.catalog.resolve import parse_command_name, parse_model_name
from bot.client import Replicord
from bot.language import _
from bot.options.form import build_form
from bot.ui.modals import Answers, FormModal
from cogs.deferred_modal import open_modal
from cogs.permissions import RunAccess
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]


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
