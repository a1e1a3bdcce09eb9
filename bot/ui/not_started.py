"""A run that was refused, with the button that leads on from there."""

from typing import Any

from discord import ui

from bot.command_mentions import link_commands
from bot.errors import UserError
from bot.formatting import clean_text, truncate_utf16
from bot.limits import TEXT_CHARS
from bot.ui.components import RefusedRunButton, RunButton

_RED = 0xF23F43  # as a failed run


class NotStarted(UserError):
    """A run was refused; ``reason`` says why, and ``button`` gives back what was entered, or tries it again."""

    def __init__(self, reason: Exception, button: RefusedRunButton | RunButton) -> None:
        super().__init__(str(reason))
        self.reason = reason
        self.button = button


def not_started_card(sentence: str, error: NotStarted) -> ui.LayoutView:
    """Return the refusal with its button. It works for as long as what was entered is stored."""
    row: ui.ActionRow[Any] = ui.ActionRow(error.button)
    text = link_commands(truncate_utf16(clean_text(sentence), TEXT_CHARS), chars=TEXT_CHARS)
    view = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(ui.TextDisplay(text), row, accent_colour=_RED))
    return view
