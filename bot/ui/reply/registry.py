"""The replies of all runs that live: opens one a run, keeps them within Discord's pace, finds them by run."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import discord

from bot.clock import Clock
from bot.runs.snapshot import MessageLedger
from bot.store.models import Run
from bot.ui.rate_limit import EditScheduler, RateLimiter, RateLimits
from bot.ui.reply.extras import ReplyExtras
from bot.ui.reply.task import Meter, ReplyTask, Unmetered
from bot.ui.reply.transports import TransportSelector
from bot.ui.reply.writer import ReplyWriter

_ROUND = 2.0  # seconds from one look at all of them to the next


class ReplyRegistry:
    """Opens the reply of a run, new or read back after a restart; a :class:`~bot.runs.snapshot.OpenView`."""

    def __init__(
        self,
        client: discord.Client,
        *,
        ledger: MessageLedger,
        clock: Clock,
        bounds: RateLimits | None = None,
        meter: Meter | None = None,
    ) -> None:
        self._client = client
        self._meter = meter or Unmetered()
        self._ledger = ledger
        self._clock = clock
        self.gate = RateLimiter(EditScheduler(bounds), clock)
        self._by_run: dict[str, ReplyTask] = {}
        self._by_message: dict[int, ReplyTask] = {}
        self._rounds: asyncio.Task[None] | None = None  # one for all: a task a run is kilobytes a run

    def __call__(self, run: Run, *, on_deleted: Callable[[], Awaitable[None]], recovered: bool = False) -> ReplyTask:
        """Return the view of a run; it calls ``on_deleted`` once if its message turns out to be deleted."""
        reply = ReplyWriter(
            run,
            roads=TransportSelector(self._client, run),
            gate=self.gate,
            ledger=self._ledger,
            clock=self._clock,
            again=recovered,
        )
        message = ReplyTask(
            run,
            reply=reply,
            aside=ReplyExtras(run, reply=reply, gate=self.gate, ledger=self._ledger),
            gate=self.gate,
            clock=self._clock,
            gone=on_deleted,
            ended=lambda: self._drop(run, message),
            meter=self._meter,
        )
        self._by_run[run.id] = message
        self._by_message[run.place.message_id] = message
        if self._rounds is None:
            self._rounds = asyncio.create_task(self._make_rounds(), name="looks at replies")
        return message

    @property
    def open(self) -> int:
        """How many replies live."""
        return len(self._by_run)

    def fresh_token(self, run_id: str, token: str, expires_at: datetime) -> bool:
        """Hand over the token of a press under a run's message; False when that run's reply does not live here."""
        message = self._by_run.get(run_id)
        if message is None:
            return False
        message.fresh_token(token, expires_at)
        return True

    def deleted(self, message_id: int) -> bool:
        """Learn from the gateway that a message was deleted; True when it was a living run's card."""
        message = self._by_message.get(message_id)
        if message is None:
            return False
        message.deleted()
        return True

    async def close(self) -> None:
        """Stop keeping the pace, after the views were closed."""
        if self._rounds is not None:
            self._rounds.cancel()
            await asyncio.wait({self._rounds})
        await self.gate.close()

    async def _make_rounds(self) -> None:
        while True:
            await self._clock.sleep(_ROUND)
            for message in self._by_run.values():
                message.look_after()

    def _drop(self, run: Run, message: ReplyTask) -> None:
        if self._by_run.get(run.id) is message:
            del self._by_run[run.id]
        if self._by_message.get(run.place.message_id) is message:
            del self._by_message[run.place.message_id]
