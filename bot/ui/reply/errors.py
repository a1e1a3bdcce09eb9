"""Classify Discord's errors, and decide what follows from one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, StrEnum, auto
from typing import Final

import discord

from bot.discord_codes import DiscordCode
from bot.outputs.items import FileItem
from bot.ui.render import strings
from bot.ui.reply.messages import TrackedMessage
from bot.ui.reply.state import ReplyState, Restrictions
from bot.ui.reply.transports import CardDeleted, Transport
from bot.ui.requests import MalformedResponse


class DiscordErrorKind(StrEnum):
    """Why Discord did not accept a request."""

    GONE = "gone"  # the message, its channel or its guild is deleted
    TOKEN_EXPIRED = "token expired"  # noqa: S105  # a state, not a secret
    NO_ACCESS = "no access"  # a permission is missing
    TOO_OLD = "too old"  # messages older than an hour take few edits
    BLOCKED = "blocked"  # by AutoMod
    TOO_LARGE = "too large"
    TOO_MANY = "too many"  # no further follow-ups for this interaction
    INVALID = "invalid"  # a retry would be refused, too
    LATER = "later"  # Discord is busy, failing or unreachable


_KIND_BY_CODE: Final[Mapping[int, DiscordErrorKind]] = {
    DiscordCode.UNKNOWN_CHANNEL: DiscordErrorKind.GONE,
    DiscordCode.UNKNOWN_GUILD: DiscordErrorKind.GONE,
    DiscordCode.UNKNOWN_MESSAGE: DiscordErrorKind.GONE,
    DiscordCode.UNKNOWN_WEBHOOK: DiscordErrorKind.TOKEN_EXPIRED,
    DiscordCode.UNKNOWN_INTERACTION: DiscordErrorKind.TOKEN_EXPIRED,
    DiscordCode.INVALID_WEBHOOK_TOKEN: DiscordErrorKind.TOKEN_EXPIRED,
    DiscordCode.MISSING_ACCESS: DiscordErrorKind.NO_ACCESS,
    DiscordCode.MISSING_PERMISSIONS: DiscordErrorKind.NO_ACCESS,
    DiscordCode.THREAD_ARCHIVED: DiscordErrorKind.NO_ACCESS,
    DiscordCode.THREAD_LOCKED: DiscordErrorKind.NO_ACCESS,
    DiscordCode.OLD_MESSAGE_EDITS: DiscordErrorKind.TOO_OLD,
    DiscordCode.BLOCKED_BY_AUTOMOD: DiscordErrorKind.BLOCKED,
    DiscordCode.TITLE_BLOCKED_BY_AUTOMOD: DiscordErrorKind.BLOCKED,
    DiscordCode.HARMFUL_LINKS: DiscordErrorKind.BLOCKED,
    DiscordCode.REQUEST_TOO_LARGE: DiscordErrorKind.TOO_LARGE,
    DiscordCode.TOO_MANY_FOLLOWUPS: DiscordErrorKind.TOO_MANY,
}
_KIND_BY_STATUS = {401: DiscordErrorKind.TOKEN_EXPIRED, 413: DiscordErrorKind.TOO_LARGE}


class EditResult(Enum):
    """What an attempt to show the newest snapshot came to."""

    SHOWN = auto()
    INCOMPLETE = auto()  # shown in part; another attempt shows the rest
    SKIPPED = auto()  # edits are scarce and kept for the final snapshot
    UNREACHABLE = auto()  # no transport is open now
    CLOSED = auto()  # Discord takes no further edit of the card, and the author was notified
    DELETED = auto()  # the card is deleted
    LATER = auto()  # Discord did not accept it now
    REFUSED = auto()  # Discord does not accept it in any form
    FAILED = auto()  # our own code failed, also without decoration


class MessageChange(Enum):
    """What becomes of a message that Discord refused to send or edit."""

    NONE = auto()
    LOST = auto()  # it is not sent or edited any more
    BOT_ONLY = auto()  # it is edited as the bot alone
    RESEND = auto()  # it is sent as a new message


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What follows from a failed request; without ``result``, the message is tried again at once."""

    kind: DiscordErrorKind
    result: EditResult | None = None
    restrictions: Restrictions | None = None
    message: MessageChange = MessageChange.NONE
    close_transport: bool = False
    limit_edits: bool = False


def classify_error(error: BaseException) -> DiscordErrorKind:
    """Return what a failed request means."""
    if isinstance(error, CardDeleted):
        return DiscordErrorKind.GONE
    if not isinstance(error, discord.HTTPException):
        return DiscordErrorKind.LATER
    kind = _KIND_BY_CODE.get(error.code)
    if kind is not None:
        return kind
    if error.status in (403, 404, 408, 429) or error.status >= 500:
        return DiscordErrorKind.LATER  # without a code of Discord's, a proxy in front of it answered
    return _KIND_BY_STATUS.get(error.status, DiscordErrorKind.INVALID)


def next_step(
    error: Exception,
    *,
    state: ReplyState,
    message: TrackedMessage,
    transport: Transport,
    new_files: tuple[FileItem, ...] = (),
    small_pictures: bool = False,
    now: datetime,
) -> NextStep:
    """Decide what follows from a failed request for a message that would have uploaded ``new_files``.

    ``small_pictures``: it would have uploaded the thumbnail, or places of pictures, too. Reads the state and changes
    nothing.
    """
    kind = classify_error(error)
    if isinstance(error, MalformedResponse) and state.transports.edits_are_scarce(transport, now):
        kind = DiscordErrorKind.TOO_OLD  # Discord names no time after which to try again
    match kind:
        case DiscordErrorKind.LATER:
            return NextStep(kind=kind, result=EditResult.LATER)
        case DiscordErrorKind.TOKEN_EXPIRED:
            own = transport is state.transports.interaction  # or a new one came meanwhile
            return NextStep(kind=kind, result=None if own else EditResult.LATER, close_transport=own)
        case DiscordErrorKind.GONE:
            return _after_gone(error, state, message, transport)
        case DiscordErrorKind.TOO_OLD:
            return _after_too_old(state, message)
        case DiscordErrorKind.NO_ACCESS:
            return _after_no_access(error, state, transport, new_files, small_pictures=small_pictures)
        case _:
            return _after_refusal(kind, state, new_files, small_pictures=small_pictures)


def _after_gone(error: Exception, state: ReplyState, message: TrackedMessage, transport: Transport) -> NextStep:
    kind, bot = DiscordErrorKind.GONE, state.transports.bot
    if isinstance(error, CardDeleted):
        return NextStep(kind=kind, result=EditResult.DELETED)
    if bot is not None and transport is not bot:
        return NextStep(kind=kind, message=MessageChange.BOT_ONLY)  # perhaps only this interaction does not have it
    if message.number == 0:
        return NextStep(kind=kind, result=EditResult.DELETED)
    if state.transports.is_renewed and not message.resent:
        return NextStep(kind=kind, message=MessageChange.RESEND)
    return NextStep(kind=kind, message=MessageChange.LOST)


def _after_too_old(state: ReplyState, message: TrackedMessage) -> NextStep:
    """Skip edits of an old message; its final snapshot is sent as a new message, once."""
    kind = DiscordErrorKind.TOO_OLD
    if not state.attempted.final:
        return NextStep(kind=kind, result=EditResult.SKIPPED, limit_edits=True)
    if message.number > 0:
        return NextStep(kind=kind, message=MessageChange.LOST, limit_edits=True)
    if state.restrictions.options.mention_author or 0 in state.attempted.run.messages:
        return NextStep(kind=kind, result=EditResult.CLOSED, limit_edits=True)
    mentioning = state.restrictions.with_author_mention()
    return NextStep(kind=kind, message=MessageChange.RESEND, restrictions=mentioning, limit_edits=True)


def _after_no_access(
    error: Exception,
    state: ReplyState,
    transport: Transport,
    new_files: tuple[FileItem, ...],
    *,
    small_pictures: bool,
) -> NextStep:
    kind, restrictions = DiscordErrorKind.NO_ACCESS, state.restrictions
    if getattr(error, "code", 0) == DiscordCode.MISSING_PERMISSIONS:
        without = restrictions.after_no_attachments(new_files, small_pictures=small_pictures)
        if without is not None:
            return NextStep(kind=kind, restrictions=without)
    bot = state.transports.bot
    if bot is None or transport is bot:
        restrictions = restrictions.with_remark(strings.NO_ACCESS)
    return NextStep(kind=kind, restrictions=restrictions, close_transport=True)


def _after_refusal(
    kind: DiscordErrorKind,
    state: ReplyState,
    new_files: tuple[FileItem, ...],
    *,
    small_pictures: bool,
) -> NextStep:
    """Send less. What is blocked or invalid is found out by the writer; here it is a request that has nothing in it."""
    restrictions = state.restrictions
    match kind:
        case DiscordErrorKind.TOO_MANY:
            remarked = restrictions.with_remark(
                strings.explain_too_many(strings.linked_prediction(state.attempted.run))
            )
            return NextStep(kind=kind, message=MessageChange.LOST, restrictions=remarked)
        case DiscordErrorKind.TOO_LARGE:
            stricter = restrictions.after_too_large(
                new_files, file_limit=state.run.place.file_limit, small_pictures=small_pictures
            )
            return NextStep(kind=kind, result=EditResult.REFUSED if stricter is None else None, restrictions=stricter)
        case _:
            return NextStep(kind=kind, result=EditResult.REFUSED)
