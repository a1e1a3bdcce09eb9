"""The state of one reply, and the services that all replies share."""

import asyncio
from dataclasses import dataclass, field

import discord

from bot.clock import Clock
from bot.observability.metrics import Metrics
from bot.runs.snapshot import MessageLedger, RunSnapshot
from bot.store.models import Run
from bot.ui.rate_limit import Priority, RateLimiter
from bot.ui.reply.messages import TrackedMessage, Upload
from bot.ui.reply.restrictions import Restrictions
from bot.ui.reply.transports import TransportSelector


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyServices:
    """What every reply uses."""

    client: discord.Client
    limiter: RateLimiter
    ledger: MessageLedger
    clock: Clock
    metrics: Metrics


@dataclass(slots=True, kw_only=True)
class ReplyState:
    """Everything that is known of one reply. Its task owns it; the writer and the extras work on the same state.

    ``newest`` is the snapshot to show, set before the task starts, and ``updated_at`` the monotonic time at which it
    came. ``attempted`` and ``attempted_at`` are those of the last attempt to send it; ``shown`` is what Discord shows.
    ``current`` is the number of the message that is edited, or was the last time. ``followups_known``: every further
    message that was sent has its id here. ``thumbnail`` is the input image until Discord has it.
    """

    run: Run
    transports: TransportSelector
    messages: list[TrackedMessage]
    followups_known: bool
    author_notified: bool
    newest: RunSnapshot = field(init=False)
    updated_at: float = 0.0
    attempted: RunSnapshot = field(init=False)
    attempted_at: float = 0.0
    attempted_any: bool = False
    attempted_output: bool = False
    shown: RunSnapshot | None = None
    current: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    restrictions: Restrictions = field(default_factory=Restrictions)
    thumbnail: Upload | None = None
    ephemeral: bool = False
    reacted: bool = False
    closing: bool = False

    @classmethod
    def open(cls, run: Run, services: ReplyServices, *, recovered: bool) -> "ReplyState":
        """Return the state of a new reply, or of one that was read back after a restart."""
        unsent = run.sent_at is None and run.prediction_id is None
        card = TrackedMessage(0, services.limiter.new_key(), run.place.message_id)
        card.verified = unsent and not recovered  # nothing is attached before the create request is sent
        state = cls(
            run=run,
            transports=TransportSelector(services.client, run),
            messages=[card],
            followups_known=run.sending is None,
            author_notified=0 in run.messages,
        )
        for number in range(1, max(run.messages, default=0) + 1):
            state.messages.append(TrackedMessage(number, services.limiter.new_key(), run.messages.get(number)))
        return state

    @property
    def current_message(self) -> TrackedMessage:
        return self.messages[self.current]

    @property
    def priority(self) -> Priority:
        """The priority at which the newest snapshot is sent."""
        if self.newest.final or self.closing:
            return Priority.FINAL
        if not self.attempted_any or (not self.attempted_output and self.newest.items):
            return Priority.FIRST
        return Priority.NORMAL

    def begin_attempt(self) -> RunSnapshot:
        """Return the newest snapshot, which is sent now."""
        self.attempted, self.attempted_at = self.newest, self.updated_at
        return self.attempted

    def redraw(self) -> None:
        """Render the newest snapshot again, because something else on the card has changed."""
        self.shown = None
        self.changed.set()
