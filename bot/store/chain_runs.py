"""Which step every running chain is at: one row each, gone when the chain is over.

The row moves to the next step in the transaction that marks the step before as delivered and inserts the run of the
next one. So there is no moment at which a chain stands between two steps: a bot that is killed finds either the step
before, undelivered, or the next one, reserved and not sent.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, select, update

from bot.media.types import InputFile
from bot.money.budgets import BudgetExceeded
from bot.store.models import Run, RunOutput, RunState
from bot.store.quota import NO_LIMITS, RunLimits
from bot.store.tables import chain_runs, runs
from bot.store.transitions import deliver_run, insert_run, reserve_run

_THIS_CHAIN: Final = chain_runs.c.id == bindparam("chain_id")
_LOCK_CHAIN: Final = select(chain_runs).where(_THIS_CHAIN).with_for_update()
_MOVE: Final = update(chain_runs).where(_THIS_CHAIN)
_END: Final = delete(chain_runs).where(_THIS_CHAIN)
_REQUEST_CANCEL: Final = (
    update(chain_runs)
    .where(_THIS_CHAIN, chain_runs.c.cancel_requested_at.is_(None))
    .values(cancel_requested_at=bindparam("at"), canceled_by_id=bindparam("by_id"))
)
_SELECT_STEP: Final = select(
    runs.c.cancel_requested_at,
    runs.c.canceled_by_id,
    runs.c.erase_asked_at,
    runs.c.token,
    runs.c.token_expires_at,
    runs.c.budget_roles,
).where(runs.c.id == bindparam("run_id"))
_MARK_ERASED: Final = update(runs).where(runs.c.id == bindparam("of_run"))
_RUN_IDS: Final = select(runs.c.id)
_DELETE_LOST: Final = delete(chain_runs).where(chain_runs.c.run_id.not_in(_RUN_IDS))


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """The run of a chain's next step, the files of its input, and its limits, without the roles of its author.

    A run that has ended already was never to be sent: it only says why the chain is over. ``limit_cause`` is the cause
    of one that its author's limits on runs do not allow, ``budget_cause`` of one that costs too much.
    """

    run: Run
    limit_cause: str
    budget_cause: str
    files: Sequence[InputFile] = ()
    limits: RunLimits = NO_LIMITS


def deliver_step(
    connection: Connection,
    run: Run,
    following: NextStep | None,
    *,
    at: datetime,
    outputs: Sequence[RunOutput],
    fences: Collection[int] | None,
) -> Run | None:
    """Mark a step as delivered and reserve the next one, or end the chain; all of it or nothing.

    Returns the run that was inserted. It is canceled if somebody asked for that, and has failed if its author reached a
    limit. None if there is none: the chain is over, or the step was delivered before.
    """
    chain = run.chain
    if chain is None:
        raise ValueError(f"Run {run.id} is no step of a chain.")
    row = connection.execute(_LOCK_CHAIN, {"chain_id": chain.id}).first()
    step = connection.execute(_SELECT_STEP, {"run_id": run.id}).first()
    if not deliver_run(connection, run.id, at, outputs, fences) or row is None or step is None or row.run_id != run.id:
        return None
    if following is None:
        connection.execute(_END, {"chain_id": chain.id})
        return None
    # A press under the message may have brought a newer token than this process knows.
    place = replace(run.place, token=step.token or "", token_expires_at=step.token_expires_at)
    following = replace(following, run=replace(following.run, place=place))
    request = step if step.cancel_requested_at is not None else row
    inserted = _insert_step(connection, following, request, roles=frozenset(step.budget_roles or ()))
    connection.execute(_MOVE, {"chain_id": chain.id, "number": chain.number + 1, "run_id": inserted.id})
    if step.erase_asked_at is not None:
        connection.execute(_MARK_ERASED, {"of_run": inserted.id, "erase_asked_at": step.erase_asked_at})
    return inserted


def _insert_step(connection: Connection, following: NextStep, request: Any, *, roles: frozenset[int]) -> Run:
    """Insert the run of the next step; ``request`` is the row of the chain, or of the step before it: who canceled."""
    run = following.run
    if request.cancel_requested_at is not None:
        run = replace(run, cancel_requested_at=request.cancel_requested_at, canceled_by_id=request.canceled_by_id)
    elif run.cancel_requested_at is None and not run.state.terminal:
        exceeded = reserve_run(connection, run, following.files, replace(following.limits, roles=roles))
        if exceeded is None:
            return run
        cause = following.budget_cause if isinstance(exceeded, BudgetExceeded) else following.limit_cause
        run = replace(run, state=RunState.FAILED, ended_at=run.created_at, cause=cause)
    run = replace(run, estimate=None)  # nothing is reserved for what is never sent
    insert_run(connection, run, ())
    return run


def cancel_chain(connection: Connection, chain_id: str, *, by_id: int | None, at: datetime) -> tuple[str, bool] | None:
    """Let no further step of a chain start; return the run of its step now, and whether this is the first request.

    None if the chain is over.
    """
    row = connection.execute(_LOCK_CHAIN, {"chain_id": chain_id}).first()
    if row is None:
        return None
    is_first = connection.execute(_REQUEST_CANCEL, {"chain_id": chain_id, "by_id": by_id, "at": at}).rowcount == 1
    return row.run_id, is_first


def delete_lost_chains(connection: Connection) -> int:
    """Delete the rows of chains whose runs are gone; return how many."""
    return connection.execute(_DELETE_LOST).rowcount
