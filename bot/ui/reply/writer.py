"""Create and edit the Discord messages of a run, and find its follow-ups after a restart."""

import asyncio
import re
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import discord
import structlog
from discord.components import TextDisplay

from bot.clock import Clock
from bot.discord_internals import PrebuiltLayout
from bot.errors import ReplicordError
from bot.media.images import make_thumbnail
from bot.runs.snapshot import MessageLedger, RunSnapshot
from bot.store.models import Run
from bot.ui.rate_limit import Priority, RateLimiter
from bot.ui.render import strings
from bot.ui.render.attachment_names import GIVEN, upload_name
from bot.ui.render.run_card import CardHeader, RenderedMessage, RenderOptions, given, render_run
from bot.ui.reply.errors import REQUEST_ERRORS, DiscordErrorKind, EditResult, ErrorRecovery, classify_error
from bot.ui.reply.messages import MessageState, OutgoingMessage, TrackedMessage, Upload
from bot.ui.reply.restrictions import Restrictions
from bot.ui.reply.transports import CANCEL_EMOJI, BotTransport, Transport, TransportSelector, nonce_of

if TYPE_CHECKING:
    from bot.outputs.items import FileItem


_FOOTER = re.compile(r"-# (?P<place>\d+)/(?:\d+|…)")


async def recover_followups(road: BotTransport, known: Collection[int | None]) -> dict[int, MessageState]:
    """Return by number the messages that answer the first one and are not known; 0 is the notice.

    A channel whose history the bot may not read tells nothing; that Discord cannot answer now is raised.
    """
    try:
        replies = await road.replies()
    except REQUEST_ERRORS as error:
        if classify_error(error) is DiscordErrorKind.LATER:
            raise
        return {}
    found: dict[int, MessageState] = {}
    for message in replies:
        if message.id not in known:
            found.setdefault(number_of(message), MessageState.of(message, CANCEL_EMOJI))
    return found


def number_of(message: discord.Message) -> int:
    """Return a further message's number, told from its last line; 0 for the notice, which has none."""
    texts = [part.content for part in message.components if isinstance(part, TextDisplay)]
    place = _FOOTER.fullmatch(texts[-1]) if texts else None
    return int(place["place"]) - 1 if place else 0


log = structlog.get_logger(__name__)

# Roads to change, files to leave out, words to drop: more refusals than that are not mended by another try.
_TRIES = 12


class ReplyWriter:
    """The card and the further messages of one run. One caller at a time.

    Every file is uploaded once: what Discord has is known from its answers, or read back before the first edit.
    A further message is sent once: its number goes to the ledger before it is sent and its id after that; when a
    restart came between, the channel is read for it. ``again``: the run was read back, so what Discord has is unknown.
    """

    def __init__(
        self,
        run: Run,
        *,
        roads: TransportSelector,
        gate: RateLimiter,
        ledger: MessageLedger,
        clock: Clock,
        again: bool = False,
    ) -> None:
        self.roads = roads
        self.terms = Restrictions()
        self.ephemeral = False
        self.reacted = False
        self.noticed = 0 in run.messages
        self._mending = ErrorRecovery(roads, self.terms, run.id, clock)
        self._run = run
        self._gate = gate
        self._ledger = ledger
        self._clock = clock
        # Before the create request left there is nothing but the card.
        new = run.sent_at is None and run.prediction_id is None
        self._recalled = run.sending is None
        self._slots = [TrackedMessage(0, gate.key(), run.place.message_id, learned=new and not again)]
        self._at = 0  # the slot that is written to, or was the last time
        for number in sorted(number for number in run.messages if number > 0):
            self._slot(number).message_id = run.messages[number]
        self._given: Upload | None = None
        self._head: tuple[RenderOptions, CardHeader] | None = None
        self._drawn: tuple[RunSnapshot, RenderOptions, int, tuple[RenderedMessage, ...]] | None = (
            None  # while nothing is left for later
        )

    @property
    def key(self) -> int:
        """The key at the gate of the message that is written to."""
        return self._slots[self._at].key

    def next_edit_in(self) -> float:
        """Return in how many seconds the pace allows the next edit of the message that is written to."""
        return self._gate.due_in(self.key)

    def road(self) -> Transport | None:
        """Return the road that the next request takes."""
        return self.roads.pick(self._clock.now())

    def token_road(self) -> Transport | None:
        """Return the token road while it is open."""
        road = self.road()
        return road if road is not self.roads.bot else None

    async def put(
        self, newest: Callable[[], RunSnapshot], urgency: Callable[[], Priority]
    ) -> tuple[EditResult, RunSnapshot]:
        """Make Discord show the newest page; return what became of it, and which page it was.

        Waits for the pace first and draws then, so what waits is always the newest. While the run lives it begins where
        it was the last time: a text grows at its end, and above it hardly anything changes.
        """
        if newest().final:
            self._at = 0
        while True:
            number = self._at
            slot = self._slot(number)
            outcome = await self._admitted(slot, newest, urgency)
            snapshot = newest()
            outcome = outcome or await self._show(slot, snapshot, urgency)
            if outcome is not None:
                return outcome, snapshot
            drawings = self._draw(snapshot)
            changed = [n for n, drawing in enumerate(drawings) if self._slot(n).needs(drawing)]
            if not changed:
                return EditResult.SHOWN, snapshot
            self._at = next((n for n in changed if n > number), changed[0])
            if self._at <= number:
                return EditResult.MORE, snapshot

    async def is_gone(self, snapshot: RunSnapshot) -> bool:
        """Look whether the card was deleted: nobody tells the bot, and a run at which nothing changes edits nothing."""
        slot = self._slots[0]
        while (road := self._road_to(slot)) is not None and slot.message_id is not None:
            try:
                async with self._gate.aside():
                    await road.read(slot.message_id)
            except REQUEST_ERRORS as error:
                if classify_error(error) not in (DiscordErrorKind.GONE, DiscordErrorKind.TOKEN_DEAD):
                    return False  # reading may be barred where editing is not
                outcome = self._mending.after(error, slot=slot, snapshot=snapshot, road=road, new=())
                if outcome is not None:
                    return outcome is EditResult.GONE
            else:
                return False
        return False

    async def recalled(self) -> None:
        """Know of every further message that was sent, also of one that was not written down."""
        if self._recalled or self.roads.bot is None:
            return
        known = {slot.message_id for slot in self._slots}
        async with self._gate.aside():
            found = await recover_followups(self.roads.bot, known)
        for number, shown in found.items():
            if number == 0:
                self.noticed = True
            elif (slot := self._slot(number)).message_id is None:
                slot.learn(shown)
            await self._ledger.mark_message_sent(self._run.id, number, shown.message_id)
        self._recalled = True

    def forget(self) -> None:
        """Leave the gate."""
        for slot in self._slots:
            self._gate.forget(slot.key)

    def _slot(self, number: int) -> TrackedMessage:
        while len(self._slots) <= number:
            self._slots.append(TrackedMessage(len(self._slots), self._gate.key()))
        return self._slots[number]

    def _road_to(self, slot: TrackedMessage) -> Transport | None:
        return self.roads.bot if slot.bot_only else self.road()

    async def _admitted(
        self, slot: TrackedMessage, newest: Callable[[], RunSnapshot], urgency: Callable[[], Priority]
    ) -> EditResult | None:
        """Wait for the pace; return None when the slot may be written to."""
        while True:
            road = self._road_to(slot)
            if road is None:
                return EditResult.BARRED
            if self.roads.edits_are_scarce(road, self._clock.now()) and not newest().final:
                return EditResult.HELD
            await self._gate.passed(slot.key, line=road.line, urgency=urgency())
            if self._road_to(slot) is road:
                return None

    async def _show(
        self, slot: TrackedMessage, snapshot: RunSnapshot, urgency: Callable[[], Priority]
    ) -> EditResult | None:
        """Make one message show its part of the page; None when it does."""
        for attempt in range(_TRIES):
            road = self._road_to(slot)
            if road is None:
                return EditResult.BARRED
            if attempt:
                await self._gate.passed(slot.key, line=road.line, urgency=urgency())
            new: tuple[FileItem, ...] = ()
            try:
                await self._learn(slot, road)
                await self._prepare(snapshot)
                drawing = self._drawing(slot, snapshot)
                if drawing is None:
                    return None
                new = slot.new(drawing)
                self._learned(slot, await self._send(slot, drawing, road), drawing)
            except FileNotFoundError:
                self.terms.without([file for file in new if not file.path.exists()] or new, strings.NO_LONGER_HERE)
            except REQUEST_ERRORS as error:
                outcome = self._mending.after(error, slot=slot, snapshot=snapshot, road=road, new=new)
                if outcome is not None:
                    # What was sent may have arrived all the same.
                    self._recalled = self._recalled and slot.message_id is not None
                    slot.learned = False
                    return outcome
            else:
                return None
        return EditResult.REFUSED

    def _learned(self, slot: TrackedMessage, answer: MessageState, drawing: RenderedMessage | None = None) -> None:
        slot.learn(answer, drawing)
        if answer.ephemeral:
            self.ephemeral = True
            self.roads.bot = None  # the bot itself cannot see what one person sees
        self.reacted = self.reacted or (slot.number == 0 and answer.reacted)
        if GIVEN in slot.known:
            self._given = None

    async def _learn(self, slot: TrackedMessage, road: Transport) -> None:
        """Know what Discord has of this message before the first edit of it."""
        if slot.message_id is None:
            await self.recalled()
        if slot.message_id is not None and not slot.learned:
            self._gate.note(road.line)
            try:
                self._learned(slot, await road.read(slot.message_id))
            except REQUEST_ERRORS as error:
                if classify_error(error) is not DiscordErrorKind.NO_ACCESS:
                    raise
                slot.learned = True  # reading is barred where editing may not be; what is there is replaced

    async def _prepare(self, snapshot: RunSnapshot) -> None:
        """Make the small picture of what was given, once."""
        if self._given is not None or not self.terms.look.thumbnail or GIVEN in self._slots[0].known:
            return
        picture = given(snapshot)
        if picture is None:
            return
        try:
            small = await asyncio.to_thread(make_thumbnail, picture)
        except (ReplicordError, OSError, ValueError) as unable:
            log.warning("The given picture has no thumbnail.", run=self._run.id, reason=str(unable))
            self.terms.without_thumbnail()
        else:
            self._given = Upload(GIVEN, small.data, small.size)

    def _drawing(self, slot: TrackedMessage, snapshot: RunSnapshot) -> RenderedMessage | None:
        """Return what the slot should show; None when it shows that already, or is lost."""
        drawings = self._draw(snapshot)
        if slot.number >= len(drawings) or not slot.needs(drawings[slot.number]):
            return None
        return drawings[slot.number]

    def _draw(self, snapshot: RunSnapshot) -> tuple[RenderedMessage, ...]:
        """Draw the page, with as many new files as fit into one request for each message."""
        look, room = self.terms.look, self.terms.upload_bytes
        if self._drawn is not None and self._drawn[0] is snapshot and self._drawn[1:3] == (look, room):
            return self._drawn[3]
        if self._head is None or self._head[0] is not look:
            self._head = look, CardHeader.of(snapshot, look)
        head = self._head[1]
        drawings = render_run(snapshot, look, head)
        later = frozenset(
            name for number, drawing in enumerate(drawings) for name in self._slot(number).beyond(drawing, room)
        )
        if later:
            return render_run(snapshot, replace(look, later=later), head)
        self._drawn = (snapshot, look, room, drawings)
        return drawings

    async def _send(self, slot: TrackedMessage, drawing: RenderedMessage, road: Transport) -> MessageState:
        small = (self._given,) if drawing.given and self._given is not None and GIVEN not in slot.known else ()
        new = tuple(Upload(upload_name(file.name), file.path, file.size) for file in slot.new(drawing))
        called = (self._run.author_id,) if self.terms.look.call_back and slot.number == 0 else ()
        package = OutgoingMessage(
            view=PrebuiltLayout(drawing.components), kept=slot.kept(drawing), uploads=small + new, mentions=called
        )
        if slot.message_id is not None:
            return await road.edit(slot.message_id, package)
        await self._ledger.mark_message_sending(self._run.id, slot.number)
        answer = await road.send(package, nonce=nonce_of(self._run.id, slot.number), ephemeral=self.ephemeral)
        slot.learn(answer, drawing)
        self.noticed = self.noticed or slot.number == 0
        await self._ledger.mark_message_sent(self._run.id, slot.number, answer.message_id)
        return answer
