"""The rates that all processes of one bot keep together: creates a minute, and starts of sessions of the gateway."""

import structlog

from bot.backends.backend import Backend, Rate
from bot.clock import Clock
from bot.limits import IDENTIFY_INTERVAL
from bot.store.errors import StoreError
from bot.store.shared_limits import Rate as SharedRate
from bot.store.shared_limits import SharedLimits

log = structlog.get_logger(__name__)

_MINUTE = 60.0  # seconds
_ASK_AGAIN = 1.0  # seconds, while the database cannot be reached
# Of a minute's creates, the part that may leave at once. In no minute are there more than the limit.
_BURST = 0.05


class SharedCreateBudget:
    """Takes creates from the database, in turn between the people of all processes."""

    def __init__(self, limits: SharedLimits, rate: SharedRate, *, process: str) -> None:
        self._limits = limits
        self._rate = rate
        self._process = process

    @classmethod
    def of_backend(cls, backend: Backend, limits: SharedLimits, *, process: str) -> "SharedCreateBudget | None":
        """Return the budget of a backend that accepts a rate; None for one whose server counts places itself."""
        if not isinstance(backend.pace, Rate):
            return None
        most = backend.pace.per_minute
        rate = SharedRate(f"creates:{backend.name}", most=most, seconds=_MINUTE, burst=max(round(most * _BURST), 1))
        return cls(limits, rate, process=process)

    async def take(self, owner: int) -> float:
        """Take one create for a person and return 0.0, or return the seconds until it should be asked for again."""
        return await self._limits.take_turn(self._rate, process=self._process, author_id=owner)

    async def close(self, seconds: float) -> None:
        """Let no process create for so many seconds."""
        await self._limits.close(self._rate, seconds)


class SharedIdentifyPace:
    """Discord accepts one identify of a bucket in five seconds, from whichever process it comes."""

    def __init__(self, limits: SharedLimits, *, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock

    async def wait(self, bucket: int) -> None:
        """Return when a session of a shard of the bucket may be started."""
        rate = SharedRate(f"identify:{bucket}", most=1, seconds=IDENTIFY_INTERVAL.total_seconds())
        while delay := await self._take(rate):
            await self._clock.sleep(delay)

    async def _take(self, rate: SharedRate) -> float:
        try:
            return await self._limits.take(rate)
        except StoreError as error:
            log.warning("identify_postponed", error=str(error))
            return _ASK_AGAIN
