"""The task of one run, from the create queue to its delivery."""

from contextlib import aclosing

import structlog

from bot.runs.active_run import ActiveRun, PollResult, PredictionLost, RunEvent
from bot.runs.create import create_once
from bot.runs.finalize import deliver, finalize
from bot.runs.outcome import CANCELED, FailureCode, Outcome, outcome_of_prediction, outcome_of_stream
from bot.runs.recover import RecoveryStep
from bot.runs.services import RunServices
from bot.runs.snapshot import Phase
from bot.runs.track import track
from bot.store.models import RunState

log = structlog.get_logger(__name__)


async def run_task(active: ActiveRun, step: RecoveryStep, services: RunServices) -> None:
    """Take a run from ``step`` to its delivery. An unexpected error ends the run as failed."""
    try:
        if step is RecoveryStep.DELIVER:
            active.output.set_final(active.run.output, complete=True)
            await deliver(active, services)
        else:
            await finalize(active, await _bring_to_end(active, step, services), services)
    except Exception as error:  # noqa: BLE001 - one run must not end the others
        await _fail_unexpectedly(active, error, services)


async def _bring_to_end(active: ActiveRun, step: RecoveryStep, services: RunServices) -> Outcome:
    """Create or find the prediction, follow it to its end, and return how the run ends."""
    prediction = None
    match step:
        case RecoveryStep.CANCEL:
            return CANCELED
        case RecoveryStep.EXPIRE:
            return Outcome.failed(FailureCode.EXPIRED)
        case RecoveryStep.CREATE:
            prediction = await create_once(active, services)
        case RecoveryStep.RECONCILE:
            prediction = await services.reconciler.reconcile(active)
    if isinstance(prediction, Outcome):
        return prediction
    active.enter_phase(Phase.RUNNING if active.run.state is RunState.RUNNING else Phase.STARTING)
    last: RunEvent | None = None
    async with aclosing(track(active, services, prediction)) as events:
        async for last in events:
            active.apply(last)
    match last:
        case PollResult(prediction):
            return outcome_of_prediction(
                prediction,
                has_output=active.output.output is not None,
                cancel_requested=active.is_canceling,
                stream_error=active.stream_error,
                deadline=services.policy.deadline,
            )
        case PredictionLost(reason):
            return outcome_of_stream(active.stream_result, reason=reason, stream_error=active.stream_error)
        case _:
            raise RuntimeError("Tracking stopped before the prediction ended.")


async def _fail_unexpectedly(active: ActiveRun, error: Exception, services: RunServices) -> None:
    run = active.run
    log.error("run_failed_unexpectedly", run=run.id, prediction=run.prediction_id, exc_info=error)
    services.metrics.unexpected_error("runs")
    if run.state.terminal:
        return  # the result is on disk; the next start delivers it
    try:
        active.untracked = True  # nobody would see what its prediction still produces
        await finalize(active, Outcome.failed(FailureCode.INTERNAL), services)
    except Exception:  # the row stays as it is for the next start
        log.exception("run_not_ended", run=run.id)
