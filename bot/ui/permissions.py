"""Who may stop, change and delete a run, decided from its row; who may use what of it: ``bot.ui.reuse``."""

from bot.actor import Actor
from bot.store.models import Run
from bot.visibility import Visibility

_MANAGE_MESSAGES = 1 << 13  # Discord's bit


def may_cancel(run: Run, *, user_id: int, manages_messages: bool) -> bool:
    """Return whether this user may cancel the run: its author, or anybody who may delete its message anyway."""
    return user_id == run.author_id or manages_messages


def may_manage_result(actor: Actor, run: Run) -> bool:
    """Return whether somebody may delete or cover the result: its author, or whoever may delete its message anyway.

    Nobody but its author sees a private one.
    """
    if actor.user_id == run.author_id:
        return True
    manages = bool(actor.permissions & _MANAGE_MESSAGES) and actor.channel_id == run.place.channel_id
    return manages and run.visibility is not Visibility.PRIVATE
