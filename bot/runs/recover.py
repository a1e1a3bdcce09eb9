"""Decide: what a run that was read back after a restart needs next."""

from datetime import datetime, timedelta
from enum import StrEnum

from bot.store.models import Run


class RecoveryStep(StrEnum):
    """The one next step of a run. Every run that is not delivered has exactly one."""

    SEND = "send"  # the create request never left: from the line, as if new
    STOP = "stop"  # it never left and somebody wants it to stop: it ends and costs nothing
    EXPIRE = "expire"  # it never left and nobody waits for it any more
    FIND = "find"  # the request left and its answer is not known: never again, look for it
    FOLLOW = "follow"  # the prediction is known
    DELIVER = "deliver"  # it is over; the last page is not in Discord
    NOTHING = "nothing"  # it is over and delivered


def next_step(run: Run, now: datetime, *, patience: timedelta) -> RecoveryStep:
    """Return the next step of ``run``, for any run at all; ``patience`` is how long an unsent one is worth sending."""
    if run.delivered_at is not None:
        return RecoveryStep.NOTHING
    if run.state.terminal:
        return RecoveryStep.DELIVER
    if run.prediction_id is not None:
        return RecoveryStep.FOLLOW
    if run.sent_at is not None:
        return RecoveryStep.FIND
    return _unsent(run, now, patience)


def _unsent(run: Run, now: datetime, patience: timedelta) -> RecoveryStep:
    if run.cancel_requested_at is not None:
        return RecoveryStep.STOP
    return RecoveryStep.EXPIRE if now - run.created_at > patience else RecoveryStep.SEND
