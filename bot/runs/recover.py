"""Which step an unfinished run needs after a restart."""

from datetime import datetime, timedelta
from enum import StrEnum

from bot.store.models import Run


class RecoveryStep(StrEnum):
    """The next step of a run. Every run that is not delivered has exactly one."""

    CREATE = "create"  # the create request was never sent: it joins the create queue
    CANCEL = "cancel"  # it was never sent, and a cancel was requested: it ends without cost
    EXPIRE = "expire"  # it was never sent, and is too old to be worth sending
    RETIRE = "retire"  # its backend is no longer configured: it ends
    RECONCILE = "reconcile"  # it was sent and its answer is unknown: never send it again, find its prediction
    TRACK = "track"  # its prediction is known
    DELIVER = "deliver"  # it has ended, and its result is not in Discord
    NOTHING = "nothing"  # it is delivered


def next_step(run: Run, now: datetime, *, expire_after: timedelta) -> RecoveryStep:
    """Return the next step of any run; one that was never sent is not sent after ``expire_after``."""
    if run.delivered_at is not None:
        return RecoveryStep.NOTHING
    if run.state.terminal:
        return RecoveryStep.DELIVER
    if run.prediction_id is not None:
        return RecoveryStep.TRACK
    if run.sent_at is not None:
        return RecoveryStep.RECONCILE
    if run.cancel_requested_at is not None:
        return RecoveryStep.CANCEL
    return RecoveryStep.EXPIRE if now - run.created_at > expire_after else RecoveryStep.CREATE
