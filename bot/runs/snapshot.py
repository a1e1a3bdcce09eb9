"""An immutable view of a run at one moment, and the interface of the reply that shows it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Protocol

from bot.media.types import Media
from bot.outputs.items import OutputItem
from bot.store.models import Run, RunOutput, RunState


class Phase(StrEnum):
    """What a run is doing, as its author sees it."""

    QUEUED = "queued"  # in the create queue; nothing has been sent
    SENDING = "sending"  # the create request is in flight
    RECONCILING = "reconciling"  # the create request got no answer; its prediction is looked for
    STARTING = "starting"  # the prediction exists and has not started
    RUNNING = "running"
    CANCELING = "canceling"  # a cancel is requested and not confirmed
    DELIVERING = "delivering"  # the prediction has ended; the last files are being downloaded
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"


FINAL_PHASES: Final = {
    RunState.SUCCEEDED: Phase.SUCCEEDED,
    RunState.FAILED: Phase.FAILED,
    RunState.CANCELED: Phase.CANCELED,
    RunState.ABORTED: Phase.ABORTED,
}
"""The phase of a run that has ended and is delivered."""


class WarningCode(StrEnum):
    """What does not work at the moment and is being retried."""

    THROTTLED = "throttled"  # the backend accepts few new predictions
    UNREACHABLE = "unreachable"  # the backend does not answer
    UNREADABLE = "unreadable"  # the backend answers, and its answer cannot be read
    CANCEL_NOT_ACCEPTED = "cancel_not_accepted"  # the backend did not accept the cancel request
    MODEL_LOADING = "model_loading"  # the backend is up, and its model is not
    END_PENDING = "end_pending"  # the prediction is over, and how it ended is on its way
    NOT_SAVED = "not_saved"  # the database is locked or full


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run is.

    ``queue_position`` counts from 1; so does ``own_position``, of a run that waits for its author's other runs.
    ``until`` is when a prediction whose create got no answer is given up. ``done`` of ``total`` outputs have arrived.
    ``step`` of ``steps`` is the model's own count for the current output, read from its logs; ``fraction`` (0 to 1) is
    the progress of the whole run, if known. ``warning`` is what does not work at the moment.
    """

    phase: Phase
    queue_position: int | None = None
    own_position: int | None = None
    until: datetime | None = None
    done: int = 0
    total: int | None = None
    step: int | None = None
    steps: int | None = None
    fraction: float | None = None
    warning: WarningCode | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot:
    """What the reply to a run should show.

    ``items`` may be built on first access and do not change afterwards. ``thumbnail`` is the input image (its media,
    or the URL that was entered). ``final`` is set on the last snapshot of a run.
    """

    run: Run
    progress: Progress
    items: Sequence[OutputItem] = ()
    thumbnail: Media | str | None = None
    final: bool = False


class DeliveryResult(StrEnum):
    """What happened to the final snapshot."""

    DELIVERED = "delivered"  # Discord has it
    GONE = "gone"  # the message is deleted or out of reach for good
    LATER = "later"  # Discord did not accept it now; try again
    FAILED = "failed"  # our own code could not render it, not even without decoration; logged as an error


class Reply(Protocol):
    """The reply to one run."""

    def update(self, snapshot: RunSnapshot) -> None:
        """Replace the snapshot to show, and return at once; a snapshot that was not sent yet is dropped."""
        ...

    def next_edit_in(self) -> float:
        """Return the seconds until a new snapshot could be sent, as far as is known; 0.0 for at once."""
        ...

    def limit_text(self) -> None:
        """Send no further messages of text, because somebody wants no more; the rest goes into a file."""
        ...

    async def finish(self, snapshot: RunSnapshot) -> DeliveryResult:
        """Send the final snapshot with all its items, and return what happened to it."""
        ...

    async def list_outputs(self) -> Sequence[RunOutput]:
        """Return the rows of the output files that Discord has after ``finish``, in the order of the messages."""
        ...

    async def close(self) -> None:
        """Send the newest snapshot if that can be done soon, and stop."""
        ...

    async def abandon(self) -> None:
        """Stop at once and send nothing more: another process shows the run."""
        ...


class MessageLedger(Protocol):
    """Records the further messages of a run, so that none is sent twice."""

    async def mark_message_sending(self, run_id: str, number: int) -> bool:
        """Record that message ``number`` of the run is about to be sent: from then on it may exist.

        False if it must not be sent: the run was deleted, or another process owns it.
        """
        ...

    async def mark_message_sent(self, run_id: str, number: int, message_id: int) -> None:
        """Record that message ``number`` of the run exists (0 is the completion notice, 1 the first further one)."""
        ...


FindMissedCancel = Callable[[Run], Awaitable[int | None]]
"""Returns the id of the user who asked to cancel a run, in Discord, while the bot was offline; None if nobody did."""


class OpenReply(Protocol):
    """Opens the reply to a run."""

    def __call__(self, run: Run, *, on_deleted: Callable[[], Awaitable[None]], recovered: bool = False) -> Reply:
        """Return the reply; it calls ``on_deleted`` once if its message turns out to be deleted.

        ``recovered``: the run was read back after a restart, so its message may show output already.
        """
        ...
