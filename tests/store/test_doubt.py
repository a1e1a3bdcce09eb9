"""Transactions of which nobody knows whether they took effect: what they wrote is asked for, and decides."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn, TypeVar, cast

import pytest
from sqlalchemy import Connection

from bot.store.database import Database
from bot.store.errors import CommitInDoubt, StoreError
from bot.store.models import RunState
from bot.store.runs import Runs
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.store.samples import after, make_run, store_run_in_state
from tests.store.test_chain_runs import following, make_step

T = TypeVar("T")


class DoubtfulDatabase:
    """A database that does not know whether a transaction ``takes_effect``, and that cannot be read at first."""

    is_closed = False

    def __init__(self, database: Database, *, takes_effect: bool = True) -> None:
        self._database = database
        self._takes_effect = takes_effect
        self._unreadable = 2

    async def write(self, job: Callable[[Connection], object]) -> NoReturn:
        if self._takes_effect:
            await self._database.write(job)
        raise CommitInDoubt

    async def read(self, job: Callable[[Connection], object]) -> object:
        if self._unreadable:
            self._unreadable -= 1
            raise StoreError
        return await self._database.read(job)


def doubtful(store: Store, clock: VirtualClock, *, takes_effect: bool = True) -> Runs:
    database = DoubtfulDatabase(store.database, takes_effect=takes_effect)
    return Runs(cast("Database", database), clock=clock)


async def wait_for(clock: VirtualClock, work: Awaitable[T]) -> T:
    """Return the result of what asks again and again; time passes meanwhile."""
    task = asyncio.ensure_future(work)
    async with asyncio.timeout(30):
        while not task.done():
            await clock.advance(1)
            await asyncio.sleep(0.01)
    return await task


async def test_a_run_in_doubt_is_asked_for_until_it_is_known(store: Store, clock: VirtualClock) -> None:
    await wait_for(clock, doubtful(store, clock).reserve(make_run()))
    assert await store.runs.get("run-1") is not None


async def test_a_run_that_was_not_stored_is_refused(store: Store, clock: VirtualClock) -> None:
    with pytest.raises(CommitInDoubt):
        await wait_for(clock, doubtful(store, clock, takes_effect=False).reserve(make_run()))
    assert await store.runs.get("run-1") is None


async def test_a_transition_in_doubt_was_made_by_its_caller(store: Store, clock: VirtualClock) -> None:
    await store.runs.reserve(make_run())
    assert await wait_for(clock, doubtful(store, clock).mark_sent("run-1", at=after(1)))
    assert not await store.runs.mark_sent("run-1", at=after(2))
    await store.runs.mark_submitted("run-1", prediction_id="p1")
    assert await wait_for(clock, doubtful(store, clock).mark_resent("run-1", at=after(3)))
    ended = doubtful(store, clock).mark_ended("run-1", state=RunState.FAILED, at=after(4))
    assert await wait_for(clock, ended)
    assert not await store.runs.mark_ended("run-1", state=RunState.FAILED, at=after(5))


async def test_a_transition_that_was_not_made_is_tried_again(store: Store, clock: VirtualClock) -> None:
    await store.runs.reserve(make_run())
    with pytest.raises(CommitInDoubt):
        await wait_for(clock, doubtful(store, clock, takes_effect=False).mark_sent("run-1", at=after(1)))
    assert await store.runs.mark_sent("run-1", at=after(2))


async def test_the_next_step_in_doubt_is_started(store: Store, clock: VirtualClock) -> None:
    await store_run_in_state(store.runs, make_step(), RunState.SUCCEEDED)
    delivered = doubtful(store, clock).mark_step_delivered(make_step(), following(), at=after(2))
    assert await wait_for(clock, delivered) == make_step(2)
