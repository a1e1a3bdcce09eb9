"""Throttle: Replicate's limits on requests, and what it says when they are reached."""

import math
from enum import StrEnum, auto

from bot import limits
from bot.clock import Clock
from sandbox.replicate.answers import Problem, throttled

POOR_RATE = 6  # creates a minute for an account with less than $5 of credit
_POOR_REASON = (
    " Your rate limit for creating predictions is reduced to 6 requests per minute with a burst of 1 requests"
    " while you have less than $5.0 in credit."
)


class Kind(StrEnum):
    """What a request is counted as."""

    CREATE = auto()  # asks for a prediction
    GET = auto()  # reads one prediction
    OTHER = auto()


class Bucket:
    """Lets ``per_minute`` requests through a minute, ``burst`` of them at once."""

    def __init__(self, *, per_minute: float, burst: int, clock: Clock) -> None:
        self._rate = per_minute / 60
        self._burst = burst
        self._clock = clock
        self._tokens = float(burst)
        self._at = clock.monotonic()

    def take(self) -> bool:
        """Let one request through, or not."""
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def remaining(self) -> int:
        """How many more would be let through right now."""
        return int(self._tokens)

    @property
    def reset(self) -> int:
        """Whole seconds until the next one would be let through."""
        return max(1, math.ceil((1 - self._tokens) / self._rate)) if self._tokens < 1 else 1


class Throttle:
    """The account's buckets, one for each kind of request."""

    def __init__(
        self,
        *,
        clock: Clock,
        creates_per_minute: int = limits.CREATES_PER_MINUTE,
        gets_per_minute: int = limits.PREDICTION_GETS_PER_MINUTE,
        requests_per_minute: int = limits.REQUESTS_PER_MINUTE,
    ) -> None:
        self._clock = clock
        rates = {Kind.CREATE: creates_per_minute, Kind.GET: gets_per_minute, Kind.OTHER: requests_per_minute}
        self._buckets = {kind: Bucket(per_minute=rate, burst=rate, clock=clock) for kind, rate in rates.items()}
        self._reason = ""

    def be_poor(self) -> None:
        """Let the account have less than $5 of credit from now on."""
        self._buckets[Kind.CREATE] = Bucket(per_minute=POOR_RATE, burst=1, clock=self._clock)
        self._reason = _POOR_REASON

    def admit(self, kind: Kind) -> dict[str, str]:
        """Let a request through and return the headers that tell the rate, or raise the 429."""
        bucket = self._buckets[kind]
        admitted = bucket.take()
        headers = {"ratelimit-remaining": str(bucket.remaining), "ratelimit-reset": str(bucket.reset)}
        if not admitted:
            problem: Problem = throttled(bucket.reset, reason=self._reason if kind is Kind.CREATE else "")
            problem.headers.update(headers)
            raise problem
        return headers
