"""Page: one moment of a run, as facts. What they look like is ``bot.ui``'s business."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.media.media import Media
from bot.outputs.parts import Part
from bot.store.run import Run


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
class Page:
    """What the reply to a run should say right now.

    ``parts`` may be put together only when they are looked at, and stay as they are from then on.
    ``thumbnail`` is the picture that was given (its media, or the URL it was given as). ``final`` pages are the
    last of their run.
    """

    run: Run
    progress: Progress
    parts: Sequence[Part] = ()
    thumbnail: Media | str | None = None
    final: bool = False
