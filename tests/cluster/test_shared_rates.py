"""Creates of several processes on one database: as many as the limit allows, and in turn between people."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from bot.backends.backend import Rate
from bot.clock import SystemClock
from bot.cluster.shared_rates import SharedCreateBudget
from bot.runs.create_queue import CreateQueue, QueueTicket
from bot.store.shared_limits import Rate as SharedRate
from bot.store.store import Store
from tests.store.databases import postgresql_only
from tests.store.samples import make_run
from tests.store.test_leases import open_processes

pytestmark = postgresql_only

MIA, NOAH = 1, 2


class Creates:
    """The creates of one process; ``times`` are those at which each person's were served."""

    def __init__(self, store: Store, name: str, rate: SharedRate) -> None:
        self.store = store
        self.name = name
        budget = SharedCreateBudget(store.shared_limits, rate, process=name)
        self.queue = CreateQueue(clock=SystemClock(), pace=Rate(10_000), budget=budget)
        self.times: list[tuple[int, float]] = []
        self.entered_at: dict[int, float] = {}
        self.positions: list[int] = []

    def enter(self, owner: int) -> QueueTicket:
        return self.queue.enter(owner, self.positions.append)

    async def create(self, owner: int, number: int) -> None:
        """Wait for the turn of a run, and write down that it was sent."""
        run = make_run(f"{self.name}-{owner}-{number}", author_id=owner, created_at=datetime.now(UTC))
        await self.store.runs.reserve(run)
        ticket = self.enter(owner)
        self.entered_at[owner] = time.monotonic()
        try:
            await ticket.served
            self.times.append((owner, time.monotonic()))
            await self.store.runs.mark_sent(run.id, at=datetime.now(UTC))
        finally:
            self.queue.leave(ticket)


@asynccontextmanager
async def open_creates(url: str, *names: str, rate: SharedRate) -> AsyncIterator[list[Creates]]:
    async with open_processes(url, *names) as stores:
        found = [Creates(store, name, rate) for name, store in stores.items()]
        yield found
        for one in found:
            await one.queue.close()


async def test_four_processes_keep_one_limit(created_url: str) -> None:
    rate = SharedRate("creates", most=600, seconds=60, burst=30)
    async with open_creates(created_url, "a", "b", "c", "d", rate=rate) as processes:
        began = time.monotonic()
        work = [process.create(10 * number + person, 0) for number, process in enumerate(processes)
                for person in range(10)]  # fmt: skip
        await asyncio.gather(*work)
        seconds = time.monotonic() - began
        served = sorted(at - began for process in processes for _, at in process.times)
    assert len(served) == 40
    assert all(at >= (place - rate.burst) * rate.interval - 0.05 for place, at in enumerate(served, start=1))
    assert seconds < 30


async def test_many_runs_in_one_process_hold_up_nobody_elsewhere(created_url: str) -> None:
    rate = SharedRate("creates", most=600, seconds=60)
    async with open_creates(created_url, "a", "b", rate=rate) as [a, b]:
        many = [asyncio.create_task(a.create(MIA, number)) for number in range(50)]
        async with asyncio.timeout(30):
            while len(a.times) < 5:
                await asyncio.sleep(0.01)
            await b.create(NOAH, 0)
        before_noah = sum(b.entered_at[NOAH] < at < b.times[0][1] for _, at in a.times)
        for task in many:
            task.cancel()
        await asyncio.gather(*many, return_exceptions=True)
    assert before_noah <= 3


async def test_429_of_one_process_stops_the_others(created_url: str) -> None:
    rate = SharedRate("creates", most=600, seconds=60, burst=30)
    async with open_creates(created_url, "a", "b", rate=rate) as [a, b]:
        await b.create(NOAH, 0)
        a.queue.on_throttled(2)
        began = time.monotonic()
        async with asyncio.timeout(20):
            while await b.store.shared_limits.take(rate) == 0.0:
                await asyncio.sleep(0.01)
        await b.create(NOAH, 1)
        assert time.monotonic() - began >= 1.95
