"""The create queue: fair between people, in order for each of them, and never faster than allowed."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.backends.backend import CreateAllowance, Rate
from bot.runs.create_queue import CreateQueue, CreateRateLimiter, FairQueue, QueueTicket
from bot.sliding_window import SlidingWindow
from tests.clock import VirtualClock

T = TypeVar("T")

PER_MINUTE = 4


def ignore_position(position: int) -> None:
    del position


class CreateQueueMachine(RuleBasedStateMachine):
    """People enter, wait, leave and are throttled in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = VirtualClock()
        self.queue = self._run(self._create_queue())
        self.waiting: list[QueueTicket] = []
        self.in_flight: list[QueueTicket] = []
        self.served_at: list[float] = []

    async def _create_queue(self) -> CreateQueue:
        return CreateQueue(clock=self.clock, pace=Rate(PER_MINUTE))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    async def _collect_served(self) -> None:
        await asyncio.sleep(0)
        served = [ticket for ticket in self.waiting if ticket.served.done()]
        for ticket in served:
            earlier = [other for other in self.waiting if other.owner == ticket.owner and not other.served.done()]
            assert all(self.waiting.index(other) > self.waiting.index(ticket) for other in earlier), "out of order"
            self.served_at.append(self.clock.monotonic())
        self.waiting = [ticket for ticket in self.waiting if ticket not in served]
        self.in_flight += served

    @rule(owner=st.integers(1, 4))
    def enter(self, owner: int) -> None:
        async def enter() -> None:
            self.waiting.append(self.queue.enter(owner, ignore_position))
            await self._collect_served()

        self._run(enter())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def leave_early(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(ticket)
        self.queue.leave(ticket)
        assert not ticket.served.done()

    @precondition(lambda self: self.in_flight)
    @rule(remaining=st.none() | st.integers(0, 5))
    def accept(self, remaining: int | None) -> None:
        self.queue.on_accepted(None if remaining is None else CreateAllowance(remaining=remaining, reset=10.0))
        self.queue.leave(self.in_flight.pop())

    @precondition(lambda self: self.in_flight)
    @rule(after=st.floats(0, 20))
    def throttle(self, after: float) -> None:
        self.queue.on_throttled(after)
        ticket = self.in_flight.pop()
        self.queue.leave(ticket)

        async def enter_again() -> None:
            self.waiting.insert(0, self.queue.enter(ticket.owner, ignore_position, retry=True))
            await self._collect_served()

        self._run(enter_again())

    @rule(seconds=st.floats(0.1, 90))
    def wait(self, seconds: float) -> None:
        async def wait() -> None:
            for _ in range(10):
                await self.clock.advance(seconds / 10)
                await self._collect_served()

        self._run(wait())

    @invariant()
    def no_ticket_is_lost_or_doubled(self) -> None:
        assert len(self.queue) == len(self.waiting)

    @invariant()
    def no_minute_has_more_than_allowed(self) -> None:
        for number in range(len(self.served_at) - PER_MINUTE):
            # Recorded up to a tenth of a wait late: compare those that are surely within a minute.
            assert self.served_at[number + PER_MINUTE] - self.served_at[number] > 60.0 - 9.01

    def teardown(self) -> None:
        async def drain() -> None:
            for _ in range(200):
                if not self.waiting:
                    break
                while self.in_flight:
                    self.queue.leave(self.in_flight.pop())
                await self.clock.advance(60)
                await self._collect_served()
            assert not self.waiting, "a ticket is never served"
            await self.queue.close()

        self._run(drain())
        self.loop.close()


TestCreateQueue = CreateQueueMachine.TestCase
TestCreateQueue.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_owners_take_turns_and_each_stays_in_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        queue.push(ord(item[0]), item)
    order = list(queue.in_order())
    assert order == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert [queue.pop() for _ in range(6)] == order


def test_an_item_that_is_put_back_is_next() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "b1"):
        queue.push(ord(item[0]), item)
    assert queue.pop() == "a1"
    queue.push_front(ord("a"), "a1")
    assert list(queue.in_order()) == ["a1", "b1", "a2"]


def test_many_429s_at_once_count_as_one() -> None:
    limiter = CreateRateLimiter(500)
    for _ in range(50):
        limiter.on_sent(0.0)
    for _ in range(50):
        limiter.on_throttled(1.0, 7.0)
    assert limiter.delay(1.0) == 7.0
    limiter.on_sent(8.0)
    assert limiter.delay(8.0) == 7.0


def test_successes_restore_the_full_rate() -> None:
    limiter = CreateRateLimiter(500)
    limiter.on_throttled(0.0, 7.0)
    now = 7.0
    for _ in range(40):
        limiter.on_sent(now)
        limiter.on_done()
        limiter.on_accepted(now, None)
        now += limiter.delay(now)
    assert limiter.delay(now) == 0.0


async def test_an_account_of_six_a_minute_gets_few_429s() -> None:
    clock = VirtualClock()
    queue = CreateQueue(clock=clock, pace=Rate(500))
    refused, accepted = 0, 0
    bucket = SlidingWindow(6, 60.0)

    async def create(owner: int) -> None:
        nonlocal refused, accepted
        retry = False
        while True:
            ticket = queue.enter(owner, ignore_position, retry=retry)
            await ticket.served
            now = clock.monotonic()
            delay = bucket.free_at(now) - now
            if delay:
                refused += 1
                queue.on_throttled(delay)
            else:
                bucket.record(clock.monotonic())
                accepted += 1
                queue.on_accepted(None)
            queue.leave(ticket)
            if not delay:
                return
            retry = True

    tasks = [asyncio.create_task(create(owner)) for owner in range(60)]
    await clock.advance(900)
    assert accepted == 60
    assert refused < 120
    await asyncio.gather(*tasks)
    await queue.close()
