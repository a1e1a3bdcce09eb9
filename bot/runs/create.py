"""Create the prediction of a run, once, when it is its turn among its author's runs (``own_turns``).

::

    create queue ──► files resolved ──► ``sent`` on disk ──► create ──┬─ accepted ──────► ``submitted`` on disk
       ▲                                                              ├─ never sent ────► ``unsent`` on disk ─┐
       │                                                              ├─ throttled ─────► ``unsent`` on disk ─┤
       └──────────────────────────────────────────────────────────────┼───────────────────────────────────────┘
                                                                      ├─ no answer ─────► reconcile
                                                                      └─ refused ───────► the run fails
"""

from dataclasses import dataclass
from functools import partial

import structlog

from bot.aio import race
from bot.backends.backend import CreateRequest
from bot.backends.errors import ApiError, BackendError, Busy, NoResponse, NotSent, Throttled
from bot.backends.prediction import Prediction
from bot.runs.active_run import ActiveRun
from bot.runs.outcome import CANCELED, FailureCode, Outcome, reason_of_create_error, reason_of_upload_error
from bot.runs.services import RunServices
from bot.runs.snapshot import Phase, WarningCode
from bot.store.errors import LeaseLost, StoreError
from bot.store.models import RunState

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetryLater:
    """The backend did not accept the request, so it may be sent again, ``after`` so many seconds at the earliest."""

    code: FailureCode
    warning: WarningCode
    after: float = 0.0


@dataclass(frozen=True, slots=True)
class AwaitPlace:
    """The backend had no place for the run. That is no failed attempt: the run goes on waiting in the create queue."""

    warning: WarningCode | None


class NoAnswer:
    """The request was sent and perhaps accepted; it must not be sent again."""


async def create_once(active: ActiveRun, services: RunServices) -> Prediction | Outcome | None:
    """Return the prediction of a run that was never sent, or how the run ends without one.

    None if the prediction was found by reconciling: only its id is known, and stands on the row.
    """
    policy, clock = services.policy, services.clock
    await services.own_turns.wait(active)
    began = clock.monotonic()
    give_up_at = began + policy.deadline.total_seconds()
    refused = unsaved = 0
    retry = False
    while True:
        result = await _attempt(active, services, retry=retry)
        retry = True
        if isinstance(result, NoAnswer):
            active.set_warning("create", None)
            return await services.reconciler.reconcile(active)
        if isinstance(result, AwaitPlace):
            if clock.monotonic() - began > policy.place_wait.total_seconds():
                return Outcome.failed(FailureCode.THROTTLED)
            active.was_refused = True
            active.set_warning("create", result.warning)
            active.enter_phase(Phase.QUEUED)
            continue
        if not isinstance(result, RetryLater):
            active.set_warning("create", None)
            return result
        if result.code is FailureCode.NOT_SAVED:
            unsaved += 1
            delay, is_last = policy.save_delay(unsaved), clock.monotonic() > give_up_at
        else:
            refused += 1
            delay, is_last = max(result.after, policy.backoff(refused)), refused == policy.create_attempts
        if is_last:
            return Outcome.failed(result.code)
        active.set_warning("create", result.warning)
        active.enter_phase(Phase.QUEUED)
        await race(clock.sleep(delay), active.cancel_requested.wait())


async def create_again(active: ActiveRun, services: RunServices) -> Prediction | Outcome | None:
    """Send a prediction again that its service lost unfinished, under the same name and in the same place.

    Return it, None if only its name is known, or how the run ends without it.
    """
    log.warning("create_again", run=active.run.id)
    active.output.restart()
    active.enter_phase(Phase.SENDING)
    attempts, began = 0, services.clock.monotonic()
    while attempts < services.policy.create_attempts:
        attempts += 1
        at = services.clock.now()
        try:
            active.resolved_input = await services.inputs.resolve(active.run)
            with active.critical_section():
                if not await services.runs.mark_resent(active.run.id, at=at):
                    return CANCELED
                active.update_row(sent_at=at)
                prediction = await _request(active, services)
                active.set_warning("create", None)
                return prediction
        except StoreError:
            log.warning("create_postponed", run=active.run.id, exc_info=True)
        except BackendError as error:
            _, answer = classify_create_error(error)
            if isinstance(answer, Outcome):
                return answer
            if isinstance(answer, NoAnswer):
                active.set_warning("create", None)
                return None
            if isinstance(answer, AwaitPlace):  # it is loading its model again, or somebody else was faster
                attempts -= services.clock.monotonic() - began <= services.policy.place_wait.total_seconds()
            active.set_warning("create", answer.warning)
        finally:
            active.resolved_input = None
        await race(services.clock.sleep(services.policy.backoff(max(attempts, 1))), active.cancel_requested.wait())
        if active.is_canceling:
            return CANCELED
    return Outcome.failed(FailureCode.UNREACHABLE)


async def _attempt(
    active: ActiveRun, services: RunServices, *, retry: bool
) -> Prediction | Outcome | RetryLater | AwaitPlace | NoAnswer:
    began = services.clock.monotonic()
    ticket = services.create_queue.enter(active.run.author_id, active.set_queue_position, retry=retry)
    try:
        if not ticket.served.done():
            active.enter_phase(Phase.QUEUED)
            await race(ticket.served, active.cancel_requested.wait())
        waited = services.clock.monotonic() - began
        services.metrics.run_left_queue(waited)
        log.debug("run_left_queue", run=active.run.id, seconds=round(waited, 3))
        if active.is_canceling:
            return CANCELED
        if active.resolved_input is None:
            active.enter_phase(Phase.SENDING)
            try:
                resolving = services.inputs.resolve(active.run)
                active.resolved_input = await race(resolving, active.cancel_requested.wait())
            except BackendError as error:
                return Outcome(state=RunState.FAILED, reason=reason_of_upload_error(error))
        with active.critical_section():  # from here until the backend's answer is on disk
            if active.resolved_input is None or not await _mark_sent(active, services):
                return CANCELED
            return await _create(active, services)
    except StoreError:
        log.warning("create_postponed", run=active.run.id, exc_info=True)
        return RetryLater(FailureCode.NOT_SAVED, WarningCode.NOT_SAVED)
    finally:
        services.create_queue.leave(ticket)


async def _mark_sent(active: ActiveRun, services: RunServices) -> bool:
    """Record that the request is about to be sent; False if the run is canceled, LeaseLost if it is another's.

    Whether it is, is asked once more when that is on disk, just before the request: the database may have been slow.
    """
    await active.pending.flush()
    run_id, at = active.run.id, services.clock.now()
    webhook = services.backend.webhook_url(run_id)
    if not await services.runs.mark_sent(run_id, at=at, webhook=webhook):
        row = await services.runs.get(run_id)
        if row is not None and row.fence != active.run.fence:
            raise LeaseLost
        if row is None or row.cancel_requested_at is None:
            raise RuntimeError("The run was sent or ended by somebody else.")
        active.update_row(cancel_requested_at=row.cancel_requested_at, canceled_by_id=row.canceled_by_id)
        return False
    active.update_row(sent_at=at, webhook=webhook)
    if active.is_canceling:
        await _mark_unsent(active, services)
        return False
    if not services.ownership.seconds_left(active.run.fence):
        await _mark_unsent(active, services)
        raise LeaseLost
    return True


async def _mark_unsent(active: ActiveRun, services: RunServices) -> None:
    active.update_row(sent_at=None, webhook=None)
    await active.pending.add(partial(services.runs.mark_unsent, active.run.id))


async def _create(
    active: ActiveRun, services: RunServices
) -> Prediction | Outcome | RetryLater | AwaitPlace | NoAnswer:
    run, began, result = active.run, services.clock.monotonic(), "error"
    if not active.was_refused:  # else it stays in line for its author, until there is a place
        active.enter_phase(Phase.SENDING)
    try:
        with services.reconciler.create_in_flight(run):
            prediction = await _request(active, services)
            result = "ok"
            services.create_queue.on_accepted(services.backend.create_allowance)
            services.create_queue.occupy(run.id)
            await services.reconciler.assign(active, prediction.id)
            return prediction
    except BackendError as error:
        result, answer = classify_create_error(error)
        if isinstance(error, Throttled):
            services.create_queue.on_throttled(error.retry_after)
        if isinstance(error, Busy):
            services.create_queue.on_no_place()
        if isinstance(answer, NoAnswer):
            services.create_queue.occupy(run.id)
        if isinstance(answer, RetryLater | AwaitPlace):
            await _mark_unsent(active, services)
        return answer
    finally:
        services.metrics.create_sent(services.backend.name, result)
        level = log.info if result in ("ok", "no_place") else log.warning
        seconds = round(services.clock.monotonic() - began, 3)
        level("create_sent", run=run.id, prediction=active.run.prediction_id, outcome=result, seconds=seconds)


async def _request(active: ActiveRun, services: RunServices) -> Prediction:
    """Send the create request. An error that nobody expected is a lost answer: it may have been carried out."""
    run = active.run
    try:
        return await services.backend.create(
            CreateRequest(
                run_id=run.id,
                target=run.target,
                input=active.resolved_input or {},
                webhook=run.webhook,
                cancel_after=services.policy.deadline,
            )
        )
    except BackendError:
        raise
    except Exception as error:
        log.exception("create_failed_unexpectedly", run=run.id)
        services.metrics.unexpected_error("runs")
        raise NoResponse("The create request ended in an unexpected error.") from error


def classify_create_error(error: BackendError) -> tuple[str, Outcome | RetryLater | AwaitPlace | NoAnswer]:
    """Return a word for the log, and whether the request may be sent again after this error."""
    if isinstance(error, Busy):
        return "no_place", AwaitPlace(WarningCode.MODEL_LOADING if error.is_starting else None)
    if isinstance(error, Throttled):
        return "throttled", RetryLater(FailureCode.THROTTLED, WarningCode.THROTTLED, error.retry_after)
    if isinstance(error, NotSent):
        return "not_sent", RetryLater(FailureCode.UNREACHABLE, WarningCode.UNREACHABLE)
    # A 408 or a 5xx does not tell whether the request was acted upon before it failed.
    if isinstance(error, ApiError) and error.status != 408 and error.status < 500:
        return "refused", Outcome(state=RunState.FAILED, reason=reason_of_create_error(error))
    return "no_answer", NoAnswer()
