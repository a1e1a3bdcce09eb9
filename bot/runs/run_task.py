"""The task of one run: create or find its prediction, track it, end the run on disk, once, and deliver its result."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import structlog

from bot.aio import race
from bot.backends.prediction import Prediction
from bot.language import set_language
from bot.limits import PICTURE_CHECKS
from bot.outputs.items import FileItem
from bot.outputs.row_output import fit_into_row
from bot.rules.verdict import Verdict
from bot.runs.active_run import ActiveRun, CancelRequested, PollResult, PredictionLost, RunEvent
from bot.runs.chains import prepare_next_step
from bot.runs.create import create_again, create_once
from bot.runs.outcome import (
    CANCELED,
    FailureCode,
    Outcome,
    outcome_of_prediction,
    outcome_of_stream,
    reason_of_missing_outputs,
)
from bot.runs.pending_writes import FAILURES_BEFORE_WARNING
from bot.runs.progress import find_seed
from bot.runs.recover import RecoveryStep
from bot.runs.services import RunServices
from bot.runs.snapshot import DeliveryResult, Phase
from bot.runs.track import send_cancel, track
from bot.store.errors import StoreError
from bot.store.models import Run, RunOutput, RunState

log = structlog.get_logger(__name__)

T = TypeVar("T")


async def run_task(active: ActiveRun, step: RecoveryStep, services: RunServices) -> None:
    """Take a run from ``step`` to its delivery. An unexpected error ends the run as failed."""
    set_language(active.run.place.language)  # not that of whoever's press started the task
    try:
        if step is RecoveryStep.DELIVER:
            await active.output.restore(active.run.output)
            await deliver(active, services)
        else:
            outcome = await _bring_to_end(active, step, services)
            services.create_queue.release(active.run.id)
            await finalize(active, outcome, services)
    except Exception as error:  # noqa: BLE001 - one run must not end the others
        await _fail_unexpectedly(active, error, services)


async def _bring_to_end(active: ActiveRun, step: RecoveryStep, services: RunServices) -> Outcome:
    """Create or find the prediction, follow it to its end, and return how the run ends."""
    prediction = await _find_prediction(active, step, services)
    if isinstance(prediction, Outcome):
        return prediction
    if active.phase is not Phase.RECONCILING or not services.backend.traits.names_predictions:  # else it may not exist
        active.enter_phase(Phase.RUNNING if active.run.state is RunState.RUNNING else Phase.STARTING)
    last = await _follow(active, prediction, services)
    for _ in range(services.policy.resends if services.policy.resend_unfinished else 0):
        if active.is_canceling or not (isinstance(last, PredictionLost) and last.unfinished):
            break
        prediction = await create_again(active, services)
        if isinstance(prediction, Outcome):
            return prediction
        last = await _follow(active, prediction, services)
    match last:
        case PollResult(prediction):
            return outcome_of_prediction(
                prediction,
                has_output=active.output.output is not None,
                cancel_requested=active.is_canceling,
                past_deadline=active.past_deadline,
                stream_error=active.stream_error,
                deadline=services.policy.deadline,
            )
        case PredictionLost(reason):
            # What is too large to be read, its status too, may still go on.
            active.untracked = reason.code is FailureCode.OUTPUT_TOO_LARGE and active.stream_result is None
            return outcome_of_stream(active.stream_result, reason=reason, stream_error=active.stream_error)
        case _:
            raise RuntimeError("Tracking stopped before the prediction ended.")


async def _follow(active: ActiveRun, prediction: Prediction | None, services: RunServices) -> RunEvent | None:
    """Track the run's prediction, and return the last event.

    An error of our own costs what the event brings, not the run, which is paid for.
    """
    last: RunEvent | None = None
    async with aclosing(track(active, services, prediction)) as events:
        async for last in events:
            try:
                active.apply(last)
            except Exception:
                log.exception("event_not_applied", run=active.run.id, event_type=type(last).__name__)
                services.metrics.unexpected_error("runs")
    return last


async def _find_prediction(active: ActiveRun, step: RecoveryStep, services: RunServices) -> Prediction | Outcome | None:
    """Return the run's prediction, None if only its id is known, or how the run ends without one."""
    match step:
        case RecoveryStep.CANCEL:
            return CANCELED
        case RecoveryStep.EXPIRE:
            return Outcome.failed(FailureCode.EXPIRED)
        case RecoveryStep.RETIRE:
            return Outcome.failed(FailureCode.RETIRED)
        case RecoveryStep.CREATE:
            return await create_once(active, services)
        case RecoveryStep.RECONCILE:
            return await services.reconciler.reconcile(active)
        case _:
            return None


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


async def finalize(active: ActiveRun, outcome: Outcome, services: RunServices) -> None:
    """End the run and deliver it. If it had ended already, delivering is up to whoever ended it."""
    ended_at = services.clock.now()
    prediction = outcome.prediction
    reason = outcome.reason or reason_of_missing_outputs(active.run, outcome)
    columns: dict[str, Any] = {
        "state": outcome.state,
        "failure": reason.to_detail() if reason else None,
        "cause": reason.code.value if reason else None,
        "output": await active.output.store(),
        "metrics": fit_into_row(dict(prediction.metrics))[0] if prediction else {},
        "started_at": prediction.started_at if prediction else None,
        "seed": find_seed(prediction.logs) if prediction else None,
        "cost": services.pricing.find_cost(active.run, outcome),
    }
    sample = services.pricing.take_sample(active.run, outcome, ended_at)
    active.is_over = not active.untracked

    async def end() -> bool:
        await active.pending.flush()
        return await services.runs.mark_ended(active.run.id, at=ended_at, sample=sample, **columns)

    if not await _save(end, active, services):
        log.warning("run_already_ended", run=active.run.id)
        return
    active.update_row(ended_at=ended_at, **{name: value for name, value in columns.items() if value is not None})
    run = active.run
    services.own_turns.on_ended(run.author_id)
    services.metrics.run_ended(run.command, run.state.value, cost=run.cost or 0)
    log.info("run_ended", run=run.id, prediction=run.prediction_id, end=run.state.value, cause=run.cause)
    await deliver(active, services)


async def deliver(active: ActiveRun, services: RunServices) -> None:
    """Show the result of a run that has ended, and record that it is shown."""
    if not active.message_deleted:
        active.enter_phase(Phase.DELIVERING)
        await active.wait_for_thumbnail()
        await active.output.wait_for_files(services.clock, services.policy.download_timeout)
        await _check_pictures(active, services)
        if not await _finish_reply(active, services):
            return
    outputs = () if active.message_deleted else tuple(await active.reply.list_outputs())
    delivered_at = services.clock.now()
    if active.run.chain is None:
        shown = not active.message_deleted
        deliver_run = partial(
            services.runs.mark_delivered, active.run.id, at=delivered_at, outputs=outputs, shown=shown
        )
        await _save(deliver_run, active, services)
    else:
        await _move_chain(active, delivered_at, outputs, services)
    services.on_delivered(active.run)  # at once: a press under the card may already be on its way
    await _keep_result(active, services)
    await active.output.discard_files()
    run = active.run
    services.metrics.run_delivered(run.command, run.state.value, (delivered_at - run.created_at).total_seconds())
    seconds = (delivered_at - (run.ended_at or delivered_at)).total_seconds()
    log.info("run_delivered", run=run.id, prediction=run.prediction_id, seconds=round(seconds, 3))


async def _check_pictures(active: ActiveRun, services: RunServices) -> None:
    """Have the pictures looked at before they are shown, where the server wants that."""
    if active.run.checker is None:
        return
    slots = asyncio.Semaphore(PICTURE_CHECKS)

    async def check(picture: FileItem) -> tuple[str, Verdict]:
        async with slots:
            return picture.name, await services.check_picture(active.run, picture)

    verdicts = await asyncio.gather(*map(check, active.output.list_pictures()))
    active.output.judge_pictures(dict(verdicts))


async def _keep_result(active: ActiveRun, services: RunServices) -> None:
    """Keep what is needed to find the result again. The result is delivered already: a failure costs only that."""
    if active.message_deleted:
        return
    try:
        await services.keep_result(active.run, active.output.items)
    except Exception:
        log.exception("result_not_kept", run=active.run.id)
        services.metrics.unexpected_error("runs")


async def _move_chain(
    active: ActiveRun, delivered_at: datetime, outputs: tuple[RunOutput, ...], services: RunServices
) -> None:
    """Record that a chain's step is shown, together with the next step, which is started when this task is over."""
    following = await prepare_next_step(active, outputs, services)

    async def write() -> Run | None:
        step = following
        if step is not None:
            step = replace(step, run=replace(step.run, fence=services.ownership.choose_fence(step.run.place)))
        return await services.runs.mark_step_delivered(active.run, step, at=delivered_at, outputs=outputs)

    active.following = await _save(write, active, services)
    if active.following is not None:
        run = active.following
        log.info("chain_moved", run=run.id, chain=run.chain.id if run.chain else None, end=run.state.value)


async def _finish_reply(active: ActiveRun, services: RunServices) -> bool:
    """Send the final snapshot until Discord has it; return whether the run counts as delivered.

    An error of our own is not retried for long. Then the run stays undelivered: the next start, maybe of a version
    without the error, delivers it.
    """
    snapshot, run_id, policy = active.final_snapshot(), active.run.id, services.policy
    attempts = errors = 0
    began = services.clock.now()
    while not active.message_deleted:
        attempts += 1
        try:
            with active.critical_section():
                result = await active.reply.finish(snapshot)
        except Exception:
            errors += 1
            log.exception("reply_failed", run=run_id)
            services.metrics.unexpected_error("ui")
            result = DeliveryResult.LATER
        if result is DeliveryResult.LATER and active.place_lost:
            result = DeliveryResult.GONE
        if result is not DeliveryResult.LATER:
            active.reply_finished = True
            active.is_shown = result is DeliveryResult.DELIVERED
            if result is DeliveryResult.FAILED:
                log.error("delivery_failed", run=run_id)
            return result is not DeliveryResult.FAILED
        # Nobody could press a button while the bot was down.
        if services.clock.now() - max(began, snapshot.run.ended_at or began) > policy.delivery_timeout:
            log.error("delivery_timed_out", run=run_id)
            return True
        if errors >= policy.delivery_errors:
            log.error("delivery_failed", run=run_id)
            return False
        await services.clock.sleep(policy.backoff(attempts))
    return True


async def _save(write: Callable[[], Awaitable[T]], active: ActiveRun, services: RunServices) -> T:
    """Return the result of ``write``, retrying for as long as the process lives: a paid run must not be lost.

    If the prediction may still run, it is canceled first; and again when somebody asks to cancel the run.
    """
    failures = 0
    while True:
        if active.untracked:
            active.untracked = not await send_cancel(active, services)
        try:
            result = await write()
        except StoreError:
            failures += 1
            level = log.warning if failures == 1 else log.debug
            level("run_not_saved", run=active.run.id, failures=failures, exc_info=failures == 1)
        else:
            active.set_saved(True)
            if failures:
                log.info("run_saved", run=active.run.id, failures=failures)
            return result
        if active.is_over and not active.run.state.terminal:
            active.enter_phase(Phase.DELIVERING)
        await active.wait_for_thumbnail()
        if failures >= FAILURES_BEFORE_WARNING:
            active.set_saved(False)
        event = await race(active.events.get(), services.clock.sleep(services.policy.save_delay(failures)))
        active.untracked = active.untracked or isinstance(event, CancelRequested)
