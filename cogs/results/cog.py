"""The buttons of ⋯ that change, delete or copy a finished result."""

from collections.abc import Sequence
from typing import Any, Final

import discord
from discord import ui
from discord.ext import commands

from bot.client import Replicord
from bot.errors import Refused
from bot.limits import CHOICE_CHARS, INTERACTION_TOKEN_LIFE, SELECT_OPTIONS
from bot.store.models import Run, RunOutput
from bot.store.runs import Runs
from bot.ui.components import Action
from bot.ui.direct_messages import DirectMessages
from bot.ui.first_response import defer, delete_response, edit_message, edit_response, follow_up_privately
from bot.ui.permissions import Reuse, may_manage_result, may_reuse
from bot.ui.render import results as sentences
from bot.ui.render.cards import Card, Tone, sentence_card
from bot.ui.render.markdown import format_name, one_line
from bot.ui.render.results import MenuEntry, Result
from bot.ui.render.strings import RUN_DELETED
from bot.ui.result_changes import ResultChanges
from bot.ui.result_messages import EditsUsedUp, ResultMessages
from bot.visibility import Visibility
from cogs.permissions import RunAccess, actor_of, check_reuse

Interaction = discord.Interaction[Replicord]

_MANAGING: Final = frozenset(
    {Action.SPOILER, Action.UNSPOILER, Action.REMOVE, Action.DELETE, Action.CONFIRM_DELETE, Action.KEEP}
)
_MAX_SELECTS: Final = 4  # of 25 files each, in one card

MENU_ENTRIES: Final = (
    MenuEntry(
        action=Action.SEND_DM,
        row=0,
        is_offered=lambda actor, result: (
            may_reuse(result.run, Reuse.RESULT, user_id=actor.user_id) and result.is_reachable
        ),
    ),
    MenuEntry(
        action=Action.SPOILER,
        row=1,
        is_offered=lambda actor, result: _may_cover(actor, result, Visibility.PUBLIC),
    ),
    MenuEntry(
        action=Action.UNSPOILER,
        row=1,
        is_offered=lambda actor, result: _may_cover(actor, result, Visibility.SPOILER),
    ),
    MenuEntry(
        action=Action.REMOVE,
        row=1,
        is_offered=lambda actor, result: may_manage_result(actor, result.run) and len(result.changeable_outputs) > 1,
    ),
    MenuEntry(
        action=Action.DELETE,
        row=1,
        is_offered=lambda actor, result: may_manage_result(actor, result.run) and result.is_reachable,
    ),
)


def _may_cover(actor: Any, result: Result, visibility: Visibility) -> bool:
    is_so = result.run.visibility is visibility
    return is_so and may_manage_result(actor, result.run) and result.is_reachable and bool(result.outputs)


class ResultActions(commands.Cog):
    """Handles the buttons by the run's row, whoever pressed them if they may."""

    def __init__(
        self,
        *,
        runs: Runs,
        access: RunAccess,
        messages: ResultMessages,
        changes: ResultChanges,
        direct_messages: DirectMessages,
    ) -> None:
        self._access = access
        self._runs = runs
        self._messages = messages
        self._changes = changes
        self._direct_messages = direct_messages

    @commands.Cog.listener()
    async def on_run_button(self, interaction: Interaction, action: Action, run_id: str) -> None:
        """Do what a button of the menu is for."""
        if action not in _MANAGING and action is not Action.SEND_DM:
            return
        run = await self._runs.get(run_id)
        if run is None:
            raise Refused(RUN_DELETED)
        if run.deleted_at is not None:
            raise Refused(sentences.result_deleted())
        if action in _MANAGING and not may_manage_result(actor_of(interaction), run):
            raise Refused(sentences.only_author_or_moderator(format_name(run.author_name)))
        match action:
            case Action.SEND_DM:
                await self._send_to_dm(interaction, run)
            case Action.SPOILER | Action.UNSPOILER:
                await self._cover(interaction, run, spoiler=action is Action.SPOILER)
            case Action.REMOVE:
                await self._ask_which(interaction, run)
            case Action.DELETE:
                await edit_message(interaction, view=sentences.confirm_card(run.id))
            case Action.CONFIRM_DELETE:
                await self._delete(interaction, run)
            case _:
                await self._answer(interaction, sentences.kept(), tone=Tone.NEUTRAL)

    async def _send_to_dm(self, interaction: Interaction, run: Run) -> None:
        check_reuse(run, Reuse.RESULT, user_id=interaction.user.id)
        await defer(interaction)
        key = f"{run.id}:{interaction.id}"
        await self._direct_messages.send_result(interaction.user.id, run, result_messages(run), key=key)
        await self._answer(interaction, sentences.sent_to_dm())

    async def _cover(self, interaction: Interaction, run: Run, *, spoiler: bool) -> None:
        if not spoiler:
            await self._access.check_may_uncover(interaction)
        await defer(interaction)
        await self._changes.cover(run, spoiler=spoiler)
        await self._answer(interaction, sentences.covered() if spoiler else sentences.uncovered())

    async def _ask_which(self, interaction: Interaction, run: Run) -> None:
        stored = await self._runs.list_outputs(run.id)
        outputs = [
            output for output in stored if output.removed_at is None and self._messages.reaches(run, output.message_id)
        ]
        if not outputs:
            is_out_of_reach = any(output.removed_at is None for output in stored)
            raise Refused(sentences.further_messages_are_yours() if is_out_of_reach else sentences.file_gone())

        async def remove(answer: Interaction, output: RunOutput) -> None:
            await defer(answer)
            current = await self._runs.get(run.id)
            if current is None or current.deleted_at is not None:
                raise Refused(sentences.result_deleted())
            try:
                await self._changes.remove(current, output)
            except EditsUsedUp:
                if run.place.token_only:
                    raise  # nobody but a press could do it later
                await edit_response(answer, view=sentence_card(sentences.removed_later(output), tone=Tone.NEUTRAL))
            else:
                await edit_response(answer, view=sentence_card(sentences.removed(output), tone=Tone.SUCCESS))

        chunks = [outputs[at : at + SELECT_OPTIONS] for at in range(0, len(outputs), SELECT_OPTIONS)][:_MAX_SELECTS]
        rows = [ui.ActionRow[Card](_OutputSelect(chunk, remove)) for chunk in chunks]
        card = Card(
            [ui.TextDisplay(sentences.which_to_remove()), *rows],
            Tone.NEUTRAL,
            timeout=INTERACTION_TOKEN_LIFE.total_seconds(),
        )
        await edit_message(interaction, view=card)

    async def _delete(self, interaction: Interaction, run: Run) -> None:
        await defer(interaction)
        is_complete = await self._changes.delete(run)
        await self._answer(interaction, sentences.deleted() if is_complete else sentences.deleted_but_for_further())

    async def _answer(self, interaction: Interaction, sentence: str, *, tone: Tone = Tone.SUCCESS) -> None:
        """Replace the private card by a sentence; a question in the channel goes, and the sentence follows."""
        if not interaction.response.is_done():
            await defer(interaction)
        if interaction.message is not None and not interaction.message.flags.ephemeral:
            await delete_response(interaction)
            await follow_up_privately(interaction, sentence)
        else:
            await edit_response(interaction, view=sentence_card(sentence, tone=tone))


class _OutputSelect(ui.Select[Card]):
    """Asks for one of the files of a result."""

    def __init__(self, outputs: Sequence[RunOutput], chosen: Any) -> None:
        self._outputs = {str(output.number): output for output in outputs}
        self._chosen = chosen
        super().__init__(
            placeholder=sentences.choose_file(),
            options=[
                discord.SelectOption(label=one_line(sentences.output_label(output), CHOICE_CHARS), value=number)
                for number, output in self._outputs.items()
            ],
        )

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        await self._chosen(interaction, self._outputs[self.values[0]])


def result_messages(run: Run) -> list[int]:
    """Return the ids of the messages that show a result, in order: the card and the further messages."""
    further = [message for number, message in sorted(run.messages.items()) if number > 0]
    return [run.place.message_id, *further]
