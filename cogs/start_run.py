"""Start a run of a command: its options, or an earlier run, under the rules of the moment."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import discord

from bot.catalog.catalog import Command
from bot.catalog.chains import plan_step
from bot.client import Replicord
from bot.media.types import StoredFile
from bot.options.parse import parse_options
from bot.runs import Run, is_served, parse_target
from bot.runs.held_places import HeldPlace
from bot.store.models import RunParent, StepPlan
from bot.store.runs import Runs
from bot.visibility import Visibility, stricter_visibility
from cogs.cost_question import Answer
from cogs.fix_it.refused_runs import Attempt, Values, entered_values
from cogs.permissions import RunAccess
from cogs.start_builder import StartBuilder, StartPlan, default_visibility

Interaction = discord.Interaction[Replicord]


class RunStarter:
    """Starts runs. What can be refused without downloading a file is refused before the response is public."""

    def __init__(self, builder: StartBuilder, *, runs: Runs, access: RunAccess) -> None:
        self._builder = builder
        self._runs = runs
        self._access = access

    async def start(
        self,
        interaction: Interaction,
        values: Values,
        *,
        command: Command,
        parent: RunParent | None = None,
        visibility: Visibility | None = None,
        run_id: str | None = None,
        is_confirmed: bool = False,
    ) -> Run | None:
        """Acknowledge the interaction, download the files and start the run.

        ``values`` go by option name, or are a form's; attachments and images of a message are not downloaded yet.
        ``parent`` is the run whose output is used; the new run shows no more than that one does. Who sees it is what
        the person chose in the options, else ``visibility``, else the command's default. ``run_id`` is the id that the
        run gets, if this is not the first try to start it. Raises NotStarted if the run is refused, Refused if the
        person may not run the command, AlreadyStarted if an earlier try has started it; nothing is billed then. Returns
        None if a question about its cost comes first.
        """
        attempt = Attempt(
            run_id=run_id or self._builder.choose_run_id(interaction),
            command=command.name,
            target=str(command.target),
            layout=command.layout,
            values=entered_values(values),
            parent=parent,
            visibility=visibility,
        )
        async with self._builder.refused.guard(interaction, attempt):
            with self._builder.hold_place(interaction, attempt.run_id) as held:
                return await self._start(interaction, attempt, values, held, command=command, is_confirmed=is_confirmed)

    async def _start(
        self,
        interaction: Interaction,
        attempt: Attempt,
        values: Values,
        held: HeldPlace,
        *,
        command: Command,
        is_confirmed: bool,
    ) -> Run | None:
        # Read at once: the first response waits for it.
        _, preferences, _ = await asyncio.gather(
            self._access.decide(interaction, command=command.name, target=command.target),  # before what is entered
            self._builder.personal.get_preferences(interaction.user.id),
            held.read(),
        )
        attempt.is_allowed = True
        given = await self._builder.read_inputs(
            interaction, attempt, values, layout=command.layout, preferences=preferences
        )
        step = plan_step(command, given.options)
        decision = await self._access.decide(
            interaction, command=command.name, target=command.target, run_input=step.input, outputs=step.expected
        )
        step = replace(step, input=decision.input or {})
        parent, visibility = attempt.parent, given.chosen or attempt.visibility
        start = partial(self.start, command=command, parent=parent, visibility=visibility)
        if not is_confirmed and await self._builder.asks_about_cost(
            interaction,
            [step],
            run_it=partial(start, values=given.values, run_id=attempt.run_id, is_confirmed=True),
            change_it=partial(self._builder.open_form, given=given, title=f"/{command.name}", start=start),
        ):
            return None
        visibility = visibility or default_visibility(command.visibility, preferences)
        if parent is not None:  # no more people see it than see the run whose output it uses
            source = await self._runs.get(parent.run_id)
            # Of one whose data was deleted meanwhile nobody knows who saw it.
            visibility = stricter_visibility(visibility, Visibility.PRIVATE if source is None else source.visibility)
        plan = StartPlan(
            steps=(step,),
            terms=decision.terms,
            visibility=stricter_visibility(visibility, decision.terms.visibility),
            parent=parent,
        )
        return await self._builder.start(interaction, given, plan, held)

    async def cost_to_confirm(self, values: Mapping[str, Any], *, command: Command, runs: int) -> int | None:
        """Return what so many runs will cost together if that has to be asked about first, None if not.

        In micro-dollars. Raises UserError, as ``start`` would.
        """
        options = parse_options(command.layout, values, fetch_addresses=is_served(str(command.target)))
        return await self._builder.find_cost_to_confirm([plan_step(command, options)], times=runs)

    async def again(
        self,
        interaction: Interaction,
        run: Run,
        files: tuple[StoredFile, ...],
        *,
        run_id: str,
        change_it: Answer,
        is_confirmed: bool = False,
    ) -> Run | None:
        """Start a run with the same model, version and input for the user of the interaction; raise UserError.

        ``run_id`` is the id that it gets. ``change_it`` opens the form of the run, if a question about its cost comes
        first and is answered like that; then None is returned.
        """
        with self._builder.hold_place(interaction, run_id) as held:
            return await self._again(interaction, run, files, held, change_it=change_it, is_confirmed=is_confirmed)

    async def _again(
        self,
        interaction: Interaction,
        run: Run,
        files: tuple[StoredFile, ...],
        held: HeldPlace,
        *,
        change_it: Answer,
        is_confirmed: bool,
    ) -> Run | None:
        decision, _ = await asyncio.gather(
            self._access.decide(
                interaction,
                command=run.command,
                target=parse_target(run.target),
                run_input=run.input,
                outputs=run.expected,
            ),
            held.read(),
        )
        step = StepPlan(
            command=run.command,
            target=run.target,
            input=decision.input or {},
            output_schema=run.output_schema,
            # What the command adds to an older input may change the number of outputs.
            expected=run.expected if decision.input == run.input else None,
        )
        if not is_confirmed and await self._builder.asks_about_cost(
            interaction,
            [step],
            run_it=partial(
                self.again, run=run, files=files, run_id=held.run_id, change_it=change_it, is_confirmed=True
            ),
            change_it=change_it,
        ):
            return None
        visibility = stricter_visibility(run.visibility, decision.terms.visibility)
        plan = StartPlan(steps=(step,), terms=decision.terms, visibility=visibility)
        return await self._builder.start_again(interaction, run, files, plan, held)
