"""When the next request to Discord may leave: the rate limiter, the edit scheduler, the limits."""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count

from bot.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """At most ``requests`` in ``span`` seconds, of which all but ``usual`` are kept for last pages."""

    span: float
    requests: int
    usual: int


@dataclass(slots=True)
class RequestWindow:
    """The moments at which requests left, within a share's span, and how many are under way beside them."""

    share: RateLimit
    left: deque[float] = field(default_factory=deque)
    under_way: int = 0

    def used(self, now: float) -> int:
        """Return how many count at this moment."""
        while self.left and self.left[0] <= now - self.share.span:
            self.left.popleft()
        return len(self.left) + self.under_way

    def free_at(self, now: float, *, last: bool) -> float:
        """Return when there is room for one more; inf when that takes an answer."""
        used, most = self.used(now), self.share.requests if last else self.share.usual
        if used < most:
            return now
        return self.left[used - most] + self.share.span if used - most < len(self.left) else float("inf")


class Priority(IntEnum):
    """What a request is for; the smaller goes first."""

    LAST = 0  # the final page
    FIRST = 1  # the first page, and the first output
    USUAL = 2
    ASIDE = 3  # what is not an edit: a reaction, a look at what is there


@dataclass(frozen=True, slots=True)
class BucketKey:
    """What a request shares its bound with: an interaction's token, or, on the bot road, a channel.

    A channel's ``reactions`` have a bound of their own.
    """

    id: int
    bot: bool
    reactions: bool = False

    @property
    def in_turn(self) -> bool:
        """Whether who came first goes first: nobody there has a pace of their own."""
        return self.reactions or self == ANY_CHANNEL


# As long as usual edits may wait for one another, in seconds: then there is always one to send, and what it shows was
# read a moment ago.
_SHORT_QUEUE = 0.1
_DRIFT = 0.3  # how fast turns come later or sooner, in seconds a second


# On the bot road, but under no channel's bound: looking at what is there.
ANY_CHANNEL = BucketKey(0, bot=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """The numbers, in seconds and requests. Discord publishes none but the 50 a second; the others are observed."""

    interval: float = 1.0
    first_interval: float = 0.25
    token: RateLimit = RateLimit(span=2.0, requests=5, usual=4)
    channel: RateLimit = RateLimit(span=5.0, requests=5, usual=4)
    reactions: RateLimit = RateLimit(span=0.4, requests=1, usual=1)  # counted from the answer
    bot: RateLimit = RateLimit(span=1.0, requests=36, usual=24)
    portion: int = 8


@dataclass(slots=True)
class _PendingEdit:
    """A message that asks, or asked before. ``since`` orders those that wait; ``last`` is when an edit left."""

    key: int
    line: BucketKey = ANY_CHANNEL
    urgency: Priority = Priority.USUAL
    last: float | None = None
    since: int = 0
    asked_at: float = 0.0
    waiting: bool = False
    aside: bool = False

    @property
    def is_last(self) -> bool:
        return self.urgency is Priority.LAST

    def order(self) -> tuple[int, float, int]:
        """Return its place among those that wait: the urgent, then who was served longest ago."""
        return (self.urgency, -1.0 if self.last is None else self.last, self.since)


class _DueHeap:
    """Those that wait on the token road, by the time at which they may leave, as far as is known."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _PendingEdit]] = []

    def push(self, message: _PendingEdit, at: float) -> None:
        heapq.heappush(self._heap, (at, message.since, message))

    def pop(self) -> _PendingEdit:
        return heapq.heappop(self._heap)[2]

    def next_at(self) -> float:
        """Return the earliest time; inf when nobody waits."""
        while self._heap:
            at, since, message = self._heap[0]
            if message.waiting and message.since == since:
                return at
            heapq.heappop(self._heap)
        return float("inf")


class EditScheduler:
    """Decides which messages may be edited now. Whoever asks is released once, and asks again for the next edit."""

    def __init__(self, bounds: RateLimits | None = None) -> None:
        self._bounds = bounds or RateLimits()
        self._asked: dict[int, _PendingEdit] = {}
        self._hurried, self._usual = _DueHeap(), _DueHeap()
        self._portion = self._bounds.portion  # what is left of it
        self._lines: dict[BucketKey, dict[int, _PendingEdit]] = {}  # who waits on the bot road
        self._last: set[int] = set()  # of these, the last pages
        self._bot_next = float("inf")  # before this nobody of these may leave
        self._windows: dict[BucketKey, RequestWindow] = {}
        self._bot = RequestWindow(self._bounds.bot)
        self._under_way: dict[int, BucketKey] = {}
        self._order = count(1)
        self._behind = 0.0  # how much later than due a usual edit's turn comes, in seconds
        self._learned_at = 0.0

    @property
    def waiting(self) -> int:
        """How many messages wait to be released."""
        return sum(message.waiting for message in self._asked.values())

    def ask(self, key: int, *, line: BucketKey, urgency: Priority, now: float, aside: bool = False) -> None:
        """Put a message in line. Asking again replaces what was asked.

        An ``aside`` is no edit of a message, and asks once; :meth:`answered` is told of it.
        """
        message = self._asked.setdefault(key, _PendingEdit(key))
        if message.waiting:
            self._unline(message)
        message.line, message.urgency, message.since, message.waiting = line, urgency, next(self._order), True
        message.asked_at, message.aside = now, aside
        if line.bot:
            self._lines.setdefault(line, {})[key] = message
            if message.is_last:
                self._last.add(key)
            self._bot_next = min(self._bot_next, self._free_at(message, now))
        else:
            self._push(message, now)

    def withdraw(self, key: int) -> None:
        """Take a message out of the line."""
        message = self._asked.get(key)
        if message is not None and message.waiting:
            self._unline(message)

    def forget(self, key: int) -> None:
        """Drop everything that is remembered of a message."""
        self.withdraw(key)
        self._asked.pop(key, None)

    def note(self, line: BucketKey, now: float) -> None:
        """Take note of a request that left without asking."""
        for window in self._windows_of(line):
            window.left.append(now)

    def answered(self, key: int, now: float) -> None:
        """Learn that a released request that is no edit was answered, or will never be.

        When it arrived is not known: at the latest now, and until now it counted as under way. Of a process that stands
        still now and then, many that left apart arrive together.
        """
        if (line := self._under_way.pop(key, None)) is not None:
            for window in self._windows_of(line):
                window.under_way -= 1
                window.left.append(now)
            self._bot_next = min(self._bot_next, now)

    def release(self, now: float) -> list[int]:
        """Return those that may leave now, the most urgent first; they count as left."""
        released = []
        while (message := self._next_by_token(now) or self._next_by_bot(now)) is not None:
            self._unline(message)
            if message.aside:
                self._set_out(message)
            else:
                self.note(message.line, now)
                message.last = now
            released.append(message)
        self._sweep(now)
        return [message.key for message in sorted(released, key=lambda message: message.urgency)]

    def due_in(self, key: int, now: float) -> float:
        """Return in how many seconds a message's turn comes, as things go lately; 0.0 for one that never asked."""
        message = self._asked.get(key)
        if message is None or message.last is None:
            return 0.0
        return max(0.0, message.last + self._bounds.interval + self._behind - now)

    def next_at(self, now: float) -> float | None:
        """Return when to call :meth:`release` again; None while nobody waits."""
        soonest = min(self._hurried.next_at(), self._usual.next_at(), self._bot_next if self._lines else float("inf"))
        return max(now, soonest) if soonest < float("inf") else None

    def next_portion(self) -> None:
        """Let a further portion of usual edits leave."""
        self._portion = self._bounds.portion

    def _windows_of(self, line: BucketKey) -> Iterator[RequestWindow]:
        if line != ANY_CHANNEL:
            if line not in self._windows:
                self._windows[line] = RequestWindow(self._share(line))
            yield self._windows[line]
        if line.bot:
            yield self._bot

    def _set_out(self, message: _PendingEdit) -> None:
        self._under_way[message.key] = message.line
        for window in self._windows_of(message.line):
            window.under_way += 1

    def _share(self, line: BucketKey) -> RateLimit:
        if not line.bot:
            return self._bounds.token
        return self._bounds.reactions if line.reactions else self._bounds.channel

    def _due(self, message: _PendingEdit) -> float:
        if message.last is None or message.is_last:
            return float("-inf")
        if message.urgency is Priority.FIRST:
            return message.last + self._bounds.first_interval
        return message.last + self._bounds.interval

    def _free_at(self, message: _PendingEdit, now: float) -> float:
        """Return when a message may leave, if nobody goes before it."""
        free = max(now, self._due(message))
        if (window := self._windows.get(message.line)) is not None:
            free = max(free, window.free_at(now, last=message.is_last))
        if message.line.bot:
            free = max(free, self._bot.free_at(now, last=message.is_last))
        return free

    def _push(self, message: _PendingEdit, now: float) -> None:
        """Put a message where its turn comes: among usual edits who is due the longest goes first."""
        free = self._free_at(message, now)
        if message.urgency is Priority.USUAL:
            self._usual.push(message, free if free > now else self._due(message))
        else:
            self._hurried.push(message, free)

    def _next_by_token(self, now: float) -> _PendingEdit | None:
        if (message := self._ripe(self._hurried, now)) is not None:
            return message
        if not self._portion or (message := self._ripe(self._usual, now)) is None:
            return None
        self._portion -= 1
        self._learn(message, now)
        return message

    def _ripe(self, soon: _DueHeap, now: float) -> _PendingEdit | None:
        """Return the first of those that may leave now."""
        while soon.next_at() <= now:
            message = soon.pop()
            if self._free_at(message, now) <= now:
                return message
            self._push(message, now)  # another of the same token went first
        return None

    def _learn(self, message: _PendingEdit, now: float) -> None:
        """Learn from a usual edit that leaves whether there is a queue; everybody's turn then comes later."""
        queued = now - max(self._due(message), message.asked_at)
        towards = max(-1.0, min(queued / _SHORT_QUEUE - 1.0, 1.0))
        self._behind = max(0.0, self._behind + towards * _DRIFT * min(now - self._learned_at, 1.0))
        self._learned_at = now

    def _next_by_bot(self, now: float) -> _PendingEdit | None:
        """Return who goes next on the bot road; with nobody, it is known until when nobody need be looked at."""
        if not self._lines or now < self._bot_next:
            return None
        free = self._bot.free_at(now, last=bool(self._last))
        if free > now:
            self._bot_next = free
            return None
        self._bot_next = float("inf")
        following = min(self._able(now), key=_PendingEdit.order, default=None)
        if following is not None:
            self._bot_next = now
        return following

    def _able(self, now: float) -> Iterator[_PendingEdit]:
        """Yield who may leave now on the bot road, if nobody goes before them."""
        for line, messages in self._lines.items():
            window = self._windows.get(line)
            if window is not None and (free := window.free_at(now, last=True)) > now:
                self._bot_next = min(self._bot_next, free)
                continue
            for message in messages.values():
                if (free := self._free_at(message, now)) <= now:
                    yield message
                else:
                    self._bot_next = min(self._bot_next, free)
                if line.in_turn:
                    break

    def _unline(self, message: _PendingEdit) -> None:
        message.waiting = False
        self._last.discard(message.key)
        waiting = self._lines.get(message.line)
        if waiting is not None:
            waiting.pop(message.key, None)
            if not waiting:
                del self._lines[message.line]

    def _sweep(self, now: float) -> None:
        """Forget the windows in which nothing happened lately, once there are many."""
        if len(self._windows) > 2 * len(self._asked) + 64:
            self._windows = {line: window for line, window in self._windows.items() if window.used(now)}


# So close together that one waking serves them all.
_GRAIN = 0.005


class RateLimiter:
    """Holds back whoever asks until :class:`~bot.ui.rate_limit.Pace` releases them. One task keeps the time for all."""

    def __init__(self, pace: EditScheduler, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self._keys = count(1)
        self._planned = float("inf")
        self._keeper: asyncio.Task[None] | None = None
        self._closed = False

    def key(self) -> int:
        """Return a new key, to ask with."""
        return next(self._keys)

    async def passed(self, key: int, *, line: BucketKey, urgency: Priority, aside: bool = False) -> None:
        """Return when this message may be edited."""
        self._pace.ask(key, line=line, urgency=urgency, now=self._clock.monotonic(), aside=aside)
        self._waiting[key] = waiting = asyncio.get_running_loop().create_future()
        self._release()
        try:
            await waiting
        finally:
            if self._waiting.get(key) is waiting:
                del self._waiting[key]
                self._pace.withdraw(key)

    @asynccontextmanager
    async def aside(self, line: BucketKey = ANY_CHANNEL, urgency: Priority = Priority.ASIDE) -> AsyncIterator[None]:
        """Wait until a request of the bot that is no edit may leave; it is under way for as long as the context."""
        key = self.key()
        try:
            await self.passed(key, line=line, urgency=urgency, aside=True)
            yield
        finally:
            self._pace.answered(key, self._clock.monotonic())
            self._pace.forget(key)
            self._release()

    def due_in(self, key: int) -> float:
        """Return in how many seconds this message may be edited again, if nobody goes before it; 0.0 for now."""
        return self._pace.due_in(key, self._clock.monotonic())

    def note(self, line: BucketKey) -> None:
        """Take note of a request that does not wait."""
        self._pace.note(line, self._clock.monotonic())

    def hasten(self, key: int, *, line: BucketKey, urgency: Priority) -> None:
        """Let a message that waits already be more urgent; nothing happens to one that does not wait."""
        if key in self._waiting:
            self._pace.ask(key, line=line, urgency=urgency, now=self._clock.monotonic())
            self._release()

    def forget(self, key: int) -> None:
        """Drop what is remembered of a message that will not ask again."""
        self._pace.forget(key)

    async def close(self) -> None:
        """Stop keeping time; whoever still waits does so in vain."""
        self._closed = True
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        for waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()

    def _release(self) -> None:
        now = self._clock.monotonic()
        for key in self._pace.release(now):
            waiting = self._waiting.pop(key, None)
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        following = self._pace.next_at(now)
        if following is not None and following < self._planned and not self._closed:
            self._keep(following)

    def _keep(self, until: float) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
        self._planned = until
        self._keeper = asyncio.create_task(self._wake(until), name="the gate to Discord")

    async def _wake(self, until: float) -> None:
        await self._clock.sleep(max(_GRAIN, until - self._clock.monotonic()))
        self._pace.next_portion()
        self._keeper, self._planned = None, float("inf")
        self._release()
