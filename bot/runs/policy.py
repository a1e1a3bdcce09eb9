"""The numbers that runs go by: limits, intervals, timeouts, retries."""

import logging
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from bot.clock import Clock
from bot.limits import CREATES_PER_MINUTE, REQUESTS_PER_MINUTE
from bot.outputs.allowed_hosts import DELIVERY_HOSTS
from bot.store.errors import StoreError


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How many, how often, how long.

    ``active_per_user`` and ``per_day`` are None for no limit. ``deadline`` goes to Replicate as ``Cancel-After``;
    ``webhook_base`` is the public URL that Replicate calls, None for no webhooks. ``file_hosts`` are those on which an
    address in an output is taken for a file. All seconds are floats.
    """

    active_per_user: int | None = 5
    per_day: int | None = None
    deadline: timedelta = timedelta(minutes=30)
    webhook_base: str | None = None
    file_hosts: Collection[str] = DELIVERY_HOSTS

    # The line before Replicate: below what Replicate allows, because others may use the same account.
    creates_per_minute: int = CREATES_PER_MINUTE * 5 // 6
    create_tries: int = 10
    retry_first: float = 1.0
    retry_longest: float = 60.0

    # Looking at predictions: the first looks come quickly, later ones slower; with webhooks only as a safety net.
    poll_first: float = 1.0
    poll_slowest: float = 10.0
    poll_beside_webhooks: float = 60.0
    poll_beside_stream: float = 120.0  # while a text comes: the looks are for the ends of others
    looks_per_minute: int = REQUESTS_PER_MINUTE * 9 // 10
    routine_looks_per_minute: int = REQUESTS_PER_MINUTE // 2
    looks_at_once: int = 64

    # A create that got no answer: how long the prediction is looked for, and how far the two clocks may differ.
    search_patience: float = 90.0
    search_longest: float = 900.0
    clock_skew: timedelta = timedelta(minutes=1)

    # After a restart: how many runs are taken up at a time, how long one may keep the next from it before it is looked
    # at, and how long its stream is given to say again what it said.
    recovered_at_once: int = 100
    recovered_within: float = 5.0
    replay_within: float = 0.75

    # Past the deadline Replicate should have ended the run; after this long the bot ends it itself.
    overdue: timedelta = timedelta(minutes=2)

    download_longest: float = 300.0
    delivery_longest: timedelta = timedelta(hours=24)

    def webhook(self, run_id: str) -> str | None:
        """Return the URL that Replicate is to call for this run, if it is to call at all."""
        if self.webhook_base is None:
            return None
        return f"{self.webhook_base.rstrip('/')}/webhooks/replicate/{run_id}"

    def poll_after(self, age: float, *, webhooks: bool, active: int) -> float:
        """Return the seconds until the next look at a prediction that is ``age`` seconds old.

        ``active`` runs share the looks that Replicate allows, so many runs are looked at less often each.
        """
        own = self.poll_beside_webhooks if webhooks else min(max(self.poll_first, age / 20), self.poll_slowest)
        return max(own, active * 60 / self.routine_looks_per_minute)

    def backoff(self, tries: int) -> float:
        """Return the seconds to wait after the ``tries``-th failure in a row (from 1)."""
        return float(min(self.retry_first * 2 ** min(tries - 1, 16), self.retry_longest))


log = logging.getLogger(__name__)

T = TypeVar("T")

_WRITE_TRIES = 7


async def retry_write(write: Callable[[], Awaitable[T]], clock: Clock, policy: Policy) -> T:
    """Return what ``write`` returns, trying for about a minute; then its StoreError.

    For moves only: each is a compare-and-set, so one that was made after all is not made twice.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return await write()
        except StoreError:
            if tries == _WRITE_TRIES:
                raise
            log.warning("the database did not take a move; it is tried again", exc_info=True)
        await clock.sleep(policy.backoff(tries))
