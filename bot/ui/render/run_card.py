"""Render a run: its card, further messages for output that does not fit into it, and plain messages. Pure.

The card, from top to bottom::

    ┌ accent colour: the state ───────────────────────┐
    │ author · /command · model           ┌─────────┐ │
    │ from whose run, which image of it   │         │ │
    │ > the prompt, a few lines           │  input  │ │
    │ status                              └─────────┘ │
    │ seed 42                                         │
    │ ─────────────────────────────────────────────── │
    │ output, in places that are kept for it          │
    │ [buttons]                                       │
    │ [what to do next, under a result]               │
    └─────────────────────────────────────────────────┘

While the run is active only the status, the output and the colour change, and nothing moves: pictures have their places
from the first second, and text grows below the buttons. Audio is in ordinary messages below the card, with the player
that Discord draws.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final, TypeGuard

from bot.catalog.next_actions import NextOffer
from bot.formatting import replace_surrogates, utf16_length
from bot.language import _, retranslate, use_language
from bot.limits import (
    ATTACHMENTS_PER_MESSAGE,
    GALLERY_ITEMS,
    TEXT_CHARS,
    TEXT_MESSAGES,
    TEXT_MESSAGES_MAX,
    URL_CHARS,
)
from bot.media.file_names import safe_file_name
from bot.media.types import Media
from bot.outputs.items import FileItem, LinkItem, OutputItem, RemainderItem, TextItem
from bot.outputs.paginate import MessageChunk, paginate
from bot.outputs.parse import StreamKind, stream_kind
from bot.outputs.remainder import remainder_files, remainder_name
from bot.runs.outcome import FailureCode
from bot.runs.snapshot import FINAL_PHASES, Phase, Progress, RunSnapshot
from bot.secrets import is_private_url
from bot.store.models import Run
from bot.store.run_chain import RunChain
from bot.ui.components import Action, run_button_row
from bot.ui.next_select import next_select_row
from bot.ui.render import payloads, status, strings
from bot.ui.render.cards import Tone
from bot.ui.render.chains import (
    format_chain_header,
    format_picture_label,
    format_step_alt_text,
    format_steps,
    goes_on,
    is_under_way,
)
from bot.ui.render.markdown import format_code_block, format_quote
from bot.ui.render.parts import Element, Part, file_element, line_element, text_element
from bot.ui.render.payloads import Component
from bot.ui.render.places import PicturePlaces, describe_place, find_places, is_place_name, place_name
from bot.ui.render.results import private_run_may_outlive_token
from bot.visibility import Visibility

# The input image beside the prompt; no output file may have its name.
THUMBNAIL_NAME: Final = "input.webp"

# The id of the status in a message: it is corrected when a file is taken out of a finished result.
STATUS_ID: Final = 500

_REPLACED: Final = re.compile(r"[^A-Za-z0-9._-]+")  # Discord replaces these in file names
_SPOILER_PREFIX: Final = "SPOILER_"  # Discord hides files whose names start with it
_NAME_CHARS: Final = 80
_QUOTE_LINES: Final = 4
_QUOTE_CHARS: Final = 280
_REMARKS_SHOWN: Final = 3
# Characters of a message that are kept free for the status, remarks and file notes.
_CARD_RESERVE_CHARS: Final = 1200
_MESSAGE_RESERVE_CHARS: Final = 700
# Of these, what the lines about files that are not shown may take in any case.
_WITHHELD_CHARS: Final = 400

# Characters of the lines in an ordinary message about files that are not shown, of the 2,000 that Discord takes.
_ORDINARY_CHARS: Final = 1200

# Characters of a plain message; half of what Discord accepts, because some count twice there.
_PLAIN_CHARS: Final = 1900
_PLAIN_HEADING: Final = _("Something went wrong while I was building this message, so here is the plain result.")

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

# Where the input has to change, Edit comes before Again.
_CURED_BY_EDIT: Final = frozenset(
    code.value
    for code in (
        FailureCode.INVALID_INPUT,
        FailureCode.TOO_LARGE,
        FailureCode.MODERATION,
        FailureCode.OUT_OF_MEMORY,
        FailureCode.DOWNLOAD,
        FailureCode.DEADLINE,
        FailureCode.TIMEOUT,
        FailureCode.MODEL,
        FailureCode.OUTPUT_TOO_LARGE,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What the messages of one reply show differently.

    ``pending`` names files that are not uploaded yet, ``missing`` pictures of a chain's earlier steps, by upload name,
    that the card no longer has; ``withheld`` gives the reason by the name of each file that is
    not shown. ``omitted`` are the parts that are left out because Discord refused them; leaving one out moves nothing
    to another message. ``remarks`` are sentences about the message itself, as Markdown. ``show_refresh`` replaces Again
    and Edit by "Show the result"; ``offer_dm`` says that a private run may outlive its token, and offers to move it;
    ``mention_author`` puts the completion notice above the card. Text fills at most ``text_messages`` messages; the
    rest goes into a file. ``origin`` is the line, as Markdown, that says which run this one was started with, and
    ``offers`` are what can be done with the result; ``offers_try_on``: everybody can try it with their own picture.
    """

    pending: frozenset[str] = frozenset()
    withheld: Mapping[str, str] = field(default_factory=dict)
    omitted: frozenset[Element] = frozenset()
    remarks: tuple[str, ...] = ()
    show_refresh: bool = False
    offer_dm: bool = False
    mention_author: bool = False
    text_messages: int = TEXT_MESSAGES
    origin: str = ""
    offers: tuple[NextOffer, ...] = ()
    offers_try_on: bool = False
    missing: frozenset[str] = frozenset()

    def shows(self, part: Part) -> bool:
        """Return whether a part that a reply has once is not left out."""
        return Element(part) not in self.omitted

    def hides_file(self, name: str) -> bool:
        """Return whether an output file is not shown, now or at all."""
        return name in self.pending or name in self.withheld or file_element(name) in self.omitted


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One message: its components, the output files that it shows, and whether it shows the uploaded input image.

    ``files`` go by upload name; ``kept`` are the upload names of further attachments that Discord has already, and
    ``places`` those of the pictures that stand for what is still to come. Every attachment is shown by a component, so
    messages with equal components are equal.

    ``ordinary``: it is sent without components, with its texts as the content and its files as attachments, because
    Discord draws a player only for those.
    """

    components: list[Component]
    files: Mapping[str, FileItem]
    has_thumbnail: bool = False
    kept: tuple[str, ...] = ()
    places: Mapping[str, PicturePlaces] = field(default_factory=dict)
    ordinary: bool = False

    @property
    def content(self) -> str | None:
        """The content of an ordinary message, None of one with components."""
        return payloads.join_texts(self.components) if self.ordinary else None


DEFAULT_OPTIONS: Final = RenderOptions()


def render_run(
    snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS, header: "CardHeader | None" = None
) -> tuple[RenderedMessage, ...]:
    """Return the card and the further messages, each within Discord's limits.

    ``header`` is the result of ``CardHeader.render`` for the same run and options; passing it saves rendering it for
    every snapshot.
    """
    with use_language(snapshot.run.place.language):
        return _render_run(snapshot, options, header or CardHeader.render(snapshot, options))


def _render_run(snapshot: RunSnapshot, options: RenderOptions, header: "CardHeader") -> tuple[RenderedMessage, ...]:
    first_chars, chars = TEXT_CHARS - header.chars - _CARD_RESERVE_CHARS, TEXT_CHARS - _MESSAGE_RESERVE_CHARS
    items, audio = _split_audio(snapshot)
    chunks = paginate(
        (strings.escape_link_item(item) if isinstance(item, LinkItem) else item for item in items),
        first_chars=first_chars,
        chars=chars,
        files=ATTACHMENTS_PER_MESSAGE - header.reserves_thumbnail - len(earlier_pictures(snapshot.run)),
        text_messages=_text_messages(snapshot, options),
    )
    parts = _replace_remainder(chunks, snapshot)
    if snapshot.run.chain is not None and not snapshot.run.chain.is_last:
        parts = parts[:1]  # the result of a chain is that of its last step
    places = None if snapshot.final or not options.shows(Part.PLACES) else header.places
    outputs = [
        _render_output(
            items,
            snapshot,
            options,
            number=number,
            room=chars if number else first_chars,
            places=None if number else places,
        )
        for number, items in enumerate(parts)
    ]
    for start in range(0, len(audio), ATTACHMENTS_PER_MESSAGE):
        part = audio[start : start + ATTACHMENTS_PER_MESSAGE]
        rendered = _render_output(part, snapshot, options, number=len(outputs), room=_ORDINARY_CHARS)
        outputs.append(replace(rendered, ordinary=True))
    card = _render_card(snapshot, options, header, outputs[0])
    total = len(outputs) if snapshot.final else None
    for number, further in enumerate(outputs[1:], start=1):
        further.components.append(payloads.text(strings.format_message_number(number, total)))
    return (card, *outputs[1:])


def _split_audio(snapshot: RunSnapshot) -> tuple[Sequence[OutputItem], Sequence[FileItem]]:
    """Return the items for messages with components, and the audio files for the ordinary messages after those.

    Audio comes when everything else is there, so that no message changes its place. A step of a chain that goes on has
    only the card.
    """
    chain = snapshot.run.chain
    if chain is not None and not chain.is_last:
        return snapshot.items, ()
    audio = [item for item in snapshot.items if isinstance(item, FileItem) and item.is_audio]
    if not audio:
        return snapshot.items, ()
    others = [item for item in snapshot.items if not (isinstance(item, FileItem) and item.is_audio)]
    return others, audio if snapshot.final else ()


def _text_messages(snapshot: RunSnapshot, options: RenderOptions) -> int:
    """Return how many messages text may fill; more where the file with the rest cannot be attached."""
    is_withheld = remainder_name(snapshot.run.command) in options.withheld
    return TEXT_MESSAGES_MAX if is_withheld else options.text_messages


def _replace_remainder(chunks: Iterable[MessageChunk], snapshot: RunSnapshot) -> list[Sequence[OutputItem]]:
    """Return the items of each message, with a line for the remainder of the text and at the end its file as well.

    A remainder over the limit of files has several; all but the first follow behind everything else.
    """
    parts: list[Sequence[OutputItem]] = []
    further: tuple[FileItem, ...] = ()
    for chunk in chunks:
        items: list[OutputItem] = []
        for item in chunk.items:
            if not isinstance(item, RemainderItem):
                items.append(item)
                continue
            size = len(item.text.encode("utf-8", "replace"))
            items.append(TextItem(strings.format_remainder(size, is_attached=snapshot.final)))
            if snapshot.final:
                first, *rest = remainder_files(item, snapshot.run.command, snapshot.run.place.file_limit)
                items.append(first)
                further = tuple(rest)
        parts.append(items)
    starts = range(0, len(further), ATTACHMENTS_PER_MESSAGE)
    return [*parts, *(further[start : start + ATTACHMENTS_PER_MESSAGE] for start in starts)]


def render_plain(snapshot: RunSnapshot, options: RenderOptions) -> tuple[RenderedMessage, ...]:
    """Return a run's output without any decoration, for when :func:`render_run` raises.

    Uses as little of the other rendering code as possible, so that it works when that does not. The last line of a
    further message is its number. Text that needs more messages than it may fill goes into a file.
    """
    files = [item for item in snapshot.items if isinstance(item, FileItem)]
    with use_language(snapshot.run.place.language):
        texts, rest = _plain_texts(snapshot, options)
    if rest and snapshot.final:
        files += remainder_files(RemainderItem(rest), snapshot.run.command, snapshot.run.place.file_limit)
    files = [item for item in files if not options.hides_file(item.name)]
    count = max(1, len(texts), -(-len(files) // ATTACHMENTS_PER_MESSAGE))
    messages = []
    for number in range(count):
        own = files[number * ATTACHMENTS_PER_MESSAGE : (number + 1) * ATTACHMENTS_PER_MESSAGE]
        attached = {upload_name(file.name): file for file in own}
        shows_text = number < len(texts) and text_element(number) not in options.omitted
        components = [payloads.text(texts[number])] if shows_text else []
        spoiler = snapshot.run.visibility is Visibility.SPOILER
        components += [payloads.file(f"attachment://{name}", spoiler=spoiler) for name in attached]
        if number > 0:
            components.append(payloads.text(f"-# {number + 1}/{count}"))
        elif options.show_refresh and options.shows(Part.BUTTONS):
            components.append(run_button_row(snapshot.run.id, Action.REFRESH))
        elif not components:
            components.append(payloads.separator())
        messages.append(RenderedMessage(components, attached))
    return tuple(messages)


def upload_name(name: str) -> str:
    """Return the name under which a file is uploaded: one that Discord keeps as it is, and that runs nothing.

    The same name always gives the same result, and different names different ones.
    """
    safe = _REPLACED.sub("_", safe_file_name(name)).lstrip("._-")
    unchanged = safe == name and len(safe) <= _NAME_CHARS and safe != THUMBNAIL_NAME and not is_place_name(safe)
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
    """The part of a card that does not change while the run is active.

    ``texts`` stand beside ``thumbnail``, if there is one. ``chars`` counts its UTF-16 units, and
    ``reserves_thumbnail`` says whether an uploaded input image takes the place of an output; both of the complete
    header, whatever is left out of it. ``places`` are those of the pictures that are still to come.
    """

    texts: tuple[Component, ...]
    thumbnail: Component | None
    summary: str
    chars: int
    has_thumbnail: bool
    reserves_thumbnail: bool
    places: PicturePlaces | None
    text_grows: bool

    @classmethod
    def render(cls, snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS) -> "CardHeader":
        """Return the header in the language of its card."""
        with use_language(snapshot.run.place.language):
            return cls._render(snapshot, options)

    @classmethod
    def _render(cls, snapshot: RunSnapshot, options: RenderOptions) -> "CardHeader":
        run = snapshot.run
        line, summary = _format_header(run), strings.format_summary(run)
        prompt = run.prompt if run.chain is None else run.chain.prompt
        quote = format_quote(prompt or "", lines=_QUOTE_LINES, chars=_QUOTE_CHARS)
        is_later_step = run.chain is not None and bool(run.chain.earlier)  # it comes from the card that it is on
        origin = "" if is_later_step else options.origin
        chars = utf16_length("".join((line, origin, quote, summary)))
        if options.omitted:
            shows = options.shows
            line = _format_header(run, author=shows(Part.AUTHOR), model=shows(Part.MODEL))
            quote = quote if shows(Part.PROMPT) else ""
            summary = summary if shows(Part.SUMMARY) else ""
        if origin and options.shows(Part.AUTHOR):
            line = f"{line}\n-# {origin}"
        texts = tuple(payloads.text(text) for text in (line, quote) if text)
        thumbnail = None
        uploaded = uploaded_thumbnail(snapshot) is not None
        url = f"attachment://{THUMBNAIL_NAME}" if uploaded else _linked_thumbnail(snapshot.thumbnail)
        if not options.shows(Part.THUMBNAIL):
            url = None
        if url is not None:
            alt_text = retranslate(strings.THUMBNAIL_ALT_TEXT) if options.shows(Part.ALT_TEXTS) else None
            thumbnail = payloads.thumbnail(url, alt_text, spoiler=run.visibility is Visibility.SPOILER)
        places = None if is_later_step else find_places(run, snapshot.thumbnail)
        if places is not None and uploaded:
            places = replace(places, count=min(places.count, ATTACHMENTS_PER_MESSAGE - 1))
        return cls(
            texts=texts,
            thumbnail=thumbnail,
            summary=summary,
            chars=chars,
            has_thumbnail=uploaded and url is not None,
            reserves_thumbnail=uploaded,
            places=places,
            text_grows=stream_kind(run.output_schema) is StreamKind.TEXT,
        )

    def beside(self, status_text: str) -> list[Component]:
        """Return the header with the status as its last line: it stands beside the thumbnail, too."""
        shown = payloads.text(status_text, id_=STATUS_ID) if status_text else None
        texts = [*self.texts, *([shown] if shown else [])]
        return texts if self.thumbnail is None else [payloads.section(texts, self.thumbnail)]


def _linked_thumbnail(thumbnail: Media | str | None) -> str | None:
    # Everybody who sees a card can read the addresses in it.
    if not isinstance(thumbnail, str) or len(thumbnail) > URL_CHARS or is_private_url(thumbnail):
        return None
    return thumbnail if thumbnail.startswith(("https://", "http://")) else None


def _render_card(
    snapshot: RunSnapshot, options: RenderOptions, header: CardHeader, output: RenderedMessage
) -> RenderedMessage:
    progress, shows = snapshot.progress, options.shows
    shown = snapshot if shows(Part.REASON) else without_reason(snapshot)
    warnings = [strings.explain_warning(snapshot.run, progress.warning)] if progress.warning else []
    if options.offer_dm and not snapshot.final:
        warnings.append(private_run_may_outlive_token())
    own = [one for one in options.remarks if not (snapshot.final and _is_passing(one))]
    remarks = (*own[-_REMARKS_SHOWN:], *warnings) if shows(Part.REMARKS) else ()
    small = [f"-# {retranslate(remark)}" for remark in remarks]
    counts = status.count_outputs(snapshot, options.withheld) if snapshot.final else None
    makes_pictures = header.places is not None
    status_text = (
        _status_text(shown, counts, makes_pictures=makes_pictures) if shows(Part.STATUS) else _steps_alone(shown)
    )
    kept: tuple[str, ...] = ()
    if snapshot.run.chain is not None:
        pictures = tuple(name for name in earlier_pictures(snapshot.run) if name not in options.missing)
        # The newest picture is the large one; those before it are small below it, so that nothing above it moves.
        newest = pictures[-1:] if not output.files else ()
        beside = pictures[: len(pictures) - len(newest)] if shows(Part.THUMBNAIL) else ()
        kept = (*beside, *newest)
        large = [_large_picture(newest[0], snapshot.run, snapshot.run.chain)] if newest else []
        earlier = _small_pictures(beside, snapshot.run, snapshot.run.chain)
        output = replace(output, components=[*large, *output.components, *earlier])
    components = header.beside(status_text)
    if header.summary or small:
        components.append(payloads.text("\n".join(line for line in (header.summary, *small) if line)))
    buttons = [_buttons(snapshot, options)] if shows(Part.BUTTONS) else []
    if header.text_grows:
        components += buttons  # below it, they would move with every line
    if output.components:
        components += [payloads.separator(), *output.components]
    if not header.text_grows:
        components += buttons
    if buttons and snapshot.final and not goes_on(snapshot) and options.offers and shows(Part.NEXT):
        components.append(next_select_row(snapshot.run.id, options.offers))
    mentions = options.mention_author and shows(Part.STATUS)
    notice = [payloads.text(status.format_completion_notice(shown, counts))] if mentions else []
    tone = tone_of(progress.phase, counts)
    if is_under_way(snapshot) and (goes_on(snapshot) or tone is Tone.NEUTRAL):
        tone = Tone.INFO  # the colour does not change with every step
    card = payloads.container(components or [payloads.separator()], tone.value)
    return RenderedMessage([*notice, card], output.files, header.has_thumbnail, kept, output.places)


def render_stored_status(run: Run, counts: status.ResultCounts, *, shown: str) -> str:
    """Return the status of a delivered result as it is now; ``shown`` is what its card says.

    A reason that was left out of the card because Discord refused it stays out.
    """
    snapshot = RunSnapshot(run=run, progress=Progress(phase=FINAL_PHASES[run.state]), final=True)
    with use_language(run.place.language):
        if status.format_reason(run) not in shown:
            snapshot = without_reason(snapshot)
        return _status_text(snapshot, counts)


def _status_text(snapshot: RunSnapshot, counts: status.ResultCounts | None, *, makes_pictures: bool = False) -> str:
    """Return the lines of the status: how the run is doing, in a chain each step, and the times."""
    line = status.format_status(snapshot, counts, shows_bar=makes_pictures)
    times = status.format_times(snapshot, makes_pictures=makes_pictures)
    chain = snapshot.run.chain
    lines = (line,) if chain is None else format_steps(snapshot, chain, line)
    return "\n".join([*lines, *([f"-# {times}"] if times else [])])


def _steps_alone(snapshot: RunSnapshot) -> str:
    """Return the steps of a chain without the status of the current one; "" of any other run."""
    return "" if snapshot.run.chain is None else "\n".join(format_steps(snapshot, snapshot.run.chain, ""))


def _is_passing(remark: str) -> bool:
    """Return whether a remark is about a run in progress: on a finished card it would be wrong."""
    return remark in (strings.NO_REACTION, strings.TOKEN_EXPIRY, strings.NO_ACCESS)


def tone_of(phase: Phase, counts: status.ResultCounts | None) -> Tone:
    """Return the colour of a card: that of its state, or a warning if people do not see all that there should be."""
    if phase is Phase.SUCCEEDED and counts is not None and not counts.is_complete:
        return Tone.WARNING
    return _TONES[phase]


def earlier_pictures(run: Run) -> Mapping[str, int]:
    """Return the pictures that the earlier steps of a chain put on its card: upload name → number of the step."""
    earlier = run.chain.earlier if run.chain is not None else ()
    return {upload_name(step.picture): number for number, step in enumerate(earlier, start=1) if step.picture}


def earlier_attachments(run: Run) -> Mapping[str, int]:
    """Return the attachments of these pictures, as far as they are known: upload name → id."""
    earlier = run.chain.earlier if run.chain is not None else ()
    return {upload_name(step.picture): step.attachment_id for step in earlier if step.attachment_id is not None}


def _small_pictures(names: Sequence[str], run: Run, chain: RunChain) -> Iterator[Component]:
    """Yield the pictures of earlier steps, each beside what made it."""
    numbers, spoiler = earlier_pictures(run), run.visibility is Visibility.SPOILER
    for name in names:
        label = format_step_alt_text(numbers[name], chain.steps[numbers[name] - 1].command)
        picture = payloads.thumbnail(f"attachment://{name}", label, spoiler=spoiler)
        yield payloads.section([payloads.text(format_picture_label(numbers[name], chain))], picture)


def _large_picture(name: str, run: Run, chain: RunChain) -> Component:
    """Return the picture of the step before, while there is no newer one."""
    alt_text = format_step_alt_text(chain.number - 1, chain.steps[chain.number - 2].command)
    return payloads.gallery([(f"attachment://{name}", alt_text)], spoiler=run.visibility is Visibility.SPOILER)


def _format_header(run: Run, *, author: bool = True, model: bool = True) -> str:
    if run.chain is not None:
        return format_chain_header(run, run.chain, author=author)
    return strings.format_run_header(run, author=author, model=model)


def without_reason(snapshot: RunSnapshot) -> RunSnapshot:
    """Return the snapshot without what the model, Replicate or somebody else wrote about the end of its run."""
    return replace(snapshot, run=replace(snapshot.run, failure=None, cancel_requested_by=None))


def _buttons(snapshot: RunSnapshot, options: RenderOptions) -> Component:
    """Return the row of buttons. Under a press of Cancel that comes too late is Edit, which starts nothing."""
    run, phase = snapshot.run, snapshot.progress.phase
    offered = (Action.MOVE_TO_DM,) if options.offer_dm and not snapshot.final else ()
    if options.show_refresh:
        return run_button_row(run.id, Action.CANCEL, Action.REFRESH, *offered, Action.DETAILS)
    if snapshot.final and (run.cause in _CURED_BY_EDIT or not goes_on(snapshot)):
        try_on = (Action.TRY_ON,) if options.offers_try_on and phase is Phase.SUCCEEDED else ()
        primary = Action.EDIT if run.cause in _CURED_BY_EDIT else Action.AGAIN
        order = (Action.EDIT, Action.DETAILS, *try_on, Action.AGAIN, Action.MORE)
        return run_button_row(run.id, *order, primary=primary)
    is_last = run.chain is None or run.chain.is_last  # else there is a next step that need not begin
    cancelable = phase is not Phase.CANCELING and not (is_last and (phase is Phase.DELIVERING or run.state.terminal))
    disabled = frozenset() if cancelable else frozenset({Action.CANCEL})
    return run_button_row(run.id, Action.CANCEL, Action.DETAILS, *offered, disabled=disabled)


def _render_output(
    items: Sequence[OutputItem],
    snapshot: RunSnapshot,
    options: RenderOptions,
    *,
    number: int,
    room: int,
    places: PicturePlaces | None = None,
) -> RenderedMessage:
    """Return message ``number`` with ``items`` in their order; they were given ``room`` characters.

    Pictures go into ``places``, and what is still to come has a place that is free.
    """
    shown = [item for item in items if not isinstance(item, FileItem) or not options.hides_file(item.name)]
    files = {upload_name(item.name): item for item in shown if isinstance(item, FileItem)}
    urls = {item.name: f"attachment://{name}" for name, item in files.items()}
    alt_texts = _alt_texts(snapshot, options) if files else {}
    components: list[Component] = []
    spoiler = snapshot.run.visibility is Visibility.SPOILER
    free: Sequence[int] = ()
    if places is not None:
        numbered, free = _fill_places(places, [item for item in shown if isinstance(item, FileItem)])
        media = [
            (urls[item.name], alt_texts.get(item.name))
            if isinstance(item := numbered.get(number), FileItem)
            else (f"attachment://{place_name(number)}", _place_alt_text(number, places, options))
            for number in sorted({*numbered, *free})
        ]
        starts = range(0, len(media), GALLERY_ITEMS)
        components += [payloads.gallery(media[at : at + GALLERY_ITEMS], spoiler=spoiler) for at in starts]
        shown = [item for item in shown if item not in numbered.values()]
    for shape, group in groupby(shown, key=_shape):
        match shape:
            case "gallery":
                media = [(urls[item.name], alt_texts.get(item.name)) for item in group if isinstance(item, FileItem)]
                starts = range(0, len(media), GALLERY_ITEMS)
                components += [payloads.gallery(media[at : at + GALLERY_ITEMS], spoiler=spoiler) for at in starts]
            case "file":
                components += [
                    payloads.file(urls[item.name], spoiler=spoiler) for item in group if isinstance(item, FileItem)
                ]
            case _:
                text = _join_texts(list(group), snapshot, options, number)
                components += [payloads.text(replace_surrogates(text))] if text else []
    notes = strings.format_file_notes(list(files.values())) if options.shows(Part.FILE_NOTES) else ""
    lines = [line for line in (_withheld_lines(items, snapshot, options, room), notes) if line]
    if lines:
        components.append(payloads.text("\n".join(lines)))
    return RenderedMessage(components, files, places={place_name(number): places for number in free} if places else {})


def _fill_places(places: PicturePlaces, files: Sequence[FileItem]) -> tuple[dict[int, FileItem], Sequence[int]]:
    """Return the pictures by the place that each has, and the places that are free.

    A picture has the place of its number; one without, or whose place is taken, the next free one. A file that is no
    picture takes up a place as well, for as many come as there are places.
    """
    taken: dict[int, FileItem] = {}
    for file in sorted(files, key=lambda file: file.number == 0):
        number = file.number
        if number == 0 or number in taken or number > places.count:
            number = next(one for one in range(1, len(files) + places.count + 1) if one not in taken)
        taken[number] = file
    free = [number for number in range(1, places.count + 1) if number not in taken]
    return {number: file for number, file in taken.items() if file.fits_gallery}, free


def _place_alt_text(number: int, places: PicturePlaces, options: RenderOptions) -> str | None:
    return describe_place(number, places.count) if options.shows(Part.ALT_TEXTS) else None


def _alt_texts(snapshot: RunSnapshot, options: RenderOptions) -> Mapping[str, str]:
    if not options.shows(Part.ALT_TEXTS):
        return {}
    return strings.build_alt_texts(snapshot, prompt=options.shows(Part.PROMPT))


def _join_texts(items: Sequence[OutputItem], snapshot: RunSnapshot, options: RenderOptions, number: int) -> str:
    """Return texts and links in a row; one line instead of the texts that Discord refused."""
    lines: list[str] = []
    for item in items:
        if isinstance(item, TextItem) and text_element(number) in options.omitted:
            line = strings.format_text_left_out(_view_id(snapshot, options))
            lines += [] if line in lines else [line]
        elif isinstance(item, LinkItem) and not options.shows(Part.LINKS):
            lines.append(strings.format_link_item(replace(item, label=_("file"), url="")))
        elif isinstance(item, TextItem) and any(one.part is Part.LINE for one in options.omitted):
            lines.append(_leave_out_lines(_text(item), options))
        else:
            lines.append(_text(item))
    return "\n".join(line for line in lines if line.strip())


def _leave_out_lines(text: str, options: RenderOptions) -> str:
    lines = text.split("\n")
    return "\n".join(strings.LINE_LEFT_OUT if line_element(line) in options.omitted else line for line in lines)


def _withheld_lines(items: Sequence[OutputItem], snapshot: RunSnapshot, options: RenderOptions, room: int) -> str:
    """Return the lines that stand in for files, with links to them as far as there is room beside the texts."""
    if not options.withheld:
        return ""
    missing = [(item, options.withheld[item.name]) for item in items if _is_withheld(item, options)]
    used = sum(utf16_length(_text(item)) for item in items)
    return strings.format_withheld(
        missing,
        prediction_id=_view_id(snapshot, options),
        links=options.shows(Part.LINKS),
        chars=max(0, room - used) + _WITHHELD_CHARS,
    )


def _is_withheld(item: OutputItem, options: RenderOptions) -> TypeGuard[FileItem]:
    return isinstance(item, FileItem) and item.name in options.withheld


def _view_id(snapshot: RunSnapshot, options: RenderOptions) -> str | None:
    """Return the id of the prediction, if the message may link to it."""
    return strings.linked_prediction(snapshot.run) if options.shows(Part.LINKS) else None


def _shape(item: OutputItem) -> str:
    if isinstance(item, FileItem):
        return "gallery" if item.fits_gallery else "file"
    return "text"


def _text(item: OutputItem) -> str:
    match item:
        case LinkItem():
            return strings.format_link_item(item)
        case TextItem(text, language):
            return text if language is None else format_code_block(text, language)
        case _:
            return ""


def _plain_texts(snapshot: RunSnapshot, options: RenderOptions) -> tuple[list[str], str]:
    """Return the texts of the plain messages, a heading, links and the output, and what has no space in them."""
    lines = [retranslate(line) for line in (_PLAIN_HEADING, *options.remarks, *options.withheld.values())]
    for item in snapshot.items:
        match item:
            case LinkItem() if item.url and options.shows(Part.LINKS):
                lines.append(f"{item.label}: <{item.url}>")
            case FileItem() if item.url and item.name in options.withheld and options.shows(Part.LINKS):
                lines.append(f"{item.name}: <{item.url}>")
            case LinkItem():
                lines.append(f"{item.label}: {item.reason}")
            case TextItem():
                lines.append(item.text)
            case _:
                pass
    text = "\n".join(lines)
    end = _PLAIN_CHARS * _text_messages(snapshot, options)
    chunks = (text[start : start + _PLAIN_CHARS].strip() for start in range(0, min(end, len(text)), _PLAIN_CHARS))
    return [chunk for chunk in chunks if chunk], text[end:].strip()
