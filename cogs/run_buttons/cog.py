"""The buttons under a run that is over or goes on: Details, Again, Edit, Show the result."""

import discord
from discord.ext import commands

from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.command import Command
from bot.client import Replicord, report_error
from bot.errors import Refused, UserError
from bot.options.form import build_form, restore_values
from bot.runs import ModelRef, Run
from bot.runs.input_files import referenced_files
from bot.ui.components import Action
from bot.ui.modals import Answers, FormModal
from bot.ui.permissions import may_repeat, may_see_details
from bot.ui.render.details import details
from bot.ui.respond import respond
from cogs.deferred_modal import open_modal
from cogs.permissions import AnyModelRule
from cogs.protocols import Book, FreshToken
from cogs.start_run import RunStarter


class RunButtons(commands.Cog):
    """Reads the run's row at every press, so that a button works as long as the row exists."""

    def __init__(
        self,
        *,
        book: Book,
        catalog: Catalog,
        invocations: RunStarter,
        any_model: AnyModelRule,
        fresh_token: FreshToken,
    ) -> None:
        self._book = book
        self._catalog = catalog
        self._invocations = invocations
        self._any_model = any_model
        self._fresh_token = fresh_token

    @commands.Cog.listener()
    async def on_run_button(self, interaction: discord.Interaction[Replicord], action: str, run_id: str) -> None:
        """Answer a press; what goes wrong is told to the person who pressed."""
        presses = {
            Action.DETAILS: self._details,
            Action.AGAIN: self._again,
            Action.EDIT: self._edit,
            Action.REFRESH: self._refresh,
        }
        press = presses.get(Action(action))
        if press is None:
            return
        try:
            run = await self._book.get(run_id)
            if run is None:
                raise Refused("This run is no longer remembered.")
            await press(interaction, run)
        except (UserError, discord.DiscordException) as error:
            await report_error(interaction, error)

    async def _details(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        if not may_see_details(run, user_id=interaction.user.id):
            raise Refused(f"Only {run.author_name} sees what this run was given.")
        await interaction.response.send_message(view=details(run), ephemeral=True)

    async def _again(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        _check_repeatable(interaction, run)
        if run.command == ANY_MODEL:
            self._any_model.check(interaction.user)
        files = await self._book.load_files(run.id)
        if any(number >= len(files) for number in referenced_files(run.input)):
            raise Refused(f"The files of this run are no longer kept. Give them anew with Edit or /{run.command}.")
        await self._invocations.again(interaction, run, files)

    async def _edit(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        _check_repeatable(interaction, run)
        command = self._catalog.get(run.command)
        target = ModelRef.parse(run.target)
        if run.command == ANY_MODEL:
            self._any_model.check(interaction.user)
        elif command is None or command.target.model != target.model:
            raise Refused(f"/{run.command} does not run this model any more. Again still runs this one as it was.")
        files = await self._book.load_files(run.id)

        async def find() -> Command:
            return command or await self._catalog.resolve_model(target)

        def modal(found: Command) -> FormModal:
            asked = build_form(found.layout, restore_values(found.layout, run.input, files))

            async def submitted(answer: discord.Interaction[Replicord], answers: Answers) -> None:
                await self._invocations.start(answer, found, asked.parse_answers(answers))

            return FormModal(asked, title=f"Edit /{run.command}", submitted=submitted, failed=report_error)

        await open_modal(interaction, find(), modal)

    async def _refresh(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        await interaction.response.defer()
        if not self._fresh_token(run.id, interaction.token, interaction.expires_at):
            await respond(interaction, "This run is over, and there is nothing newer to show.")


def _check_repeatable(interaction: discord.Interaction[Replicord], run: Run) -> None:
    """Raise Refused where the run's input is no more, or is not this person's to have."""
    if run.forgotten_at is not None:
        raise Refused(f"What this run was given is no longer kept. Use /{run.command} anew.")
    if not may_repeat(run, user_id=interaction.user.id):
        raise Refused(f"Only {run.author_name} has what this run was given. Use /{run.command} with what is yours.")
