"""Run: one slash command's way from intent to delivery, as the database remembers it.

States, and who moves them::

    reserved ──► submitted ──► running ──► succeeded | failed | canceled | aborted
        │            │                        ▲
        └────────────┴────────────────────────┘   any state that is not terminal may end

Every move is one compare-and-set by the engine. That a cancel was requested, that the create request left, that
the end was delivered, and the prediction's id are columns, not states.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class RunState(StrEnum):
    """Where a run is in its life."""

    RESERVED = "reserved"
    SUBMITTED = "submitted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def terminal(self) -> bool:
        """Whether no move leads out of it."""
        return self not in (RunState.RESERVED, RunState.SUBMITTED, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in Discord the reply stands, and by which roads it can be edited.

    ``message_id`` is the deferred reply's. ``token`` is the interaction's; it edits until ``token_expires_at``.
    ``token_only``: the bot itself cannot reach the message (installed by a user, or an ephemeral reply).
    ``file_limit`` is the largest upload there, in bytes.
    """

    application_id: int
    guild_id: int | None
    channel_id: int
    message_id: int
    token: str = field(repr=False)
    token_expires_at: datetime
    token_only: bool
    file_limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of ``runs``, whole.

    ``target`` is the model as configured ("owner/name:version", "owner/name", "deployments/owner/name").
    ``input`` is what Replicate gets, with each given file as the string ``file:<n>``, n counting the run's files.
    ``summary`` is the small line of inputs that differ from the model's defaults ("seed 42 · 5 outputs").
    ``output_schema`` is the model's resolved Output schema. ``expected`` is how many outputs were asked for.
    ``sent_at`` is when the create request left: from then on a prediction may exist, whether or not its id is known.
    ``webhook`` is the URL that was given with the create request. ``output`` is the output as it was at the end.
    ``messages`` are the ids of the further messages, by their number from 1; 0 is the notice that the run is over.
    ``sending`` is the number of the further message that was being sent when the row was last written: it may exist.
    ``forgotten_at`` is when input, prompt, notes and output were let go of, because they were kept long enough.
    Times are aware, in UTC.
    """

    id: str
    command: str
    target: str
    author_id: int
    author_name: str
    place: Place
    input: Mapping[str, Any]
    prompt: str | None
    summary: str
    notes: tuple[str, ...]
    output_schema: Mapping[str, Any]
    expected: int | None
    state: RunState
    created_at: datetime
    sent_at: datetime | None = None
    webhook: str | None = None
    prediction_id: str | None = None
    started_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None
    ended_at: datetime | None = None
    delivered_at: datetime | None = None
    failure: str | None = None
    cause: str | None = None
    output: Any = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    messages: Mapping[int, int] = field(default_factory=dict)
    sending: int | None = None
    forgotten_at: datetime | None = None
