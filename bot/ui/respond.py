"""Answer a person in private, and report what went wrong with their command, button, select or form.

Every error of an interaction ends in ``report_error``: commands through the command tree, buttons and selects through
their card, forms through their modal, and persistent buttons through the client, whose listeners handle them.
"""

import io
from functools import partial
from typing import Any

import discord
import structlog
from discord import app_commands, ui

from bot.command_mentions import link_commands
from bot.errors import Refused, UserError
from bot.formatting import clean_text, truncate_utf16
from bot.language import retranslate
from bot.limits import CONTENT_CHARS, INTERACTION_TOKEN_LIFE, TEXT_CHARS
from bot.money.budgets import BudgetExceeded
from bot.runs.engine import Restarting
from bot.store.errors import QuotaExceeded, StoreError
from bot.ui.components import RefusedRunAction, RefusedRunButton, RunButton
from bot.ui.first_response import (
    OpenFiles,
    delete_response,
    follow_up_privately,
    is_answered_elsewhere,
    send_privately,
)
from bot.ui.render import money, strings
from bot.ui.requests import REQUEST_ERRORS

_RED = 0xF23F43  # as a failed run

log = structlog.get_logger(__name__)


class NotStarted(UserError):
    """A run was refused; ``reason`` says why, and ``button`` gives back what was entered, or tries it again."""

    def __init__(self, reason: Exception, button: RefusedRunButton | RunButton) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.button = button

    @property
    def is_passing(self) -> bool:
        """Whether the same run may start later, as it is."""
        return isinstance(self.button, RefusedRunButton) and self.button.action is RefusedRunAction.TRY_AGAIN


class PromptReturned(Refused):
    """A run that no change of its inputs helps; the sentence has the prompt, or ``file``, where it is too long."""

    def __init__(self, sentence: str, file: str | None) -> None:
        super().__init__(sentence)
        self.file = file


async def respond(
    interaction: discord.Interaction[Any],
    sentence: str,
    *,
    card: ui.LayoutView | None = None,
    open_files: OpenFiles | None = None,
) -> None:
    """Show ``sentence`` to the person alone, with files beside it, or the ``card`` that says it.

    A deferred public response cannot turn private, so it is deleted first; what follows it may be private again.
    """
    text = truncate_utf16(clean_text(retranslate(sentence)), CONTENT_CHARS)
    if not interaction.response.is_done():
        await send_privately(interaction, text, view=card, open_files=open_files)
        return
    if interaction.response.type is discord.InteractionResponseType.deferred_channel_message:
        await delete_response(interaction)
    await follow_up_privately(interaction, text, view=card, open_files=open_files)


async def respond_with_card(interaction: discord.Interaction[Any], card: ui.LayoutView) -> None:
    """Show a card to the person alone, also after a press that was acknowledged already."""
    if interaction.response.is_done():
        await follow_up_privately(interaction, view=card)
    else:
        await send_privately(interaction, view=card)


async def report_error(interaction: discord.Interaction[Any], error: BaseException) -> None:
    """Tell the person in a sentence what went wrong with their interaction; log what is not their doing."""
    if is_answered_elsewhere(getattr(error, "original", error)):
        log.info("interaction_answered_elsewhere", interaction=interaction.id)
        return
    sentence = explain_error(interaction, error)
    if discord.utils.utcnow() - interaction.created_at > INTERACTION_TOKEN_LIFE:
        return
    cause = getattr(error, "original", error)
    card = not_started_card(sentence, cause) if isinstance(cause, NotStarted) else None
    file = cause.file if isinstance(cause, PromptReturned) else None
    try:
        await respond(
            interaction, sentence, card=card, open_files=None if file is None else partial(_open_prompt, file)
        )
    except REQUEST_ERRORS as refused:
        log.warning("error_not_reported", interaction=interaction.id, error=str(refused))


def _open_prompt(prompt: str) -> list[discord.File]:
    return [discord.File(io.BytesIO(prompt.encode()), filename="prompt.txt")]


def explain_error(interaction: discord.Interaction[Any], error: BaseException) -> str:
    """Return the sentence for an error; log the error with its traceback if it is not the person's doing."""
    cause = getattr(error, "original", error)
    if isinstance(cause, NotStarted):
        cause = cause.reason
    if isinstance(cause, QuotaExceeded):
        return strings.explain_quota(cause)
    if isinstance(cause, BudgetExceeded):
        return money.explain_budget(cause)
    if isinstance(cause, Restarting):
        return retranslate(strings.RESTARTING)
    if isinstance(cause, UserError):
        return cause.sentence
    if isinstance(cause, app_commands.CheckFailure):
        return retranslate(strings.NOT_ALLOWED)
    log.error("interaction_failed", interaction=interaction.id, exc_info=cause)
    return retranslate(strings.DATABASE_UNAVAILABLE if isinstance(cause, StoreError) else strings.UNEXPECTED_ERROR)


def not_started_card(sentence: str, error: NotStarted) -> ui.LayoutView:
    """Return the refusal with its button. It works for as long as what was entered is stored."""
    row: ui.ActionRow[Any] = ui.ActionRow(error.button)
    text = link_commands(truncate_utf16(clean_text(sentence), TEXT_CHARS), chars=TEXT_CHARS)
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(ui.TextDisplay(text), row, accent_colour=_RED))
    return view
