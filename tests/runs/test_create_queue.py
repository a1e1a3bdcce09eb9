"""The line before Replicate: fair between people, in order for each, and never faster than allowed."""

import asyncio
from collections import defaultdict
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.backends.replicate.api import CreateAllowance
from bot.runs.create_queue import CreateQueue, CreateRateLimiter, FairQueue, QueueTicket
from bot.sliding_window import SlidingWindow
from tests.clock import VirtualClock

PER_MINUTE = 4


def nobody(_place: int) -> None:
    """Take no note of a place."""


class LineMachine(RuleBasedStateMachine):
    """People come, wait, leave and are throttled in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = VirtualClock()
        self.line = self._run(self._make())
        self.waiting: list[QueueTicket] = []
        self.under_way: list[QueueTicket] = []
        self.left: list[float] = []
        self.passed_over: defaultdict[int, list[int]] = defaultdict(list)

    async def _make(self) -> CreateQueue:
        return CreateQueue(clock=self.clock, per_minute=PER_MINUTE)

    def _run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    async def _see(self) -> None:
        await asyncio.sleep(0)
        gone = [ticket for ticket in self.waiting if ticket.turn.done()]
        for ticket in gone:
            earlier = [other for other in self.waiting if other.owner == ticket.owner and not other.turn.done()]
            assert all(self.waiting.index(other) > self.waiting.index(ticket) for other in earlier), "out of order"
            self.left.append(self.clock.monotonic())
        self.waiting = [ticket for ticket in self.waiting if ticket not in gone]
        self.under_way += gone

    @rule(owner=st.integers(1, 4))
    def come(self, owner: int) -> None:
        async def enter() -> None:
            self.waiting.append(self.line.enter(owner, nobody))
            await self._see()

        self._run(enter())

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        ticket = data.draw(st.sampled_from(self.waiting))
        self.waiting.remove(ticket)
        self.line.leave(ticket)
        assert not ticket.turn.done()

    @precondition(lambda self: self.under_way)
    @rule(remaining=st.none() | st.integers(0, 5))
    def taken(self, remaining: int | None) -> None:
        self.line.taken(None if remaining is None else CreateAllowance(remaining=remaining, reset=10.0))
        self.line.leave(self.under_way.pop())

    @precondition(lambda self: self.under_way)
    @rule(after=st.floats(0, 20))
    def throttled(self, after: float) -> None:
        self.line.throttled(after)
        ticket = self.under_way.pop()
        self.line.leave(ticket)

        async def again() -> None:
            back = self.line.enter(ticket.owner, nobody, again=True)
            self.waiting.insert(0, back)
            await self._see()

        self._run(again())

    @rule(seconds=st.floats(0.1, 90))
    def wait(self, seconds: float) -> None:
        async def wait() -> None:
            for _ in range(10):
                await self.clock.advance(seconds / 10)
                await self._see()

        self._run(wait())

    @invariant()
    def nobody_is_lost_or_doubled(self) -> None:
        assert len(self.line) == len(self.waiting)

    @invariant()
    def no_minute_has_more_than_allowed(self) -> None:
        for number in range(len(self.left) - PER_MINUTE):
            # Noted when seen, up to a tenth of a wait late: compare those that are surely within a minute.
            assert self.left[number + PER_MINUTE] - self.left[number] > 60.0 - 9.01

    def teardown(self) -> None:
        async def empty() -> None:
            for _ in range(200):
                if not self.waiting:
                    break
                while self.under_way:
                    self.line.leave(self.under_way.pop())
                await self.clock.advance(60)
                await self._see()
            assert not self.waiting, "somebody waits for ever"
            await self.line.close()

        self._run(empty())
        self.loop.close()


TestLine = LineMachine.TestCase
TestLine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_people_take_turns_and_each_persons_own_stay_in_order() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "a3", "b1", "c1", "c2"):
        queue.push(ord(item[0]), item)
    order = list(queue.in_order())
    assert order == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert [queue.pop() for _ in range(6)] == order


def test_who_had_its_turn_in_vain_is_next() -> None:
    queue: FairQueue[str] = FairQueue()
    for item in ("a1", "a2", "b1"):
        queue.push(ord(item[0]), item)
    assert queue.pop() == "a1"
    queue.push_front(ord("a"), "a1")
    assert list(queue.in_order()) == ["a1", "b1", "a2"]


def test_a_window_tells_exactly_when_the_next_may_happen() -> None:
    window = SlidingWindow(2, 60.0)
    window.record(0.0)
    window.record(10.0)
    assert window.delay(20.0) == 40.0
    assert window.delay(20.0, limit=1) == 50.0
    assert window.delay(60.0) == 0.0


def test_many_throttled_at_once_slow_the_line_as_one() -> None:
    pace = CreateRateLimiter(500)
    for _ in range(50):
        pace.leave(0.0)
    for _ in range(50):
        pace.throttled(1.0, 7.0)
    assert pace.delay(1.0) == 7.0
    pace.leave(8.0)
    assert pace.delay(8.0) == 7.0


def test_success_after_success_takes_the_brake_off() -> None:
    pace = CreateRateLimiter(500)
    pace.throttled(0.0, 7.0)
    now = 7.0
    for _ in range(40):
        pace.leave(now)
        pace.back()
        pace.taken(now, None)
        now += pace.delay(now)
    assert pace.delay(now) == 0.0


async def test_an_account_of_six_a_minute_is_rarely_asked_in_vain() -> None:
    clock = VirtualClock()
    line = CreateQueue(clock=clock, per_minute=500)
    refused, taken = 0, 0
    bucket = SlidingWindow(6, 60.0)

    async def run(owner: int) -> None:
        nonlocal refused, taken
        again = False
        while True:
            ticket = line.enter(owner, nobody, again=again)
            await ticket.turn
            delay = bucket.delay(clock.monotonic())
            if delay:
                refused += 1
                line.throttled(delay)
            else:
                bucket.record(clock.monotonic())
                taken += 1
                line.taken(None)
            line.leave(ticket)
            if not delay:
                return
            again = True

    tasks = [asyncio.create_task(run(owner)) for owner in range(60)]
    await clock.advance(900)
    assert taken == 60
    assert refused < 120
    await asyncio.gather(*tasks)
    await line.close()
