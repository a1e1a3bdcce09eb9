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

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from bot.limits import ATTACHMENTS_PER_MESSAGE, TEXT_CHARS
from bot.media.types import Media
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.paginate import paginate
from bot.runs.snapshot import Phase, RunSnapshot
from bot.ui.components import Action, row
from bot.ui.render import layout, strings
from bot.ui.render.attachment_names import GIVEN
from bot.ui.render.formatting import escape, quote
from bot.ui.render.layout import Component
from bot.ui.render.output import RenderedOutput, render_output

_QUOTE_LINES = 4
_QUOTE_CHARS = 280
# Room in the card for what changes while it lives: the status, sentences about troubles, remarks on files.
_ROOM = 1200
_FOOTER_ROOM = 700
_REMARKS = 3

_LIVE, _CALM, _GOOD, _BAD, _WAIT = 0x5865F2, 0x80848E, 0x23A55A, 0xF23F43, 0xF0B232
_ACCENTS: Mapping[Phase, int] = {
    Phase.QUEUED: _CALM,
    Phase.SENDING: _CALM,
    Phase.RECONCILING: _WAIT,
    Phase.STARTING: _LIVE,
    Phase.RUNNING: _LIVE,
    Phase.CANCELING: _WAIT,
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
class RenderOptions:
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
class RenderedMessage:
    """One message: its components, the run's files that it shows, and whether it shows the picture that was given."""

    components: list[Component]
    files: tuple[FileItem, ...]
    given: bool = False


PLAIN = RenderOptions()


def render_run(
    snapshot: RunSnapshot, look: RenderOptions = PLAIN, head: "CardHeader | None" = None
) -> tuple[RenderedMessage, ...]:
    """Return the card and the further messages; every one is within Discord's limits.

    ``head`` is what :meth:`Head.of` returned for the same run and look; it need not be made again for every page.
    """
    head = head or CardHeader.of(snapshot, look)
    cut = paginate(
        (_settled(part) for part in snapshot.items if not (look.censored and isinstance(part, TextItem))),
        first_chars=TEXT_CHARS - head.chars - _ROOM,
        chars=TEXT_CHARS - _FOOTER_ROOM,
        files=ATTACHMENTS_PER_MESSAGE - head.given,
    )
    total = len(cut) if snapshot.final else None
    captions = strings.captions(snapshot)
    bodies = [render_output(sheet.parts, captions, later=look.later, withheld=look.withheld) for sheet in cut]
    first = _card(snapshot, look, head, bodies[0] if bodies else RenderedOutput((), ()))
    return (first, *(_further(made, number, total) for number, made in enumerate(bodies[1:], start=1)))


def _settled(part: OutputItem) -> OutputItem:
    return strings.settled(part) if isinstance(part, LinkItem) else part


def given(snapshot: RunSnapshot) -> Media | None:
    """Return the picture that is uploaded to stand beside the prompt; None when there is none or no place for it."""
    many = snapshot.run.expected is not None and snapshot.run.expected >= ATTACHMENTS_PER_MESSAGE
    return snapshot.thumbnail if isinstance(snapshot.thumbnail, Media) and not many else None


@dataclass(frozen=True, slots=True)
class CardHeader:
    """The part of the card that never changes while the run lives, and its length."""

    items: tuple[Component, ...]
    small: str
    chars: int
    given: bool

    @classmethod
    def of(cls, snapshot: RunSnapshot, look: RenderOptions = PLAIN) -> "CardHeader":
        """Draw it."""
        run = snapshot.run
        prompt = "" if look.censored >= Censored.PROMPT else run.prompt or ""
        said = (strings.header(run), quote(prompt, lines=_QUOTE_LINES, chars=_QUOTE_CHARS))
        texts = tuple(layout.text(line) for line in said if line)
        uploaded = look.thumbnail and given(snapshot) is not None
        picture = f"attachment://{GIVEN}" if uploaded else _address(snapshot.thumbnail)
        small = strings.small(run)
        return cls(
            items=texts if picture is None else (layout.section(texts, layout.thumbnail(picture, "What was given")),),
            small=small,
            # Discord does not say how it counts; UTF-16 units are the larger way.
            chars=len("".join((*said, small)).encode("utf-16-le")) // 2,
            given=uploaded,
        )


def _address(thumbnail: Media | str | None) -> str | None:
    if not isinstance(thumbnail, str) or len(thumbnail) > 2000:
        return None
    return thumbnail if thumbnail.startswith(("https://", "http://")) else None


def _card(snapshot: RunSnapshot, look: RenderOptions, head: CardHeader, made: RenderedOutput) -> RenderedMessage:
    items = [*head.items, layout.text(strings.status(snapshot))]
    said = [*look.remarks[-_REMARKS:], *([snapshot.progress.warning] if snapshot.progress.warning else [])]
    remarks = (f"-# {escape(remark)}" for remark in said)
    small = "\n".join(text for text in (head.small, *remarks) if text)
    if small:
        items.append(layout.text(small))
    if made.items:
        items += [layout.separator(), *made.items]
    items.append(_buttons(snapshot, look))
    above = [layout.text(strings.notice(snapshot))] if look.call_back else []
    return RenderedMessage([*above, layout.container(items, _ACCENTS[snapshot.progress.phase])], made.files, head.given)


def _further(made: RenderedOutput, number: int, total: int | None) -> RenderedMessage:
    return RenderedMessage([*made.items, layout.text(strings.further(number, total))], made.files)


def _buttons(snapshot: RunSnapshot, look: RenderOptions) -> Component:
    run, phase = snapshot.run, snapshot.progress.phase
    if look.refresh:
        return row(run.id, Action.CANCEL, Action.REFRESH, Action.DETAILS)
    if snapshot.final:
        return row(run.id, Action.AGAIN, Action.EDIT, Action.DETAILS)
    over = frozenset({Action.CANCEL}) if phase in (Phase.CANCELING, Phase.DELIVERING) or run.state.terminal else None
    return row(run.id, Action.CANCEL, Action.DETAILS, disabled=over or frozenset())
