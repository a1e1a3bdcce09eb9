"""The replies of all active runs: opens one for a run, and finds it by run."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import discord

from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.runs.snapshot import MessageLedger
from bot.store.models import Run
from bot.ui.rate_limit import RateLimiter, RateLimits
from bot.ui.reply.state import ReplyServices
from bot.ui.reply.task import ReplyTask

# Seconds between two checks of all replies.
_CHECK_INTERVAL = 2.0


class ReplyRegistry:
    """Opens replies; implements :class:`~bot.runs.snapshot.OpenReply`."""

    def __init__(
        self,
        client: discord.Client,
        *,
        ledger: MessageLedger,
        clock: Clock,
        metrics: Metrics,
        limits: RateLimits | None = None,
    ) -> None:
        self.limiter = RateLimiter(clock, limits)
        self._services = ReplyServices(client=client, limiter=self.limiter, ledger=ledger, clock=clock, metrics=metrics)
        self._by_run: dict[str, ReplyTask] = {}
        # One task for all replies: one for each was 2 kB a run.
        self._checks: asyncio.Task[None] | None = None

    def __call__(self, run: Run, *, on_deleted: Callable[[], Awaitable[None]], recovered: bool = False) -> ReplyTask:
        """Return the reply to a run; it calls ``on_deleted`` once if its message turns out to be deleted."""
        reply = ReplyTask(
            run, services=self._services, on_deleted=on_deleted, on_closed=self._remove, recovered=recovered
        )
        self._by_run[run.id] = reply
        if self._checks is None:
            self._checks = asyncio.create_task(self._check_all(), name="reply checks")
        return reply

    @property
    def open(self) -> int:
        """How many replies are open."""
        return len(self._by_run)

    def renew_token(self, run_id: str, token: str, expires_at: datetime) -> bool:
        """Hand over the token of a button press under a run's message; return whether the run has an open reply."""
        reply = self._by_run.get(run_id)
        if reply is not None:
            reply.renew_token(token, expires_at)
        return reply is not None

    async def close(self) -> None:
        """Stop the checks and the rate limiter, after all replies are closed."""
        if self._checks is not None:
            self._checks.cancel()
            await asyncio.wait({self._checks})
        await self.limiter.close()

    async def _check_all(self) -> None:
        while True:
            await self._services.clock.sleep(_CHECK_INTERVAL)
            for reply in self._by_run.values():
                reply.check()

    def _remove(self, reply: ReplyTask) -> None:
        if self._by_run.get(reply.run.id) is reply:
            del self._by_run[reply.run.id]
