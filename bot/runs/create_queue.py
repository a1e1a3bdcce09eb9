"""The queue before a backend: fair between people, at the rate or within the places that the backend has."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from typing import Final, Generic, Protocol, TypeVar

import structlog

from bot.aio import cancel_and_wait
from bot.backends.backend import CreateAllowance, Places, Rate
from bot.clock import Clock
from bot.sliding_window import SlidingWindow
from bot.store.errors import StoreError

T = TypeVar("T")

log = structlog.get_logger(__name__)

_MINUTE: Final = 60.0
# The spacing between creates after a 429: it grows with each further 429 and shrinks with each success.
_SPACING_GROWTH: Final = 1.5
_SPACING_DECAY: Final = 0.8
_SPACING_MIN: Final = 0.05
_NOTIFY_EVERY: Final = 1.0
_SLEEP_MIN: Final = 0.001  # a shorter sleep could be rounded away, without end
# Seconds until a service is asked again that has no place although none of this bot's runs are on it.
_REFUSED_PAUSE_MIN: Final = 0.5
_REFUSED_PAUSE_MAX: Final = 8.0


class FairQueue(Generic[T]):
    """First in, first out for each owner; round robin between owners."""

    def __init__(self) -> None:
        self._by_owner: OrderedDict[int, deque[T]] = OrderedDict()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def push(self, owner: int, item: T) -> None:
        """Add an item behind its owner's others."""
        self._by_owner.setdefault(owner, deque()).append(item)
        self._count += 1

    def push_front(self, owner: int, item: T) -> None:
        """Put an item back that was popped too early: it is its owner's first, and its owner is next."""
        self._by_owner.setdefault(owner, deque()).appendleft(item)
        self._by_owner.move_to_end(owner, last=False)
        self._count += 1

    def pop(self) -> T:
        """Remove and return the next item; its owner goes behind the other owners. IndexError if empty."""
        if not self._by_owner:
            raise IndexError("pop from an empty queue")
        owner, items = next(iter(self._by_owner.items()))
        item = items.popleft()
        if items:
            self._by_owner.move_to_end(owner)
        else:
            del self._by_owner[owner]
        self._count -= 1
        return item

    def next_owner(self) -> int:
        """Return the owner of the next item. IndexError if empty."""
        if not self._by_owner:
            raise IndexError("an empty queue has no next owner")
        return next(iter(self._by_owner))

    def remove(self, owner: int, item: T) -> bool:
        """Remove an item wherever it is; False if it is not in the queue."""
        items = self._by_owner.get(owner)
        if items is None or item not in items:
            return False
        items.remove(item)
        if not items:
            del self._by_owner[owner]
        self._count -= 1
        return True

    def in_order(self) -> Iterator[T]:
        """Yield the items in the order in which they would be popped."""
        iterators = [iter(items) for items in self._by_owner.values()]
        while iterators:
            remaining = []
            for iterator in iterators:
                try:
                    item = next(iterator)
                except StopIteration:
                    continue
                yield item
                remaining.append(iterator)
            iterators = remaining


class CreateRateLimiter:
    """Allows at most so many creates a minute, and fewer while Replicate says so.

    Two things lower the rate. The ``ratelimit-*`` headers say how many more creates Replicate accepts until when. A 429
    blocks creates for as long as it says; from then on they are sent one by one with a spacing that grows with each 429
    and shrinks with each success, so that an account that allows six a minute does not get five hundred requests.
    """

    def __init__(self, per_minute: int) -> None:
        self._window = SlidingWindow(per_minute, _MINUTE)
        self._blocked_until = 0.0
        self._spacing = 0.0
        self._last_sent = 0.0
        self._in_flight = 0
        self._allowance: int | None = None
        self._allowance_until = 0.0

    def delay(self, now: float) -> float:
        """Return the seconds until one more create may be sent, as far as is known."""
        allowed_at = max(self._window.free_at(now), self._blocked_until)
        if self._spacing:
            allowed_at = max(allowed_at, self._last_sent + self._spacing)
        if self._allowance is not None and self._allowance <= 0:
            allowed_at = max(allowed_at, self._allowance_until)
        return max(allowed_at - now, 0.0)

    def on_sent(self, now: float) -> None:
        """Record that a create is about to be sent."""
        self._window.record(now)
        self._last_sent = now
        self._in_flight += 1
        if self._allowance is not None:
            self._allowance -= 1

    def on_done(self) -> None:
        """Record that a create is over, whatever its result."""
        self._in_flight = max(0, self._in_flight - 1)

    def on_accepted(self, now: float, allowance: CreateAllowance | None) -> None:
        """Record that Replicate accepted a create, and how many more it said it accepts."""
        self._spacing = self._spacing * _SPACING_DECAY if self._spacing > _SPACING_MIN else 0.0
        if allowance is None or allowance.remaining is None or allowance.reset is None:
            self._allowance = None
        else:  # Replicate may not have counted the other creates in flight yet
            self._allowance = allowance.remaining - max(0, self._in_flight - 1)
            self._allowance_until = now + allowance.reset

    def on_throttled(self, now: float, retry_after: float) -> None:
        """Record a 429."""
        if now >= self._blocked_until:  # the 429s of many creates in flight count as one
            self._spacing = min(max(self._spacing * _SPACING_GROWTH, retry_after), _MINUTE)
        self._blocked_until = max(self._blocked_until, now + retry_after)


class PlaceLimiter:
    """Allows so many predictions at once; the interface is that of ``CreateRateLimiter``.

    A place is taken by a ticket that was served, and by each run that has a prediction, or may have one. The service
    may be used by others as well, so it may refuse although a place is free here: then it is asked again after a while.
    """

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._in_flight = 0
        self._runs: set[str] = set()
        self._asked_at = 0.0
        self._pause = 0.0  # from the last refusal until the service is asked again; 0.0 if it refused nothing since

    def delay(self, now: float) -> float:
        """Return 0.0 if a place is free as far as is known, else the time until the next look."""
        if self._in_flight + len(self._runs) >= self._at_once:
            return _NOTIFY_EVERY
        return max(self._asked_at + self._pause - now, 0.0) if self._pause else 0.0

    def on_sent(self, now: float) -> None:
        """Take a place for a ticket."""
        self._in_flight += 1
        self._asked_at = now

    def on_done(self) -> None:
        """Give the place of a ticket back."""
        self._in_flight = max(0, self._in_flight - 1)

    def on_accepted(self, now: float, allowance: CreateAllowance | None) -> None:  # noqa: ARG002 (of rates)
        """Record that the service had a place."""
        self._pause = 0.0

    def on_throttled(self, now: float, retry_after: float) -> None:
        """Record that the service asked for patience."""
        self._asked_at, self._pause = now, max(retry_after, _REFUSED_PAUSE_MIN)

    def on_no_place(self, now: float) -> None:
        """Record that the service has no place: somebody else uses it."""
        self._asked_at, self._pause = now, min(max(self._pause * 2, _REFUSED_PAUSE_MIN), _REFUSED_PAUSE_MAX)

    def occupy(self, run_id: str) -> None:
        """Take a place for a run, if it has none."""
        self._runs.add(run_id)

    def release(self, run_id: str) -> None:
        """Give the place of a run back, if it has one."""
        if run_id in self._runs:
            self._runs.remove(run_id)
            self._pause = 0.0  # so the service has one as well, in moments


class CreateBudget(Protocol):
    """The creates that several processes share; StoreError while it cannot be asked."""

    async def take(self, owner: int) -> float:
        """Take one create for a person and return 0.0, or return the seconds until it should be asked for again."""
        ...

    async def close(self, seconds: float) -> None:
        """Let no process create for so many seconds."""
        ...


class QueueTicket:
    """A place in the queue. ``position`` counts from 1, and is None once served; ``served`` resolves then."""

    __slots__ = ("on_position", "owner", "position", "served")

    def __init__(self, owner: int, on_position: Callable[[int], None]) -> None:
        self.owner = owner
        self.on_position = on_position
        self.position: int | None = None
        self.served: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class CreateQueue:
    """Serves tickets at the pace of one backend, in turn between people.

    ``enter`` returns a ticket. Its holder waits for ``ticket.served``, reports the result of the create
    (``on_accepted``, ``on_throttled``, ``on_no_place``), and calls ``leave`` exactly once in any case. A run that has a
    prediction, or may have one, occupies a place from then on, if the backend has places, until it is released.

    With a ``budget`` each create is taken from it first; the rest of the pace is each process's own.
    """

    def __init__(self, *, clock: Clock, pace: Rate | Places, budget: CreateBudget | None = None) -> None:
        self._clock = clock
        self._budget = budget
        self._closings: set[asyncio.Task[None]] = set()
        self._queue: FairQueue[QueueTicket] = FairQueue()
        self._limiter = CreateRateLimiter(pace.per_minute) if isinstance(pace, Rate) else PlaceLimiter(pace.at_once)
        self._server: asyncio.Task[None] | None = None
        self._notified_at = float("-inf")
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def enter(self, owner: int, on_position: Callable[[int], None], *, retry: bool = False) -> QueueTicket:
        """Join the queue. ``on_position`` is called with the position, at most once a second.

        ``retry``: the owner's last create was not accepted, so this one is next.
        """
        ticket = QueueTicket(owner, on_position)
        if retry:
            self._queue.push_front(owner, ticket)
        else:
            self._queue.push(owner, ticket)
        if self._closed:
            return ticket
        if self._budget is None:
            self._serve()
        if len(self._queue) and (self._server is None or self._server.done()):
            self._server = asyncio.create_task(self._keep_serving(), name="create queue")
        return ticket

    def leave(self, ticket: QueueTicket) -> None:
        """Give the ticket back; before it was served, that costs nothing."""
        was_waiting = self._queue.remove(ticket.owner, ticket)
        if not was_waiting and ticket.served.done() and not ticket.served.cancelled():
            self._limiter.on_done()
            self._serve_freed_place()

    def on_accepted(self, allowance: CreateAllowance | None) -> None:
        """Record that Replicate accepted a create, and how many more it said it accepts."""
        self._limiter.on_accepted(self._clock.monotonic(), allowance)

    def on_throttled(self, retry_after: float) -> None:
        """Record that Replicate answered a create with 429."""
        self._limiter.on_throttled(self._clock.monotonic(), retry_after)
        if self._budget is not None and not self._closed:
            task = asyncio.create_task(self._close_budget(self._budget, retry_after), name="close create budget")
            self._closings.add(task)
            task.add_done_callback(self._closings.discard)

    def on_no_place(self) -> None:
        """Record that the backend had no place for a create."""
        if isinstance(self._limiter, PlaceLimiter):
            self._limiter.on_no_place(self._clock.monotonic())
        else:
            self._limiter.on_throttled(self._clock.monotonic(), _REFUSED_PAUSE_MIN)

    def occupy(self, run_id: str) -> None:
        """Record that a run has a prediction, or may have one."""
        if isinstance(self._limiter, PlaceLimiter):
            self._limiter.occupy(run_id)

    def release(self, run_id: str) -> None:
        """Record that the prediction of a run is over, if it had one."""
        if isinstance(self._limiter, PlaceLimiter):
            self._limiter.release(run_id)
            self._serve_freed_place()

    async def close(self) -> None:
        """Stop serving; tickets that were not served never are."""
        self._closed = True
        await cancel_and_wait([*self._closings, *([self._server] if self._server is not None else [])])

    def _serve_freed_place(self) -> None:
        if isinstance(self._limiter, PlaceLimiter) and self._budget is None and not self._closed:
            self._serve()

    def _serve(self) -> float:
        """Serve every ticket that is due; return the seconds until the next is."""
        while len(self._queue):
            now = self._clock.monotonic()
            delay = self._limiter.delay(now)
            if delay > 0:
                return delay
            self._serve_next()
        return 0.0

    def _serve_next(self) -> None:
        while len(self._queue):
            ticket = self._queue.pop()
            if not ticket.served.cancelled():  # else its holder is being cancelled and has not called ``leave`` yet
                self._limiter.on_sent(self._clock.monotonic())
                ticket.position = None
                ticket.served.set_result(None)
                return

    async def _keep_serving(self) -> None:
        if self._budget is not None:
            await self._serve_from(self._budget)
            return
        while delay := self._serve():
            self._notify_positions()
            await self._clock.sleep(min(max(delay, _SLEEP_MIN), _NOTIFY_EVERY))

    async def _serve_from(self, budget: CreateBudget) -> None:
        while len(self._queue):
            delay = self._limiter.delay(self._clock.monotonic())
            if delay <= 0:
                delay = await self._ask(budget, self._queue.next_owner())
            if delay <= 0:
                self._serve_next()
            else:
                self._notify_positions()
                await self._clock.sleep(min(max(delay, _SLEEP_MIN), _NOTIFY_EVERY))

    async def _ask(self, budget: CreateBudget, owner: int) -> float:
        try:
            return await budget.take(owner)
        except StoreError as error:
            log.warning("create_budget_unknown", error=str(error))
            return _NOTIFY_EVERY

    async def _close_budget(self, budget: CreateBudget, seconds: float) -> None:
        try:
            await budget.close(seconds)
        except StoreError as error:
            log.warning("create_budget_not_closed", error=str(error))

    def _notify_positions(self) -> None:
        """Report changed positions. It walks through the queue, so not at every step."""
        now = self._clock.monotonic()
        if now - self._notified_at < _NOTIFY_EVERY:
            return
        self._notified_at = now
        for position, ticket in enumerate(self._queue.in_order(), start=1):
            if ticket.position != position:
                ticket.position = position
                ticket.on_position(position)
