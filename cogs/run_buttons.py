"""The buttons under a run that is over or goes on: Details, Again, Edit, Show the result."""

from collections.abc import Callable
from datetime import datetime

import discord
from discord.ext import commands

from bot.catalog.catalog import Catalog
from bot.client import Replicord, report
from bot.errors import Refused, UserError
from bot.inputs.edit import form, given_before
from bot.runs import Run
from bot.ui.answer import tell
from bot.ui.controls import Action
from bot.ui.details import details
from bot.ui.modals import Answers, FormModal
from bot.ui.rights import may_see_details
from cogs._book import Book
from cogs._invocation import Invocations

FreshToken = Callable[[str, str, datetime], bool]
"""Hands a run's reply a new token by which it can be edited; False when that reply does not live here."""


class RunButtons(commands.Cog):
    """Reads the run's row at every press, so that a button works as long as the row exists."""

    def __init__(self, *, book: Book, catalog: Catalog, invocations: Invocations, fresh_token: FreshToken) -> None:
        self._book = book
        self._catalog = catalog
        self._invocations = invocations
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
            await report(interaction, error)

    async def _details(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        if not may_see_details(run, user_id=interaction.user.id):
            raise Refused(f"Only {run.author_name} sees what this run was given.")
        await interaction.response.send_message(view=details(run), ephemeral=True)

    async def _again(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        await self._invocations.again(interaction, run, await self._book.files(run.id))

    async def _edit(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        command = self._catalog.get(run.command)
        if command is None:
            raise Refused(f"There is no /{run.command} any more. Again still runs this one as it was.")
        asked = form(command.plan, given_before(command.plan, run.input, await self._book.files(run.id)))

        async def submitted(answer: discord.Interaction[Replicord], answers: Answers) -> None:
            await self._invocations.start(answer, command, asked.values(answers))

        modal = FormModal(asked, title=f"Edit /{run.command}", submitted=submitted, failed=report)
        await interaction.response.send_modal(modal)

    async def _refresh(self, interaction: discord.Interaction[Replicord], run: Run) -> None:
        await interaction.response.defer()
        if not self._fresh_token(run.id, interaction.token, interaction.expires_at):
            await tell(interaction, "This run is over, and there is nothing newer to show.")
