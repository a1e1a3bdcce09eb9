"""The pace at which all processes of one bot together start sessions of the gateway."""

import structlog

from bot.clock import Clock
from bot.limits import IDENTIFY_INTERVAL
from bot.store.errors import StoreError
from bot.store.shared_limits import Rate, SharedLimits

log = structlog.get_logger(__name__)

_ASK_AGAIN = 1.0  # seconds, while the database cannot be reached


class SharedIdentifyPace:
    """Discord accepts one identify of a bucket in five seconds, from whichever process it comes."""

    def __init__(self, limits: SharedLimits, *, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock

    async def wait(self, bucket: int) -> None:
        """Return when a session of a shard of the bucket may be started."""
        rate = Rate(f"identify:{bucket}", most=1, seconds=IDENTIFY_INTERVAL.total_seconds())
        while delay := await self._take(rate):
            await self._clock.sleep(delay)

    async def _take(self, rate: Rate) -> float:
        try:
            return await self._limits.take(rate)
        except StoreError as error:
            log.warning("identify_postponed", error=str(error))
            return _ASK_AGAIN
