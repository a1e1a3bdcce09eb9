"""When the next edit of a message may leave. Pure: the time is handed in, in seconds that only grow.

Three bounds, and who shares them::

    a message      one edit a second, stretched for all while the process is busy; the first words of an answer may
                   follow sooner, the last page follows at once
    a channel      5 requests per 5 s on the bot road, shared in turn by the runs in it; the fifth is for last pages
    the bot        50 requests a second on the bot road, kept to a margin; last pages go first

The token road knows the first bound only: Discord counts it by interaction.
"""

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count

# On the bot road, but under no channel's bound: reactions have one of their own.
ANY_CHANNEL = 0


class Urgency(IntEnum):
    """What an edit is for; the smaller goes first."""

    LAST = 0  # the final page
    FIRST = 1  # the first page, and the first output
    USUAL = 2
    ASIDE = 3  # what is not an edit: a reaction, a look at what is there


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The numbers, in seconds and requests. Discord publishes none but the 50 a second; the others are observed."""

    interval: float = 1.0
    first_interval: float = 0.25
    channel_span: float = 5.0
    channel_requests: int = 5
    channel_usual: int = 4
    bot_span: float = 1.0
    bot_requests: int = 40
    bot_usual: int = 32
    stretch_most: float = 6.0
    busy: float = 0.15  # so late that the process is overloaded
    easy: float = 0.03


@dataclass(slots=True)
class _Message:
    """What is remembered of a message between its edits. ``since`` orders those that wait."""

    key: int
    channel: int | None = None
    urgency: Urgency = Urgency.USUAL
    last: float | None = None
    since: int = 0
    waiting: bool = False

    def order(self) -> tuple[int, float, int]:
        """Return its place among those that wait: the urgent, then who was served longest ago."""
        return (self.urgency, -1.0 if self.last is None else self.last, self.since)


@dataclass(slots=True)
class _Window:
    """The moments at which requests left, within a span."""

    span: float
    left: deque[float] = field(default_factory=deque)

    def used(self, now: float) -> int:
        while self.left and self.left[0] <= now - self.span:
            self.left.popleft()
        return len(self.left)

    def free_at(self, now: float, requests: int) -> float:
        """Return when fewer than ``requests`` lie in the span."""
        used = self.used(now)
        return now if used < requests else self.left[used - requests] + self.span


class Pace:
    """Decides which messages may be edited now. Whoever asks is released once, and asks again for the next edit."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._messages: dict[int, _Message] = {}
        self._soon: list[tuple[float, int, int]] = []  # (time, since, key) of those on the token road
        self._channels: dict[int, dict[int, _Message]] = {}  # who waits on the bot road
        self._windows: dict[int, _Window] = {}  # by channel
        self._bot_window = _Window(self._bounds.bot_span)
        self._order = count(1)
        self._stretch = 1.0
        self._stretched_at = float("-inf")

    @property
    def stretch(self) -> float:
        """How many times longer than usual every message waits, from 1."""
        return self._stretch

    @property
    def waiting(self) -> int:
        """How many messages wait to be released."""
        return sum(message.waiting for message in self._messages.values())

    def ask(self, key: int, *, channel: int | None, urgency: Urgency) -> None:
        """Put a message in line; ``channel`` is set on the bot road. Asking again replaces what was asked."""
        message = self._messages.setdefault(key, _Message(key))
        if message.waiting:
            self._unline(message)
        message.channel, message.urgency, message.since, message.waiting = channel, urgency, next(self._order), True
        if channel is None:
            heapq.heappush(self._soon, (self._due(message), message.since, key))
        else:
            self._channels.setdefault(channel, {})[key] = message

    def withdraw(self, key: int) -> None:
        """Take a message out of the line."""
        message = self._messages.get(key)
        if message is not None and message.waiting:
            self._unline(message)

    def forget(self, key: int) -> None:
        """Drop everything that is remembered of a message."""
        self.withdraw(key)
        self._messages.pop(key, None)

    def release(self, now: float) -> list[int]:
        """Return those that may leave now, the most urgent first; they count as left."""
        released = self._release_token(now)
        while (message := min(self._able(now), key=_Message.order, default=None)) is not None:
            if message.channel is not None and message.channel != ANY_CHANNEL:
                self._windows.setdefault(message.channel, _Window(self._bounds.channel_span)).left.append(now)
            self._bot_window.left.append(now)
            self._leave(message, now)
            released.append(message)
        self._sweep(now)
        return [message.key for message in sorted(released, key=lambda message: message.urgency)]

    def next_at(self, now: float) -> float | None:
        """Return when to call :meth:`release` again; None while nobody waits."""
        self._drop_stale()
        times = [self._soon[0][0]] if self._soon else []
        bot_last, bot_usual = self._bot_free(now)
        for channel, line in self._channels.items():
            last, usual = self._channel_free(channel, now)
            times += [
                max(self._due(message), *((bot_last, last) if message.urgency is Urgency.LAST else (bot_usual, usual)))
                for message in line.values()
            ]
        return min(times, default=None)

    def late(self, seconds: float, now: float) -> None:
        """Learn how late the process woke; the pace of all stretches while it is overloaded and recovers slowly."""
        if now - self._stretched_at < self._bounds.interval / 2:
            return
        if seconds > self._bounds.busy:
            self._stretch = min(self._bounds.stretch_most, self._stretch * 1.3)
        elif seconds < self._bounds.easy and self._stretch > 1.0:
            self._stretch = max(1.0, self._stretch * 0.93)
        else:
            return
        self._stretched_at = now

    def _due(self, message: _Message) -> float:
        if message.last is None or message.urgency is Urgency.LAST:
            return float("-inf")
        if message.urgency is Urgency.FIRST:
            return message.last + self._bounds.first_interval
        return message.last + self._bounds.interval * self._stretch

    def _release_token(self, now: float) -> list[_Message]:
        released = []
        self._drop_stale()
        while self._soon and self._soon[0][0] <= now:
            message = self._messages[heapq.heappop(self._soon)[2]]
            self._leave(message, now)
            released.append(message)
            self._drop_stale()
        return released

    def _drop_stale(self) -> None:
        while self._soon:
            message = self._messages.get(self._soon[0][2])
            if message is not None and message.waiting and message.since == self._soon[0][1]:
                return
            heapq.heappop(self._soon)

    def _able(self, now: float) -> Iterator[_Message]:
        """Yield who may leave now on the bot road, if nobody goes before them."""
        bot_last, bot_usual = self._bot_free(now)
        if bot_last > now:
            return
        for channel, line in self._channels.items():
            last, usual = self._channel_free(channel, now)
            if last > now:
                continue
            only_last = max(usual, bot_usual) > now
            for message in line.values():
                if only_last and message.urgency is not Urgency.LAST:
                    continue
                if self._due(message) <= now:
                    yield message

    def _bot_free(self, now: float) -> tuple[float, float]:
        window, bounds = self._bot_window, self._bounds
        return window.free_at(now, bounds.bot_requests), window.free_at(now, bounds.bot_usual)

    def _channel_free(self, channel: int, now: float) -> tuple[float, float]:
        window, bounds = self._windows.get(channel), self._bounds
        if window is None:
            return now, now
        return window.free_at(now, bounds.channel_requests), window.free_at(now, bounds.channel_usual)

    def _sweep(self, now: float) -> None:
        """Forget the channels in which nothing happened lately, once there are many."""
        if len(self._windows) > 2 * len(self._channels) + 64:
            self._windows = {channel: window for channel, window in self._windows.items() if window.used(now)}

    def _leave(self, message: _Message, now: float) -> None:
        self._unline(message)
        if message.urgency is not Urgency.ASIDE:
            message.last = now

    def _unline(self, message: _Message) -> None:
        message.waiting = False
        if message.channel is not None and (line := self._channels.get(message.channel)) is not None:
            line.pop(message.key, None)
            if not line:
                del self._channels[message.channel]
