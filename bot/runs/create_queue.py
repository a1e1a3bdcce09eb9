"""The queue before Replicate: fair between people, at the rate that Replicate accepts creates."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from bot.backends.replicate.api import CreateAllowance
from bot.clock import Clock
from bot.sliding_window import SlidingWindow

T = TypeVar("T")


class FairQueue(Generic[T]):
    """First come, first served within an owner; round robin between owners. Nothing is lost or doubled."""

    def __init__(self) -> None:
        self._lanes: OrderedDict[int, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, owner: int, item: T) -> None:
        """Put ``item`` behind its owner's others."""
        self._lanes.setdefault(owner, deque()).append(item)
        self._count += 1

    def push_front(self, owner: int, item: T) -> None:
        """Put back an item whose turn came and was of no use: it is its owner's first, and its owner is next."""
        self._lanes.setdefault(owner, deque()).appendleft(item)
        self._lanes.move_to_end(owner, last=False)
        self._count += 1

    def pop(self) -> T:
        """Take the next; its owner goes behind the other owners. IndexError when nobody waits."""
        if not self._lanes:
            raise IndexError("nobody waits")
        owner, lane = next(iter(self._lanes.items()))
        item = lane.popleft()
        if lane:
            self._lanes.move_to_end(owner)
        else:
            del self._lanes[owner]
        self._count -= 1
        return item

    def remove(self, owner: int, item: T) -> bool:
        """Take one out of turn; False when it does not wait."""
        lane = self._lanes.get(owner)
        if lane is None or item not in lane:
            return False
        lane.remove(item)
        if not lane:
            del self._lanes[owner]
        self._count -= 1
        return True

    def in_order(self) -> Iterator[T]:
        """Yield the items in the order in which they would be popped if nobody else came."""
        lanes = [iter(lane) for lane in self._lanes.values()]
        while lanes:
            waiting = []
            for lane in lanes:
                try:
                    item = next(lane)
                except StopIteration:
                    continue
                yield item
                waiting.append(lane)
            lanes = waiting


_MINUTE = 60.0
_SLOWER = 1.5
_FASTER = 0.8
_NO_SPACING = 0.05


class CreateRateLimiter:
    """Lets at most so many creates a minute leave, and fewer while Replicate says so.

    Two things lower it. ``ratelimit-*`` headers say how many more Replicate takes until when. A 429 closes the door
    for as long as it says, and from then on creates leave one by one with a spacing that grows with each 429
    and shrinks with each success: an account that may do six a minute is not asked five hundred times.
    """

    def __init__(self, per_minute: int) -> None:
        self._window = SlidingWindow(per_minute, _MINUTE)
        self._closed_until = 0.0
        self._spacing = 0.0
        self._last = 0.0
        self._under_way = 0
        self._allowance: int | None = None
        self._allowance_until = 0.0

    def delay(self, now: float) -> float:
        """Return the seconds until one more may leave, as far as is known; 0 for now."""
        delay = max(self._window.delay(now), self._closed_until - now)
        if self._spacing:
            delay = max(delay, self._last + self._spacing - now)
        if self._allowance is not None and self._allowance <= 0 and now < self._allowance_until:
            delay = max(delay, self._allowance_until - now)
        return max(delay, 0.0)

    def leave(self, now: float) -> None:
        """Note that one leaves."""
        self._window.record(now)
        self._last = now
        self._under_way += 1
        if self._allowance is not None:
            self._allowance -= 1

    def back(self) -> None:
        """Note that one is over, whatever came of it."""
        self._under_way = max(0, self._under_way - 1)

    def taken(self, now: float, rate: CreateAllowance | None) -> None:
        """Note that Replicate took one, and what it said of the next."""
        self._spacing = self._spacing * _FASTER if self._spacing > _NO_SPACING else 0.0
        if rate is None or rate.remaining is None or rate.reset is None:
            self._allowance = None
        else:  # the others under way may not be in Replicate's count yet
            self._allowance = rate.remaining - max(0, self._under_way - 1)
            self._allowance_until = now + rate.reset

    def throttled(self, now: float, retry_after: float) -> None:
        """Note a 429."""
        if now >= self._closed_until:  # many under way at once are told no together: that counts as one no
            self._spacing = min(max(self._spacing * _SLOWER, retry_after), _MINUTE)
        self._closed_until = max(self._closed_until, now + retry_after)


_NOTIFY_EVERY = 1.0
_SHORTEST = 0.001  # a sleep that rounding cannot make endless


class QueueTicket:
    """One place in the line. ``place`` counts from 1; None once it is its turn, or before it is known."""

    __slots__ = ("moved", "owner", "place", "turn")

    def __init__(self, owner: int, moved: Callable[[int], None]) -> None:
        self.owner = owner
        self.moved = moved
        self.place: int | None = None
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class CreateQueue:
    """Lets creates leave at the pace that Replicate takes them, in turn between people.

    ``enter`` gives a ticket; who holds it awaits ``ticket.turn``, tells what Replicate said to the create
    (``taken``, ``throttled``) and always gives the ticket back with ``leave``, once.
    """

    def __init__(self, *, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._queue: FairQueue[QueueTicket] = FairQueue()
        self._pace = CreateRateLimiter(per_minute)
        self._server: asyncio.Task[None] | None = None
        self._told_at = float("-inf")
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def enter(self, owner: int, moved: Callable[[int], None], *, again: bool = False) -> QueueTicket:
        """Join the line; ``moved`` hears the place, at most once a second. ``again``: it had its turn in vain."""
        ticket = QueueTicket(owner, moved)
        if again:
            self._queue.push_front(owner, ticket)
        else:
            self._queue.push(owner, ticket)
        if self._closed:
            return ticket
        self._serve()
        if len(self._queue) and (self._server is None or self._server.done()):
            self._server = asyncio.create_task(self._keep_serving(), name="line")
        return ticket

    def leave(self, ticket: QueueTicket) -> None:
        """Give the ticket back, before its turn or after; before it, that costs nothing."""
        waiting = self._queue.remove(ticket.owner, ticket)
        if not waiting and ticket.turn.done() and not ticket.turn.cancelled():
            self._pace.back()

    def taken(self, rate: CreateAllowance | None) -> None:
        """Say that Replicate took a create, and what it said of the next."""
        self._pace.taken(self._clock.monotonic(), rate)

    def throttled(self, retry_after: float) -> None:
        """Say that Replicate told a create to come back later."""
        self._pace.throttled(self._clock.monotonic(), retry_after)

    async def close(self) -> None:
        """Stop serving; who still waits, or comes later, waits for ever."""
        self._closed = True
        if self._server is not None:
            self._server.cancel()
            await asyncio.gather(self._server, return_exceptions=True)

    def _serve(self) -> float:
        """Let everybody leave whose turn it is; return the seconds until the next may."""
        while len(self._queue):
            now = self._clock.monotonic()
            delay = self._pace.delay(now)
            if delay > 0:
                return delay
            ticket = self._queue.pop()
            if ticket.turn.cancelled():  # its holder is being cancelled and has not come to ``leave`` yet
                continue
            self._pace.leave(now)
            ticket.place = None
            ticket.turn.set_result(None)
        return 0.0

    async def _keep_serving(self) -> None:
        while delay := self._serve():
            self._tell_places()
            await self._clock.sleep(min(max(delay, _SHORTEST), _NOTIFY_EVERY))

    def _tell_places(self) -> None:
        """Tell everybody whose place changed. One pass over the line, so not at every step."""
        now = self._clock.monotonic()
        if now - self._told_at < _NOTIFY_EVERY:
            return
        self._told_at = now
        for place, ticket in enumerate(self._queue.in_order(), start=1):
            if ticket.place != place:
                ticket.place = place
                ticket.moved(place)
