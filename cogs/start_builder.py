"""What every start of a run needs: its inputs, the question about its cost, a place in Discord, and its row.

A run is started as a plan of one step; a chain as one of several, of which the first becomes a run.
"""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import discord

from bot.actor import Actor
from bot.characters.placement import Placement, restore_written
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import BadOption
from bot.formatting import join_facts
from bot.language import retranslate, use_language
from bot.media.types import InputFile, Media, StoredFile
from bot.money.budgets import BudgetLimit, Owner, Period, Scope, budget_key
from bot.options.files import AttachedFile, RemoteFile, WebFile
from bot.options.form import FilledForm, build_form, restore_values
from bot.options.layout import OptionLayout
from bot.options.parse import ParsedOptions, parse_options
from bot.options.visibility import take_visibility
from bot.rules.decide import RunTerms
from bot.runs import Run, RunState, is_served
from bot.runs.engine import Engine
from bot.runs.held_places import HeldPlace
from bot.runs.pricing import Pricing
from bot.store.models import RunChain, RunParent, StepPlan, repeat_run
from bot.store.preferences import Preferences
from bot.store.quota import RunLimits, ServerQuota
from bot.ui.first_response import send_modal
from bot.ui.modals import Answers, FormModal
from bot.ui.spoken_language import reply_language
from bot.visibility import Visibility, stricter_visibility
from cogs.cost_question import Answer, ask_about_cost
from cogs.fix_it.refused_runs import Attempt, RefusedRunKeeper, Values
from cogs.input_reader import InputReader
from cogs.permissions import actor_of
from cogs.personal_inputs import PersonalInputs
from cogs.reply_places import PendingReply, ReplyPlaces
from cogs.unstarted import UnstartedRun, UnstartedRuns

Interaction = discord.Interaction[Replicord]

_ID_CHARS: Final = 12  # as many as other runs have


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenInputs:
    """What a person gave to a command; ``chosen`` is who shall see the result, None if they did not say.

    ``values`` go by option name and are as they were given, but for ``chosen``.
    """

    layout: OptionLayout
    values: Mapping[str, Any]
    chosen: Visibility | None
    placement: Placement
    options: ParsedOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPlan:
    """What is decided about a start: what it asks its models for, what the server says, and who sees the result.

    ``chain`` is the name of the chain that has the ``steps``, None for a run of one step.
    """

    steps: tuple[StepPlan, ...]
    terms: RunTerms
    visibility: Visibility
    chain: str | None = None
    parent: RunParent | None = None


class StartBuilder:
    """Takes a start from what a person gave to the engine."""

    def __init__(
        self,
        engine: Engine,
        *,
        inputs: InputReader,
        personal: PersonalInputs,
        places: ReplyPlaces,
        refused: RefusedRunKeeper,
        unstarted: UnstartedRuns,
        pricing: Pricing,
        ask_above: int | None,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        """``ask_above``: what will cost more, in micro-dollars, is started after a question; None for never."""
        self._engine = engine
        self._inputs = inputs
        self.personal = personal
        self.refused = refused
        self._places = places
        self._unstarted = unstarted
        self._pricing = pricing
        self._ask_above = ask_above
        self._clock = clock
        self._new_id = new_id

    def hold_place(self, interaction: Interaction, run_id: str) -> AbstractContextManager[HeldPlace]:
        """Hold a place for a run of the interaction's person; Refused or AlreadyStarted if it cannot start now."""
        return self._engine.hold_place(run_id, interaction.user.id, interaction.guild_id)

    def choose_run_id(self, interaction: Interaction) -> str:
        """Return the id of the run that an interaction starts: that of a form is the same at each submission.

        What Discord could not deliver it lets people submit once more, though the bot may have got it.
        """
        if interaction.type is not discord.InteractionType.modal_submit:
            return self._new_id()
        form = dict(interaction.data or {}).get("custom_id")
        return hashlib.sha256(f"{interaction.user.id} {form}".encode()).hexdigest()[:_ID_CHARS]

    async def read_inputs(
        self,
        interaction: Interaction,
        attempt: Attempt,
        values: Values,
        *,
        layout: OptionLayout,
        preferences: Preferences,
    ) -> GivenInputs:
        """Return the values with what the person has of their own, parsed; raise UserError. Nothing is downloaded."""
        values = attempt.values = await self.personal.recall_prompt(interaction, layout, attempt.read(values))
        values, chosen = take_visibility(layout, values)
        placement = await self.personal.place(interaction, layout, values, chosen=preferences)
        try:
            options = parse_options(layout, placement.values, fetch_addresses=is_served(attempt.target))
        except BadOption as error:
            if not placement.notes:
                raise
            # What is missing may be the picture of a name that is no character's.
            raise BadOption(error.option, "\n".join([error.sentence, *placement.notes])) from error
        return GivenInputs(layout=layout, values=values, chosen=chosen, placement=placement, options=options)

    async def find_cost_to_confirm(self, steps: Sequence[StepPlan], *, times: int = 1) -> int | None:
        """Return what the steps cost together, so many times, if that has to be asked about first; None if not.

        In micro-dollars. Refused if a price is not known, and has to be.
        """
        costs = [(await self._pricing.expect(step)).cost or 0 for step in steps]
        total = sum(costs) * times
        return None if self._ask_above is None or total <= self._ask_above else total

    async def asks_about_cost(
        self, interaction: Interaction, steps: Sequence[StepPlan], *, run_it: Answer, change_it: Answer | None = None
    ) -> bool:
        """Return whether a question about the cost was asked; Refused if a price is not known, and has to be."""
        cost = await self.find_cost_to_confirm(steps)
        if cost is None:
            return False
        await ask_about_cost(interaction, cost, run_it=run_it, change_it=change_it)
        return True

    async def open_form(
        self,
        interaction: Interaction,
        *,
        given: GivenInputs,
        title: str,
        start: Callable[[Interaction, FilledForm], Awaitable[object]],
    ) -> None:
        """Open the form of the same inputs; what was attached stays unless it is replaced."""
        files = [_as_given(file) for file in given.options.files]
        written = given.placement.describe_written(given.options.input, given.options.files)
        values = restore_written(restore_values(given.layout, given.options.input, files), written, files)
        form = build_form(given.layout, values)

        async def submit(answer: Interaction, answers: Answers) -> None:
            await start(answer, form.fill(answers))

        await send_modal(interaction, FormModal(form, title=title, submitted=submit))

    async def start(self, interaction: Interaction, given: GivenInputs, plan: StartPlan, held: HeldPlace) -> Run:
        """Acknowledge the interaction, download the files and start the first step; raise UserError.

        ``held``, which was read, is for it. What that refuses is refused in private: the response is not public yet.
        """
        limits = _run_limits(plan.terms, actor_of(interaction))
        await held.check(limits)
        response = await self._places.acknowledge(interaction, plan.visibility, plan.terms)
        author_id = interaction.user.id
        async with (
            self._note_unstarted(interaction, held.run_id, response, given.options.files),
            self._inputs.read(interaction.client, given.options, owner=author_id) as files,
            self._places.open(interaction, response) as place,
        ):
            step, placement = plan.steps[0], given.placement
            with use_language(place.language):  # the notes were made in the person's; they stand on the card
                notes = tuple(map(retranslate, (*placement.notes, *files.notes)))
            run = Run(
                id=held.run_id,
                command=step.command,
                target=step.target,
                author_id=author_id,
                author_name=interaction.user.display_name,
                place=place,
                input=step.input,
                prompt=next(iter(placement.prompt.values()), step.prompt),
                summary=join_facts(*placement.names, step.summary),
                notes=notes,
                output_schema=step.output_schema,
                expected=step.expected,
                state=RunState.RESERVED,
                created_at=self._clock.now(),
                parent=plan.parent,
                visibility=plan.visibility,
                checker=_choose_checker(plan.terms, step.command),
                written=placement.describe_written(step.input, given.options.files),
                characters={character.id: character.owner_id for character in placement.characters},
            )
            return await self._start(run, plan, limits, files.media, thumbnail=files.thumbnail)

    @asynccontextmanager
    async def _note_unstarted(
        self,
        interaction: Interaction,
        run_id: str,
        response: PendingReply,
        files: Iterable[InputFile | AttachedFile],
    ) -> AsyncIterator[None]:
        """Have it on disk that a run is about to start, if it takes a while until its row is: files are downloaded."""
        if response.thinking_id is None or not any(isinstance(file, AttachedFile) for file in files):
            yield
            return
        unstarted = UnstartedRun(
            run_id=run_id,
            application_id=interaction.application_id,
            message_id=response.thinking_id,
            token=interaction.token,
            expires_at=interaction.expires_at.timestamp(),
            language=reply_language(interaction, ephemeral=response.ephemeral),
        )
        async with self._unstarted.note(unstarted):
            yield

    async def start_again(
        self, interaction: Interaction, run: Run, files: Sequence[StoredFile], plan: StartPlan, held: HeldPlace
    ) -> Run:
        """Acknowledge the interaction and start a run that asks for the same as ``run``; raise UserError.

        ``held`` is as for ``start``.
        """
        limits = _run_limits(plan.terms, actor_of(interaction))
        await held.check(limits)
        author_id = interaction.user.id
        response = await self._places.acknowledge(interaction, plan.visibility, plan.terms)
        async with self._places.open(interaction, response) as place:
            step = plan.steps[0]
            repeated = repeat_run(
                run,
                id=held.run_id,
                author_id=author_id,
                author_name=interaction.user.display_name,
                place=place,
                input=step.input,
                notes=(),
                expected=step.expected,
                created_at=self._clock.now(),
                parent=run.parent,
                visibility=plan.visibility,
                checker=_choose_checker(plan.terms, step.command),
                written=run.written,
                characters=run.characters,
            )
            return await self._start(repeated, plan, limits, files)

    async def _start(
        self,
        run: Run,
        plan: StartPlan,
        limits: RunLimits,
        files: Sequence[InputFile],
        *,
        thumbnail: Media | str | None = None,
    ) -> Run:
        if plan.chain is not None:
            chain = RunChain(
                id=run.id,
                name=plan.chain,
                number=1,
                steps=plan.steps,
                prompt=run.prompt,
                began_at=run.created_at,
                server=limits.server,
                limits=limits.budgets,
            )
            run = replace(run, chain=chain)
        return await self._engine.start(run, files=files, thumbnail=thumbnail, limits=limits)


def default_visibility(of_command: Visibility, preferences: Preferences) -> Visibility:
    """Return who sees a run of which nothing else was said: the person's choice, but no more than the command shows."""
    chosen = next((one for one in Visibility if one.value == preferences.visibility), None)
    return of_command if chosen is None else stricter_visibility(chosen, of_command)


def _run_limits(terms: RunTerms, actor: Actor) -> RunLimits:
    """Return what a server's rules and budgets let a person start there."""
    server, limits = None, terms.limits
    if terms.guild_id is not None and (limits.at_once is not None or limits.per_day is not None):
        server = ServerQuota(guild_id=terms.guild_id, at_once=limits.at_once, per_day=limits.per_day)
    return RunLimits(server=server, budgets=budget_limits(terms, actor.user_id), roles=actor.roles)


def budget_limits(terms: RunTerms, author_id: int) -> tuple[BudgetLimit, ...]:
    """Return what the server lets the person spend there in a month, by their roles."""
    amount = terms.limits.month_micro_dollars
    if terms.guild_id is None or amount is None:
        return ()
    key = budget_key(Scope.MEMBER, terms.guild_id, author_id)
    return (BudgetLimit(key=key, period=Period.MONTH, amount=amount, owner=Owner.RULES),)


def _choose_checker(terms: RunTerms, command: str) -> str | None:
    """Return the command that looks at the pictures of a run; one that looks at pictures is not looked at itself."""
    return None if terms.checker == command else terms.checker


def _as_given(file: InputFile | AttachedFile) -> InputFile | RemoteFile | str:
    """Return a file as a person gave it: one from the web is its address."""
    if not isinstance(file, AttachedFile):
        return file
    return file.source.url if isinstance(file.source, WebFile) else file.source
