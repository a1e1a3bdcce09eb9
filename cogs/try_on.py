"""The button "Try it on me": a form with the prompt of a result filled in, and an upload for one's own picture."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import discord
from discord.ext import commands

from bot.backends.errors import BackendError
from bot.catalog.catalog import Catalog, Command, find_governing_command
from bot.catalog.next_actions import find_try_on_command, try_on_values
from bot.catalog.run_access import may_run
from bot.client import Replicord
from bot.errors import Refused, UserError
from bot.limits import MODAL_COMPONENTS
from bot.options.form import FormKind, OptionForm, build_form
from bot.runs import Run, parse_target
from bot.store.models import RunParent
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.modals import Answers, FormModal
from bot.ui.permissions import Reuse, decide_reuse
from bot.ui.render import try_on as sentences
from bot.ui.render.results import result_deleted
from bot.ui.render.strings import RUN_DELETED
from cogs.deferred_modal import open_modal
from cogs.permissions import RunAccess, actor_of, check_reuse
from cogs.personal_inputs import PersonalInputs
from cogs.start_run import RunStarter

Interaction = discord.Interaction[Replicord]


class TryOn(commands.Cog):
    """Opens the form for whoever presses; what they submit is a run of their own."""

    def __init__(
        self, *, runs: Runs, catalog: Catalog, access: RunAccess, starter: RunStarter, personal: PersonalInputs
    ) -> None:
        self._runs = runs
        self._personal = personal
        self._catalog = catalog
        self._access = access
        self._starter = starter

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Show the form, or say why there is none."""
        if action is not Action.TRY_ON:
            return
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        if run.deleted_at is not None:
            raise Refused(result_deleted())
        check_reuse(run, Reuse.RESULT, user_id=interaction.user.id)
        # What a chain was asked for is what its first step was asked for.
        source = run if run.chain is None else await self._runs.get(run.chain.id)
        if source is None:
            raise Refused(RUN_DELETED)

        def build_modal(command: Command) -> FormModal:
            return self._build_modal(command, run, source, user_id=interaction.user.id)

        await open_modal(interaction, self._choose_command(interaction, source), build_modal)

    async def _choose_command(self, interaction: Interaction, source: Run) -> Command:
        """Return what this person may try it with, the model that made it if that can be; Refused without any."""
        target = parse_target(source.target)
        own = self._catalog.find_resolved(source.command, target)
        if own is None:
            with suppress(UserError, BackendError):  # whose model is gone or away, is tried with another command
                own = await self._catalog.resolve_model(target)
        rules, actor = await self._access.load_rules(interaction), actor_of(interaction)
        may = own is not None and may_run(actor, own, rules)
        preferred = (await self._personal.get_preferences(actor.user_id)).command
        command = find_try_on_command(self._catalog, own=own if may else None, preferred=preferred)
        if command is None:
            raise Refused(sentences.nothing_to_try(source.command))
        await self._access.decide(interaction, command=command.name, target=command.target)
        return command

    def _build_modal(self, command: Command, run: Run, source: Run, *, user_id: int) -> FormModal:
        """Return the form; the inputs of another person go into it only under the rule of all reuse.

        ``source`` is the run whose inputs are meant: the first one of a chain.
        """
        layout = command.layout
        picture = layout.image_field or ""
        others = replace(source, input={key: value for key, value in source.input.items() if key != picture})
        is_usable = decide_reuse(others, Reuse.INPUTS, user_id=user_id) is None
        values: dict[str, Any] = {}
        if is_usable:
            is_same = find_governing_command([command], command.name, parse_target(source.target)) is not None
            values = try_on_values(command, source.input) if is_same else {}
            if layout.prompt_field is not None and source.prompt:
                values[layout.prompt_field] = source.prompt
        form = _build_form(command, values)
        asks_prompt = layout.prompt_field is not None

        async def start_run(answer: Interaction, answers: Answers) -> None:
            await self._starter.start(answer, form.fill(answers), command=command, parent=RunParent(run.id))

        return FormModal(
            form,
            title=sentences.try_on_title(),
            submitted=start_run,
            note=sentences.own_prompt_note(run) if asks_prompt and not is_usable else None,
        )


def _build_form(command: Command, values: Mapping[str, Any]) -> OptionForm:
    """Return a form with the upload first, then the prompt, then what else is missing; the values go along unseen."""
    layout = command.layout
    picture, prompt = layout.image_field or "", layout.prompt_field
    missing = [key for key in layout.required if key not in values and key not in {picture, prompt}]
    shown = [picture, *filter(None, [prompt]), *missing][: MODAL_COMPONENTS - 1]
    hidden = [field.name for field in layout.fields if field.name not in shown]
    form = build_form(layout, values, exclude=hidden, max_components=MODAL_COMPONENTS - 1)
    key = layout.names[picture]
    upload = next(part for part in form.fields if part.key == key and part.kind is FormKind.FILES)
    upload = replace(
        upload, label=sentences.your_picture(), description=sentences.upload_hint(), required=True, minimum=1
    )
    return replace(form, fields=(upload, *(part for part in form.fields if part.key != key)))
