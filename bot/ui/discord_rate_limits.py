"""When the next request to Discord may leave: the async rate limiter, and the pure edit scheduler behind it."""

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from enum import IntEnum
from itertools import count

from bot.clock import Clock
from bot.sliding_window import SlidingWindow

_NEVER = float("inf")

# Releases that are due within this many seconds of each other share one wake-up.
_TIMER_RESOLUTION = 0.005

# Up to this many seconds, waiting edits are no queue: one is always ready to leave, and it shows what was just read.
_SHORT_WAIT = 0.1
# How fast the measured delay of edits follows the queue, in seconds a second.
_DELAY_CHANGE_RATE = 0.3


class Priority(IntEnum):
    """What a request is for; the smaller number leaves first."""

    FINAL = 0  # the final snapshot of a run
    FIRST = 1  # the first snapshot, and the first output
    NORMAL = 2
    OTHER = 3  # a reaction: nobody waits for it
    CHECK = 4  # a read of a message that has no edit due, to find out whether it still exists


@dataclass(frozen=True, slots=True)
class BucketKey:
    """What a request shares its rate limit with: an interaction's token or, for the bot's own requests, a channel.

    ``id`` is the hash of the token or the id of the channel. The reactions of a channel have a bucket of their own.
    """

    id: int
    bot: bool
    reactions: bool = False

    @property
    def fifo(self) -> bool:
        """Whether its requests leave in the order in which they were queued, so that only the first is looked at.

        Reactions and reads have no intervals of their own. Looking only at the first brought the edits a second at
        1,000 runs from 153 to 235.
        """
        return self.reactions or self in _READS


# The bot's own requests that count for no channel: reads that an edit waits for, and checks. Both are first in, first
# out, so a check must not be ahead of a read.
ANY_CHANNEL = BucketKey(0, bot=True)
CHECKS = BucketKey(1, bot=True)
_READS = frozenset({ANY_CHANNEL, CHECKS})


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most ``requests`` in any span of ``seconds``.

    All but ``normal`` of them are reserved for final snapshots, and all but ``other`` for edits: what is no edit leaves
    only while fewer requests than that were sent.
    """

    seconds: float
    requests: int
    normal: int
    other: int

    def divide(self, by: int) -> "RateLimit":
        """Return an equal part of the limit; at least one request, so that nobody waits for ever."""
        parts = {name: max(getattr(self, name) // by, 1) for name in ("requests", "normal", "other")}
        return replace(self, **parts)

    def for_priority(self, priority: Priority) -> int:
        """Return how many requests may have been sent when one more of this priority leaves, and that one."""
        if priority is Priority.FINAL:
            return self.requests
        return self.normal if priority <= Priority.NORMAL else self.other


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Discord's rate limits. It documents only the 50 requests a second of a bot; the others are observed.

    ``interval`` is the time between two edits of a message, ``first_interval`` the time before the first output, both
    in seconds. ``batch`` is how many normal edits leave together.
    """

    interval: float = 1.0
    first_interval: float = 0.25
    interaction: RateLimit = RateLimit(seconds=2.0, requests=5, normal=4, other=3)
    channel: RateLimit = RateLimit(seconds=5.0, requests=5, normal=4, other=3)
    reactions: RateLimit = RateLimit(seconds=0.4, requests=1, normal=1, other=1)  # from the response to the one before
    bot: RateLimit = RateLimit(seconds=1.0, requests=36, normal=24, other=12)
    batch: int = 8

    def for_bucket(self, bucket: BucketKey) -> RateLimit:
        if not bucket.bot:
            return self.interaction
        return self.reactions if bucket.reactions else self.channel


class _Bucket:
    """The requests that count towards one rate limit: those sent lately, and those that await a response."""

    __slots__ = ("in_flight", "limit", "sent")

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.sent = SlidingWindow(limit.requests, limit.seconds)
        self.in_flight = 0

    def free_at(self, now: float, priority: Priority) -> float:
        """Return when one more request may leave; infinity if that takes a response first."""
        limit = self.limit.for_priority(priority) - self.in_flight
        return self.sent.free_at(now, limit=limit) if limit > 0 else _NEVER


@dataclass(slots=True)
class _Request:
    """A request that is queued, or the memory of one: a message's next edit is due an interval after the last.

    ``order`` numbers the queued requests. ``sent_at``, ``queued_at`` and ``due`` are monotonic times in
    seconds; ``due`` is when the interval of its message allows it.
    """

    key: int
    bucket: BucketKey = ANY_CHANNEL
    priority: Priority = Priority.NORMAL
    sent_at: float | None = None
    queued_at: float = 0.0
    due: float = -_NEVER
    order: int = 0
    queued: bool = False
    until_response: bool = False

    @property
    def final(self) -> bool:
        return self.priority is Priority.FINAL

    def sort_key(self) -> tuple[int, float, int]:
        """Order by priority, then by the longest time since the last edit."""
        return (self.priority, -1.0 if self.sent_at is None else self.sent_at, self.order)


class _DueQueue:
    """Queued requests of interactions, by the time at which they may leave as far as is known."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Request]] = []

    def push(self, request: _Request, due: float) -> None:
        heapq.heappush(self._heap, (due, request.order, request))

    def pop(self) -> _Request:
        return heapq.heappop(self._heap)[2]

    def next_due(self) -> float:
        """Return the earliest due time; infinity if nothing is queued."""
        while self._heap:
            due, order, request = self._heap[0]
            if request.queued and request.order == order:
                return due
            heapq.heappop(self._heap)  # withdrawn, or queued again since
        return _NEVER


class EditScheduler:
    """Decides which requests may leave now. Pure: every method takes the monotonic time.

    A key stands for one message. It is released once each time it is queued. Requests of interactions are independent
    of each other and are kept in three heaps, so that a release looks only at those that are due. The bot's own
    requests share one limit and are compared with each other.
    """

    def __init__(self, limits: RateLimits | None = None) -> None:
        self._limits = limits or RateLimits()
        self._requests: dict[int, _Request] = {}
        self._urgent, self._normal, self._checks = _DueQueue(), _DueQueue(), _DueQueue()
        self._batch_left = self._limits.batch
        self._bot_queues: dict[BucketKey, dict[int, _Request]] = {}
        self._bot_priorities: Counter[Priority] = Counter()  # of the bot's queued requests
        # No queued request of the bot may leave before this time. At 1,000 runs with reads every two minutes, checking
        # it first brought the staleness of texts from 6.4 to 3.8 s (p95).
        self._bot_due = _NEVER
        self._buckets: dict[BucketKey, _Bucket] = {}
        self._bot_bucket = _Bucket(self._limits.bot)
        self._in_flight: dict[int, BucketKey] = {}
        self._orders = count(1)
        self._delay = 0.0  # how much later than due normal edits leave, in seconds
        self._delay_measured_at = 0.0

    def enqueue(
        self, key: int, *, bucket: BucketKey, priority: Priority, now: float, until_response: bool = False
    ) -> None:
        """Queue a request, or replace the queued request of the same key.

        With ``until_response`` it is no edit: it counts until :meth:`complete` is called.
        """
        request = self._requests.setdefault(key, _Request(key))
        if request.queued:
            self._dequeue(request)
        request.bucket, request.priority, request.until_response = bucket, priority, until_response
        request.order, request.queued_at, request.queued = next(self._orders), now, True
        request.due = -_NEVER
        if request.sent_at is not None and not request.final:
            first = priority is Priority.FIRST
            request.due = request.sent_at + (self._limits.first_interval if first else self._limits.interval)
        if bucket.bot:
            self._bot_queues.setdefault(bucket, {})[key] = request
            self._bot_priorities[priority] += 1
            self._bot_due = min(self._bot_due, self._free_at(request, now))
        else:
            self._push(request, now)

    def withdraw(self, key: int) -> None:
        """Remove a queued request."""
        request = self._requests.get(key)
        if request is not None and request.queued:
            self._dequeue(request)

    def forget(self, key: int) -> None:
        """Remove a key and its queued request."""
        request = self._requests.pop(key, None)
        if request is not None and request.queued:
            self._dequeue(request)

    def record(self, bucket: BucketKey, now: float) -> None:
        """Count a request that was sent without being queued."""
        for counted in self._counted_in(bucket):
            counted.sent.record(now)

    def complete(self, key: int, now: float) -> None:
        """Record the response to a request that was released with ``until_response``, or that there will be none.

        Discord counts arrivals. After an event-loop stall, requests sent at different times can arrive together, so
        each counts as in flight until its response, and as sent at the latest time it can have arrived: without this
        there were 86 to 168 responses 429 after a restart with 1,000 runs.
        """
        bucket = self._in_flight.pop(key, None)
        if bucket is None:
            return
        for counted in self._counted_in(bucket):
            counted.in_flight -= 1
            counted.sent.record(now)
        self._bot_due = min(self._bot_due, now)

    def release(self, now: float) -> list[int]:
        """Return the keys of all requests that may leave now, by priority, and count them as sent."""
        released: list[_Request] = []
        while (request := self._next_of_interactions(now) or self._next_of_bot(now)) is not None:
            self._dequeue(request)
            if request.until_response:
                self._in_flight[request.key] = request.bucket
            else:
                request.sent_at = now
            for counted in self._counted_in(request.bucket):
                if request.until_response:
                    counted.in_flight += 1
                else:
                    counted.sent.record(now)
            released.append(request)
        if len(self._buckets) > 2 * len(self._requests) + 64:
            used = {key: one for key, one in self._buckets.items() if one.in_flight or not one.sent.is_empty(now)}
            self._buckets = used
        return [request.key for request in sorted(released, key=lambda request: request.priority)]

    def start_batch(self) -> None:
        """Allow another batch of normal edits to leave.

        When a busy process falls behind, hundreds of edits are due at once; a batch is a few milliseconds of work, and
        between two batches the event loop serves commands. At 1,000 runs: acknowledged after 0.20 to 0.46 s without
        batches (p99), after 0.09 to 0.20 s with them.
        """
        self._batch_left = self._limits.batch

    def next_edit_in(self, key: int, now: float) -> float:
        """Return the seconds until the next edit of a message can leave at the present delay; 0.0 if at once."""
        request = self._requests.get(key)
        if request is None or request.sent_at is None:
            return 0.0
        return max(0.0, request.sent_at + self._limits.interval + self._delay - now)

    def share_bot_limit(self, processes: int) -> None:
        """Divide what the bot may send a second between so many processes."""
        self._bot_bucket.limit = self._limits.bot.divide(processes)

    def next_release_at(self, now: float) -> float | None:
        """Return when to call :meth:`release` again; None if nothing is queued or all of it awaits responses."""
        bot_due = self._bot_due if self._bot_queues else _NEVER
        due = min(self._urgent.next_due(), self._normal.next_due(), self._checks.next_due(), bot_due)
        return max(now, due) if due < _NEVER else None

    def _counted_in(self, key: BucketKey) -> list[_Bucket]:
        """Return the buckets that a request counts in: its own, and for the bot's requests the one they share."""
        counted = [self._bot_bucket] if key.bot else []
        if key not in _READS:
            if key not in self._buckets:
                self._buckets[key] = _Bucket(self._limits.for_bucket(key))
            counted.append(self._buckets[key])
        return counted

    def _free_at(self, request: _Request, now: float) -> float:
        """Return when a request may leave if no other leaves before it."""
        free_at = max(now, request.due)
        if (bucket := self._buckets.get(request.bucket)) is not None:
            free_at = max(free_at, bucket.free_at(now, request.priority))
        if request.bucket.bot:
            free_at = max(free_at, self._bot_bucket.free_at(now, request.priority))
        return free_at

    def _push(self, request: _Request, now: float) -> None:
        """Queue a request of an interaction; of the normal edits that may leave, the one due the longest is first."""
        free_at = self._free_at(request, now)
        if request.priority is Priority.NORMAL:
            self._normal.push(request, free_at if free_at > now else request.due)
        elif request.priority is Priority.CHECK:
            self._checks.push(request, free_at)
        else:
            self._urgent.push(request, free_at)

    def _next_of_interactions(self, now: float) -> _Request | None:
        """Return the next request of an interaction that may leave now.

        A normal edit or a check leaves only as part of the batch, the checks after the edits.
        """
        for queue in (self._urgent, self._normal, self._checks):
            while queue.next_due() <= now and (queue is self._urgent or self._batch_left):
                request = queue.pop()
                if self._free_at(request, now) > now:
                    self._push(request, now)  # another request of its bucket left since it was queued
                    continue
                if queue is not self._urgent:
                    self._batch_left -= 1
                if queue is self._normal:
                    self._measure_delay(request, now)
                return request
        return None

    def _measure_delay(self, request: _Request, now: float) -> None:
        """Adjust the delay to how long a normal edit was queued after it was due.

        A stream is read just before its edit leaves. Under load that is later than an interval after the last edit;
        reading then brought the staleness at 1,000 runs from 4.0 to 5.3 s down to 2.7 to 4.1 s (p95).
        """
        waited = now - max(request.due, request.queued_at)
        direction = max(-1.0, min(waited / _SHORT_WAIT - 1.0, 1.0))
        elapsed = min(now - self._delay_measured_at, 1.0)
        self._delay = max(0.0, self._delay + direction * _DELAY_CHANGE_RATE * elapsed)
        self._delay_measured_at = now

    def _next_of_bot(self, now: float) -> _Request | None:
        """Return the bot's next request; if none may leave, remember until when that is certain."""
        if not self._bot_queues or now < self._bot_due:
            return None
        most_urgent = min(priority for priority, queued in self._bot_priorities.items() if queued)
        self._bot_due = self._bot_bucket.free_at(now, most_urgent)
        if self._bot_due > now:
            return None
        ready: list[_Request] = []
        due = _NEVER
        for key, queue in self._bot_queues.items():
            bucket = self._buckets.get(key)
            if bucket is not None and (free_at := bucket.free_at(now, Priority.FINAL)) > now:
                due = min(due, free_at)
                continue
            for request in queue.values():
                if (free_at := self._free_at(request, now)) <= now:
                    ready.append(request)
                else:
                    due = min(due, free_at)
                if key.fifo:
                    break
        self._bot_due = now if ready else due
        return min(ready, key=_Request.sort_key, default=None)

    def _dequeue(self, request: _Request) -> None:
        request.queued = False
        queue = self._bot_queues.get(request.bucket)
        if queue is not None and queue.pop(request.key, None) is not None:
            self._bot_priorities[request.priority] -= 1
            if not queue:
                del self._bot_queues[request.bucket]


class RateLimiter:
    """Makes requests to Discord wait until the :class:`EditScheduler` releases them. One timer serves all of them."""

    def __init__(self, clock: Clock, limits: RateLimits | None = None) -> None:
        self._clock = clock
        self._scheduler = EditScheduler(limits)
        self._waiters: dict[int, asyncio.Future[None]] = {}
        self._keys = count(1)
        self._timer: asyncio.Task[None] | None = None
        self._timer_due = _NEVER
        self._closed = False
        self._count_processes: Callable[[], int] = lambda: 1
        self._processes = 1

    def share_by(self, count_processes: Callable[[], int]) -> None:
        """From now on, send only this process's part of the bot's own requests; the number is asked for often."""
        self._count_processes = count_processes

    def new_key(self) -> int:
        """Return a key for one message."""
        return next(self._keys)

    async def acquire(self, key: int, *, bucket: BucketKey, priority: Priority, until_response: bool = False) -> None:
        """Wait until a request may leave."""
        now = self._clock.monotonic()
        if (processes := max(self._count_processes(), 1)) != self._processes:
            self._processes = processes
            self._scheduler.share_bot_limit(processes)
        self._scheduler.enqueue(key, bucket=bucket, priority=priority, now=now, until_response=until_response)
        self._waiters[key] = waiter = asyncio.get_running_loop().create_future()
        self._release()
        try:
            await waiter
        finally:
            if self._waiters.get(key) is waiter:
                del self._waiters[key]
                self._scheduler.withdraw(key)

    @asynccontextmanager
    async def request(
        self, bucket: BucketKey = ANY_CHANNEL, priority: Priority = Priority.OTHER
    ) -> AsyncIterator[None]:
        """Wait until a request that is no edit may leave; it counts as in flight until the context is left."""
        key = self.new_key()
        try:
            await self.acquire(key, bucket=bucket, priority=priority, until_response=True)
            yield
        finally:
            self._scheduler.complete(key, self._clock.monotonic())
            self._scheduler.forget(key)
            self._release()

    def next_edit_in(self, key: int) -> float:
        """Return the seconds until the next edit of a message can leave, as far as is known; 0.0 if at once."""
        return self._scheduler.next_edit_in(key, self._clock.monotonic())

    def record(self, bucket: BucketKey) -> None:
        """Count a request that is sent without waiting."""
        self._scheduler.record(bucket, self._clock.monotonic())

    def change_priority(self, key: int, *, bucket: BucketKey, priority: Priority) -> None:
        """Queue a waiting request again with another priority; without one, do nothing."""
        if key in self._waiters:
            self._scheduler.enqueue(key, bucket=bucket, priority=priority, now=self._clock.monotonic())
            self._release()

    def forget(self, key: int) -> None:
        """Remove the key of a message that is not edited any more."""
        self._scheduler.forget(key)

    async def close(self) -> None:
        """Stop the timer and cancel all waiting requests."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            await asyncio.wait({self._timer})
        for waiter in self._waiters.values():
            waiter.cancel()
        self._waiters.clear()

    def _release(self) -> None:
        now = self._clock.monotonic()
        for key in self._scheduler.release(now):
            waiter = self._waiters.pop(key, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
        due = self._scheduler.next_release_at(now)
        if due is not None and due < self._timer_due and not self._closed:
            if self._timer is not None:
                self._timer.cancel()
            self._timer_due = due
            self._timer = asyncio.create_task(self._release_at(due), name="rate limiter timer")

    async def _release_at(self, due: float) -> None:
        await self._clock.sleep(max(_TIMER_RESOLUTION, due - self._clock.monotonic()))
        self._scheduler.start_batch()
        self._timer, self._timer_due = None, _NEVER
        self._release()
