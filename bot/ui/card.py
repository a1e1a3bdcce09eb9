"""A page of a run, drawn: the card, and the further messages of what does not fit into it. Pure.

The card, from top to bottom::

    ┌ accent: the state ──────────────────────────────┐
    │ who · /command · model              ┌─────────┐ │
    │ ❝ the prompt, a few lines           │  given  │ │
    │                                     └─────────┘ │
    │ status                                          │
    │ seed 42 · 5 outputs                             │
    │ ─────────────────────────────────────────────── │
    │ output, growing                                 │
    │ [buttons]                                       │
    └─────────────────────────────────────────────────┘

While the run lives only the status, the output and the accent change; nothing above the output moves.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import discord
from discord import ui

from bot.limits import ATTACHMENTS_PER_MESSAGE, TEXT_CHARS
from bot.media.media import Media
from bot.outputs.parts import File, Link, Part, Text
from bot.outputs.sheets import sheets
from bot.runs.page import Page, Phase
from bot.ui import words
from bot.ui.body import Body, body
from bot.ui.controls import Action, row
from bot.ui.markdown import escape, quote
from bot.ui.names import GIVEN

_QUOTE_LINES = 4
_QUOTE_CHARS = 280
# Room in the card for what changes while it lives: the status, sentences about troubles, remarks on files.
_ROOM = 1200
_FOOTER_ROOM = 700
_REMARKS = 3

_LIVE, _CALM, _GOOD, _BAD, _WAIT = 0x5865F2, 0x80848E, 0x23A55A, 0xF23F43, 0xF0B232
_ACCENTS: Mapping[Phase, int] = {
    Phase.WAITING: _CALM,
    Phase.SENDING: _CALM,
    Phase.SEARCHING: _WAIT,
    Phase.STARTING: _LIVE,
    Phase.RUNNING: _LIVE,
    Phase.STOPPING: _WAIT,
    Phase.DELIVERING: _LIVE,
    Phase.SUCCEEDED: _GOOD,
    Phase.FAILED: _BAD,
    Phase.CANCELED: _CALM,
    Phase.ABORTED: _BAD,
}


class Censored(IntEnum):
    """What the server's AutoMod made us leave out."""

    NOTHING = 0
    OUTPUT = 1
    PROMPT = 2  # and the output


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the message that shows a page knows beside it.

    ``later`` names files whose upload has not come yet; ``withheld`` those that cannot be shown, with the reason.
    ``remarks`` are sentences about the message itself. ``refresh`` asks the reader to press for the result;
    ``call_back`` mentions the author above the card. ``thumbnail``: the picture that was given may be uploaded.
    """

    later: frozenset[str] = frozenset()
    withheld: Mapping[str, str] = field(default_factory=dict)
    censored: Censored = Censored.NOTHING
    remarks: tuple[str, ...] = ()
    refresh: bool = False
    call_back: bool = False
    thumbnail: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """One message: its view, the run's files that it shows, and whether it shows the picture that was given.

    ``components`` is the view as Discord gets it, to be compared.
    """

    view: ui.LayoutView
    components: list[dict[str, Any]]
    files: tuple[File, ...]
    given: bool = False

    @classmethod
    def of(cls, items: Iterable[ui.Item[Any]], files: tuple[File, ...], *, given: bool = False) -> "Drawing":
        """Lay the items out."""
        view = ui.LayoutView(timeout=None)
        for item in items:
            view.add_item(item)
        return cls(view, view.to_components(), files, given)  # type: ignore[no-untyped-call]  # discord.py left it so


PLAIN = Look()


def draw(page: Page, look: Look = PLAIN) -> tuple[Drawing, ...]:
    """Return the card and the further messages; every one is within Discord's limits."""
    head = _Head.of(page, look)
    cut = sheets(
        (_settled(part) for part in page.parts if not (look.censored and isinstance(part, Text))),
        first_chars=TEXT_CHARS - head.chars - _ROOM,
        chars=TEXT_CHARS - _FOOTER_ROOM,
        files=ATTACHMENTS_PER_MESSAGE - head.given,
    )
    total = len(cut) if page.final else None
    captions = words.captions(page)
    bodies = [body(sheet.parts, captions, later=look.later, withheld=look.withheld) for sheet in cut]
    first = _card(page, look, head, bodies[0] if bodies else Body((), ()))
    return (first, *(_further(made, number, total) for number, made in enumerate(bodies[1:], start=1)))


def _settled(part: Part) -> Part:
    return words.settled(part) if isinstance(part, Link) else part


def given(page: Page) -> Media | None:
    """Return the picture that is uploaded to stand beside the prompt; None when there is none or no place for it."""
    many = page.run.expected is not None and page.run.expected >= ATTACHMENTS_PER_MESSAGE
    return page.thumbnail if isinstance(page.thumbnail, Media) and not many else None


@dataclass(frozen=True, slots=True)
class _Head:
    """The part of the card that never changes while the run lives."""

    texts: tuple[str, ...]
    small: str
    thumbnail: str | None
    given: bool

    @property
    def chars(self) -> int:
        # Discord does not say how it counts; UTF-16 units are the larger way.
        return len("".join((*self.texts, self.small)).encode("utf-16-le")) // 2

    @classmethod
    def of(cls, page: Page, look: Look) -> "_Head":
        run = page.run
        prompt = "" if look.censored >= Censored.PROMPT else run.prompt or ""
        asked = quote(prompt, lines=_QUOTE_LINES, chars=_QUOTE_CHARS)
        uploaded = look.thumbnail and given(page) is not None
        return cls(
            texts=tuple(text for text in (words.header(run), asked) if text),
            small=words.small(run),
            thumbnail=f"attachment://{GIVEN}" if uploaded else _address(page.thumbnail),
            given=uploaded,
        )


def _address(thumbnail: Media | str | None) -> str | None:
    if not isinstance(thumbnail, str) or len(thumbnail) > 2000:
        return None
    return thumbnail if thumbnail.startswith(("https://", "http://")) else None


def _card(page: Page, look: Look, head: _Head, made: Body) -> Drawing:
    items: list[ui.Item[Any]] = []
    texts = [ui.TextDisplay[Any](text) for text in head.texts]
    if head.thumbnail is not None:
        items.append(ui.Section(*texts, accessory=ui.Thumbnail(head.thumbnail, description="What was given")))
    else:
        items.extend(texts)
    items.append(ui.TextDisplay(words.status(page)))
    small = "\n".join(
        text for text in (head.small, *(f"-# {escape(remark)}" for remark in look.remarks[-_REMARKS:])) if text
    )
    if small:
        items.append(ui.TextDisplay(small))
    if made.items:
        items += [ui.Separator(), *made.items]
    items.append(_buttons(page, look))
    card = ui.Container(*items, accent_colour=_ACCENTS[page.progress.phase])
    above = [ui.TextDisplay[Any](words.notice(page))] if look.call_back else []
    return Drawing.of([*above, card], made.files, given=head.given)


def _further(made: Body, number: int, total: int | None) -> Drawing:
    return Drawing.of((*made.items, ui.TextDisplay[Any](words.further(number, total))), made.files)


def _buttons(page: Page, look: Look) -> ui.ActionRow[Any]:
    run, phase = page.run, page.progress.phase
    if look.refresh:
        return row(run.id, Action.CANCEL, Action.REFRESH, Action.DETAILS)
    if page.final:
        return row(run.id, Action.AGAIN, Action.EDIT, Action.DETAILS)
    over = frozenset({Action.CANCEL}) if phase in (Phase.STOPPING, Phase.DELIVERING) or run.state.terminal else None
    return row(run.id, Action.CANCEL, Action.DETAILS, disabled=over or frozenset())


def accent(phase: Phase) -> discord.Colour:
    """Return the colour that stands for a phase."""
    return discord.Colour(_ACCENTS[phase])
