"""The numbers that runs go by (limits, intervals, timeouts), and what applies them: the limit on polls."""

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from bot.aio import backoff_delay, no_jitter
from bot.backends.backend import Backend
from bot.backends.prediction import Prediction
from bot.clock import Clock
from bot.limits import REQUESTS_PER_MINUTE, RUNS_WAITING_PER_USER
from bot.outputs.allowed_hosts import DELIVERY_HOSTS
from bot.sliding_window import SlidingWindow
from bot.store.quota import RunLimits

_MINUTE: Final = 60.0
_SLEEP_MIN: Final = 0.001  # a shorter sleep could be rounded away, without end


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Limits, intervals and timeouts of runs; floats are seconds.

    ``active_per_user`` and ``per_day`` are None for no limit. ``deadline`` is sent to Replicate as ``Cancel-After``.
    URLs in outputs count as files if their host is one of ``file_hosts``.
    """

    active_per_user: int | None
    waits_for_own: bool = False  # a run over ``active_per_user`` waits for its author's own runs
    per_day: int | None = None
    deadline: timedelta = timedelta(minutes=30)
    file_hosts: Collection[str] = DELIVERY_HOSTS

    # Creating.
    create_attempts: int = 10
    resend_unfinished: bool = False  # send a prediction again that its service lost before it was finished
    resends: int = 2
    place_wait: timedelta = timedelta(hours=24)  # how long a run waits for a place, where a backend has places
    backoff_min: float = 1.0
    backoff_max: float = 60.0

    # Polling: fast at first, slower as the prediction ages; with webhooks only as a safety net.
    poll_interval_min: float = 1.0
    poll_interval_max: float = 10.0
    poll_interval_with_webhooks: float = 60.0
    poll_interval_while_streaming: float = 120.0  # while text arrives, polls leave room for those that show an end
    stream_quiet: float = 4.0  # a text that has not grown for so long may be over, although the stream does not say so
    polls_per_minute: int = REQUESTS_PER_MINUTE * 9 // 10
    routine_polls_per_minute: int = REQUESTS_PER_MINUTE // 2
    concurrent_polls: int = 64

    # Reconciling a create that got no answer: how long its prediction may take to appear, how long to look for it if
    # Replicate cannot be asked, and how far the clocks of both sides may differ.
    reconcile_within: float = 90.0
    reconcile_timeout: float = 900.0
    clock_skew: timedelta = timedelta(minutes=1)

    # Recovering after a restart: how many runs at a time, how long one of them may keep the next one waiting for its
    # first poll, and how long its stream gets to repeat what it sent before.
    concurrent_recoveries: int = 100
    recovery_timeout: float = 5.0
    replay_time: float = 0.75

    # After the deadline Replicate should have ended the prediction. From then on the bot asks to cancel it, and after
    # this long it ends the run itself.
    overdue: timedelta = timedelta(minutes=2)

    # Writing while the database is locked or full: the longest wait between two attempts, so that nobody is kept from
    # starting another run for long once it works again; how long a run waits for a write that nothing depends on; and
    # how long an answer to a cancel does (Discord wants the first answer to a button within three seconds).
    save_delay_max: float = 5.0
    save_timeout: float = 5.0
    cancel_save_timeout: float = 1.0

    download_timeout: float = 300.0
    # How long the final snapshot is offered to a message that only a press of its author makes reachable again.
    delivery_timeout: timedelta = timedelta(days=7)
    delivery_errors: int = 3  # unexpected errors of a reply, until the final snapshot is left for the next start

    def poll_interval(self, age: float, *, webhooks: bool, active: int) -> float:
        """Return the seconds until the next poll of a prediction that is ``age`` seconds old.

        ``active`` runs share the polls that Replicate allows, so with many runs each is polled less often. The runs of
        other processes count as well.
        """
        if webhooks:
            interval = self.poll_interval_with_webhooks
        else:
            interval = min(max(self.poll_interval_min, age / 20), self.poll_interval_max)
        return max(interval, active * 60 / self.routine_polls_per_minute)

    def backoff(self, failures: int) -> float:
        """Return the seconds to wait after ``failures`` in a row (from 1)."""
        return backoff_delay(failures, initial=self.backoff_min, maximum=self.backoff_max, jitter=no_jitter)

    @property
    def active_limit(self) -> int | None:
        """How many runs of a person may be on disk and not have ended: those that wait for their own, too."""
        limit = self.active_per_user
        return limit if limit is None or not self.waits_for_own else limit + RUNS_WAITING_PER_USER

    def add_limits(self, limits: RunLimits) -> RunLimits:
        """Return the limits of a run with the bot's own: on runs at once and in 24 hours."""
        return replace(limits, at_once=self.active_limit, per_day=self.per_day)

    def save_delay(self, failures: int) -> float:
        """Return the seconds until a write is tried again that the database has not taken ``failures`` times."""
        return min(self.backoff(failures), self.save_delay_max)


class PollLimiter:
    """Polls predictions for all runs.

    Routine polls leave room in the minute for urgent ones, after which the end of a run or a cancel is shown: they are
    made when ``routine_delay`` has passed. ``tracked`` counts the runs that are polled.

    Replicate's limit is that of an account, so each of ``count_processes`` makes an equal part of the polls.
    """

    def __init__(
        self, backend: Backend, *, clock: Clock, policy: Policy, count_processes: Callable[[], int] = lambda: 1
    ) -> None:
        self.tracked = 0
        self._backend = backend
        self._clock = clock
        self._count_processes = count_processes
        self._policy = policy
        self._window = SlidingWindow(policy.polls_per_minute, _MINUTE)
        self._next_routine = 0.0
        self._slots = asyncio.Semaphore(policy.concurrent_polls)

    @property
    def tracked_by_all(self) -> int:
        """About how many runs all processes poll."""
        return self.tracked * self._count_processes()

    def routine_delay(self) -> float:
        """Return the seconds until a routine poll may be made.

        Once the minute is full, each caller gets a time of its own.
        """
        now, limit = self._clock.monotonic(), self._own_part(self._policy.routine_polls_per_minute)
        if self._window.free_at(now, limit=limit) <= now:
            return 0.0
        self._next_routine = max(self._next_routine, now) + _MINUTE / limit
        return self._next_routine - now

    async def poll(self, prediction_id: str) -> Prediction:
        """Return the prediction as it is now; errors are those of the client."""
        # Before a slot is taken: waiting for the minute must not hold up others.
        while True:
            now, limit = self._clock.monotonic(), self._own_part(self._policy.polls_per_minute)
            free_at = self._window.free_at(now, limit=limit)
            if free_at <= now:
                break
            await self._clock.sleep(max(free_at - now, _SLEEP_MIN))
        self._window.record(now)
        async with self._slots:
            return await self._backend.get(prediction_id)

    def _own_part(self, limit: int) -> int:
        return max(limit // self._count_processes(), 1)
