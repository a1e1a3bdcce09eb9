"""An immutable view of a run at one moment, and the interface of the reply that shows it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.media.types import Media
from bot.outputs.items import OutputItem
from bot.store.models import Run


class Phase(StrEnum):
    """What a run is doing, as its author sees it."""

    WAITING = "waiting"  # in our own line, before anything is paid
    SENDING = "sending"  # the create request is being made
    SEARCHING = "searching"  # it was sent, no answer came: looking for the prediction
    STARTING = "starting"  # Replicate has it and has not begun
    RUNNING = "running"
    STOPPING = "stopping"  # cancel requested, not yet confirmed
    DELIVERING = "delivering"  # over at Replicate; the last files are on their way
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    ``since`` is when the phase began. ``line`` is the place in our line, from 1. ``done`` of ``total`` outputs
    have arrived. ``step`` of ``steps`` is the model's own count for the output at work, read from its logs;
    ``fraction`` (0 to 1) is the whole, where it can be told. ``trouble`` is a sentence on what does not work just now
    and is being tried again.
    """

    phase: Phase
    since: datetime
    line: int | None = None
    done: int = 0
    total: int | None = None
    step: int | None = None
    steps: int | None = None
    fraction: float | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot:
    """What the reply to a run should say right now.

    ``parts`` may be put together only when they are looked at, and stay as they are from then on.
    ``thumbnail`` is the picture that was given (its media, or the URL it was given as). ``final`` pages are the
    last of their run.
    """

    run: Run
    progress: Progress
    parts: Sequence[OutputItem] = ()
    thumbnail: Media | str | None = None
    final: bool = False


class DeliveryResult(StrEnum):
    """What became of the last page."""

    DELIVERED = "delivered"  # Discord has it
    GONE = "gone"  # the message or its channel is no more, or can no longer be reached by any road
    LATER = "later"  # Discord did not take it now; try again


class Reply(Protocol):
    """One run's reply."""

    def show(self, page: RunSnapshot) -> None:
        """Take the newest page and return at once; an older page that was not sent yet is dropped."""
        ...

    def due_in(self) -> float:
        """Return in how many seconds a new page could be sent, as far as is known; 0.0 for at once."""
        ...

    async def finish(self, page: RunSnapshot) -> DeliveryResult:
        """Send the last page, with everything in it, and say what became of it."""
        ...

    async def close(self) -> None:
        """Send what was shown last, if it can be sent soon, and stop."""
        ...


class MessageLedger(Protocol):
    """Remembers which further messages a run has, so that none is sent twice."""

    async def message_sending(self, run_id: str, number: int) -> None:
        """Write down that message ``number`` of the run is about to be sent: from then on it may exist."""
        ...

    async def message_sent(self, run_id: str, number: int, message_id: int) -> None:
        """Write down that message ``number`` of the run (0 is the notice, 1 the first further one) exists."""
        ...


FindMissedCancel = Callable[[Run], Awaitable[str | None]]
"""Tells who asked, where a run is seen and while nobody listened, for its end; None when nobody did."""


class OpenReply(Protocol):
    """Opens the view of a run, new or read back after a restart."""

    def __call__(self, run: Run, *, gone: Callable[[], Awaitable[None]], again: bool = False) -> Reply:
        """Return a view; it calls ``gone`` once if the message turns out to be deleted.

        ``again``: the run was read back after a restart, so its message may show something already.
        """
        ...
