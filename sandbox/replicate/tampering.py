"""What the faults of streams do to one connection's events."""

from collections.abc import Iterator
from typing import Literal

from sandbox.replicate.breaking import Chances
from sandbox.replicate.channel import EventId, Message, encode
from sandbox.replicate.faults import Fault

End = Literal["close", "cut", "stall"]

_NONSENSE = b"nonsense\nretry: soon\n: a comment\n\n\xff\xfe: \xc3\n\n"
_ENDS: tuple[tuple[str, End], ...] = (("stream-close", "close"), ("stream-cut", "cut"), ("stream-stall", "stall"))
# These hold for a whole connection: one strike spoils every event of it.
_MANNERS = (
    "stream-duplicate",
    "stream-unknown",
    "stream-corrupt",
    "stream-no-ids",
    "stream-shuffled",
    "no-done",
    "early-done",
    "no-outputs",
    "no-events",
)


class Tampering:
    """Spoils the events of one connection as the faults say."""

    def __init__(self, chances: Chances) -> None:
        self._chances = chances
        self._sent = 0
        self._done = False
        self._manners = {name for name in _MANNERS if chances.take(name)}

    def opening(self) -> bytes:
        """Return what goes out before the first event."""
        return encode("done", "{}", None) if "early-done" in self._manners else b""

    def end(self) -> End | None:
        """Return how the connection ends here and now, if it does."""
        if self._done:
            # A client that saw “done” is leaving; a fault spent on it would be lost on the next one.
            return "close" if "no-done" in self._manners else None

        def due(fault: Fault) -> bool:
            return bool(self._sent >= fault.get("after", 0))

        return next((end for name, end in _ENDS if self._chances.take(name, ready=due)), None)

    def written(self, message: Message) -> Iterator[bytes]:
        """Yield the bytes that go out for ``message``."""
        self._sent += 1
        self._done = self._done or message.event == "done"
        if not self._shown(message):
            return
        if "stream-corrupt" in self._manners:
            yield _NONSENSE
        if "stream-unknown" in self._manners:
            yield encode("heartbeat", '{"unknown": true}', None)
        yield from [self._encoded(message)] * (2 if "stream-duplicate" in self._manners else 1)

    def _shown(self, message: Message) -> bool:
        if "no-events" in self._manners:
            return False
        if message.event == "done":
            return "no-done" not in self._manners
        return not (message.event == "output" and "no-outputs" in self._manners)

    def _encoded(self, message: Message) -> bytes:
        identity: str | None = str(message.id)
        if "stream-no-ids" in self._manners:
            identity = None
        elif "stream-shuffled" in self._manners:
            identity = str(EventId(message.id.time - self._sent, message.id.tag))
        return encode(message.event, message.data, identity)
