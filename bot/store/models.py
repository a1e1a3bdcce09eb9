"""Run: one use of a slash command, or one step of a chain, as stored in the database.

States and transitions::

    reserved ──► submitted ──► running ──► succeeded | failed | canceled | aborted
        │            │                        ▲
        └────────────┴────────────────────────┘   any state that is not terminal may end

Each transition is one compare-and-set by the engine. Whether a cancel was requested, the create request was sent or
the result was delivered, and the prediction's id, are columns, not states.
"""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from bot.language import ENGLISH
from bot.limits import GALLERY_MIME_TYPES
from bot.money.budgets import BudgetLimit
from bot.store.quota import ServerQuota
from bot.visibility import Visibility


class RunState(StrEnum):
    """The state of a run."""

    RESERVED = "reserved"
    SUBMITTED = "submitted"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    ABORTED = "aborted"

    @property
    def terminal(self) -> bool:
        """Whether no transition leaves the state."""
        return self not in (RunState.RESERVED, RunState.SUBMITTED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class RunParent:
    """The run whose output a run was started with, and the number of that output; None for the run as a whole."""

    run_id: str
    output: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutput:
    """One row of ``run_outputs``: an output file that Discord got.

    ``number`` counts from 1 over all messages of the run. ``name`` is its file name there. ``size`` is in bytes,
    ``width`` and ``height`` in pixels, None for what is no image that could be measured. ``remove_requested_at`` is
    when somebody asked to remove it, ``removed_at`` when it was gone from its message.
    """

    run_id: str
    number: int
    name: str
    mime: str
    size: int
    width: int | None
    height: int | None
    message_id: int
    attachment_id: int
    remove_requested_at: datetime | None = None
    removed_at: datetime | None = None

    @property
    def is_image(self) -> bool:
        """Whether it is a picture that people see in the message."""
        return self.mime in GALLERY_MIME_TYPES and self.mime.startswith("image/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in Discord the reply is, and what is needed to edit it.

    ``message_id`` is the deferred reply's. ``token`` is the interaction's; it can edit until ``token_expires_at``.
    ``token_only``: the bot itself cannot reach the message (installed by a user, or an ephemeral reply).
    ``file_limit`` is the largest upload allowed there, in bytes. ``language`` is what the reply speaks: the server's
    language, and where only the author sees it, theirs (``bot.language``).
    """

    application_id: int
    guild_id: int | None
    channel_id: int
    message_id: int
    token: str = field(repr=False)
    token_expires_at: datetime
    token_only: bool
    file_limit: int
    language: str = ENGLISH


@dataclass(frozen=True, slots=True, kw_only=True)
class StepPlan:
    """What one step asks its model for, decided when the chain was started.

    ``input`` refers to the picture of the step before as ``file:0``; ``picture`` is the name of that input for people,
    and ``accepts`` are the types that it takes. Both are empty for the first step. The rest is as in a ``Run``.
    """

    command: str
    target: str
    input: Mapping[str, Any]
    output_schema: Mapping[str, Any] = field(repr=False)
    prompt: str | None = None
    summary: str = ""
    expected: int | None = None
    picture: str = ""
    accepts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStep:
    """A step that succeeded. ``picture`` is the file name, on the card, of what it passed on, "" if it made none.

    ``attachment_id`` is that of the picture, None if it is not known.
    """

    run_id: str
    seconds: float
    picture: str
    attachment_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChain:
    """The chain that a run is step ``number`` of, counting from 1; ``earlier`` are the steps before it.

    It is a column of the run, so that whoever reads the row can draw the card and start the next step.
    ``id`` is the id of the first step's run. ``name`` is the chain's, as people see it. ``prompt`` is what the person
    asked for, and ``began_at`` when. ``server`` and ``limits`` are the limits and the budgets of the server that it is
    in, as they were then.
    """

    id: str
    name: str
    number: int
    steps: tuple[StepPlan, ...]
    prompt: str | None
    began_at: datetime
    earlier: tuple[EarlierStep, ...] = ()
    server: ServerQuota | None = None
    limits: tuple[BudgetLimit, ...] = ()

    @property
    def command(self) -> str | None:
        """The name of the command that the chain is; None for one that somebody saved."""
        return self.name[1:] if self.name.startswith("/") else None

    @property
    def is_last(self) -> bool:
        return self.number >= len(self.steps)

    @property
    def next_run_id(self) -> str:
        """The id of the next step's run: known before it exists, so that it cannot exist twice."""
        return f"{self.id}-{self.number + 1}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One row of ``runs`` with its messages. Times are aware, in UTC.

    ``target`` is the model as configured ("owner/name:version", "owner/name", "deployments/owner/name").
    ``input`` is what Replicate gets; each uploaded file is the string ``file:<n>``, n counting the run's files from 0.
    ``summary`` lists the inputs that differ from the model's defaults ("seed 42 · steps 30").
    ``output_schema`` is the model's resolved Output schema. ``expected`` is the requested number of outputs.
    ``sent_at`` is when the create request was sent: from then on a prediction may exist, even if its id is unknown.
    ``webhook`` is the URL sent with the create request. ``output`` is the output when the run ended.
    ``canceled_by_id`` is the user who requested the cancel; None if it was the bot itself. ``cancel_requested_by`` is
    that user's display name, in rows written before the id was stored.
    ``messages`` are the ids of the follow-up messages by number from 1; 0 is the completion notice.
    ``sending`` is the number of the follow-up that was being sent when the row was last written: it may exist.
    ``estimate`` is what it was expected to cost and reserved of budgets, ``cost`` what it did cost, in micro-dollars;
    None if that is not known. ``usual_seconds`` is how long such a run usually takes. ``budget_roles`` are those of its
    author's roles that had a budget.
    ``fence`` marks the lease of the process that owns the run; None if the bot is one process.
    ``parent`` is the run whose output this one was started with. ``seed`` is the one that the model's logs say it used.
    ``delete_requested_at`` is when somebody asked to delete the result, ``deleted_at`` when it was gone from Discord.
    ``written`` are the inputs as their author wrote them, by the model's keys, where saved characters (``@mia``) took
    part: ``input`` has their descriptions and pictures instead. ``characters`` are these, id → owner's user id.
    ``chain`` is the chain that the run is a step of, None if it is none. ``checker`` is the command that looks at its
    pictures before they are shown, None if nobody does.
    ``forgotten_at`` is when input, prompt, notes and output were deleted because their retention period had passed.
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
    canceled_by_id: int | None = None
    ended_at: datetime | None = None
    delivered_at: datetime | None = None
    failure: str | None = None
    cause: str | None = None
    output: Any = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    messages: Mapping[int, int] = field(default_factory=dict)
    sending: int | None = None
    forgotten_at: datetime | None = None
    fence: int | None = None
    parent: RunParent | None = None
    visibility: Visibility = Visibility.PUBLIC
    seed: int | None = None
    delete_requested_at: datetime | None = None
    deleted_at: datetime | None = None
    written: Mapping[str, Any] = field(default_factory=dict)
    characters: Mapping[str, int] = field(default_factory=dict)
    estimate: int | None = None
    usual_seconds: int | None = None
    cost: int | None = None
    budget_roles: tuple[int, ...] = ()
    chain: RunChain | None = None
    checker: str | None = None

    @property
    def asked_at(self) -> datetime:
        """When its message appeared: the steps of a chain share that of the first one."""
        return self.created_at if self.chain is None else self.chain.began_at


# What a run records after its start, as it is before.
_LIFECYCLE: Final[Mapping[str, Any]] = {
    column.name: column.default if column.default_factory is MISSING else column.default_factory()
    for column in fields(Run)
    if column.default is not MISSING or column.default_factory is not MISSING
}


def repeat_run(run: Run, **changes: Any) -> Run:
    """Return a run that asks for the same as ``run`` and has not been started; ``changes`` has to set a new id."""
    return replace(run, **{**_LIFECYCLE, "state": RunState.RESERVED, **changes})
