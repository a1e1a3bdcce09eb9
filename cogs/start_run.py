"""Turn an interaction into a run: parse options, read files, start."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import discord

from bot.catalog.catalog import Command
from bot.characters.placement import Placement, restore_written
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import BadOption
from bot.formatting import join_facts
from bot.language import retranslate, use_language
from bot.media.types import InputFile, StoredFile
from bot.money.budgets import BudgetLimit, Owner, Period, Scope, budget_key
from bot.options.files import AttachedFile, RemoteFile, WebFile
from bot.options.form import build_form, restore_values
from bot.options.parse import ParsedOptions, parse_options
from bot.options.visibility import take_visibility
from bot.rules.decide import RunTerms
from bot.runs import Run, RunState, is_served, parse_target
from bot.runs.engine import Engine
from bot.runs.pricing import PricedRun, Pricing
from bot.store.models import RunParent, repeat_run
from bot.store.preferences import Preferences
from bot.store.quota import ServerQuota
from bot.store.runs import Runs
from bot.ui.first_response import send_modal
from bot.ui.modals import Answers, FormModal
from bot.visibility import Visibility, stricter_visibility
from cogs.cost_question import Answer, ask_about_cost
from cogs.fix_it.refused_runs import Attempt, RefusedRunKeeper, Values, entered_values
from cogs.input_reader import InputReader
from cogs.permissions import RunAccess, actor_of
from cogs.personal_inputs import PersonalInputs
from cogs.reply_places import ReplyPlaces

Interaction = discord.Interaction[Replicord]


class RunStarter:
    """Starts runs. What can be refused without downloading a file is refused before the response is public."""

    def __init__(
        self,
        engine: Engine,
        *,
        runs: Runs,
        access: RunAccess,
        inputs: InputReader,
        personal: PersonalInputs,
        places: ReplyPlaces,
        refused: RefusedRunKeeper,
        clock: Clock,
        new_id: Callable[[], str],
        pricing: Pricing,
        ask_above: int | None = None,
    ) -> None:
        """``ask_above``: a run that will cost more, in micro-dollars, is started after a question; None for never."""
        self._pricing = pricing
        self._ask_above = ask_above
        self._engine = engine
        self._runs = runs
        self._access = access
        self._inputs = inputs
        self._personal = personal
        self._places = places
        self._refused = refused
        self._clock = clock
        self._new_id = new_id

    async def start(
        self,
        interaction: Interaction,
        values: Values,
        *,
        command: Command,
        parent: RunParent | None = None,
        visibility: Visibility | None = None,
        refused_id: str | None = None,
        is_confirmed: bool = False,
    ) -> Run | None:
        """Acknowledge the interaction, download the files and start the run.

        ``values`` go by option name, or are a form's; attachments and images of a message are not downloaded yet.
        ``parent`` is the run whose output is used; the new run shows no more than that one does. Who sees it is what
        the person chose in the options, else ``visibility``, else the command's default. ``refused_id``: it was refused
        before under this id. Raises NotStarted if the run is refused, Refused if the person may not run the command;
        nothing is billed then. Returns None if a question about its cost comes first.
        """
        attempt = Attempt(
            command=command.name,
            target=str(command.target),
            layout=command.layout,
            values=entered_values(values),
            parent=parent,
            visibility=visibility,
            refused_id=refused_id,
        )
        async with self._refused.guard(interaction, attempt):
            return await self._start(interaction, attempt, values, command=command, is_confirmed=is_confirmed)

    async def _start(
        self, interaction: Interaction, attempt: Attempt, values: Values, *, command: Command, is_confirmed: bool
    ) -> Run | None:
        _, preferences = await asyncio.gather(
            self._access.decide(interaction, command=command.name, target=command.target),  # before what is entered
            self._personal.get_preferences(interaction.user.id),
        )
        attempt.is_allowed = True
        parent, visibility = attempt.parent, attempt.visibility
        values = attempt.values = await self._personal.recall_prompt(interaction, command.layout, attempt.read(values))
        values, chosen = take_visibility(command.layout, values)
        placement = await self._personal.place(interaction, command.layout, values, chosen=preferences)
        options = _parse(command, placement)
        decision = await self._access.decide(
            interaction,
            command=command.name,
            target=command.target,
            run_input=options.input,
            outputs=options.expected_outputs,
        )
        visibility = chosen or visibility
        priced = PricedRun(
            command=command.name,
            target=str(command.target),
            input=decision.input or {},
            outputs=options.expected_outputs,
        )
        start = partial(
            self.start, command=command, parent=parent, visibility=visibility, refused_id=attempt.refused_id
        )
        if not is_confirmed and await self._asks(
            interaction,
            priced,
            run_it=partial(start, values=values, is_confirmed=True),
            change_it=partial(self._change, command=command, options=options, placement=placement, start=start),
        ):
            return None
        server = server_quota(decision.terms)
        default = default_visibility(command.visibility, preferences)
        visibility = await self._visibility(visibility or default, parent)
        visibility = stricter_visibility(visibility, decision.terms.visibility)
        response = await self._places.acknowledge(interaction, visibility, decision.terms)
        run_id = self._new_id()
        async with (
            self._engine.hold_place(run_id, interaction.user.id, server=server),
            self._inputs.read(interaction.client, options, owner=interaction.user.id) as files,
            self._places.open(interaction, response) as place,
        ):
            run = Run(
                id=run_id,
                command=command.name,
                target=str(command.target),
                author_id=interaction.user.id,
                author_name=interaction.user.display_name,
                place=place,
                input=decision.input or {},
                prompt=next(iter(placement.prompt.values()), options.prompt),
                summary=join_facts(*placement.names, options.summary),
                notes=translate_notes((*placement.notes, *files.notes), place.language),
                output_schema=command.output_schema,
                expected=options.expected_outputs,
                state=RunState.RESERVED,
                created_at=self._clock.now(),
                parent=parent,
                visibility=visibility,
                checker=choose_checker(decision.terms, command.name),
                written=placement.describe_written(decision.input or {}, options.files),
                characters={character.id: character.owner_id for character in placement.characters},
            )
            return await self._engine.start(
                run,
                files=files.media,
                thumbnail=files.thumbnail,
                server=server,
                limits=budget_limits(decision.terms, interaction.user.id),
                roles=actor_of(interaction).roles,
            )

    async def cost_to_confirm(self, values: Mapping[str, Any], *, command: Command, runs: int) -> int | None:
        """Return what so many runs will cost together if that has to be asked about first, None if not.

        In micro-dollars. Raises UserError, as ``start`` would.
        """
        options = parse_options(command.layout, values, fetch_addresses=is_served(str(command.target)))
        priced = PricedRun(
            command=command.name,
            target=str(command.target),
            input=options.input,
            outputs=options.expected_outputs,
        )
        total = ((await self._pricing.expect(priced)).cost or 0) * runs
        return None if self._ask_above is None or total <= self._ask_above else total

    async def _asks(self, interaction: Interaction, priced: PricedRun, *, run_it: Answer, change_it: Answer) -> bool:
        """Return whether a question about the cost was asked; Refused if the price is not known, and has to be."""
        expected = await self._pricing.expect(priced)
        if self._ask_above is None or (expected.cost or 0) <= self._ask_above:
            return False
        await ask_about_cost(interaction, expected.cost or 0, run_it=run_it, change_it=change_it)
        return True

    async def _change(
        self,
        interaction: Interaction,
        *,
        command: Command,
        options: ParsedOptions,
        placement: Placement,
        start: Callable[..., Awaitable[object]],
    ) -> None:
        """Open the form of the same run; what was attached stays unless it is replaced."""
        files = [as_given(file) for file in options.files]
        written = placement.describe_written(options.input, options.files)
        values = restore_written(restore_values(command.layout, options.input, files), written, files)
        form = build_form(command.layout, values)

        async def start_run(answer: Interaction, answers: Answers) -> None:
            await start(answer, form.fill(answers))

        await send_modal(interaction, FormModal(form, title=f"/{command.name}", submitted=start_run))

    async def again(
        self,
        interaction: Interaction,
        run: Run,
        files: tuple[StoredFile, ...],
        *,
        change_it: Answer,
        is_confirmed: bool = False,
    ) -> Run | None:
        """Start a run with the same model, version and input for the user of the interaction; raise Refused.

        ``change_it`` opens the form of the run, if a question about its cost comes first and is answered like that;
        then None is returned.
        """
        decision = await self._access.decide(
            interaction,
            command=run.command,
            target=parse_target(run.target),
            run_input=run.input,
            outputs=run.expected,
        )
        # What the command adds to an older input may change the number of outputs.
        outputs = run.expected if decision.input == run.input else None
        priced = PricedRun(command=run.command, target=run.target, input=decision.input or {}, outputs=outputs)
        if not is_confirmed and await self._asks(
            interaction,
            priced,
            run_it=partial(self.again, run=run, files=files, change_it=change_it, is_confirmed=True),
            change_it=change_it,
        ):
            return None
        visibility = stricter_visibility(run.visibility, decision.terms.visibility)
        run_id, server = self._new_id(), server_quota(decision.terms)
        async with AsyncExitStack() as stack:
            # A refusal is the first response: one that follows a public message would answer to a deleted one.
            await stack.enter_async_context(self._engine.hold_place(run_id, interaction.user.id, server=server))
            response = await self._places.acknowledge(interaction, visibility, decision.terms)
            place = await stack.enter_async_context(self._places.open(interaction, response))
            repeated = repeat_run(
                run,
                id=run_id,
                author_id=interaction.user.id,
                author_name=interaction.user.display_name,
                place=place,
                visibility=visibility,
                checker=choose_checker(decision.terms, run.command),
                parent=run.parent,
                notes=(),
                written=run.written,
                characters=run.characters,
                input=decision.input or {},
                expected=outputs,
                created_at=self._clock.now(),
            )
            return await self._engine.start(
                repeated,
                files=files,
                server=server,
                limits=budget_limits(decision.terms, interaction.user.id),
                roles=actor_of(interaction).roles,
            )

    async def _visibility(self, chosen: Visibility, parent: RunParent | None) -> Visibility:
        """Return who sees a run: no more people than see the run whose output it uses."""
        source = await self._runs.get(parent.run_id) if parent is not None else None
        return stricter_visibility(chosen, source.visibility) if source is not None else chosen


def _parse(command: Command, placement: Placement) -> ParsedOptions:
    """Return the parsed options; what is missing may be the picture of a name that is no character's."""
    try:
        return parse_options(command.layout, placement.values, fetch_addresses=is_served(str(command.target)))
    except BadOption as error:
        if not placement.notes:
            raise
        raise BadOption(error.option, "\n".join([error.sentence, *placement.notes])) from error


def translate_notes(notes: Iterable[str], language: str) -> tuple[str, ...]:
    """Return notes, made while an interaction was read, in the language of the card that they stand on."""
    with use_language(language):
        return tuple(map(retranslate, notes))


def default_visibility(of_command: Visibility, preferences: Preferences) -> Visibility:
    """Return who sees a run of which nothing else was said: the person's choice, but no more than the command shows."""
    chosen = next((one for one in Visibility if one.value == preferences.visibility), None)
    return of_command if chosen is None else stricter_visibility(chosen, of_command)


def choose_checker(terms: RunTerms, command: str) -> str | None:
    """Return the command that looks at the pictures of a run; one that looks at pictures is not looked at itself."""
    return None if terms.checker == command else terms.checker


def server_quota(terms: RunTerms) -> ServerQuota | None:
    """Return the server's own limits of runs, None if it has none for the person."""
    limits = terms.limits
    if terms.guild_id is None or (limits.at_once is None and limits.per_day is None):
        return None
    return ServerQuota(guild_id=terms.guild_id, at_once=limits.at_once, per_day=limits.per_day)


def budget_limits(terms: RunTerms, author_id: int) -> tuple[BudgetLimit, ...]:
    """Return what the server lets the person spend there in a month, by their roles."""
    amount = terms.limits.month_micro_dollars
    if terms.guild_id is None or amount is None:
        return ()
    key = budget_key(Scope.MEMBER, terms.guild_id, author_id)
    return (BudgetLimit(key=key, period=Period.MONTH, amount=amount, owner=Owner.RULES),)


def as_given(file: InputFile | AttachedFile) -> InputFile | RemoteFile | str:
    """Return a file as a person gave it: one from the web is its address."""
    if not isinstance(file, AttachedFile):
        return file
    return file.source.url if isinstance(file.source, WebFile) else file.source
