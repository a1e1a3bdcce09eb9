"""Ends: how a run ends, from Replicate's last word on its prediction."""

from datetime import datetime, timedelta

from bot.replicate.prediction import Prediction, Status
from bot.runs import reasons
from bot.runs.life import End
from bot.runs.listen import Verdict
from bot.runs.reasons import Reason
from bot.store.run import RunState

# How close to the deadline an end must be to be the deadline's doing: clocks differ, and so do cancels.
_NEAR = timedelta(seconds=15)


def of_prediction(
    prediction: Prediction, *, has_output: bool, stopping: bool, heard: str | None, deadline: timedelta
) -> End:
    """Say how a run ends whose prediction is over.

    ``has_output`` is whether anything can be shown, ``stopping`` whether somebody here wanted it to stop, ``heard``
    the error that the stream told.
    """
    state, reason = RunState.SUCCEEDED, None
    match prediction.status:
        case Status.FAILED:
            state, reason = RunState.FAILED, reasons.of_failure(prediction.error or heard)
        case Status.CANCELED | Status.ABORTED if stopping:
            state = RunState.CANCELED
        case Status.ABORTED:
            state, reason = RunState.ABORTED, reasons.of_abort(deadline)
        case Status.CANCELED:
            state, reason = RunState.CANCELED, _who_stopped(prediction, deadline)
        case Status.OTHER if prediction.error:
            state, reason = RunState.FAILED, reasons.of_failure(prediction.error)
        case _ if prediction.data_removed and not has_output:
            state, reason = RunState.FAILED, reasons.REMOVED
    return End(state=state, reason=reason, prediction=prediction)


def of_silence(reason: Reason, verdict: Verdict | None, *, heard: str | None) -> End:
    """Say how a run ends whose prediction cannot be asked about any more: as its stream said, if it said anything."""
    if verdict is Verdict.SUCCEEDED:
        return End(state=RunState.SUCCEEDED)
    if verdict is Verdict.CANCELED:
        return End(state=RunState.CANCELED)
    if verdict is Verdict.FAILED:
        return End(state=RunState.FAILED, reason=reasons.of_failure(heard))
    return End(state=RunState.FAILED, reason=reason)


def is_over(prediction: Prediction) -> bool:
    """Tell whether a prediction can never change again; a status that we do not know is over when it has an end."""
    if prediction.status is Status.OTHER:
        return prediction.completed_at is not None
    return prediction.status.terminal


def _who_stopped(prediction: Prediction, deadline: timedelta) -> Reason:
    ended: datetime | None = prediction.completed_at
    if ended is not None and ended - prediction.created_at >= deadline - _NEAR:
        return reasons.of_deadline(deadline)
    return reasons.ELSEWHERE
