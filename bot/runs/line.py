"""Line: the fair wait before Replicate."""

import asyncio
from collections.abc import Callable

from bot.clock import Clock
from bot.replicate.rate import Rate
from bot.runs.pace import Pace
from bot.runs.queue import FairQueue

_TELL_EVERY = 1.0
_SHORTEST = 0.001  # a sleep that rounding cannot make endless


class Ticket:
    """One place in the line. ``place`` counts from 1; None once it is its turn, or before it is known."""

    __slots__ = ("moved", "owner", "place", "turn")

    def __init__(self, owner: int, moved: Callable[[int], None]) -> None:
        self.owner = owner
        self.moved = moved
        self.place: int | None = None
        self.turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Line:
    """Lets creates leave at the pace that Replicate takes them, in turn between people.

    ``enter`` gives a ticket; who holds it awaits ``ticket.turn``, tells what Replicate said to the create
    (``taken``, ``throttled``) and always gives the ticket back with ``leave``, once.
    """

    def __init__(self, *, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._queue: FairQueue[Ticket] = FairQueue()
        self._pace = Pace(per_minute)
        self._server: asyncio.Task[None] | None = None
        self._told_at = float("-inf")
        self._closed = False

    def __len__(self) -> int:
        return len(self._queue)

    def enter(self, owner: int, moved: Callable[[int], None], *, again: bool = False) -> Ticket:
        """Join the line; ``moved`` hears the place, at most once a second. ``again``: it had its turn in vain."""
        ticket = Ticket(owner, moved)
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

    def leave(self, ticket: Ticket) -> None:
        """Give the ticket back, before its turn or after; before it, that costs nothing."""
        waiting = self._queue.remove(ticket.owner, ticket)
        if not waiting and ticket.turn.done() and not ticket.turn.cancelled():
            self._pace.back()

    def taken(self, rate: Rate | None) -> None:
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
            await self._clock.sleep(min(max(delay, _SHORTEST), _TELL_EVERY))

    def _tell_places(self) -> None:
        """Tell everybody whose place changed. One pass over the line, so not at every step."""
        now = self._clock.monotonic()
        if now - self._told_at < _TELL_EVERY:
            return
        self._told_at = now
        for place, ticket in enumerate(self._queue.in_order(), start=1):
            if ticket.place != place:
                ticket.place = place
                ticket.moved(place)
