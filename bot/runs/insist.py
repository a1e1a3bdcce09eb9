"""Insist: a write that must not be given up because the disk was busy for a moment."""

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from bot.clock import Clock
from bot.runs.policy import Policy
from bot.store.errors import StoreError

log = logging.getLogger(__name__)

T = TypeVar("T")

_TRIES = 7


async def insist(write: Callable[[], Awaitable[T]], clock: Clock, policy: Policy) -> T:
    """Return what ``write`` returns, trying for about a minute; then its StoreError.

    For moves only: each is a compare-and-set, so one that was made after all is not made twice.
    """
    tries = 0
    while True:
        tries += 1
        try:
            return await write()
        except StoreError:
            if tries == _TRIES:
                raise
            log.warning("the database did not take a move; it is tried again", exc_info=True)
        await clock.sleep(policy.backoff(tries))
