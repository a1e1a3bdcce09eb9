"""Snowflakes: ids that carry the millisecond in which they were made."""

from datetime import UTC, datetime

from sandbox.discord.clock import Clock

EPOCH_MS = 1_420_070_400_000  # the first second of 2015 (reference#snowflakes)


def moment(snowflake: int) -> datetime:
    """Return when ``snowflake`` was made, to the millisecond."""
    return datetime.fromtimestamp(((snowflake >> 22) + EPOCH_MS) / 1000, UTC)


class Snowflakes:
    """A source of ids, each greater than every one before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest = 0

    def next(self) -> int:
        """Return a new id for the present millisecond."""
        elapsed = int(self._clock.now().timestamp() * 1000) - EPOCH_MS
        self._newest = max(self._newest + 1, elapsed << 22)
        return self._newest
