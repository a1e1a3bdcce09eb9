"""Rate limits: buckets per route and major parameter, a global one (topics/rate-limits), and edits of old messages."""

import hashlib
import math
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.clock import Clock
from bot.limits import OLD_MESSAGE
from sandbox.discord.errors import OLD_MESSAGE_EDITS, ApiError, ErrorKind
from sandbox.discord.state.models import Message

GLOBAL_LIMIT, GLOBAL_SECONDS = 50, 1.0
RATE_LIMITED = ErrorKind(429, 0, "You are being rate limited.")
OLD_EDITS_ALLOWED, OLD_EDITS_SECONDS = 3, 6.0  # observed, not documented: 3 edits in 6 s per channel
MAJOR_PARAMETERS = ("channel_id", "guild_id", "webhook_id", "webhook_token")


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most ``limit`` requests per ``seconds`` to the routes that share ``name``, for each major parameter."""

    name: str
    limit: int
    seconds: float

    @property
    def hash(self) -> str:
        """The bucket's name in the headers; the same for all major parameters."""
        return hashlib.md5(self.name.encode(), usedforsecurity=False).hexdigest()


SEND = RateLimit("send messages", 5, 5.0)
EDIT = RateLimit("edit messages", 5, 5.0)
DELETE = RateLimit("delete messages", 5, 5.0)
REACT = RateLimit("reactions", 1, 0.25)
WEBHOOK = RateLimit("webhook messages", 5, 2.0)
# Not observed anywhere: generous numbers, so that clients receive the headers on every route.
COMMANDS = RateLimit("commands", 30, 10.0)
READ = RateLimit("read", 50, 5.0)


@dataclass(slots=True)
class RateWindow:
    """A time window that starts with its first request; ``used`` never exceeds the limit."""

    ends: float
    used: int = 0


class RateLimited(ApiError):
    """A 429 response; ``scope`` is user, global or shared."""

    def __init__(self, retry_after: float, scope: str, headers: Mapping[str, str]) -> None:
        extra = {"retry_after": round(retry_after, 3), "global": scope == "global"}
        super().__init__(RATE_LIMITED, extra=extra, headers=headers)
        del self.body["code"]
        self.headers |= {"Retry-After": str(math.ceil(retry_after)), "X-RateLimit-Scope": scope}
        self.headers |= {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": f"{max(retry_after, 0.0):.3f}"}
        if scope == "global":
            self.headers["X-RateLimit-Global"] = "true"


class RateLimits:
    """Counts requests per bucket; with ``enabled`` False there are no 429s and no headers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.enabled = True
        self.global_limit = GLOBAL_LIMIT
        self._changed: dict[str, RateLimit] = {}
        self._windows: dict[tuple[str, ...], RateWindow] = {}

    def change(self, rate_limit: RateLimit, *, limit: int, seconds: float) -> None:
        """Change the numbers of a limit."""
        self._changed[rate_limit.name] = replace(rate_limit, limit=limit, seconds=seconds)

    def consume(self, rate_limit: RateLimit, params: Mapping[str, str]) -> dict[str, str]:
        """Count a request and return the headers of its bucket, or raise RateLimited."""
        if not self.enabled:
            return {}
        rate_limit, window, now = self._find_bucket(rate_limit, params)
        if window.used >= rate_limit.limit:
            raise RateLimited(window.ends - now, "user", self._headers(rate_limit, window, now))
        window.used += 1
        return self._headers(rate_limit, window, now)

    def peek(self, rate_limit: RateLimit, params: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a bucket without counting a request."""
        return self._headers(*self._find_bucket(rate_limit, params)) if self.enabled else {}

    def consume_global(self) -> None:
        """Count a request against the bot's global limit, or raise RateLimited."""
        if not self.enabled:
            return
        window, now = self._current_window(("global",), GLOBAL_SECONDS)
        if window.used >= self.global_limit:
            raise RateLimited(window.ends - now, "global", {})
        window.used += 1

    def _find_bucket(self, rate_limit: RateLimit, params: Mapping[str, str]) -> tuple[RateLimit, RateWindow, float]:
        rate_limit = self._changed.get(rate_limit.name, rate_limit)
        majors = tuple(f"{key}={params[key]}" for key in MAJOR_PARAMETERS if key in params)
        return rate_limit, *self._current_window((rate_limit.name, *majors), rate_limit.seconds)

    def _current_window(self, key: tuple[str, ...], seconds: float) -> tuple[RateWindow, float]:
        now = self._clock.monotonic()
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            window = self._windows[key] = RateWindow(now + seconds)
        return window, now

    def _headers(self, rate_limit: RateLimit, window: RateWindow, now: float) -> dict[str, str]:
        reset_after = max(window.ends - now, 0.0)
        return {
            "X-RateLimit-Limit": str(rate_limit.limit),
            "X-RateLimit-Remaining": str(max(rate_limit.limit - window.used, 0)),
            "X-RateLimit-Reset": f"{self._clock.now().timestamp() + reset_after:.3f}",
            "X-RateLimit-Reset-After": f"{reset_after:.3f}",
            "X-RateLimit-Bucket": rate_limit.hash,
        }


class OldEditLimit:
    """Limits edits of messages older than an hour to ``allowed`` per channel in ``seconds`` (error 30046)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.allowed = OLD_EDITS_ALLOWED
        self.seconds = OLD_EDITS_SECONDS
        self._edits: defaultdict[int, deque[float]] = defaultdict(deque)

    def consume(self, message: Message) -> None:
        """Count an edit of ``message``, or raise ApiError; edits of recent messages are unlimited."""
        if self._clock.now() - message.created_at < OLD_MESSAGE:
            return
        edits, now = self._edits[message.channel.id], self._clock.monotonic()
        while edits and now - edits[0] >= self.seconds:
            edits.popleft()
        if len(edits) >= self.allowed:
            retry_after = round(edits[0] + self.seconds - now, 3) if edits else self.seconds
            raise ApiError(OLD_MESSAGE_EDITS, extra={"retry_after": retry_after, "global": False})
        edits.append(now)
