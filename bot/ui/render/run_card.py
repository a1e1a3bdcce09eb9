"""Render a run: its card, and further messages for output that does not fit into it. Pure.

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

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from bot.formatting import utf16_length
from bot.language import retranslate, use_language
from bot.limits import ATTACHMENTS_PER_MESSAGE, TEXT_CHARS, URL_CHARS
from bot.media.types import Media
from bot.outputs.parse import StreamKind, stream_kind
from bot.runs.snapshot import FINAL_PHASES, Phase, Progress, RunSnapshot
from bot.secrets import is_private_url
from bot.store.models import Run
from bot.ui.components import next_select_row
from bot.ui.render import payloads, status, strings
from bot.ui.render.cards import Tone
from bot.ui.render.chains import (
    add_earlier_pictures,
    earlier_pictures,
    format_steps,
    goes_on,
    is_under_way,
)
from bot.ui.render.markdown import format_quote
from bot.ui.render.payloads import Component
from bot.ui.render.places import PicturePlaces, find_places
from bot.ui.render.rendered_message import DEFAULT_OPTIONS, THUMBNAIL_NAME, Part, RenderedMessage, RenderOptions
from bot.ui.render.results import private_run_may_outlive_token
from bot.ui.render.run_buttons import run_buttons
from bot.ui.render.run_output import render_outputs
from bot.visibility import Visibility

# The id of the status in a message: it is corrected when a file is taken out of a finished result.
STATUS_ID: Final = 500

_QUOTE_LINES: Final = 4
_QUOTE_CHARS: Final = 280
_REMARKS_SHOWN: Final = 3
# Remarks about a run in progress: on a finished card they would be wrong.
_PASSING_REMARKS: Final = frozenset({strings.NO_REACTION, strings.TOKEN_EXPIRY, strings.NO_ACCESS})
# Characters of the card that are kept free for the status, remarks and file notes.
_RESERVE_CHARS: Final = 1200

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


def render_run(
    snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS, header: "CardHeader | None" = None
) -> tuple[RenderedMessage, ...]:
    """Return the card and the further messages, each within Discord's limits.

    ``header`` is the result of ``render_header`` for the same run and options; passing it saves rendering it for every
    snapshot.
    """
    with use_language(snapshot.run.place.language):
        header = header or render_header(snapshot, options)
        first, *further = render_outputs(
            snapshot,
            options,
            first_chars=TEXT_CHARS - header.chars - _RESERVE_CHARS,
            files=ATTACHMENTS_PER_MESSAGE - header.reserves_thumbnail - len(earlier_pictures(snapshot.run)),
            places=None if snapshot.final or not options.shows(Part.PLACES) else header.places,
        )
        card = _render_card(snapshot, options, header, first)
        total = 1 + len(further) if snapshot.final else None
        for number, message in enumerate(further, start=1):
            message.components.append(payloads.text(strings.format_message_number(number, total)))
        return (card, *further)


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

    def beside(self, status_text: str) -> list[Component]:
        """Return the header with the status as its last line: it stands beside the thumbnail, too."""
        shown = payloads.text(status_text, id_=STATUS_ID) if status_text else None
        texts = [*self.texts, *([shown] if shown else [])]
        return texts if self.thumbnail is None else [payloads.section(texts, self.thumbnail)]


def render_header(snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS) -> CardHeader:
    """Return the header in the language of its card."""
    with use_language(snapshot.run.place.language):
        run = snapshot.run
        line, summary = strings.format_run_header(run), strings.format_summary(run)
        prompt = run.prompt if run.chain is None else run.chain.prompt
        quote = format_quote(prompt or "", lines=_QUOTE_LINES, chars=_QUOTE_CHARS)
        is_later_step = run.chain is not None and bool(run.chain.earlier)  # it comes from the card that it is on
        origin = "" if is_later_step else options.origin
        chars = utf16_length("".join((line, origin, quote, summary)))
        if options.omitted:
            shows = options.shows
            line = strings.format_run_header(run, author=shows(Part.AUTHOR), model=shows(Part.MODEL))
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
        return CardHeader(
            texts=texts,
            thumbnail=thumbnail,
            summary=summary,
            chars=chars,
            has_thumbnail=uploaded and url is not None,
            reserves_thumbnail=uploaded,
            places=places,
            text_grows=stream_kind(run.output_schema) is StreamKind.TEXT,
        )


def uploaded_thumbnail(snapshot: RunSnapshot) -> Media | None:
    """Return the input image to upload beside the prompt; None without one, or if the outputs take every place."""
    full = snapshot.run.expected is not None and snapshot.run.expected >= ATTACHMENTS_PER_MESSAGE
    return snapshot.thumbnail if isinstance(snapshot.thumbnail, Media) and not full else None


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
    own = [one for one in options.remarks if not (snapshot.final and one in _PASSING_REMARKS)]
    remarks = (*own[-_REMARKS_SHOWN:], *warnings) if shows(Part.REMARKS) else ()
    small = [f"-# {retranslate(remark)}" for remark in remarks]
    counts = status.count_outputs(snapshot, options.withheld) if snapshot.final else None
    makes_pictures = header.places is not None
    status_text = (
        _status_text(shown, counts, makes_pictures=makes_pictures) if shows(Part.STATUS) else _steps_alone(shown)
    )
    output = add_earlier_pictures(output, snapshot.run, options)
    components = header.beside(status_text)
    if header.summary or small:
        components.append(payloads.text("\n".join(line for line in (header.summary, *small) if line)))
    buttons = [run_buttons(snapshot, options)] if shows(Part.BUTTONS) else []
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
    return replace(output, components=[*notice, card], has_thumbnail=header.has_thumbnail)


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


def tone_of(phase: Phase, counts: status.ResultCounts | None) -> Tone:
    """Return the colour of a card: that of its state, or a warning if people do not see all that there should be."""
    if phase is Phase.SUCCEEDED and counts is not None and not counts.is_complete:
        return Tone.WARNING
    return _TONES[phase]


def without_reason(snapshot: RunSnapshot) -> RunSnapshot:
    """Return the snapshot without what the model, Replicate or somebody else wrote about the end of its run."""
    return replace(snapshot, run=replace(snapshot.run, failure=None, cancel_requested_by=None))
