"""Fix it and Try again, under the private answer to a run that was refused."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import discord
import structlog
from discord.ext import commands

from bot.catalog.catalog import Catalog, Command
from bot.client import Replicord
from bot.errors import BadOption, Refused
from bot.limits import MODAL_COMPONENTS
from bot.options.form import build_form
from bot.options.layout import OptionLayout
from bot.runs import Run, parse_target
from bot.store.errors import AlreadyStarted
from bot.store.refused_runs import RefusedRun
from bot.store.runs import Runs
from bot.ui.components import RefusedRunAction, RefusedRunButton
from bot.ui.first_response import defer, delete_response, edit_response, send_modal
from bot.ui.modals import Answers, FormModal
from bot.ui.render import refused_runs as words
from bot.ui.render.cards import Tone, sentence_card
from bot.ui.render.strings import RUN_DELETED
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import NotStarted, explain_error, not_started_card
from cogs.chain.starter import ChainFinder, ChainStarter
from cogs.deferred_modal import open_modal
from cogs.fix_it.refused_runs import RefusedRunKeeper, RestoredValues, Values, restore_run
from cogs.permissions import RunAccess, check_repeatable
from cogs.run_buttons import RunButtons
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Startable:
    """What was refused, as it can be started now; ``title`` is its name as people see it."""

    title: str
    layout: OptionLayout
    start: Callable[[Interaction, Values], Awaitable[Run | None]]


class FixIt(commands.Cog):
    """Shows the form of a refused run, or starts it as it is. The private answer then says what became of it."""

    def __init__(
        self,
        *,
        refused: RefusedRunKeeper,
        runs: Runs,
        catalog: Catalog,
        access: RunAccess,
        starter: RunStarter,
        chains: ChainFinder,
        chain_starter: ChainStarter,
        run_buttons: RunButtons,
    ) -> None:
        self._refused = refused
        self._runs = runs
        self._catalog = catalog
        self._access = access
        self._starter = starter
        self._chains = chains
        self._chain_starter = chain_starter
        self._run_buttons = run_buttons
        self._starting: set[str] = set()  # refused runs

    @commands.Cog.listener()
    async def on_refused_run_button(self, interaction: Interaction, action: RefusedRunAction, refused_id: str) -> None:
        """Do what a button of a refusal is for; only who entered the run may."""
        refused = await self._refused.find(refused_id, interaction.user.id)
        if action is RefusedRunAction.FIX:
            await self._open_form(interaction, refused)
        else:
            await self._try_again(interaction, refused)

    async def _open_form(self, interaction: Interaction, refused: RefusedRun) -> None:
        """Show all that was entered, what is wrong first; this costs nothing."""
        if refused.chain is not None:
            startable = await self._find_chain(refused, refused.chain)
            restored = await self._refused.restore(refused, startable.layout)
            await send_modal(interaction, self._build_modal(refused, startable, restored))
            return
        command = await self._find_command(interaction, refused)
        found: list[RestoredValues] = []

        async def load_command() -> Command:
            loaded = command or await self._catalog.resolve_model(parse_target(refused.target))
            found.append(await self._restore(refused, loaded.layout))
            return loaded

        def build_modal(loaded: Command) -> FormModal:
            return self._build_modal(refused, self._of_command(refused, loaded), found[0])

        await open_modal(interaction, load_command(), build_modal)

    def _build_modal(self, refused: RefusedRun, startable: _Startable, restored: RestoredValues) -> FormModal:
        note = restored.remarks.get("")
        form = build_form(
            startable.layout,
            restored.values,
            max_components=MODAL_COMPONENTS - (note is not None),
            remarks=restored.remarks,
            text=refused.text,
        )

        async def submitted(answer: Interaction, answers: Answers) -> None:
            await defer(answer)
            await self._check_picture(refused)
            await self._run(answer, refused, partial(startable.start, answer, form.fill(answers)))

        return FormModal(form, title=words.form_title(startable.title), submitted=submitted, note=note)

    async def _try_again(self, interaction: Interaction, refused: RefusedRun) -> None:
        """Start the run as it is."""

        async def start() -> Run | None:
            prepared = await self._prepare(interaction, refused)
            return await prepared()

        await defer(interaction)
        await self._check_picture(refused)
        await self._run(interaction, refused, start)

    async def _prepare(self, interaction: Interaction, refused: RefusedRun) -> Callable[[], Awaitable[Run | None]]:
        """Return what starts the run as it was entered; raise NotStarted if a file of it is lost."""
        if refused.again_run_id is not None:
            run = await self._get_run(refused.again_run_id)
            return partial(self._run_buttons.run_again, interaction, run, run_id=refused.id)
        if refused.chain is not None:
            startable = await self._find_chain(refused, refused.chain)
        else:
            command = await self._find_command(interaction, refused)
            target = parse_target(refused.target)
            startable = self._of_command(refused, command or await self._catalog.resolve_model(target))
        restored = await self._refused.restore(refused, startable.layout)
        for key, remark in restored.lost.items():
            option = startable.layout.names[key]
            error = BadOption(option, f"`{option}`: {remark}")
            raise NotStarted(error, RefusedRunButton(RefusedRunAction.FIX, refused.id))
        values = {**restored.values, startable.layout.advanced: refused.text or None}
        return partial(startable.start, interaction, values)

    async def _run(
        self, interaction: Interaction, refused: RefusedRun, start: Callable[[], Awaitable[Run | None]]
    ) -> None:
        """Start the run, and let the private answer say so, or why it is refused again.

        A press while it is being started does nothing. One that comes later, to another process, or with a form that
        was open all the time, finds it started: the run has the id of the refusal.
        """
        if refused.id in self._starting:
            return
        self._starting.add(refused.id)
        try:
            if await start() is None:  # a question about its cost has taken the place of the answer
                await delete_response(interaction)
                return
        except NotStarted as error:
            await edit_response(interaction, view=not_started_card(explain_error(interaction, error), error))
            return
        except AlreadyStarted:
            log.info("refused_run_started_before", refused=refused.id)
        finally:
            self._starting.discard(refused.id)
        await self._refused.forget(refused)
        with suppress(*REQUEST_ERRORS):
            await edit_response(interaction, view=sentence_card(words.started(), tone=Tone.SUCCESS))

    async def _restore(self, refused: RefusedRun, layout: OptionLayout) -> RestoredValues:
        if refused.again_run_id is None:
            return await self._refused.restore(refused, layout)
        run = await self._get_run(refused.again_run_id)
        check_repeatable(run, user_id=refused.person_id)
        files = await self._runs.list_files(run.id)
        restored = restore_run(layout, run, files, is_author=refused.person_id == run.author_id)
        return RestoredValues(restored.values, {**restored.remarks, **refused.remarks}, restored.lost)

    async def _find_command(self, interaction: Interaction, refused: RefusedRun) -> Command | None:
        """Return the command that the run would be of, None for a model without one; Refused if it may not be run."""
        target = parse_target(refused.target)
        return (await self._access.decide(interaction, command=refused.command, target=target)).command

    def _of_command(self, refused: RefusedRun, command: Command) -> _Startable:
        start = partial(
            self._starter.start,
            command=command,
            parent=refused.parent,
            visibility=refused.visibility,
            run_id=refused.id,
        )
        return _Startable(f"/{command.name}", command.layout, start)

    async def _find_chain(self, refused: RefusedRun, name: str) -> _Startable:
        chain = await self._chains.find(refused.person_id, name)
        start = partial(self._chain_starter.start, chain=chain, visibility=refused.visibility, run_id=refused.id)
        return _Startable(chain.title, chain.layout, start)

    async def _get_run(self, run_id: str) -> Run:
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        return run

    async def _check_picture(self, refused: RefusedRun) -> None:
        """Raise Refused if the result that the run was for, or the picture of it, was removed since."""
        parent = refused.parent
        if parent is None:
            return
        run = await self._runs.get(parent.run_id)
        if run is None or run.deleted_at is not None:
            raise Refused(words.picture_removed())
        if parent.output is None:
            return
        outputs = await self._runs.list_outputs(run.id)
        if any(one.number == parent.output and one.removed_at is not None for one in outputs):
            raise Refused(words.picture_removed())
