"""What is done after Discord refused a message: another road, or a message it takes."""

from enum import StrEnum

import structlog

from bot.clock import Clock
from bot.outputs.parts import File
from bot.runs.page import Page
from bot.ui import words
from bot.ui.names import GIVEN
from bot.ui.roads import Road, Roads
from bot.ui.slot import Slot
from bot.ui.terms import Terms
from bot.ui.troubles import Trouble, trouble

log = structlog.get_logger(__name__)


class Outcome(StrEnum):
    """What became of a page."""

    SHOWN = "shown"
    MORE = "more"  # shown in part; put it again for the rest
    HELD = "held"  # edits are scarce: only the last page is sent
    BARRED = "barred"  # no road is open now
    OLD = "old"  # Discord takes no further edit of the card, and the author was called back already
    GONE = "gone"  # the card is deleted
    LATER = "later"
    REFUSED = "refused"


class Mending:
    """Answers Discord's refusals by closing roads and by stricter terms, one step a refusal."""

    def __init__(self, roads: Roads, terms: Terms, run_id: str, clock: Clock) -> None:
        self._clock = clock
        self._roads = roads
        self._terms = terms
        self._run_id = run_id

    def after(self, error: Exception, *, slot: Slot, page: Page, road: Road, new: tuple[File, ...]) -> Outcome | None:
        """Change what can be changed; None means that it is worth another try at once."""
        found = trouble(error)
        if isinstance(error, KeyError) and self._roads.edits_are_scarce(road, self._clock.now()):
            found = Trouble.TOO_OLD  # discord.py looks for a waiting time that Discord does not name here
        match found:
            case Trouble.TOKEN_DEAD if road is self._roads.token:
                self._roads.lose(road)
                return None
            case Trouble.GONE:
                return self._missing(slot, road)
            case Trouble.TOO_OLD:
                return self._outlived(slot, page)
            case Trouble.FULL:
                slot.lost = True
                self._terms.remark(words.TOO_MUCH)
                return None
            case Trouble.LATER | Trouble.TOKEN_DEAD:
                return Outcome.LATER
            case _:
                log.warning("Discord refused a message.", run=self._run_id, number=slot.number, reason=str(error))
                given = slot.number == 0 and GIVEN not in slot.known
                return None if self._eased(found, error, road, page, new, given=given) else Outcome.REFUSED

    def _eased(
        self, found: Trouble, error: Exception, road: Road, page: Page, new: tuple[File, ...], *, given: bool
    ) -> bool:
        """Whether the next try goes another way or with less in it."""
        terms = self._terms
        match found:
            case Trouble.NO_ACCESS:
                return self._barred(road, error, new, given=given)
            case Trouble.BLOCKED:
                return terms.censored()
            case Trouble.TOO_LARGE:
                return terms.smaller(new, page.run.prediction_id, given=given)
            case _:
                return terms.bare([part for part in page.parts if isinstance(part, File)])

    def _missing(self, slot: Slot, road: Road) -> Outcome | None:
        """Answer that a message is not found, which may be this road's doing."""
        if road is not self._roads.bot and self._roads.bot is not None:
            slot.bot_only = True
            return None
        if slot.number == 0:
            return Outcome.GONE
        slot.lost = True
        return None

    def _outlived(self, slot: Slot, page: Page) -> Outcome | None:
        """Answer that Discord takes no edit of an old message now: only the last page matters, told by a reply."""
        self._roads.scarce = True
        if not page.final:
            return Outcome.HELD
        if slot.number > 0:
            slot.lost = True
            return None
        if self._terms.look.call_back or 0 in page.run.messages:
            return Outcome.OLD
        self._terms.answer_anew()
        slot.forget()
        return None

    def _barred(self, road: Road, error: Exception, new: tuple[File, ...], *, given: bool) -> bool:
        if getattr(error, "code", 0) == _MISSING_PERMISSIONS and self._terms.no_files(new, given=given):
            return True
        self._roads.lose(road)
        if road is self._roads.bot or self._roads.bot is None:
            self._terms.remark(words.NO_ACCESS)
        return True


_MISSING_PERMISSIONS = 50013
