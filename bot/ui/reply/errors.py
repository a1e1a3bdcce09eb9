"""Classify what Discord refused, and decide what to do next."""

from enum import StrEnum

import aiohttp
import discord
import structlog

from bot.clock import Clock
from bot.outputs.items import FileItem
from bot.runs.snapshot import RunSnapshot
from bot.ui.render import strings
from bot.ui.render.attachment_names import GIVEN
from bot.ui.reply.messages import TrackedMessage
from bot.ui.reply.restrictions import Restrictions
from bot.ui.reply.transports import Transport, TransportSelector


class DiscordErrorKind(StrEnum):
    """Why Discord did not take a message."""

    GONE = "gone"  # the message, its channel or its server is no more
    TOKEN_DEAD = "token dead"  # noqa: S105  # a state, not a secret
    NO_ACCESS = "no access"  # a permission is missing
    TOO_OLD = "too old"  # messages past an hour take few edits
    BLOCKED = "blocked"  # AutoMod
    TOO_LARGE = "too large"
    FULL = "full"  # no further follow-ups for this interaction
    REFUSED = "refused"  # Discord finds the request wrong; it will not change its mind
    LATER = "later"  # busy, broken or not reached


_BY_CODE = {
    10003: DiscordErrorKind.GONE,  # unknown channel
    10004: DiscordErrorKind.GONE,  # unknown guild
    10008: DiscordErrorKind.GONE,  # unknown message
    10015: DiscordErrorKind.TOKEN_DEAD,  # unknown webhook
    10062: DiscordErrorKind.TOKEN_DEAD,  # unknown interaction
    50027: DiscordErrorKind.TOKEN_DEAD,  # invalid webhook token
    50001: DiscordErrorKind.NO_ACCESS,  # missing access
    50013: DiscordErrorKind.NO_ACCESS,  # missing permissions
    50083: DiscordErrorKind.NO_ACCESS,  # archived thread
    160005: DiscordErrorKind.NO_ACCESS,  # locked thread
    30046: DiscordErrorKind.TOO_OLD,
    200000: DiscordErrorKind.BLOCKED,  # AutoMod blocks the message
    200001: DiscordErrorKind.BLOCKED,  # AutoMod blocks its title
    240000: DiscordErrorKind.BLOCKED,  # harmful links
    40005: DiscordErrorKind.TOO_LARGE,
    40094: DiscordErrorKind.FULL,
}
_BY_STATUS = {401: DiscordErrorKind.TOKEN_DEAD, 413: DiscordErrorKind.TOO_LARGE}

# What may come of a request: Discord's answers, the network's, and what discord.py lets slip on a malformed 429.
REQUEST_ERRORS = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, KeyError, TypeError)


def classify_error(error: BaseException) -> DiscordErrorKind:
    """Return what a failed request means."""
    if not isinstance(error, discord.HTTPException):
        return DiscordErrorKind.LATER
    known = _BY_CODE.get(error.code)
    if known is not None:
        return known
    if error.status in (403, 404, 408, 429) or error.status >= 500:
        return DiscordErrorKind.LATER  # without a code of Discord's own it was not Discord's application that answered
    return _BY_STATUS.get(error.status, DiscordErrorKind.REFUSED)


log = structlog.get_logger(__name__)


class EditResult(StrEnum):
    """What became of a page."""

    SHOWN = "shown"
    MORE = "more"  # shown in part; put it again for the rest
    HELD = "held"  # edits are scarce: only the last page is sent
    BARRED = "barred"  # no road is open now
    OLD = "old"  # Discord takes no further edit of the card, and the author was called back already
    GONE = "gone"  # the card is deleted
    LATER = "later"
    REFUSED = "refused"


class ErrorRecovery:
    """Answers Discord's refusals by closing roads and by stricter terms, one step a refusal."""

    def __init__(self, roads: TransportSelector, terms: Restrictions, run_id: str, clock: Clock) -> None:
        self._clock = clock
        self._roads = roads
        self._terms = terms
        self._run_id = run_id

    def after(
        self,
        error: Exception,
        *,
        slot: TrackedMessage,
        snapshot: RunSnapshot,
        road: Transport,
        new: tuple[FileItem, ...],
    ) -> EditResult | None:
        """Change what can be changed; None means that it is worth another try at once."""
        found = classify_error(error)
        if isinstance(error, KeyError) and self._roads.edits_are_scarce(road, self._clock.now()):
            found = DiscordErrorKind.TOO_OLD  # discord.py looks for a waiting time that Discord does not name here
        match found:
            case DiscordErrorKind.TOKEN_DEAD if road is self._roads.token:
                self._roads.lose(road)
                return None
            case DiscordErrorKind.GONE:
                return self._missing(slot, road)
            case DiscordErrorKind.TOO_OLD:
                return self._outlived(slot, snapshot)
            case DiscordErrorKind.FULL:
                slot.lost = True
                self._terms.remark(strings.TOO_MUCH)
                return None
            case DiscordErrorKind.LATER | DiscordErrorKind.TOKEN_DEAD:
                return EditResult.LATER
            case _:
                log.warning("Discord refused a message.", run=self._run_id, number=slot.number, reason=str(error))
                given = slot.number == 0 and GIVEN not in slot.known
                return None if self._eased(found, error, road, snapshot, new, given=given) else EditResult.REFUSED

    def _eased(
        self,
        found: DiscordErrorKind,
        error: Exception,
        road: Transport,
        snapshot: RunSnapshot,
        new: tuple[FileItem, ...],
        *,
        given: bool,
    ) -> bool:
        """Whether the next try goes another way or with less in it."""
        terms = self._terms
        match found:
            case DiscordErrorKind.NO_ACCESS:
                return self._barred(road, error, new, given=given)
            case DiscordErrorKind.BLOCKED:
                return terms.censored()
            case DiscordErrorKind.TOO_LARGE:
                return terms.smaller(new, snapshot.run.prediction_id, given=given)
            case _:
                return terms.bare([part for part in snapshot.items if isinstance(part, FileItem)])

    def _missing(self, slot: TrackedMessage, road: Transport) -> EditResult | None:
        """Answer that a message is not found, which may be this road's doing."""
        if road is not self._roads.bot and self._roads.bot is not None:
            slot.bot_only = True
            return None
        if slot.number == 0:
            return EditResult.GONE
        slot.lost = True
        return None

    def _outlived(self, slot: TrackedMessage, snapshot: RunSnapshot) -> EditResult | None:
        """Answer that Discord takes no edit of an old message now: only the last page matters, told by a reply."""
        self._roads.scarce = True
        if not snapshot.final:
            return EditResult.HELD
        if slot.number > 0:
            slot.lost = True
            return None
        if self._terms.look.call_back or 0 in snapshot.run.messages:
            return EditResult.OLD
        self._terms.answer_anew()
        slot.forget()
        return None

    def _barred(self, road: Transport, error: Exception, new: tuple[FileItem, ...], *, given: bool) -> bool:
        if getattr(error, "code", 0) == _MISSING_PERMISSIONS and self._terms.no_files(new, given=given):
            return True
        self._roads.lose(road)
        if road is self._roads.bot or self._roads.bot is None:
            self._terms.remark(strings.NO_ACCESS)
        return True


_MISSING_PERMISSIONS = 50013
