"""The buttons of a run: Cancel, Again, Edit, Details and Show the result."""

from collections.abc import Callable
from functools import partial
from typing import Final

import discord
import structlog
from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.language import _
from bot.media.types import find_references
from bot.options.form import build_form
from bot.runs import Run, parse_target
from bot.runs.cancels import CancelResult
from bot.runs.engine import Engine
from bot.store.errors import StoreError
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.first_response import defer, is_answered_elsewhere
from bot.ui.modals import Answers, FormModal
from bot.ui.permissions import Reuse, may_cancel
from bot.ui.render.cards import details_card
from bot.ui.render.markdown import format_name
from bot.ui.render.reuse import explain_missing_files
from bot.ui.render.strings import CANCEL_ANSWERS, JUST_PRESSED, NOTHING_NEWER, RUN_DELETED
from bot.ui.reply.task import ReplyRegistry
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import respond, respond_with_card
from cogs.chain.starter import ChainStarter
from cogs.deferred_modal import open_modal
from cogs.double_press import DOUBLE_PRESS_SECONDS, DoublePresses
from cogs.fix_it.refused_runs import Attempt, RefusedRunKeeper, restore_run
from cogs.permissions import RunAccess, check_repeatable, check_reuse
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]

_OWN_ACTIONS: Final = frozenset({Action.CANCEL, Action.AGAIN, Action.EDIT, Action.DETAILS, Action.REFRESH})

log = structlog.get_logger(__name__)


class RunButtons(commands.Cog):
    """Handles presses from the run's row, so that a button works as long as the row exists."""

    def __init__(
        self,
        *,
        engine: Engine,
        runs: Runs,
        catalog: Catalog,
        starter: RunStarter,
        chain_starter: ChainStarter,
        access: RunAccess,
        refused: RefusedRunKeeper,
        replies: ReplyRegistry,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._runs = runs
        self._catalog = catalog
        self._starter = starter
        self._chain_starter = chain_starter
        self._access = access
        self._refused = refused
        self._replies = replies
        self._new_id = new_id
        self._presses = DoublePresses(DOUBLE_PRESS_SECONDS, clock)

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Do what a button is for, whoever pressed it if they may; every press may bring the card up to date."""
        if action not in _OWN_ACTIONS:
            return
        run = await self._runs.get(run_id)
        renewed = run is not None and await self._hand_over_token(interaction, run)
        if action is Action.CANCEL:
            await self._cancel(interaction, run_id, run, renewed=renewed)
            return
        if run is None:
            raise Refused(RUN_DELETED)
        match action:
            case Action.DETAILS:
                await self._show_details(interaction, run)
            case Action.AGAIN:
                with self._presses.once(interaction, run.id, JUST_PRESSED):
                    await self.run_again(interaction, run)
            case Action.EDIT:
                await self._edit(interaction, run)
            case Action.REFRESH:
                await self._refresh(interaction, run, renewed=renewed)

    async def _hand_over_token(self, interaction: Interaction, run: Run) -> bool:
        """Give the token of a press to the reply that only a token reaches; return whether it did.

        Such a token reaches the message of the button only if the press is acknowledged as an update of it; what the
        button shows beside follows in messages of its own. The token of a press elsewhere, as in the list of runs,
        reaches only the message that was pressed.
        """
        message = interaction.message
        if message is None or message.id != run.place.message_id:
            return False
        if run.delivered_at is not None or not (run.place.token_only or message.flags.ephemeral):
            return False
        try:
            await defer(interaction)
        except REQUEST_ERRORS as error:
            if is_answered_elsewhere(error):
                raise
            log.info("press_not_acknowledged", run=run.id, error=str(error))
            return False  # the button still does what it is for
        await self._renew_token(interaction, run)
        return True

    async def _renew_token(self, interaction: Interaction, run: Run) -> None:
        """Give the token to the reply, in whichever process the run is, and to the one that takes it up next."""
        is_here = self._engine.owns(run)
        if is_here:
            self._replies.renew_token(run.id, interaction.token, interaction.expires_at)
        try:
            await self._runs.save_token(run.id, interaction.token, expires_at=interaction.expires_at)
        except StoreError:
            if not is_here:
                raise
            log.warning("token_not_saved", run=run.id, exc_info=True)  # the next start may need another press

    async def _cancel(self, interaction: Interaction, run_id: str, run: Run | None, *, renewed: bool) -> None:
        """Cancel the run, or say in private why not; a card with a new token says "Stopping" itself."""
        manages = interaction.permissions.manage_messages
        if run is not None and not may_cancel(run, user_id=interaction.user.id, manages_messages=manages):
            raise Refused(
                _("Only {author} or someone who can manage messages here can stop this run.").format(
                    author=format_name(run.author_name)
                )
            )
        result = await self._engine.cancel(run_id, by=interaction.user.id)
        if not (renewed and result is CancelResult.REQUESTED):
            await respond(interaction, CANCEL_ANSWERS[result])

    async def _show_details(self, interaction: Interaction, run: Run) -> None:
        first = await self._runs.get(run.chain.id) if run.chain is not None else None
        check_reuse(run, Reuse.INPUTS, user_id=interaction.user.id, first=first)
        await respond_with_card(interaction, details_card(run, is_author=interaction.user.id == run.author_id))

    async def run_again(self, interaction: Interaction, run: Run, *, run_id: str | None = None) -> Run | None:
        """Start a run again for the person of the interaction, as ``RunStarter.again``, or its whole chain.

        ``run_id``: it was refused before under this id. Raises NotStarted, Refused if they may not, or AlreadyStarted.
        """
        user = interaction.user.id
        attempt = Attempt(
            run_id=run_id or self._new_id(),
            command=run.command,
            target=run.target,
            again_run_id=run.id,
            visibility=run.visibility,
            may_fix=run.chain is None,
        )
        if run.chain is None:
            check_repeatable(run, user_id=user)
        async with self._refused.guard(interaction, attempt):
            if run.chain is not None:
                return await self._chain_starter.again(interaction, run, run.chain, run_id=attempt.run_id)
            await self._access.decide(interaction, command=run.command, target=parse_target(run.target))
            attempt.is_allowed = True
            return await self._repeat(interaction, run, run_id=attempt.run_id)

    async def _repeat(self, interaction: Interaction, run: Run, *, run_id: str) -> Run | None:
        target = parse_target(run.target)
        decision = await self._access.decide(interaction, command=run.command, target=target, run_input=run.input)
        files = await self._runs.list_files(run.id)
        missing = {key for key, value in run.input.items() if any(n >= len(files) for n in find_references(value))}
        if missing and missing <= run.written.keys() and not any(find_references(run.written[key]) for key in missing):
            # All that expired are copies of characters, which are still there.
            command = decision.command or await self._catalog.resolve_model(target)
            is_author = interaction.user.id == run.author_id
            values = restore_run(command.layout, run, files, is_author=is_author).values
            return await self._starter.start(
                interaction, values, command=command, visibility=run.visibility, run_id=run_id
            )
        if missing:
            raise Refused(explain_missing_files(run))
        return await self._starter.again(interaction, run, files, run_id=run_id, change_it=partial(self._edit, run=run))

    async def _edit(self, interaction: Interaction, run: Run) -> None:
        first = await self._chain_starter.find_first(run.chain) if run.chain is not None else None
        check_repeatable(run, user_id=interaction.user.id, first=first)
        target = parse_target(run.target)
        command = (await self._access.decide(interaction, command=run.command, target=target)).command
        files = await self._runs.list_files(run.id)

        async def load_command() -> Command:
            return command or await self._catalog.resolve_model(target)

        def build_modal(loaded: Command) -> FormModal:
            restored = restore_run(loaded.layout, run, files, is_author=interaction.user.id == run.author_id)
            form = build_form(loaded.layout, restored.values, remarks=restored.remarks)

            async def start_run(answer: Interaction, answers: Answers) -> None:
                await self._starter.start(answer, form.fill(answers), command=loaded, visibility=run.visibility)

            return FormModal(form, title=_("Edit /{command}").format(command=loaded.name), submitted=start_run)

        await open_modal(interaction, load_command(), build_modal)

    async def _refresh(self, interaction: Interaction, run: Run, *, renewed: bool) -> None:
        if not renewed:
            await defer(interaction)
            if run.delivered_at is not None:
                await respond(interaction, NOTHING_NEWER)
            else:
                await self._renew_token(interaction, run)
