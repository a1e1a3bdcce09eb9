"""A gateway session: the numbered events that one shard of the bot gets, over one connection after another."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.discord.gateway.connection import Connection

Json = dict[str, Any]
KEPT_EVENTS = 1000


@dataclass(slots=True, eq=False)
class Session:
    """What identify began; ``connection`` is None while the client is away and events wait to be replayed."""

    id: str
    intents: int
    shard: int
    shards: int
    sequence: int = 0
    connection: Connection | None = None
    resumable: bool = True
    events: deque[Json] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS), repr=False)

    def dispatch(self, event: str, data: Json) -> None:
        """Give an event its number, keep it for a resume, and send it when there is a connection."""
        self.sequence += 1
        frame = {"op": 0, "t": event, "s": self.sequence, "d": data}
        self.events.append(frame)
        if self.connection is not None:
            self.connection.push(frame)

    def missed(self, sequence: int) -> list[Json] | None:
        """Return the events after ``sequence``, or None when they cannot all be told again."""
        if sequence > self.sequence or (self.events and sequence < self.events[0]["s"] - 1):
            return None
        return [frame for frame in self.events if frame["s"] > sequence]
