"""Edits of messages older than an hour: scarce in each channel, over all messages (error 30046)."""

from collections import defaultdict, deque

from bot.limits import OLD_MESSAGE
from sandbox.discord.clock import Clock
from sandbox.discord.errors import OLD_MESSAGE_EDITS, ApiError
from sandbox.discord.world.message import Message

ALLOWED, SECONDS = 3, 6.0  # observed, not documented: 3 edits in 6 s a channel


class OldEdits:
    """Counts edits of old messages; ``allowed`` is how many a channel may have in ``seconds``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.allowed = ALLOWED
        self.seconds = SECONDS
        self._edits: defaultdict[int, deque[float]] = defaultdict(deque)

    def take(self, message: Message) -> None:
        """Count an edit of ``message``, or raise that there were too many; young messages are free."""
        if self._clock.now() - message.created_at < OLD_MESSAGE:
            return
        edits, now = self._edits[message.channel.id], self._clock.monotonic()
        while edits and now - edits[0] >= self.seconds:
            edits.popleft()
        if len(edits) >= self.allowed:
            retry_after = round(edits[0] + self.seconds - now, 3) if edits else self.seconds
            raise ApiError(OLD_MESSAGE_EDITS, extra={"retry_after": retry_after, "global": False})
        edits.append(now)
