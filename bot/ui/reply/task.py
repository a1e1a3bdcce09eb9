"""The task that owns a run's reply: takes snapshots, shows the newest, makes every request about it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from bot.aio import WakeEvent
from bot.clock import Clock
from bot.runs.snapshot import DeliveryResult, RunSnapshot
from bot.store.models import Run
from bot.ui.rate_limit import Priority, RateLimiter
from bot.ui.render import strings
from bot.ui.reply.errors import EditResult
from bot.ui.reply.extras import ReplyExtras
from bot.ui.reply.writer import ReplyWriter


class Meter(Protocol):
    """Takes note; never waits, never fails."""

    def shown(self, run: Run, *, age: float, content: bool) -> None:
        """Note that Discord took a page which was ``age`` seconds old; ``content``: with output in it."""
        ...


class Unmetered:
    """A meter that looks away."""

    def shown(self, run: Run, *, age: float, content: bool) -> None:
        """Do nothing."""


log = structlog.get_logger(__name__)

# A reply that no road reaches may be reached again by a press of its button; after a day nobody presses.
_REACHABLE = timedelta(days=1)
_BACKOFF = (2.0, 4.0, 8.0, 15.0, 30.0)
_SOON = 3.0
_LOOK_AFTER = 30.0  # seconds without an edit


class ReplyTask:
    """One run's reply; a :class:`~bot.runs.snapshot.View`.

    One task owns it and is the only writer of its messages. ``show`` and ``finish`` hand the task a page; what it
    sends is always the newest. The first page and the first output are sent at once, then one edit a second, the last
    page always and at once.
    """

    def __init__(
        self,
        run: Run,
        *,
        reply: ReplyWriter,
        aside: ReplyExtras,
        gate: RateLimiter,
        clock: Clock,
        gone: Callable[[], Awaitable[None]],
        ended: Callable[[], None],
        meter: Meter,
    ) -> None:
        self._run = run
        self._reply = reply
        self._aside = aside
        self._gate = gate
        self._clock = clock
        self._gone = gone
        self._ended = ended
        self._meter = meter
        self._taken_at = self._sent_taken_at = clock.monotonic()  # of the newest page, and of the one being sent
        self._page: RunSnapshot | None = None
        self._shown: RunSnapshot | None = None
        self._put_any = self._put_output = False
        self._answer: asyncio.Future[DeliveryResult] | None = None
        self._delivery: DeliveryResult | None = None  # what will never change
        self._changed = asyncio.Event()
        self._hurried = WakeEvent(clock)
        self._closing = False
        self._vanished = False
        self._failures = 0
        self._woken_at = self._taken_at
        self._look_due = False
        self._owner: asyncio.Task[None] | None = None
        self._parting: asyncio.Task[None] | None = None

    def update(self, snapshot: RunSnapshot) -> None:
        """Take the newest page and return at once; an older page that was not sent yet is dropped."""
        if self._answer is not None or self._closing or (self._page is not None and self._page.final):
            return
        first_output = not self._put_output and bool(snapshot.items)  # looking at the parts puts them together
        self._take(snapshot)
        if first_output:
            self._hasten()

    def next_edit_in(self) -> float:
        """Return in how many seconds a new page could be sent, as far as is known; 0.0 for at once."""
        return self._reply.next_edit_in()

    async def finish(self, snapshot: RunSnapshot) -> DeliveryResult:
        """Send the last page, with everything in it, and say what became of it."""
        if self._delivery is not None:
            return self._delivery
        if self._closing:
            return DeliveryResult.LATER
        self._answer = asyncio.get_running_loop().create_future()
        self._failures = 0
        if self._reply.roads.reopen(self._clock.now()):
            self._reply.terms.unsay(strings.NO_ACCESS)
        self._take(snapshot)
        self._hurry()
        return await asyncio.shield(self._answer)

    async def close(self) -> None:
        """Send what was shown last, if it can be sent soon, and stop."""
        self._closing = True
        if self._owner is not None and not self._owner.done():
            self._hurry()
            soon = asyncio.ensure_future(self._clock.sleep(_SOON))
            await asyncio.wait({self._owner, soon}, return_when=asyncio.FIRST_COMPLETED)
            soon.cancel()
            self._owner.cancel()
            await asyncio.wait({self._owner})
        self._resolve(DeliveryResult.LATER)
        self._leave()

    def fresh_token(self, token: str, expires_at: datetime) -> None:
        """Take the token of a press under the message; it opens the token road again."""
        self._reply.roads.renew(token, expires_at)
        self._reply.terms.park(parked=False)
        self._shown = None
        self._watch_token()
        self._hurry()

    def deleted(self) -> None:
        """Learn that the message is no more."""
        self._vanished = True
        self._hurry()

    def look_after(self) -> None:
        """Let the owner look whether the message is still there, if it had nothing to do for some while."""
        now = self._clock.monotonic()
        if self._owner is not None and not self._owner.done() and now - self._woken_at >= _LOOK_AFTER:
            self._woken_at = now
            self._look_due = True
            self._changed.set()

    def _take(self, snapshot: RunSnapshot) -> None:
        self._page = snapshot
        self._taken_at = self._clock.monotonic()
        self._changed.set()
        if self._owner is None:
            self._owner = asyncio.create_task(self._own(), name=f"the reply to run {self._run.id}")
            self._owner.add_done_callback(self._resigned)
            self._woken_at = self._taken_at
            self._watch_token()

    def _resigned(self, _: object) -> None:
        self._resolve(DeliveryResult.LATER)

    def _hurry(self) -> None:
        """Let the owner look at once, whatever it waits for."""
        self._changed.set()
        self._hurried.set()
        self._hasten()

    def _hasten(self) -> None:
        road = self._reply.road()
        if road is not None:
            self._gate.hasten(self._reply.key, line=road.line, urgency=self._urgency())

    def _newest(self) -> RunSnapshot:
        if self._page is None:
            raise RuntimeError("The reply's task began before it had a page.")
        return self._page

    def _to_send(self) -> RunSnapshot:
        self._sent_taken_at = self._taken_at
        return self._newest()

    def _urgency(self) -> Priority:
        snapshot = self._newest()
        if snapshot.final or self._closing:
            return Priority.LAST
        first = not self._put_any or (not self._put_output and bool(snapshot.items))
        return Priority.FIRST if first else Priority.USUAL

    async def _own(self) -> None:
        over = False
        while not over and not (self._closing and self._page == self._shown):
            await self._changed.wait()
            self._changed.clear()
            self._hurried.clear()
            self._woken_at = self._clock.monotonic()
            look, self._look_due = self._look_due, False
            try:
                over = (look and await self._look()) or await self._turn()
            except Exception:  # one failed edit must not end the reply; the next page tries again
                log.exception("A page could not be shown.", run=self._run.id)
                over = await self._after(EditResult.LATER)
        self._leave()

    async def _look(self) -> bool:
        """Look whether the message is still there; return whether it is not, which ends everything."""
        self._vanished = self._vanished or await self._reply.is_gone(self._newest())
        return self._vanished and await self._after(EditResult.GONE)

    async def _turn(self) -> bool:
        """Show the newest page; return whether it was the last thing to do."""
        if self._vanished:
            return await self._after(EditResult.GONE)
        outcome = EditResult.SHOWN
        if self._page != self._shown:
            outcome, snapshot = await self._reply.put(self._to_send, self._urgency)
            self._put_any = True
            self._put_output = self._put_output or bool(snapshot.items)
            if outcome is EditResult.SHOWN:
                age = self._clock.monotonic() - self._sent_taken_at
                self._meter.shown(self._run, age=age, content=bool(snapshot.items))
                self._shown = snapshot
                self._failures = 0
                if self._parting is None:
                    self._watch_token()
                if not snapshot.final:
                    self._aside.mark(self._remarked)
        return await self._after(outcome)

    async def _after(self, outcome: EditResult) -> bool:
        final = self._newest().final
        match outcome:
            case EditResult.GONE:
                await self._vanish()
                return True
            case EditResult.MORE:
                self._changed.set()
            case EditResult.OLD:
                return await self._delivered()
            case EditResult.SHOWN if final and self._shown == self._page:
                return await self._delivered()
            case EditResult.REFUSED if final:
                self._resolve(DeliveryResult.GONE)
                return True
            case EditResult.BARRED if final:
                out_of_reach = self._clock.now() - self._run.created_at > _REACHABLE
                self._resolve(DeliveryResult.GONE if out_of_reach else DeliveryResult.LATER)
                return out_of_reach
            case EditResult.LATER if final:
                self._resolve(DeliveryResult.LATER)
            case EditResult.LATER:
                await self._rest()
            case _:
                pass
        return False

    async def _delivered(self) -> bool:
        """Do what follows the last page: call the author back, clear the reaction."""
        if not await self._aside.call_back(self._newest()):
            self._resolve(DeliveryResult.LATER)
            return False
        self._resolve(DeliveryResult.DELIVERED)
        await self._aside.unmark()
        return True

    async def _vanish(self) -> None:
        self._vanished = True
        self._resolve(DeliveryResult.GONE)
        if not self._newest().final:
            try:
                await self._gone()
            except Exception:  # the caller's failure is not the reply's
                log.exception("A deleted message could not be told on.", run=self._run.id)

    def _remarked(self) -> None:
        """Draw the card again: there is something to say on it."""
        self._shown = None
        self._changed.set()

    async def _rest(self) -> None:
        """Wait before the next try, unless something more urgent comes."""
        pause = _BACKOFF[min(self._failures, len(_BACKOFF) - 1)]
        self._failures += 1
        await self._hurried.wait(pause)
        self._changed.set()

    def _watch_token(self) -> None:
        if self._parting is not None:
            self._parting.cancel()
        when = self._reply.roads.parting_at()
        self._parting = (
            None if when is None else asyncio.create_task(self._part(when), name=f"the token of run {self._run.id}")
        )

    async def _part(self, when: datetime) -> None:
        """Ask for a press shortly before the only road to the message closes."""
        await self._clock.sleep((when - self._clock.now()).total_seconds())
        self._reply.terms.park(parked=True)
        self._shown = None
        self._hurry()

    def _resolve(self, delivery: DeliveryResult) -> None:
        if delivery is not DeliveryResult.LATER:
            self._delivery = delivery
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(delivery)

    def _leave(self) -> None:
        if self._parting is not None:
            self._parting.cancel()
        self._aside.leave()
        self._reply.forget()
        self._ended()
