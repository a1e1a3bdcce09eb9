"""Render a run: its card, further messages for output that does not fit into it, and plain messages. Pure.

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

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import groupby
from typing import Final

from bot.formatting import replace_surrogates, utf16_length
from bot.limits import ATTACHMENTS_PER_MESSAGE, GALLERY_ITEMS, GALLERY_MIME_TYPES, TEXT_CHARS, URL_CHARS
from bot.media.types import Media
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.paginate import paginate
from bot.runs.snapshot import Phase, RunSnapshot
from bot.secrets import is_private_url
from bot.ui.components import Action, run_button_row
from bot.ui.render import payloads, strings
from bot.ui.render.cards import Tone
from bot.ui.render.markdown import format_code_block, format_quote
from bot.ui.render.payloads import Component

# The input image beside the prompt; no output file may have its name.
THUMBNAIL_NAME: Final = "input.webp"

_REPLACED: Final = re.compile(r"[^A-Za-z0-9._-]+")  # Discord replaces these in file names
_SPOILER_PREFIX: Final = "SPOILER_"  # Discord hides files whose names start with it
_NAME_CHARS: Final = 80
_QUOTE_LINES: Final = 4
_QUOTE_CHARS: Final = 280
_REMARKS_SHOWN: Final = 3
# Characters of a message that are kept free for the status, remarks and file notes.
_CARD_RESERVE_CHARS: Final = 1200
_MESSAGE_RESERVE_CHARS: Final = 700

# Characters of a plain message; half of what Discord accepts, because some count twice there.
_PLAIN_CHARS: Final = 1900
# A plain text of more messages is cut.
_MAX_PLAIN_MESSAGES: Final = 20
_PLAIN_HEADING: Final = "Something went wrong while I was building this message, so here is the plain result."

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
    """One message: its components, the output files that it shows, and whether it shows the uploaded input image.

    ``files`` go by upload name. Every attachment is shown by a component, so messages with equal components are equal.
    """

    components: list[Component]
    files: Mapping[str, FileItem]
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
    items = (item for item in snapshot.items if not (options.omitted_text and isinstance(item, TextItem)))
    chunks = paginate(
        (strings.escape_link_item(item) if isinstance(item, LinkItem) else item for item in items),
        first_chars=TEXT_CHARS - header.chars - _CARD_RESERVE_CHARS,
        chars=TEXT_CHARS - _MESSAGE_RESERVE_CHARS,
        files=ATTACHMENTS_PER_MESSAGE - header.has_thumbnail,
    )
    alt_texts = strings.build_alt_texts(snapshot)
    outputs = [_render_output(chunk.items, alt_texts, options) for chunk in chunks] or [RenderedMessage([], {})]
    card = _render_card(snapshot, options, header, outputs[0])
    total = len(chunks) if snapshot.final else None
    for number, further in enumerate(outputs[1:], start=1):
        further.components.append(payloads.text(strings.format_message_number(number, total)))
    return (card, *outputs[1:])


def render_plain(snapshot: RunSnapshot, options: RenderOptions) -> tuple[RenderedMessage, ...]:
    """Return a run's output without any decoration, for when :func:`render_run` raises.

    Uses as little of the other rendering code as possible, so that it works when that does not. The last line of a
    further message is its number.
    """
    files = [
        item
        for item in snapshot.items
        if isinstance(item, FileItem) and item.name not in options.pending and item.name not in options.withheld
    ]
    texts = _plain_texts(snapshot, options)
    count = max(1, len(texts), -(-len(files) // ATTACHMENTS_PER_MESSAGE))
    messages = []
    for number in range(min(count, _MAX_PLAIN_MESSAGES)):
        own = files[number * ATTACHMENTS_PER_MESSAGE : (number + 1) * ATTACHMENTS_PER_MESSAGE]
        attached = {upload_name(file.name): file for file in own}
        components = [payloads.text(texts[number])] if number < len(texts) else []
        components += [payloads.file(f"attachment://{name}") for name in attached]
        if number > 0:
            components.append(payloads.text(f"-# {number + 1}/{count}"))
        elif options.show_refresh:
            components.append(run_button_row(snapshot.run.id, Action.REFRESH))
        messages.append(RenderedMessage(components, attached))
    return tuple(messages)


def upload_name(name: str) -> str:
    """Return the name under which a file is uploaded, which Discord keeps as it is.

    The same name always gives the same result, and different names different ones.
    """
    safe = _REPLACED.sub("_", name).lstrip("._-")
    unchanged = safe == name and len(safe) <= _NAME_CHARS and safe != THUMBNAIL_NAME
    if unchanged and not safe.startswith(_SPOILER_PREFIX):
        return safe
    stem, dot, suffix = safe.rpartition(".")
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    stem = (stem if dot else safe).removeprefix(_SPOILER_PREFIX)[:40] or "file"
    return f"{stem}-{digest}.{suffix[:16]}" if dot and suffix else f"{stem}-{digest}"


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
            chars=utf16_length("".join((*lines, summary))),
            has_thumbnail=uploaded,
        )


def _linked_thumbnail(thumbnail: Media | str | None) -> str | None:
    # Everybody who sees a card can read the addresses in it.
    if not isinstance(thumbnail, str) or len(thumbnail) > URL_CHARS or is_private_url(thumbnail):
        return None
    return thumbnail if thumbnail.startswith(("https://", "http://")) else None


def _render_card(
    snapshot: RunSnapshot, options: RenderOptions, header: CardHeader, output: RenderedMessage
) -> RenderedMessage:
    progress = snapshot.progress
    warnings = [strings.WARNINGS[progress.warning]] if progress.warning else []
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


def _buttons(snapshot: RunSnapshot, options: RenderOptions) -> Component:
    run, phase = snapshot.run, snapshot.progress.phase
    if options.show_refresh:
        return run_button_row(run.id, Action.CANCEL, Action.REFRESH, Action.DETAILS)
    if snapshot.final:
        return run_button_row(run.id, Action.AGAIN, Action.EDIT, Action.DETAILS)
    cancelable = phase not in (Phase.CANCELING, Phase.DELIVERING) and not run.state.terminal
    disabled = frozenset() if cancelable else frozenset({Action.CANCEL})
    return run_button_row(run.id, Action.CANCEL, Action.DETAILS, disabled=disabled)


def _render_output(
    items: Sequence[OutputItem], alt_texts: Mapping[str, str], options: RenderOptions
) -> RenderedMessage:
    """Return a message that shows ``items`` in their order; ``alt_texts`` go by file name."""
    hidden = {*options.pending, *options.withheld}
    shown = [item for item in items if not isinstance(item, FileItem) or item.name not in hidden]
    files = {upload_name(item.name): item for item in shown if isinstance(item, FileItem)}
    urls = {item.name: f"attachment://{name}" for name, item in files.items()}
    components: list[Component] = []
    for shape, group in groupby(shown, key=_shape):
        match shape:
            case "gallery":
                media = [(urls[item.name], alt_texts.get(item.name)) for item in group if isinstance(item, FileItem)]
                starts = range(0, len(media), GALLERY_ITEMS)
                components += [payloads.gallery(media[start : start + GALLERY_ITEMS]) for start in starts]
            case "file":
                components += [payloads.file(urls[item.name]) for item in group if isinstance(item, FileItem)]
            case _:
                text = "\n".join(line for line in map(_text, group) if line.strip())
                components += [payloads.text(replace_surrogates(text))] if text else []
    missing = [item.name for item in items if isinstance(item, FileItem) and item.name in options.withheld]
    withheld = strings.format_withheld({name: options.withheld[name] for name in missing})
    lines = [line for line in (withheld, strings.format_file_notes(list(files.values()))) if line]
    if lines:
        components.append(payloads.text("\n".join(lines)))
    return RenderedMessage(components, files)


def _shape(item: OutputItem) -> str:
    if isinstance(item, FileItem):
        return "gallery" if item.type.mime in GALLERY_MIME_TYPES else "file"
    return "text"


def _text(item: OutputItem) -> str:
    match item:
        case LinkItem():
            return strings.format_link_item(item)
        case TextItem(text, language):
            return text if language is None else format_code_block(text, language)
        case _:
            return ""


def _plain_texts(snapshot: RunSnapshot, options: RenderOptions) -> list[str]:
    """Return the texts of the plain messages: a heading, links and the output, cut to length."""
    lines = [_PLAIN_HEADING, *options.remarks, *options.withheld.values()]
    for item in snapshot.items:
        match item:
            case LinkItem() if item.url:
                lines.append(f"{item.label}: <{item.url}>")
            case LinkItem():
                lines.append(f"{item.label}: {item.reason}")
            case TextItem() if not options.omitted_text:
                lines.append(item.text)
            case _:
                pass
    text = "\n".join(lines)
    chunks = (text[start : start + _PLAIN_CHARS].strip() for start in range(0, len(text), _PLAIN_CHARS))
    return [chunk for chunk in chunks if chunk]
