"""When the next request about a message may leave. Pure: the time is handed in, in seconds that only grow.

The bounds, and who shares them::

    a message      one edit a second; the first words of an answer may follow sooner, the last page follows at once
    the process    a portion of usual edits at a time on the token road; whoever comes is answered in between. A busy
                   process takes longer from one portion to the next, and all usual edits come later
    a token        5 requests per 2 s, shared by the messages of one run on the token road
    a channel      5 requests per 5 s, shared in turn by the runs in it on the bot road; a reaction every 0.4 s
    the bot        50 requests a second on the bot road, kept to a margin

Of each, something is kept for last pages, and last pages go first.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import count

from bot.ui.share import Share, Window


class Urgency(IntEnum):
    """What a request is for; the smaller goes first."""

    LAST = 0  # the final page
    FIRST = 1  # the first page, and the first output
    USUAL = 2
    ASIDE = 3  # what is not an edit: a reaction, a look at what is there


@dataclass(frozen=True, slots=True)
class Line:
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
ANY_CHANNEL = Line(0, bot=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The numbers, in seconds and requests. Discord publishes none but the 50 a second; the others are observed."""

    interval: float = 1.0
    first_interval: float = 0.25
    token: Share = Share(span=2.0, requests=5, usual=4)
    channel: Share = Share(span=5.0, requests=5, usual=4)
    reactions: Share = Share(span=0.4, requests=1, usual=1)  # counted from the answer
    bot: Share = Share(span=1.0, requests=36, usual=24)
    portion: int = 8


@dataclass(slots=True)
class _Asked:
    """A message that asks, or asked before. ``since`` orders those that wait; ``last`` is when an edit left."""

    key: int
    line: Line = ANY_CHANNEL
    urgency: Urgency = Urgency.USUAL
    last: float | None = None
    since: int = 0
    asked_at: float = 0.0
    waiting: bool = False
    aside: bool = False

    @property
    def is_last(self) -> bool:
        return self.urgency is Urgency.LAST

    def order(self) -> tuple[int, float, int]:
        """Return its place among those that wait: the urgent, then who was served longest ago."""
        return (self.urgency, -1.0 if self.last is None else self.last, self.since)


class _Soon:
    """Those that wait on the token road, by the time at which they may leave, as far as is known."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, _Asked]] = []

    def push(self, message: _Asked, at: float) -> None:
        heapq.heappush(self._heap, (at, message.since, message))

    def pop(self) -> _Asked:
        return heapq.heappop(self._heap)[2]

    def next_at(self) -> float:
        """Return the earliest time; inf when nobody waits."""
        while self._heap:
            at, since, message = self._heap[0]
            if message.waiting and message.since == since:
                return at
            heapq.heappop(self._heap)
        return float("inf")


class Pace:
    """Decides which messages may be edited now. Whoever asks is released once, and asks again for the next edit."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._asked: dict[int, _Asked] = {}
        self._hurried, self._usual = _Soon(), _Soon()
        self._portion = self._bounds.portion  # what is left of it
        self._lines: dict[Line, dict[int, _Asked]] = {}  # who waits on the bot road
        self._last: set[int] = set()  # of these, the last pages
        self._bot_next = float("inf")  # before this nobody of these may leave
        self._windows: dict[Line, Window] = {}
        self._bot = Window(self._bounds.bot)
        self._under_way: dict[int, Line] = {}
        self._order = count(1)
        self._behind = 0.0  # how much later than due a usual edit's turn comes, in seconds
        self._learned_at = 0.0

    @property
    def waiting(self) -> int:
        """How many messages wait to be released."""
        return sum(message.waiting for message in self._asked.values())

    def ask(self, key: int, *, line: Line, urgency: Urgency, now: float, aside: bool = False) -> None:
        """Put a message in line. Asking again replaces what was asked.

        An ``aside`` is no edit of a message, and asks once; :meth:`answered` is told of it.
        """
        message = self._asked.setdefault(key, _Asked(key))
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

    def note(self, line: Line, now: float) -> None:
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

    def _windows_of(self, line: Line) -> Iterator[Window]:
        if line != ANY_CHANNEL:
            if line not in self._windows:
                self._windows[line] = Window(self._share(line))
            yield self._windows[line]
        if line.bot:
            yield self._bot

    def _set_out(self, message: _Asked) -> None:
        self._under_way[message.key] = message.line
        for window in self._windows_of(message.line):
            window.under_way += 1

    def _share(self, line: Line) -> Share:
        if not line.bot:
            return self._bounds.token
        return self._bounds.reactions if line.reactions else self._bounds.channel

    def _due(self, message: _Asked) -> float:
        if message.last is None or message.is_last:
            return float("-inf")
        if message.urgency is Urgency.FIRST:
            return message.last + self._bounds.first_interval
        return message.last + self._bounds.interval

    def _free_at(self, message: _Asked, now: float) -> float:
        """Return when a message may leave, if nobody goes before it."""
        free = max(now, self._due(message))
        if (window := self._windows.get(message.line)) is not None:
            free = max(free, window.free_at(now, last=message.is_last))
        if message.line.bot:
            free = max(free, self._bot.free_at(now, last=message.is_last))
        return free

    def _push(self, message: _Asked, now: float) -> None:
        """Put a message where its turn comes: among usual edits who is due the longest goes first."""
        free = self._free_at(message, now)
        if message.urgency is Urgency.USUAL:
            self._usual.push(message, free if free > now else self._due(message))
        else:
            self._hurried.push(message, free)

    def _next_by_token(self, now: float) -> _Asked | None:
        if (message := self._ripe(self._hurried, now)) is not None:
            return message
        if not self._portion or (message := self._ripe(self._usual, now)) is None:
            return None
        self._portion -= 1
        self._learn(message, now)
        return message

    def _ripe(self, soon: _Soon, now: float) -> _Asked | None:
        """Return the first of those that may leave now."""
        while soon.next_at() <= now:
            message = soon.pop()
            if self._free_at(message, now) <= now:
                return message
            self._push(message, now)  # another of the same token went first
        return None

    def _learn(self, message: _Asked, now: float) -> None:
        """Learn from a usual edit that leaves whether there is a queue; everybody's turn then comes later."""
        queued = now - max(self._due(message), message.asked_at)
        towards = max(-1.0, min(queued / _SHORT_QUEUE - 1.0, 1.0))
        self._behind = max(0.0, self._behind + towards * _DRIFT * min(now - self._learned_at, 1.0))
        self._learned_at = now

    def _next_by_bot(self, now: float) -> _Asked | None:
        """Return who goes next on the bot road; with nobody, it is known until when nobody need be looked at."""
        if not self._lines or now < self._bot_next:
            return None
        free = self._bot.free_at(now, last=bool(self._last))
        if free > now:
            self._bot_next = free
            return None
        self._bot_next = float("inf")
        following = min(self._able(now), key=_Asked.order, default=None)
        if following is not None:
            self._bot_next = now
        return following

    def _able(self, now: float) -> Iterator[_Asked]:
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

    def _unline(self, message: _Asked) -> None:
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
