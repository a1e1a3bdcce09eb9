"""Find a chain by its name, and start it: the options of its first step, rights for every step."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import discord

from bot.catalog.catalog import Catalog
from bot.catalog.chains import Chain, ChainStep, ConfiguredChains, build_chain, plan_steps
from bot.client import Replicord
from bot.errors import Refused
from bot.media.types import find_references
from bot.rules.decide import RunTerms
from bot.runs import Run, parse_target
from bot.runs.held_places import HeldPlace
from bot.store.models import RunChain, StepPlan
from bot.store.runs import Runs
from bot.store.saved_chains import SavedChains, SavedStep
from bot.ui.render import chains as words
from bot.ui.render.chains import explain_missing_files
from bot.ui.render.strings import RUN_DELETED
from bot.visibility import Visibility, stricter_visibility
from cogs.fix_it.refused_runs import Attempt, Values, entered_values
from cogs.permissions import RunAccess, check_repeatable
from cogs.start_builder import StartBuilder, StartPlan, default_visibility

Interaction = discord.Interaction[Replicord]


class ChainFinder:
    """Builds chains of what is saved, and of the commands that exist now."""

    def __init__(self, *, saved: SavedChains, configured: ConfiguredChains, catalog: Catalog) -> None:
        self._saved = saved
        self._configured = configured
        self._catalog = catalog

    async def find(self, person_id: int, name: str) -> Chain:
        """Return the chain that a person means; raise Refused if there is none, or it no longer fits."""
        saved = await self._saved.find(person_id, name)
        if saved is not None:
            return self.build(saved.name, saved.steps)
        configured = self._configured.get(name)
        if configured is None:
            raise Refused(words.explain_unknown_chain(name))
        return configured

    def build(self, name: str, steps: Sequence[SavedStep]) -> Chain:
        """Return the chain as it can be run now; raise Refused if a command is gone, or no longer fits."""
        built = []
        for step in steps:
            command = self._catalog.get(step.command)
            if command is None:
                raise Refused(words.explain_no_command(step.command))
            built.append(ChainStep(command=command, input=step.input, picture=step.picture))
        return build_chain(name, built)


class ChainStarter:
    """Starts chains. Who may not run one, or one of its steps, pays for none of it."""

    def __init__(self, builder: StartBuilder, *, runs: Runs, access: RunAccess) -> None:
        self._builder = builder
        self._runs = runs
        self._access = access

    async def check(self, interaction: Interaction, chain: Chain) -> None:
        """Raise Refused if it, or one of its steps, may not be run, before anybody fills in a form."""
        await self._access.check_chain(interaction, chain)

    async def start(
        self,
        interaction: Interaction,
        values: Values,
        *,
        chain: Chain,
        visibility: Visibility | None = None,
        run_id: str | None = None,
        is_confirmed: bool = False,
    ) -> Run | None:
        """Acknowledge the interaction, download the files and start the first step.

        ``values``, ``visibility`` and ``run_id`` are as for a run. Raises NotStarted if the chain cannot start, Refused
        if the person may not run one of its steps, AlreadyStarted if an earlier try has started it; nothing is billed
        then. Returns None if a question about what all of its steps cost comes first.
        """
        first = chain.steps[0].command
        attempt = Attempt(
            run_id=run_id or self._builder.choose_run_id(interaction),
            command=first.name,
            target=str(first.target),
            layout=chain.layout,
            values=entered_values(values),
            chain=chain.name,
            visibility=visibility,
        )
        async with self._builder.refused.guard(interaction, attempt):
            with self._builder.hold_place(interaction, attempt.run_id) as held:
                return await self._start(interaction, attempt, values, held, chain=chain, is_confirmed=is_confirmed)

    async def _start(
        self,
        interaction: Interaction,
        attempt: Attempt,
        values: Values,
        held: HeldPlace,
        *,
        chain: Chain,
        is_confirmed: bool,
    ) -> Run | None:
        # Read at once: the first response waits for it.
        _, preferences, _ = await asyncio.gather(
            self.check(interaction, chain),
            self._builder.personal.get_preferences(interaction.user.id),
            held.read(),
        )
        attempt.is_allowed = True
        given = await self._builder.read_inputs(
            interaction, attempt, values, layout=chain.layout, preferences=preferences
        )
        steps, terms, least = await self._decide(interaction, chain.command, plan_steps(chain, given.options))
        chosen = given.chosen or attempt.visibility
        start = partial(self.start, chain=chain, visibility=chosen)
        if not is_confirmed and await self._builder.asks_about_cost(
            interaction,
            steps,
            run_it=partial(start, values=attempt.values, run_id=attempt.run_id, is_confirmed=True),
            change_it=partial(self._builder.open_form, given=given, title=chain.title, start=start),
        ):
            return None
        default = stricter_visibility(*(step.command.visibility for step in chain.steps))
        visibility = stricter_visibility(chosen or default_visibility(default, preferences), least)
        plan = StartPlan(steps=steps, terms=terms, visibility=visibility, chain=chain.title)
        return await self._builder.start(interaction, given, plan, held)

    async def again(
        self, interaction: Interaction, run: Run, chain: RunChain, *, run_id: str, is_confirmed: bool = False
    ) -> Run | None:
        """Start the whole chain of a run again, from its first step, for the user of the interaction; raise UserError.

        ``run_id`` is the id that its first run gets.
        """
        with self._builder.hold_place(interaction, run_id) as held:
            return await self._again(interaction, run, chain, held, is_confirmed=is_confirmed)

    async def _again(
        self, interaction: Interaction, run: Run, chain: RunChain, held: HeldPlace, *, is_confirmed: bool
    ) -> Run | None:
        first = await self.find_first(chain)
        check_repeatable(run, user_id=interaction.user.id, first=first)
        (steps, terms, least), _ = await asyncio.gather(
            self._decide(interaction, chain.command, chain.steps), held.read()
        )
        files = await self._runs.list_files(first.id)
        if any(number >= len(files) for number in find_references(first.input)):
            raise Refused(explain_missing_files())
        run_it = partial(self.again, run=run, chain=chain, run_id=held.run_id, is_confirmed=True)
        if not is_confirmed and await self._builder.asks_about_cost(interaction, steps, run_it=run_it):
            return None
        visibility = stricter_visibility(run.visibility, least)
        plan = StartPlan(steps=steps, terms=terms, visibility=visibility, chain=chain.name)
        return await self._builder.start_again(interaction, first, files, plan, held)

    async def find_first(self, chain: RunChain) -> Run:
        """Return the run of the first step; Refused once its data is deleted."""
        first = await self._runs.get(chain.id)
        if first is None or first.forgotten_at is not None:
            raise Refused(RUN_DELETED)
        return first

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
