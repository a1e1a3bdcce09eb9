"""Meter: who is told what goes over the wire, to count and to time it."""

from typing import Protocol


class Meter(Protocol):
    """Takes note; never waits, never fails."""

    def answered(self, operation: str, outcome: str, seconds: float) -> None:
        """Note one request: "predictions.create" and the like, and a status code, "not_sent" or "no_answer"."""
        ...

    def stream_closed(self, reason: str) -> None:
        """Note that a stream is opened again, because it was "idle", "cut" or "refused"."""
        ...

    def event_ignored(self) -> None:
        """Note a stream event of a kind that we do not know."""
        ...


class Unmetered:
    """A meter that looks away."""

    def answered(self, operation: str, outcome: str, seconds: float) -> None:
        """Do nothing."""

    def stream_closed(self, reason: str) -> None:
        """Do nothing."""

    def event_ignored(self) -> None:
        """Do nothing."""
