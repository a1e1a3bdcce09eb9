"""Send and edit the Discord messages of one reply, and find its follow-ups after a restart."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import discord
import structlog
from discord.components import TextDisplay

from bot.discord_internals import PrebuiltLayout
from bot.media.dimensions import read_dimensions
from bot.runs.snapshot import RunSnapshot
from bot.store.errors import StoreError
from bot.store.models import RunOutput
from bot.ui.discord_rate_limits import Priority
from bot.ui.render import strings
from bot.ui.render.chains import earlier_pictures
from bot.ui.render.plain_run import render_plain
from bot.ui.render.rendered_message import THUMBNAIL_NAME, Element, Part, RenderedMessage, RenderOptions
from bot.ui.render.run_buttons import add_offers
from bot.ui.render.run_card import CardHeader, render_header, render_run, uploaded_thumbnail
from bot.ui.reply.errors import DiscordErrorKind, EditResult, MessageChange, NextStep, classify_error, next_step
from bot.ui.reply.messages import MessageState, OutgoingMessage, TrackedMessage, Upload
from bot.ui.reply.refusals import SEARCHED_KINDS, MessageSearch
from bot.ui.reply.state import ReplyServices, ReplyState, Restrictions
from bot.ui.reply.transports import Transport, message_nonce
from bot.ui.requests import REQUEST_ERRORS, RequestNotSent
from bot.visibility import Visibility

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.media.types import Media


# Transports to change, files to leave out, parts to search: more refusals than that are not cured by another attempt.
_MAX_ATTEMPTS = 60

# A further message is sent without asking for the card if Discord had it within so many seconds.
_CARD_SEEN_SECONDS = 2.0

# The last line of a further message, whether with components or an ordinary one; the completion notice has none.
_FOOTER = re.compile(r"-# (?P<place>\d+)/(?:\d+|…)")

# Refusals that change what the reply shows.
_LOGGED_KINDS = {
    DiscordErrorKind.NO_ACCESS,
    DiscordErrorKind.TOO_LARGE,
    DiscordErrorKind.TOO_MANY,
}

log = structlog.get_logger(__name__)


class ReplyWriter:
    """Writes the card and the further messages of one reply. One caller at a time.

    A file is uploaded once: its attachment id is taken from Discord's responses, or read before the first edit. A
    further message is sent once: its number is recorded before it is sent and its id afterwards; if a restart came
    between, the channel is searched for it.
    """

    def __init__(self, state: ReplyState, services: ReplyServices) -> None:
        self._state = state
        self._services = services
        self._header: tuple[RenderOptions, Media | str | None, CardHeader] | None = None
        # The snapshot and restrictions of the last rendering in which no file was left for later.
        self._rendered_for: tuple[RunSnapshot, Restrictions, frozenset[str]] | None = None
        self._rendered: tuple[RenderedMessage, ...] = ()
        # What is being sent, and the search for what Discord refuses of it.
        self._sending: RenderedMessage | None = None
        self._search: MessageSearch | None = None
        self._texts_are_complete = False

    async def write(self) -> EditResult:
        """Make Discord show the newest snapshot.

        Waits for the rate limiter first and renders afterwards, so that what is sent is never out of date. While the
        run lasts it begins with the message it edited last, because text grows at its end. Beginning with the card took
        a second turn at the rate limiter: staleness at 1,000 runs was 2.4 instead of 1.8 s (p50).
        """
        state = self._state
        if state.newest.final:
            state.current = 0
        while True:
            message = state.message(state.current)
            if await self._is_card_gone(message):
                return EditResult.DELETED
            result = await self._acquire(message)
            snapshot = state.begin_attempt()
            if snapshot.run.cancel_requested_at is not None:
                state.limit_text()
            if snapshot.final and not self._texts_are_complete:
                self._texts_are_complete = True
                state.restrictions = state.restrictions.with_complete_texts()
            if result is None:
                result = await self._write_message(message, snapshot)
            if result is not None:
                return result
            rendered = self._render(snapshot)
            outdated = [number for number, one in enumerate(rendered) if state.message(number).needs(one)]
            if not outdated:
                state.shown = snapshot
                return EditResult.SHOWN
            state.current = next((number for number in outdated if number > message.number), outdated[0])
            if state.current <= message.number:
                return EditResult.INCOMPLETE

    async def list_outputs(self) -> tuple[RunOutput, ...]:
        """Return the rows of the output files of the last rendering that Discord has, message by message."""
        found = [
            (file, name, message.message_id, message.attachments[name])
            for message, rendered in zip(self._state.messages, self._rendered, strict=False)
            if message.message_id is not None and not message.lost
            for name, file in rendered.files.items()
            if name in message.attachments
        ]
        if not found:
            return ()
        sources = [(file.source, file.type) for file, *_ in found]
        measured = await asyncio.to_thread(lambda: [read_dimensions(*source) for source in sources])
        return tuple(
            RunOutput(
                run_id=self._state.run.id,
                number=number,
                name=name,
                mime=file.type.mime,
                size=file.size,
                width=dimensions[0] if dimensions else None,
                height=dimensions[1] if dimensions else None,
                message_id=message_id,
                attachment_id=attachment_id,
            )
            for number, ((file, name, message_id, attachment_id), dimensions) in enumerate(
                zip(found, measured, strict=True), start=1
            )
        )

    async def _is_card_gone(self, message: TrackedMessage) -> bool:
        """Whether the card was deleted while further messages are sent by token, which Discord would still accept.

        A message that the bot sends is refused without its card, and an edit tells by itself.
        """
        state, services = self._state, self._services
        seen_lately = services.clock.monotonic() - state.card_seen_at < _CARD_SEEN_SECONDS
        if message.number == 0 or message.message_id is not None or seen_lately:
            return False
        by_token = state.transports.open_interaction(services.clock.now()) is not None
        return by_token and await self.is_deleted(Priority.NORMAL)

    async def is_deleted(self, priority: Priority = Priority.CHECK) -> bool:
        """Read the card to find out whether it was deleted; a run without changes edits nothing that would tell.

        May be cancelled at any moment.
        """
        state, services = self._state, self._services
        card = state.messages[0]
        while (transport := self._transport_for(card)) is not None and card.message_id is not None:
            try:
                async with services.limiter.request(transport.check_bucket, priority):
                    await transport.read(card.message_id)
            except REQUEST_ERRORS as error:
                if classify_error(error) not in (DiscordErrorKind.GONE, DiscordErrorKind.TOKEN_EXPIRED):
                    return False  # the bot may be allowed to edit what it may not read
                step = next_step(error, state=state, message=card, transport=transport, now=services.clock.now())
                self._apply(step, card, transport)
                if step.result is not None:
                    return step.result is EditResult.DELETED
            else:
                state.card_seen_at = services.clock.monotonic()
                return False
        return False

    def _transport_for(self, message: TrackedMessage) -> Transport | None:
        transports = self._state.transports
        return transports.bot if message.bot_only else transports.select(self._services.clock.now())

    async def _acquire(self, message: TrackedMessage) -> EditResult | None:
        """Wait until the message may be edited; return a result if it may not be edited at all."""
        state, services = self._state, self._services
        while True:
            transport = self._transport_for(message)
            if transport is None:
                return EditResult.UNREACHABLE
            if state.transports.edits_are_scarce(transport, services.clock.now()) and not state.newest.final:
                return EditResult.SKIPPED
            await services.limiter.acquire(message.key, bucket=transport.bucket, priority=state.priority)
            if self._transport_for(message) is transport:
                return None

    async def _write_message(self, message: TrackedMessage, snapshot: RunSnapshot) -> EditResult | None:
        """Make one message show its part of the snapshot; return None when it does.

        What Discord refuses of it is searched for and left out.
        """
        state = self._state
        self._search = None  # one that was interrupted begins again
        for attempt in range(_MAX_ATTEMPTS):
            transport = self._transport_for(message)
            if transport is None:
                return EditResult.UNREACHABLE
            if attempt > 0:
                await self._services.limiter.acquire(message.key, bucket=transport.bucket, priority=state.priority)
            self._sending = None
            try:
                await self._show(message, snapshot, transport)
            except REQUEST_ERRORS as error:
                result = self._recover(error, message, transport, snapshot)
                if result is not None:
                    return result
            except StoreError:
                raise
            except Exception:
                self._mark_uncertain(message)
                raise
            else:
                if self._search is None or self._search.accept():
                    self._search = None
                    return None  # nothing is left to be tried
                self._apply_search(self._search)
        return EditResult.REFUSED

    async def _show(self, message: TrackedMessage, snapshot: RunSnapshot, transport: Transport) -> None:
        """Send a message or edit it, unless Discord shows its part of the snapshot already."""
        await self._verify(message, transport)
        self._set_thumbnail(snapshot)
        rendered = self._render(snapshot)
        if message.number < len(rendered) and message.needs(rendered[message.number]):
            self._sending = rendered[message.number]
            self._record(message, await self._send(message, self._sending, transport), self._sending)

    def _apply_search(self, search: MessageSearch) -> None:
        """Leave out what a search has found; when it is done, the message is sent with all that is not refused."""
        state = self._state
        state.restrictions = state.restrictions.without(search.refused, blocked=search.blocked)
        if search.done:
            self._search = None

    def _search_refused(
        self, error: Exception, message: TrackedMessage, snapshot: RunSnapshot, refused: RenderedMessage
    ) -> EditResult | None:
        """Decide what to leave out of a refused message in the next attempt; return a result if that is hopeless."""
        state = self._state

        def render(elements: frozenset[Element]) -> tuple[RenderedMessage, ...]:
            return self._render_now(snapshot, state.restrictions.omitting(elements))

        if self._search is None:
            # Lines that still grow would have to be searched with every edit.
            by_line = snapshot.final and not self._is_scarce(message)
            self._search = MessageSearch(message, render, by_line=by_line)
        names = [*message.kept_names(refused), *(upload.name for upload in self._uploads(message, refused))]
        if not self._search.refuse(error, refused, attachments=names):
            self._mark_uncertain(message)
            return EditResult.REFUSED
        self._apply_search(self._search)
        return None

    def _is_scarce(self, message: TrackedMessage) -> bool:
        transport = self._transport_for(message)
        now = self._services.clock.now()
        return transport is None or self._state.transports.edits_are_scarce(transport, now)

    def _log_refusal(self, error: Exception, message: TrackedMessage) -> None:
        kind = classify_error(error).value
        log.warning("message_refused", run=self._state.run.id, number=message.number, kind=kind, error=str(error))

    def _recover(
        self, error: Exception, message: TrackedMessage, transport: Transport, snapshot: RunSnapshot
    ) -> EditResult | None:
        """Change what a failed attempt demands; return None if the message is tried again at once."""
        state, now, sending = self._state, self._services.clock.now(), self._sending
        if sending is not None and classify_error(error) in SEARCHED_KINDS:
            self._log_refusal(error, message)
            return self._search_refused(error, message, snapshot, sending)
        self._search = None
        new_files = message.new_files(sending) if sending is not None else ()
        if isinstance(error, FileNotFoundError):
            missing = [
                file for file in new_files if isinstance(file.source, Path) and not file.source.exists()
            ] or new_files
            state.restrictions = state.restrictions.without_files(missing, strings.FILE_MISSING)
            return None
        uploads = self._uploads(message, sending) if sending is not None else ()
        has_small = sending is not None and any(upload.name not in sending.files for upload in uploads)
        step = next_step(
            error,
            state=state,
            message=message,
            transport=transport,
            new_files=new_files,
            small_pictures=has_small,
            now=now,
        )
        self._apply(step, message, transport)
        if step.kind in _LOGGED_KINDS:
            self._log_refusal(error, message)
        if step.result is not None:
            self._mark_uncertain(message)
        return step.result

    def _apply(self, step: NextStep, message: TrackedMessage, transport: Transport) -> None:
        state = self._state
        if step.restrictions is not None:
            state.restrictions = step.restrictions
        if step.close_transport:
            state.transports.close(transport)
        if step.limit_edits:
            state.transports.edits_are_limited = True
        match step.message:
            case MessageChange.LOST:
                message.lost = True
            case MessageChange.BOT_ONLY:
                message.bot_only = True
            case MessageChange.RESEND:
                message.reset()
            case MessageChange.NONE:
                pass

    def _mark_uncertain(self, message: TrackedMessage) -> None:
        """Check what Discord has before the next edit: the request that failed may have arrived all the same."""
        message.verified = False
        if message.message_id is None:
            self._state.followups_known = False

    async def _verify(self, message: TrackedMessage, transport: Transport) -> None:
        """Find out what Discord has of a message before the first edit of it."""
        if message.message_id is None:
            await recover_followups(self._state, self._services)
        if message.message_id is not None and not message.verified:
            self._services.limiter.record(transport.bucket)
            try:
                self._record(message, await transport.read(message.message_id))
            except REQUEST_ERRORS as error:
                if classify_error(error) is not DiscordErrorKind.NO_ACCESS:
                    raise
                message.verified = True  # it may not be read; its attachments are replaced

    def _record(self, message: TrackedMessage, found: MessageState, rendered: RenderedMessage | None = None) -> None:
        state = self._state
        message.update(found, rendered)
        if message.number == 0:
            state.card_seen_at = self._services.clock.monotonic()
        if found.ephemeral:
            state.ephemeral = True
            state.transports.close_bot()
        state.reacted = state.reacted or (message.number == 0 and found.reacted)
        if THUMBNAIL_NAME in message.attachments:
            state.thumbnail = None

    def _set_thumbnail(self, snapshot: RunSnapshot) -> None:
        """Upload the small copy of the input image until Discord has it."""
        state = self._state
        if state.thumbnail is not None or not state.restrictions.options.shows(Part.THUMBNAIL):
            return
        if THUMBNAIL_NAME in state.messages[0].attachments or (image := uploaded_thumbnail(snapshot)) is None:
            return
        state.thumbnail = Upload(THUMBNAIL_NAME, image.data, image.size)

    def _render(self, snapshot: RunSnapshot) -> tuple[RenderedMessage, ...]:
        """Render the snapshot, with as many new files in each message as fit into one request."""
        restrictions = self._state.restrictions
        if self._search is not None and self._search.left_out:
            restrictions = restrictions.omitting(self._search.left_out)
        cached, missing = self._rendered_for, self._missing_pictures(snapshot)
        if cached is not None and cached[0] is snapshot and cached[1] is restrictions and cached[2] == missing:
            return self._rendered
        rendered = self._render_now(snapshot, restrictions)
        pending = frozenset(
            name
            for number, one in enumerate(rendered)
            for name in self._state.message(number).files_over(one, restrictions.max_upload)
        )
        if pending:
            return self._render_now(snapshot, restrictions, pending)
        self._rendered_for, self._rendered = (snapshot, restrictions, missing), rendered
        return rendered

    def _missing_pictures(self, snapshot: RunSnapshot) -> frozenset[str]:
        """Return the pictures of a chain's earlier steps that the card no longer has; they cannot be sent again."""
        pictures = earlier_pictures(snapshot.run)
        return frozenset(pictures).difference(self._state.messages[0].attachments) if pictures else frozenset()

    def _render_now(
        self, snapshot: RunSnapshot, restrictions: Restrictions, pending: frozenset[str] = frozenset()
    ) -> tuple[RenderedMessage, ...]:
        options = restrictions.options
        missing = self._missing_pictures(snapshot)
        shown = replace(options, pending=pending, missing=missing) if pending or missing else options
        if restrictions.plain:
            return render_plain(snapshot, shown)
        cached = self._header
        if cached is None or cached[0] is not options or cached[1] is not snapshot.thumbnail:
            cached = self._header = options, snapshot.thumbnail, render_header(snapshot, options)
        offers = self._services.offers
        if snapshot.final and offers is not None:
            shown = add_offers(snapshot, shown, offers)
        return render_run(snapshot, shown, header=cached[2])

    async def _send(self, message: TrackedMessage, rendered: RenderedMessage, transport: Transport) -> MessageState:
        """Edit the message, or send it if it is new and record its id."""
        state, ledger = self._state, self._services.ledger
        run_id, number = state.run.id, message.number
        mentions_author = state.restrictions.options.mention_author and number == 0
        outgoing = OutgoingMessage(
            view=None if rendered.ordinary else PrebuiltLayout(rendered.components),
            content=rendered.content,
            kept=message.kept(rendered),
            uploads=tuple(self._uploads(message, rendered)),
            mentions=(state.run.author_id,) if mentions_author else (),
        )
        if message.message_id is not None:
            return await transport.edit(message.message_id, outgoing)
        if not await ledger.mark_message_sending(run_id, number):
            raise RequestNotSent("The run is gone, or another process owns it.")
        sent = await transport.send(outgoing, nonce=message_nonce(run_id, number), ephemeral=state.ephemeral)
        message.update(sent, rendered)
        state.author_notified = state.author_notified or number == 0
        await ledger.mark_message_sent(run_id, number, sent.message_id)
        return sent

    def _uploads(self, message: TrackedMessage, rendered: RenderedMessage) -> "Iterator[Upload]":
        """Yield what a message shows and Discord does not have."""
        thumbnail = self._state.thumbnail
        spoiler = self._state.run.visibility is Visibility.SPOILER
        if rendered.has_thumbnail and thumbnail is not None and THUMBNAIL_NAME not in message.attachments:
            yield replace(thumbnail, spoiler=spoiler)
        for name, file in rendered.files.items():
            if name not in message.attachments:
                yield Upload(name, file.source, file.size, spoiler)
        for name, place in rendered.places.items():
            if name not in message.attachments:
                picture = place.picture()
                yield Upload(name, picture, len(picture), spoiler)


async def recover_followups(state: ReplyState, services: ReplyServices) -> None:
    """Find the further messages and the completion notice that were sent without their ids being recorded.

    Raises the request's error if Discord cannot answer now. A channel whose history the bot may not read has none.
    """
    bot = state.transports.bot
    if state.followups_known or bot is None:
        return
    known = {message.message_id for message in state.messages}
    try:
        async with services.limiter.request(priority=Priority.NORMAL):  # an edit waits for it
            followups = await bot.followups()
    except REQUEST_ERRORS as error:
        if classify_error(error) is DiscordErrorKind.LATER:
            raise
        followups = []
    found: dict[int, MessageState] = {}
    for followup in followups:
        if followup.id not in known:
            found.setdefault(followup_number(followup), MessageState.from_message(followup))
    for number, message_state in found.items():
        if number == 0:
            state.author_notified = True
        elif (further := state.message(number)).message_id is None:
            further.update(message_state)
        await services.ledger.mark_message_sent(state.run.id, number, message_state.message_id)
    state.followups_known = True


def followup_number(message: discord.Message) -> int:
    """Return the number in the last line of a further message; 0 for the completion notice, which has none."""
    texts = [component.content for component in message.components if isinstance(component, TextDisplay)]
    texts = texts or message.content.splitlines()  # of an ordinary message
    footer = _FOOTER.fullmatch(texts[-1]) if texts else None
    return int(footer["place"]) - 1 if footer else 0
