"""Again, Edit, Details and Show the result; Cancel is in ``cogs.cancel``."""

import discord
from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.client import Replicord
from bot.errors import Refused
from bot.media.types import find_references
from bot.options.form import build_form, restore_values
from bot.runs import ModelRef, Run
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.first_response import defer, send_privately
from bot.ui.modals import Answers, FormModal
from bot.ui.permissions import may_repeat, may_see_details
from bot.ui.render.cards import details_card
from bot.ui.render.markdown import format_name
from bot.ui.render.strings import NOTHING_NEWER, RUN_DELETED
from bot.ui.reply.task import ReplyRegistry
from bot.ui.respond import respond
from cogs.deferred_modal import open_modal
from cogs.permissions import RunAccess
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]


class RunButtons(commands.Cog):
    """Handles presses from the run's row, so that a button works as long as the row exists."""

    def __init__(
        self, *, runs: Runs, catalog: Catalog, starter: RunStarter, access: RunAccess, replies: ReplyRegistry
    ) -> None:
        self._runs = runs
        self._catalog = catalog
        self._starter = starter
        self._access = access
        self._replies = replies

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        if action is Action.CANCEL:
            return
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        match action:
            case Action.DETAILS:
                await self._show_details(interaction, run)
            case Action.AGAIN:
                await self._run_again(interaction, run)
            case Action.EDIT:
                await self._edit(interaction, run)
            case Action.REFRESH:
                await self._refresh(interaction, run)

    async def _show_details(self, interaction: Interaction, run: Run) -> None:
        if not may_see_details(run, user_id=interaction.user.id):
            raise Refused(f"Only {format_name(run.author_name)} can see this run's inputs.")
        await send_privately(interaction, view=details_card(run))

    async def _run_again(self, interaction: Interaction, run: Run) -> None:
        self._check_repeatable(interaction, run)
        self._access.decide(interaction, command=run.command, target=ModelRef.parse(run.target), run_input=run.input)
        files = await self._runs.load_files(run.id)
        if any(number >= len(files) for number in find_references(run.input)):
            raise Refused(f"This run's files were deleted. Attach them again with Edit or /{run.command}.")
        await self._starter.again(interaction, run, files)

    async def _edit(self, interaction: Interaction, run: Run) -> None:
        self._check_repeatable(interaction, run)
        if not may_see_details(run, user_id=interaction.user.id):
            raise Refused(
                f"Only {format_name(run.author_name)} can edit this run. Run it again as it is with Again, "
                f"or use /{run.command}."
            )
        target = ModelRef.parse(run.target)
        command = self._access.decide(interaction, command=run.command, target=target).command
        files = await self._runs.load_files(run.id)

        async def load_command() -> Command:
            return command or await self._catalog.resolve_model(target)

        def build_modal(loaded: Command) -> FormModal:
            form = build_form(loaded.layout, restore_values(loaded.layout, run.input, files))

            async def start_run(answer: Interaction, answers: Answers) -> None:
                await self._starter.start(answer, form.parse_answers(answers), command=loaded)

            return FormModal(form, title=f"Edit /{loaded.name}", submitted=start_run)

        await open_modal(interaction, load_command(), build_modal)

    async def _refresh(self, interaction: Interaction, run: Run) -> None:
        await defer(interaction)
        if not self._replies.renew_token(run.id, interaction.token, interaction.expires_at):
            await respond(interaction, NOTHING_NEWER)

    def _check_repeatable(self, interaction: Interaction, run: Run) -> None:
        """Raise Refused if the run's input is deleted, or another person's private one."""
        if run.forgotten_at is not None:
            raise Refused(f"This run's data was deleted, so it can't be repeated. Use /{run.command} again.")
        if not may_repeat(run, user_id=interaction.user.id):
            author = format_name(run.author_name)
            raise Refused(f"This run used {author}'s files, keys or private links. Run /{run.command} with your own.")
