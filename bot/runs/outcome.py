"""Ends: how a run ends, from Replicate's last word on its prediction."""

from datetime import datetime, timedelta

from bot.backends.replicate.predictions import Prediction, Status
from bot.runs import failure_reasons
from bot.runs.active_run import Outcome
from bot.runs.failure_reasons import FailureReason
from bot.runs.stream_listener import StreamResult
from bot.store.models import RunState

# How close to the deadline an end must be to be the deadline's doing: clocks differ, and so do cancels.
_NEAR = timedelta(seconds=15)


def outcome_of_prediction(
    prediction: Prediction, *, has_output: bool, stopping: bool, heard: str | None, deadline: timedelta
) -> Outcome:
    """Say how a run ends whose prediction is over.

    ``has_output`` is whether anything can be shown, ``stopping`` whether somebody here wanted it to stop, ``heard``
    the error that the stream told.
    """
    state, reason = RunState.SUCCEEDED, None
    match prediction.status:
        case Status.FAILED:
            state, reason = RunState.FAILED, failure_reasons.from_model_error(prediction.error or heard)
        case Status.CANCELED | Status.ABORTED if stopping:
            state = RunState.CANCELED
        case Status.ABORTED:
            state, reason = RunState.ABORTED, failure_reasons.aborted_before_start(deadline)
        case Status.CANCELED:
            state, reason = RunState.CANCELED, _who_stopped(prediction, deadline)
        case Status.OTHER if prediction.error:
            state, reason = RunState.FAILED, failure_reasons.from_model_error(prediction.error)
        case _ if prediction.data_removed and not has_output:
            state, reason = RunState.FAILED, failure_reasons.REMOVED
    return Outcome(state=state, reason=reason, prediction=prediction)


def outcome_without_prediction(reason: FailureReason, verdict: StreamResult | None, *, heard: str | None) -> Outcome:
    """Say how a run ends whose prediction cannot be asked about any more: as its stream said, if it said anything."""
    if verdict is StreamResult.SUCCEEDED:
        return Outcome(state=RunState.SUCCEEDED)
    if verdict is StreamResult.CANCELED:
        return Outcome(state=RunState.CANCELED)
    if verdict is StreamResult.FAILED:
        return Outcome(state=RunState.FAILED, reason=failure_reasons.from_model_error(heard))
    return Outcome(state=RunState.FAILED, reason=reason)


def is_over(prediction: Prediction) -> bool:
    """Tell whether a prediction can never change again; a status that we do not know is over when it has an end."""
    if prediction.status is Status.OTHER:
        return prediction.completed_at is not None
    return prediction.status.terminal


def _who_stopped(prediction: Prediction, deadline: timedelta) -> FailureReason:
    ended: datetime | None = prediction.completed_at
    if ended is not None and ended - prediction.created_at >= deadline - _NEAR:
        return failure_reasons.deadline_exceeded(deadline)
    return failure_reasons.CANCELED_ELSEWHERE
