"""Turn an interaction into a chain: the options of its first step, rights for every step, start."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial

import discord

from bot.catalog.chains import Chain, plan_steps
from bot.characters.placement import Placement, restore_written
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.formatting import join_facts
from bot.media.types import find_references
from bot.options.form import build_form, restore_values
from bot.options.parse import ParsedOptions, parse_options
from bot.options.visibility import take_visibility
from bot.rules.decide import RunTerms
from bot.runs import Run, RunState, is_served, parse_target
from bot.runs.engine import Engine
from bot.runs.pricing import PricedRun, Pricing
from bot.store.models import repeat_run
from bot.store.run_chain import RunChain, StepPlan
from bot.store.runs import Runs
from bot.ui.first_response import send_modal
from bot.ui.modals import Answers, FormModal
from bot.ui.render.chains import explain_missing_files
from bot.ui.render.strings import RUN_DELETED
from bot.visibility import Visibility, stricter_visibility
from cogs.cost_question import Answer, ask_about_cost
from cogs.fix_it.refused_runs import Attempt, RefusedRunKeeper, Values, entered_values
from cogs.input_reader import InputReader
from cogs.permissions import RunAccess, actor_of, check_repeatable
from cogs.personal_inputs import PersonalInputs
from cogs.reply_places import ReplyPlaces
from cogs.start_run import (
    as_given,
    budget_limits,
    choose_checker,
    default_visibility,
    server_quota,
    translate_notes,
)

Interaction = discord.Interaction[Replicord]


class ChainStarter:
    """Starts chains. Who may not run one, or one of its steps, pays for none of it."""

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
        pricing: Pricing,
        ask_above: int | None,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._runs = runs
        self._access = access
        self._inputs = inputs
        self._personal = personal
        self._places = places
        self._refused = refused
        self._pricing = pricing
        self._ask_above = ask_above
        self._clock = clock
        self._new_id = new_id

    async def check(self, interaction: Interaction, chain: Chain) -> None:
        """Raise Refused if it, or one of its steps, may not be run, before anybody fills in a form."""
        await self._access.check_chain(interaction, chain)

    async def start(
        self,
        interaction: Interaction,
        values: Values,
        *,
        chain: Chain,
        refused_id: str | None = None,
        is_confirmed: bool = False,
    ) -> Run | None:
        """Acknowledge the interaction, download the files and start the first step.

        ``values`` and ``refused_id`` are as for a run. Raises NotStarted if the chain cannot start, Refused if the
        person may not run one of its steps; nothing is billed then. Returns None if a question about what all of its
        steps cost comes first.
        """
        first = chain.steps[0].command
        attempt = Attempt(
            command=first.name,
            target=str(first.target),
            layout=chain.layout,
            values=entered_values(values),
            chain=chain.name,
            refused_id=refused_id,
        )
        async with self._refused.guard(interaction, attempt):
            return await self._start(interaction, attempt, values, chain=chain, is_confirmed=is_confirmed)

    async def _start(
        self, interaction: Interaction, attempt: Attempt, values: Values, *, chain: Chain, is_confirmed: bool
    ) -> Run | None:
        await self.check(interaction, chain)
        attempt.is_allowed = True
        first = chain.steps[0].command
        values = attempt.values = await self._personal.recall_prompt(interaction, chain.layout, attempt.read(values))
        given = values
        values, chosen = take_visibility(chain.layout, values)
        preferences = await self._personal.get_preferences(interaction.user.id)
        placement = await self._personal.place(interaction, chain.layout, values, chosen=preferences)
        options = parse_options(chain.layout, placement.values, fetch_addresses=is_served(str(first.target)))
        steps, terms, least = await self._decide(interaction, chain.command, plan_steps(chain, options))
        if not is_confirmed and await self._asks(
            interaction,
            steps,
            run_it=partial(self.start, values=given, chain=chain, refused_id=attempt.refused_id, is_confirmed=True),
            change_it=partial(
                self._change, chain=chain, options=options, placement=placement, refused_id=attempt.refused_id
            ),
        ):
            return None
        server = server_quota(terms)
        default = stricter_visibility(*(step.command.visibility for step in chain.steps))
        visibility = stricter_visibility(chosen or default_visibility(default, preferences), least)
        response = await self._places.acknowledge(interaction, visibility, terms)
        run_id, plan, limits = self._new_id(), steps[0], budget_limits(terms, interaction.user.id)
        async with (
            self._engine.hold_place(run_id, interaction.user.id, server=server),
            self._inputs.read(interaction.client, options, owner=interaction.user.id) as files,
            self._places.open(interaction, response) as place,
        ):
            now, prompt = self._clock.now(), next(iter(placement.prompt.values()), plan.prompt)
            run = Run(
                id=run_id,
                command=plan.command,
                target=plan.target,
                author_id=interaction.user.id,
                author_name=interaction.user.display_name,
                place=place,
                visibility=visibility,
                checker=choose_checker(terms, plan.command),
                input=plan.input,
                prompt=prompt,
                summary=join_facts(*placement.names, plan.summary),
                notes=translate_notes((*placement.notes, *files.notes), place.language),
                output_schema=plan.output_schema,
                expected=plan.expected,
                state=RunState.RESERVED,
                created_at=now,
                written=placement.describe_written(plan.input, options.files),
                characters={character.id: character.owner_id for character in placement.characters},
                chain=RunChain(
                    id=run_id,
                    name=chain.title,
                    number=1,
                    steps=steps,
                    prompt=prompt,
                    began_at=now,
                    server=server,
                    limits=limits,
                ),
            )
            return await self._engine.start(
                run,
                files=files.media,
                thumbnail=files.thumbnail,
                server=server,
                limits=limits,
                roles=actor_of(interaction).roles,
            )

    async def again(
        self, interaction: Interaction, run: Run, chain: RunChain, *, is_confirmed: bool = False
    ) -> Run | None:
        """Start the whole chain of a run again, from its first step, for the user of the interaction; raise Refused."""
        first = await self.find_first(chain)
        check_repeatable(run, user_id=interaction.user.id, first=first)
        steps, terms, least = await self._decide(interaction, chain.command, chain.steps)
        files = await self._runs.list_files(first.id)
        if any(number >= len(files) for number in find_references(first.input)):
            raise Refused(explain_missing_files())
        if not is_confirmed and await self._asks(
            interaction, steps, run_it=partial(self.again, run=run, chain=chain, is_confirmed=True)
        ):
            return None
        visibility = stricter_visibility(run.visibility, least)
        run_id, server = self._new_id(), server_quota(terms)
        limits = budget_limits(terms, interaction.user.id)
        async with AsyncExitStack() as stack:
            # A refusal is the first response: one that follows a public message would answer to a deleted one.
            await stack.enter_async_context(self._engine.hold_place(run_id, interaction.user.id, server=server))
            response = await self._places.acknowledge(interaction, visibility, terms)
            place = await stack.enter_async_context(self._places.open(interaction, response))
            now = self._clock.now()
            repeated = repeat_run(
                first,
                id=run_id,
                author_id=interaction.user.id,
                author_name=interaction.user.display_name,
                place=place,
                visibility=visibility,
                checker=choose_checker(terms, first.command),
                parent=first.parent,
                written=first.written,
                characters=first.characters,
                notes=(),
                input=steps[0].input,
                created_at=now,
                chain=RunChain(
                    id=run_id,
                    name=chain.name,
                    number=1,
                    steps=steps,
                    prompt=chain.prompt,
                    began_at=now,
                    server=server,
                    limits=limits,
                ),
            )
            return await self._engine.start(
                repeated,
                files=files,
                server=server,
                limits=limits,
                roles=actor_of(interaction).roles,
            )

    async def find_first(self, chain: RunChain) -> Run:
        """Return the run of the first step; Refused once its data is deleted."""
        first = await self._runs.get(chain.id)
        if first is None or first.forgotten_at is not None:
            raise Refused(RUN_DELETED)
        return first

    async def _asks(
        self,
        interaction: Interaction,
        steps: tuple[StepPlan, ...],
        *,
        run_it: Answer,
        change_it: Answer | None = None,
    ) -> bool:
        """Return whether a question about the cost of all steps was asked; Refused if a price has to be known."""
        priced = [
            PricedRun(command=step.command, target=step.target, input=step.input, outputs=step.expected)
            for step in steps
        ]
        cost = sum([(await self._pricing.expect(one)).cost or 0 for one in priced])
        if self._ask_above is None or cost <= self._ask_above:
            return False
        await ask_about_cost(interaction, cost, run_it=run_it, change_it=change_it)
        return True

    async def _change(
        self,
        interaction: Interaction,
        *,
        chain: Chain,
        options: ParsedOptions,
        placement: Placement,
        refused_id: str | None,
    ) -> None:
        """Open the form of the first step; what was attached stays unless it is replaced."""
        files = [as_given(file) for file in options.files]
        written = placement.describe_written(options.input, options.files)
        values = restore_written(restore_values(chain.layout, options.input, files), written, files)
        form = build_form(chain.layout, values)

        async def start_chain(answer: Interaction, answers: Answers) -> None:
            await self.start(answer, form.fill(answers), chain=chain, refused_id=refused_id)

        await send_modal(interaction, FormModal(form, title=chain.title, submitted=start_chain))

    async def _decide(
        self, interaction: Interaction, command: str | None, steps: tuple[StepPlan, ...]
    ) -> tuple[tuple[StepPlan, ...], RunTerms, Visibility]:
        """Return the steps with the input that each may have, what the server says, and who may see the most of them.

        ``command`` is the chain's own name if it is a command. Raise Refused if that, or one of the steps, may not be
        run.
        """
        if command is not None:
            await self._access.check_name(interaction, command)
        decisions = [
            await self._access.decide(
                interaction,
                command=step.command,
                target=parse_target(step.target),
                run_input=step.input,
                outputs=step.expected,
            )
            for step in steps
        ]
        allowed = tuple(
            replace(step, input=decision.input or {}) for step, decision in zip(steps, decisions, strict=True)
        )
        least = stricter_visibility(*(decision.terms.visibility for decision in decisions))
        return allowed, decisions[0].terms, least
