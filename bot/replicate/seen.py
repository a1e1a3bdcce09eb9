"""Seen: which events of a stream are repeats, however often the stream is opened again."""

from array import array
from typing import Final

_CLOSE_BEHIND: Final = 16


class Seen:
    """Tells an event that was there before from a new one.

    Within a connection a repeat comes close behind its first and has the same id. A new connection that names the
    last id may still bring anything again; that is told by id. One that cannot name an id brings everything again,
    from the start; that is told by what the events say, one by one, for as long as they say the same.

    It holds 16 bytes an event, because a thousand streams of a thousand events are held at once.
    """

    def __init__(self) -> None:
        self.last_id: str | None = None
        """What to send as ``Last-Event-ID``; None where the last event had none."""
        self._marks = array("q")  # of events with an id, in order
        self._newer: set[int] = set()  # the newest of them, at least so many as a repeat may come behind
        self._older: set[int] = set()
        self._contents = array("q")  # of all events, in order
        self._before: frozenset[int] = frozenset()  # marks of earlier connections
        self._replayed: int | None = None  # how far a replay from the start has come

    def reconnect(self) -> None:
        """Note that a new connection begins, opened with ``last_id``."""
        self._before = frozenset(self._marks)
        self._replayed = 0 if self.last_id is None else None

    def is_new(self, kind: str, data: str, id: str | None) -> bool:  # noqa: A002 - the field's name on the wire
        """Say whether this event was not there before, and remember it."""
        content = hash((kind, data))
        self.last_id = id
        new = self._replayed is None or not self._is_replayed(content)
        if id is not None:
            # A decoder hands on the last id to events without one; the content tells those apart.
            mark = hash((id, content))
            if mark in self._newer or mark in self._older or mark in self._before:
                return False
            self._marks.append(mark)
            self._newer.add(mark)
            if len(self._newer) >= _CLOSE_BEHIND:
                self._older, self._newer = self._newer, set()
        if new:
            self._contents.append(content)
        return new

    def _is_replayed(self, content: int) -> bool:
        at = self._replayed
        if at is not None and at < len(self._contents) and self._contents[at] == content:
            self._replayed = at + 1
            return True
        self._replayed = None
        return False
