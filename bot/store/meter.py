"""Meter: who is told what the database did, to time it."""

from typing import Protocol


class Meter(Protocol):
    """Takes note; never waits, never fails."""

    def did(self, operation: str, seconds: float) -> None:
        """Note one transaction, "read" or "write", with the wait for its turn."""
        ...


class Unmetered:
    """A meter that looks away."""

    def did(self, operation: str, seconds: float) -> None:
        """Do nothing."""
