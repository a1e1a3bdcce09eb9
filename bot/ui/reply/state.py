"""The state of one reply: its messages, what it leaves out because Discord refused it, and the shared services."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import discord

from bot.catalog.next_actions import NextOffers
from bot.clock import Clock
from bot.limits import REQUEST_BYTES, TEXT_MESSAGES, USER_INSTALL_FOLLOWUPS
from bot.observability.metrics import Metrics
from bot.outputs.items import FileItem
from bot.runs.ownership import SOLE_OWNER, Ownership
from bot.runs.snapshot import MessageLedger, RunSnapshot
from bot.store.models import Run
from bot.ui.discord_rate_limits import Priority, RateLimiter
from bot.ui.render import strings
from bot.ui.render.chains import earlier_attachments
from bot.ui.render.rendered_message import DECORATION, DEFAULT_OPTIONS, Element, Part, RenderOptions, file_element
from bot.ui.reply.messages import TrackedMessage, Upload
from bot.ui.reply.transports import TransportSelector
from bot.visibility import Visibility

# The rest of a request needs room, too.
_UPLOAD_BYTES = REQUEST_BYTES - 1024 * 1024

_SMALL_PICTURES = frozenset({Element(Part.THUMBNAIL), Element(Part.PLACES)})


@dataclass(frozen=True, slots=True)
class Restrictions:
    """What the reply may contain. Each ``after…`` returns stricter ones, or None if nothing is left to leave out.

    ``max_upload`` is the size of all new files of one request, in bytes. ``plain``: rendering failed, so the output is
    shown without decoration. ``doubtful`` are parts that Discord refused, perhaps in passing.
    """

    options: RenderOptions = DEFAULT_OPTIONS
    max_upload: int = _UPLOAD_BYTES
    plain: bool = False
    doubtful: frozenset[Element] = frozenset()

    def with_remark(self, sentence: str) -> "Restrictions":
        """Show a sentence about the message itself on the card, once."""
        if sentence in self.options.remarks:
            return self
        return self._with(remarks=(*self.options.remarks, sentence))

    def without_remark(self, sentence: str) -> "Restrictions":
        if sentence not in self.options.remarks:
            return self
        return self._with(remarks=tuple(remark for remark in self.options.remarks if remark != sentence))

    def with_token_expiry(self, *, expired: bool) -> "Restrictions":
        """Ask the reader to press a button for the result, or stop asking."""
        changed = self._with(show_refresh=expired)
        return changed.with_remark(strings.TOKEN_EXPIRY) if expired else changed.without_remark(strings.TOKEN_EXPIRY)

    def with_dm_offer(self) -> "Restrictions":
        """Say that a private run may outlive the token of its message, and offer to move it to direct messages."""
        return self._with(offer_dm=True)

    def with_text_messages(self, number: int) -> "Restrictions":
        """Let text fill at most so many messages; the rest goes into the file."""
        return self if number >= self.options.text_messages else self._with(text_messages=number)

    def with_author_mention(self) -> "Restrictions":
        """Mention the author above the card, because it is sent as a new message."""
        return self._with(mention_author=True)

    def with_origin(self, line: str) -> "Restrictions":
        """Say on the card which run this one was started with."""
        return self._with(origin=line)

    def omitting(self, elements: Collection[Element]) -> "Restrictions":
        """Leave out these parts without a word, to try whether Discord accepts the rest."""
        return self._with(omitted=self.options.omitted.union(elements))

    def without(self, elements: Collection[Element], *, blocked: bool) -> "Restrictions":
        """Leave out these parts: Discord refuses what is in them, and AutoMod does if it was ``blocked``."""
        if not elements:
            return self
        files = {one.key: strings.FILE_REJECTED for one in elements if one.part is Part.FILE}
        changed = self._with(
            omitted=self.options.omitted | {one for one in elements if one.part is not Part.FILE},
            withheld={**self.options.withheld, **files},
        )
        if not blocked:
            changed = replace(changed, doubtful=self.doubtful | {one for one in elements if one.part not in DECORATION})
        if any(one.part is not Part.FILE and one.part not in DECORATION for one in elements):
            changed = changed.with_remark(strings.AUTOMOD_BLOCKED if blocked else strings.MESSAGE_REJECTED)
        return changed

    def with_second_chance(self) -> "Restrictions":
        """Show again what Discord refused, perhaps in passing."""
        names = {one.key for one in self.doubtful if one.part is Part.FILE}
        withheld = {name: reason for name, reason in self.options.withheld.items() if name not in names}
        changed = self._with(omitted=self.options.omitted - self.doubtful, withheld=withheld)
        return replace(changed, doubtful=frozenset()).without_remark(strings.MESSAGE_REJECTED)

    def with_complete_texts(self) -> "Restrictions":
        """Show texts again that AutoMod blocked while they grew: now their blocked lines can be left out alone."""
        omitted = frozenset(one for one in self.options.omitted if one.part is not Part.TEXT)
        return self if omitted == self.options.omitted else self._with(omitted=omitted)

    def without_files(self, files: Sequence[FileItem], reason: str) -> "Restrictions":
        """Show the reason instead of these files."""
        return self._with(withheld={**self.options.withheld, **{file.name: reason for file in files}})

    def without_small_pictures(self) -> "Restrictions":
        """Show neither the input image beside the prompt nor the places of pictures that are still to come."""
        return self._with(omitted=self.options.omitted | _SMALL_PICTURES)

    @property
    def shows_small_pictures(self) -> bool:
        """Whether at least one kind of them is not left out."""
        return not self.options.omitted >= _SMALL_PICTURES

    def after_too_large(
        self, files: Sequence[FileItem], *, file_limit: int, small_pictures: bool
    ) -> "Restrictions | None":
        """Send less in one request; ``files`` and perhaps small pictures were new in the one that was too large.

        ``file_limit`` is the largest file that should be accepted, in bytes.
        """
        if len(files) > 1:
            return replace(self, max_upload=min(self.max_upload, sum(file.size for file in files)) // 2)
        if files:
            without = self.without_files(files, strings.explain_too_large(files[0].size))
            fits = files[0].size <= file_limit
            return replace(without, doubtful=self.doubtful | {file_element(files[0].name)}) if fits else without
        return self.without_small_pictures() if small_pictures and self.shows_small_pictures else None

    def after_no_attachments(self, files: Sequence[FileItem], *, small_pictures: bool) -> "Restrictions | None":
        """Leave out these files and the small pictures: the bot may not attach files in the channel."""
        if not files and not (small_pictures and self.shows_small_pictures):
            return None
        return self.without_small_pictures().without_files(files, strings.FILES_FORBIDDEN)

    def _with(self, **options: Any) -> "Restrictions":
        return replace(self, options=replace(self.options, **options))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyServices:
    """What every reply uses.

    ``text_messages`` is how many messages the text of a run may fill, ``offers`` knows what can be done with a result,
    and ``find_run`` reads the run that another one was started with.
    """

    client: discord.Client
    limiter: RateLimiter
    ledger: MessageLedger
    clock: Clock
    metrics: Metrics
    ownership: Ownership = SOLE_OWNER
    text_messages: int = TEXT_MESSAGES
    offers: NextOffers | None = None
    find_run: Callable[[str], Awaitable[Run | None]] | None = None


@dataclass(slots=True, kw_only=True)
class ReplyState:
    """Everything that is known of one reply. Its task owns it; the writer and the extras work on the same state.

    ``new_key`` makes the keys of further messages at the rate limiter.
    ``newest`` is the snapshot to show, set before the task starts, and ``updated_at`` the monotonic time at which it
    came. ``attempted`` and ``attempted_at`` are those of the last attempt to send it; ``shown`` is what Discord shows.
    ``second_chances`` counts how often the final snapshot was sent again with what had been refused.
    ``current`` is the number of the message that is edited, or was the last time. ``followups_known``: every further
    message that was sent has its id here. ``card_seen_at`` is the monotonic time at which Discord last had the card, or
    was last asked. ``thumbnail`` is the input image until Discord has it.
    """

    run: Run
    transports: TransportSelector
    new_key: Callable[[], int]
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
    card_seen_at: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    restrictions: Restrictions = field(default_factory=Restrictions)
    second_chances: int = 0
    thumbnail: Upload | None = None
    ephemeral: bool = False
    reacted: bool = False
    closing: bool = False

    @classmethod
    def open(cls, run: Run, services: ReplyServices, *, recovered: bool) -> "ReplyState":
        """Return the state of a new reply, or of one that was read back after a restart."""
        unsent = run.sent_at is None and run.prediction_id is None
        card = TrackedMessage(0, services.limiter.new_key(), run.place.message_id)
        # Nothing is attached before the create request is sent, but for what an earlier step of a chain has made.
        card.verified = unsent and not recovered and not (run.chain is not None and run.chain.earlier)
        card.attachments = earlier_attachments(run)
        state = cls(
            run=run,
            transports=TransportSelector(services.client, run),
            new_key=services.limiter.new_key,
            messages=[card],
            followups_known=run.sending is None,
            author_notified=0 in run.messages,
            ephemeral=run.visibility is Visibility.PRIVATE and run.place.token_only,
            restrictions=Restrictions(RenderOptions(text_messages=_text_messages(run, services))),
        )
        for number in range(1, max(run.messages, default=0) + 1):
            state.message(number).message_id = run.messages.get(number)
        return state

    def message(self, number: int) -> TrackedMessage:
        """Return a message of the reply; there is one of each number up to the largest that was asked for."""
        while len(self.messages) <= number:
            self.messages.append(TrackedMessage(len(self.messages), self.new_key()))
        return self.messages[number]

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

    def limit_text(self) -> bool:
        """Send no further message of text, because nobody wants more; return whether that changes anything.

        What has no space in the messages that exist goes into the file.
        """
        sent = sum(message.message_id is not None for message in self.messages)
        limited = self.restrictions.with_text_messages(max(1, sent))
        changed, self.restrictions = limited is not self.restrictions, limited
        return changed


def _text_messages(run: Run, services: ReplyServices) -> int:
    """Return how many messages the text may fill; by token alone, Discord accepts only so many."""
    return min(services.text_messages, 1 + USER_INSTALL_FOLLOWUPS) if run.place.token_only else services.text_messages
