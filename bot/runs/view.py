"""View: the place where a run is seen. The engine speaks to it; ``bot.ui`` is one."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

from bot.runs.page import Page
from bot.store.run import Run


class Delivery(StrEnum):
    """What became of the last page."""

    DELIVERED = "delivered"  # Discord has it
    GONE = "gone"  # the message or its channel is no more, or can no longer be reached by any road
    LATER = "later"  # Discord did not take it now; try again


class View(Protocol):
    """One run's reply."""

    def show(self, page: Page) -> None:
        """Take the newest page and return at once; an older page that was not sent yet is dropped."""
        ...

    def due_in(self) -> float:
        """Return in how many seconds a new page could be sent, as far as is known; 0.0 for at once."""
        ...

    async def finish(self, page: Page) -> Delivery:
        """Send the last page, with everything in it, and say what became of it."""
        ...

    async def close(self) -> None:
        """Send what was shown last, if it can be sent soon, and stop."""
        ...


class Ledger(Protocol):
    """Remembers which further messages a run has, so that none is sent twice."""

    async def message_sending(self, run_id: str, number: int) -> None:
        """Write down that message ``number`` of the run is about to be sent: from then on it may exist."""
        ...

    async def message_sent(self, run_id: str, number: int, message_id: int) -> None:
        """Write down that message ``number`` of the run (0 is the notice, 1 the first further one) exists."""
        ...


Wishes = Callable[[Run], Awaitable[str | None]]
"""Tells who asked, where a run is seen and while nobody listened, for its end; None when nobody did."""


class OpenView(Protocol):
    """Opens the view of a run, new or read back after a restart."""

    def __call__(self, run: Run, *, gone: Callable[[], Awaitable[None]], again: bool = False) -> View:
        """Return a view; it calls ``gone`` once if the message turns out to be deleted.

        ``again``: the run was read back after a restart, so its message may show something already.
        """
        ...
