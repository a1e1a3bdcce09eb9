"""Meter: who is told when people saw something, to time it."""

from typing import Protocol

from bot.store.run import Run


class Meter(Protocol):
    """Takes note; never waits, never fails."""

    def shown(self, run: Run, *, age: float, content: bool) -> None:
        """Note that Discord took a page which was ``age`` seconds old; ``content``: with output in it."""
        ...


class Unmetered:
    """A meter that looks away."""

    def shown(self, run: Run, *, age: float, content: bool) -> None:
        """Do nothing."""
