"""What may leave in a span of time, and what left in it. Pure: the time is handed in."""

from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """At most ``requests`` in ``span`` seconds, of which all but ``usual`` are kept for last pages."""

    span: float
    requests: int
    usual: int


@dataclass(slots=True)
class Window:
    """The moments at which requests left, within a share's span, and how many are under way beside them."""

    share: Share
    left: deque[float] = field(default_factory=deque)
    under_way: int = 0

    def used(self, now: float) -> int:
        """Return how many count at this moment."""
        while self.left and self.left[0] <= now - self.share.span:
            self.left.popleft()
        return len(self.left) + self.under_way

    def free_at(self, now: float, *, last: bool) -> float:
        """Return when there is room for one more; inf when that takes an answer."""
        used, most = self.used(now), self.share.requests if last else self.share.usual
        if used < most:
            return now
        return self.left[used - most] + self.share.span if used - most < len(self.left) else float("inf")
