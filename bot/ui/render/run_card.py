"""Render a run: its card, and further messages for output that does not fit into the card. Pure.

The card, from top to bottom::

    ┌ accent colour: the state ───────────────────────┐
    │ author · /command · model           ┌─────────┐ │
    │ > the prompt, a few lines           │  input  │ │
    │                                     └─────────┘ │
    │ status                                          │
    │ seed 42 · 5 outputs                             │
    │ ─────────────────────────────────────────────── │
    │ output, growing                                 │
    │ [buttons]                                       │
    └─────────────────────────────────────────────────┘

While the run is active only the status, the output and the colour change; nothing above the output moves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from bot.limits import ATTACHMENTS_PER_MESSAGE, TEXT_CHARS, URL_CHARS
from bot.media.types import Media
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.paginate import paginate
from bot.runs.snapshot import Phase, RunSnapshot
from bot.ui.components import Action, run_button_row
from bot.ui.render import payloads, strings
from bot.ui.render.formatting import format_quote
from bot.ui.render.list_cards import Tone
from bot.ui.render.output import THUMBNAIL_NAME, RenderedOutput, render_output
from bot.ui.render.payloads import Component

_QUOTE_LINES: Final = 4
_QUOTE_CHARS: Final = 280
_REMARKS_SHOWN: Final = 3
# Characters of a message that are kept free for the status, remarks and file notes.
_CARD_RESERVE_CHARS: Final = 1200
_MESSAGE_RESERVE_CHARS: Final = 700

_TONES: Final[Mapping[Phase, Tone]] = {
    Phase.QUEUED: Tone.NEUTRAL,
    Phase.SENDING: Tone.NEUTRAL,
    Phase.RECONCILING: Tone.WARNING,
    Phase.STARTING: Tone.INFO,
    Phase.RUNNING: Tone.INFO,
    Phase.CANCELING: Tone.WARNING,
    Phase.DELIVERING: Tone.INFO,
    Phase.SUCCEEDED: Tone.SUCCESS,
    Phase.FAILED: Tone.ERROR,
    Phase.CANCELED: Tone.NEUTRAL,
    Phase.ABORTED: Tone.ERROR,
}


class OmittedText(IntEnum):
    """Which text is left out because Discord refused the message."""

    NONE = 0
    OUTPUT = 1
    PROMPT = 2  # and the output


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What the messages of one reply show differently.

    ``pending`` names files that are not uploaded yet, ``withheld`` gives the reason by the name of each file that is
    not shown. ``remarks`` are sentences about the message itself, as Markdown. ``show_refresh`` replaces Again and Edit
    by "Show the result"; ``mention_author`` puts the completion notice above the card.
    """

    pending: frozenset[str] = frozenset()
    withheld: Mapping[str, str] = field(default_factory=dict)
    omitted_text: OmittedText = OmittedText.NONE
    remarks: tuple[str, ...] = ()
    show_refresh: bool = False
    mention_author: bool = False
    show_thumbnail: bool = True


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One message: its components, the output files that it shows, and whether it shows the uploaded input image."""

    components: list[Component]
    files: tuple[FileItem, ...]
    has_thumbnail: bool = False


DEFAULT_OPTIONS: Final = RenderOptions()


def render_run(
    snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS, header: "CardHeader | None" = None
) -> tuple[RenderedMessage, ...]:
    """Return the card and the further messages, each within Discord's limits.

    ``header`` is the result of ``CardHeader.render`` for the same run and options; passing it saves rendering it for
    every snapshot.
    """
    header = header or CardHeader.render(snapshot, options)
    chunks = paginate(
        (_prepare(item) for item in snapshot.items if not (options.omitted_text and isinstance(item, TextItem))),
        first_chars=TEXT_CHARS - header.chars - _CARD_RESERVE_CHARS,
        chars=TEXT_CHARS - _MESSAGE_RESERVE_CHARS,
        files=ATTACHMENTS_PER_MESSAGE - header.has_thumbnail,
    )
    total = len(chunks) if snapshot.final else None
    alt_texts = strings.build_alt_texts(snapshot)
    outputs = [
        render_output(chunk.items, alt_texts, pending=options.pending, withheld=options.withheld) for chunk in chunks
    ]
    card = _render_card(snapshot, options, header, outputs[0] if outputs else RenderedOutput((), ()))
    further = (_render_further(output, number, total) for number, output in enumerate(outputs[1:], start=1))
    return (card, *further)


def uploaded_thumbnail(snapshot: RunSnapshot) -> Media | None:
    """Return the input image to upload beside the prompt; None without one, or if the outputs take every place."""
    full = snapshot.run.expected is not None and snapshot.run.expected >= ATTACHMENTS_PER_MESSAGE
    return snapshot.thumbnail if isinstance(snapshot.thumbnail, Media) and not full else None


@dataclass(frozen=True, slots=True)
class CardHeader:
    """The part of a card that does not change while the run is active; ``chars`` counts UTF-16 units."""

    components: tuple[Component, ...]
    summary: str
    chars: int
    has_thumbnail: bool

    @classmethod
    def render(cls, snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS) -> "CardHeader":
        run = snapshot.run
        prompt = "" if options.omitted_text >= OmittedText.PROMPT else run.prompt or ""
        lines = (strings.format_run_header(run), format_quote(prompt, lines=_QUOTE_LINES, chars=_QUOTE_CHARS))
        components = tuple(payloads.text(line) for line in lines if line)
        uploaded = options.show_thumbnail and uploaded_thumbnail(snapshot) is not None
        url = f"attachment://{THUMBNAIL_NAME}" if uploaded else _linked_thumbnail(snapshot.thumbnail)
        if url is not None:
            components = (payloads.section(components, payloads.thumbnail(url, strings.THUMBNAIL_ALT_TEXT)),)
        summary = strings.format_summary(run)
        return cls(
            components=components,
            summary=summary,
            # Discord does not document how it counts; UTF-16 units give the larger number.
            chars=len("".join((*lines, summary)).encode("utf-16-le")) // 2,
            has_thumbnail=uploaded,
        )


def _prepare(item: OutputItem) -> OutputItem:
    return strings.escape_link_item(item) if isinstance(item, LinkItem) else item


def _linked_thumbnail(thumbnail: Media | str | None) -> str | None:
    if not isinstance(thumbnail, str) or len(thumbnail) > URL_CHARS:
        return None
    return thumbnail if thumbnail.startswith(("https://", "http://")) else None


def _render_card(
    snapshot: RunSnapshot, options: RenderOptions, header: CardHeader, output: RenderedOutput
) -> RenderedMessage:
    progress = snapshot.progress
    warnings = [strings.explain_warning(progress.warning)] if progress.warning else []
    small = [f"-# {remark}" for remark in (*options.remarks[-_REMARKS_SHOWN:], *warnings)]
    components = [*header.components, payloads.text(strings.format_status(snapshot))]
    if header.summary or small:
        components.append(payloads.text("\n".join(line for line in (header.summary, *small) if line)))
    if output.components:
        components += [payloads.separator(), *output.components]
    components.append(_buttons(snapshot, options))
    notice = [payloads.text(strings.format_completion_notice(snapshot))] if options.mention_author else []
    card = payloads.container(components, _TONES[progress.phase].value)
    return RenderedMessage([*notice, card], output.files, header.has_thumbnail)


def _render_further(output: RenderedOutput, number: int, total: int | None) -> RenderedMessage:
    number_line = payloads.text(strings.format_message_number(number, total))
    return RenderedMessage([*output.components, number_line], output.files)


def _buttons(snapshot: RunSnapshot, options: RenderOptions) -> Component:
    run, phase = snapshot.run, snapshot.progress.phase
    if options.show_refresh:
        return run_button_row(run.id, Action.CANCEL, Action.REFRESH, Action.DETAILS)
    if snapshot.final:
        return run_button_row(run.id, Action.AGAIN, Action.EDIT, Action.DETAILS)
    cancelable = phase not in (Phase.CANCELING, Phase.DELIVERING) and not run.state.terminal
    disabled = frozenset() if cancelable else frozenset({Action.CANCEL})
    return run_button_row(run.id, Action.CANCEL, Action.DETAILS, disabled=disabled)
