"""Pace: how soon the next create request may leave."""

from bot.replicate.rate import Rate
from bot.runs.window import Window

_MINUTE = 60.0
_SLOWER = 1.5
_FASTER = 0.8
_NO_SPACING = 0.05


class Pace:
    """Lets at most so many creates a minute leave, and fewer while Replicate says so.

    Two things lower it. ``ratelimit-*`` headers say how many more Replicate takes until when. A 429 closes the door
    for as long as it says, and from then on creates leave one by one with a spacing that grows with each 429
    and shrinks with each success: an account that may do six a minute is not asked five hundred times.
    """

    def __init__(self, per_minute: int) -> None:
        self._window = Window(per_minute, _MINUTE)
        self._closed_until = 0.0
        self._spacing = 0.0
        self._last = 0.0
        self._under_way = 0
        self._allowance: int | None = None
        self._allowance_until = 0.0

    def delay(self, now: float) -> float:
        """Return the seconds until one more may leave, as far as is known; 0 for now."""
        delay = max(self._window.delay(now), self._closed_until - now)
        if self._spacing:
            delay = max(delay, self._last + self._spacing - now)
        if self._allowance is not None and self._allowance <= 0 and now < self._allowance_until:
            delay = max(delay, self._allowance_until - now)
        return max(delay, 0.0)

    def leave(self, now: float) -> None:
        """Note that one leaves."""
        self._window.note(now)
        self._last = now
        self._under_way += 1
        if self._allowance is not None:
            self._allowance -= 1

    def back(self) -> None:
        """Note that one is over, whatever came of it."""
        self._under_way = max(0, self._under_way - 1)

    def taken(self, now: float, rate: Rate | None) -> None:
        """Note that Replicate took one, and what it said of the next."""
        self._spacing = self._spacing * _FASTER if self._spacing > _NO_SPACING else 0.0
        if rate is None or rate.remaining is None or rate.reset is None:
            self._allowance = None
        else:  # the others under way may not be in Replicate's count yet
            self._allowance = rate.remaining - max(0, self._under_way - 1)
            self._allowance_until = now + rate.reset

    def throttled(self, now: float, retry_after: float) -> None:
        """Note a 429."""
        if now >= self._closed_until:  # many under way at once are told no together: that counts as one no
            self._spacing = min(max(self._spacing * _SLOWER, retry_after), _MINUTE)
        self._closed_until = max(self._closed_until, now + retry_after)
