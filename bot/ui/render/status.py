"""The status line of a run's card, and the notice that its author gets: how it is doing, and what came of it. Pure.

A result that lacks something says so: how many of how many there are, and why. What is counted can be counted again
from the database when a file is taken out of a result later.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from bot.formatting import format_duration, format_ordinal, join_facts
from bot.language import _, ngettext, retranslate
from bot.limits import GALLERY_MIME_TYPES
from bot.media.types import MediaKind
from bot.outputs.items import FileItem, LinkItem
from bot.outputs.output_schema import lists_files
from bot.outputs.parse import RawFile, parse_output
from bot.runs import is_served
from bot.runs.outcome import FailureCode
from bot.runs.snapshot import Phase, Progress, RunSnapshot
from bot.store.models import Run, RunOutput, RunState
from bot.ui.render.markdown import escape, format_name, format_progress_bar, format_timestamp, one_line
from bot.ui.render.money import format_expectation
from bot.ui.render.service_words import service_words
from bot.ui.render.strings import explain_failure

_REASON_CHARS: Final = 200
_NOTICE_REASON_CHARS: Final = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultCounts:
    """How many output files a result should have (``total``), and how many its messages show.

    ``filtered`` were held back by the model's own safety filter, and people took ``removed`` out of the result. What
    else is not shown was refused by Discord, is too large, could not be downloaded, or may not be seen here: beside the
    output stands why. ``is_empty``: the model returned nothing at all, no text either.
    """

    kind: MediaKind = MediaKind.OTHER
    total: int = 0
    shown: int = 0
    filtered: int = 0
    removed: int = 0
    unshown: int = 0
    is_empty: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether people see all that there should be."""
        return self.shown >= self.total


def count_outputs(snapshot: RunSnapshot, withheld: Collection[str] = ()) -> ResultCounts:
    """Return what a result has; ``withheld`` are the names of the files that no message shows."""
    run = snapshot.run
    files = [item for item in snapshot.items if isinstance(item, FileItem)]
    links = sum(isinstance(item, LinkItem) for item in snapshot.items)
    shown = sum(file.name not in withheld for file in files)
    made = len(files) + links
    total = _expected_total(run, made)
    return ResultCounts(
        kind=_common_kind([file.type.kind for file in files] if files else [MediaKind.OTHER] * links),
        total=total,
        shown=shown,
        filtered=_count_filtered(run, total - made),
        unshown=made - shown,
        is_empty=not snapshot.items,
    )


def count_stored(run: Run, outputs: Sequence[RunOutput]) -> ResultCounts:
    """Return what a delivered result has, by the rows of what was delivered of it.

    A file that somebody asked to remove is no longer shown: the row comes before the message.
    """
    is_gone = [output.remove_requested_at is not None or output.removed_at is not None for output in outputs]
    raw = parse_output(run.output, run.output_schema)
    made = max(len(outputs), sum(isinstance(one, RawFile) for one in raw))
    total = _expected_total(run, made)
    return ResultCounts(
        kind=_common_kind([_kind_of(output) for output in outputs]),
        total=total,
        shown=len(outputs) - sum(is_gone),
        filtered=_count_filtered(run, total - made),
        removed=sum(is_gone),
        unshown=made - len(outputs),
        is_empty=not raw and not outputs,
    )


def _expected_total(run: Run, made: int) -> int:
    """Return how many files there should be: as many as were asked for, where the model returns a list of them."""
    is_counted = run.expected is not None and run.state is RunState.SUCCEEDED and lists_files(run.output_schema)
    return max(made, run.expected or 0) if is_counted and made else made


def _count_filtered(run: Run, missing: int) -> int:
    return max(missing, 0) if run.cause == FailureCode.FILTERED.value else 0


def _common_kind(kinds: Sequence[MediaKind]) -> MediaKind:
    """Return what all files are; OTHER if they differ."""
    return kinds[0] if kinds and len(set(kinds)) == 1 else MediaKind.OTHER


def _kind_of(output: RunOutput) -> MediaKind:
    if output.is_image:
        return MediaKind.IMAGE
    if output.mime in GALLERY_MIME_TYPES:
        return MediaKind.VIDEO
    return MediaKind.AUDIO if output.mime.startswith("audio/") else MediaKind.OTHER


# The status line


def format_status(snapshot: RunSnapshot, counts: ResultCounts | None = None, *, shows_bar: bool = False) -> str:
    """Return the one line that says how the run is doing; ``counts`` is what people see of its result.

    ``shows_bar``: its progress is shown while it is active, from the beginning, so that the line is always as long.
    """
    run, progress = snapshot.run, snapshot.progress
    if (format_ended := _ENDED.get(progress.phase)) is not None:
        return format_ended(run, counts or count_outputs(snapshot))
    done = max(progress.done, sum(isinstance(item, FileItem) for item in snapshot.items)) if progress.total else 0
    status = _format_active(snapshot, done)
    if progress.phase is Phase.RECONCILING:
        return status
    fraction = 1.0 if progress.phase is Phase.DELIVERING else _total_fraction(progress, done)
    return join_facts(status, format_progress_bar(fraction or 0.0) if shows_bar or fraction is not None else "")


def _format_active(snapshot: RunSnapshot, done: int) -> str:
    run, progress = snapshot.run, snapshot.progress
    match progress.phase:
        case Phase.CANCELING:
            canceler = _format_canceler(run)
            return _("**Stopping** at {person}'s request").format(person=canceler) if canceler else _("**Stopping**")
        case Phase.QUEUED:
            return join_facts(_("**Queued**"), _format_position(progress))
        case Phase.RUNNING:
            return f"**{_running_title(snapshot, done)}**"
        case Phase.RECONCILING if progress.until is not None:
            return retranslate(service_words(run).looked_for).format(time=format_timestamp(progress.until, "T"))
        case _:
            return retranslate(service_words(run).statuses[progress.phase])


def format_times(snapshot: RunSnapshot, *, makes_pictures: bool = False) -> str:
    """Return the line below: while the run is active its age, which Discord counts up by itself, then how long it took.

    It has its own line, so that the one above never wraps because of it. What is expected of a run that makes pictures
    stays until they are there; text is there soon after the start.
    """
    run, phase = snapshot.run, snapshot.progress.phase
    if phase not in _ENDED:
        requested = _("requested {when}").format(when=format_timestamp(run.asked_at))
        is_ahead = phase in _WAITING or (makes_pictures and phase is Phase.RUNNING)
        is_cold = run.usual_seconds is None and not is_served(run.target)
        is_slow = is_cold and (makes_pictures or phase is Phase.STARTING)
        hint = _("can take a minute or two") if is_ahead and is_slow else ""
        return join_facts(requested, hint, format_expectation(run) if is_ahead else "")
    if phase is Phase.SUCCEEDED and run.ended_at is not None:
        return _("took {time}").format(time=format_duration(run.ended_at - run.asked_at))
    return ""


def _format_position(progress: Progress) -> str:
    if progress.own_position:
        return _("{place} in line behind your other runs").format(place=format_ordinal(progress.own_position))
    if progress.queue_position:
        return _("{place} in line").format(place=format_ordinal(progress.queue_position))
    return ""


def _running_title(snapshot: RunSnapshot, done: int) -> str:
    """Return which output is being made, after ``done``; one that is not known to come is not announced."""
    total = snapshot.progress.total
    if total is None or total < 2:
        return _("Running")
    kinds = [item.type.kind for item in snapshot.items if isinstance(item, FileItem)]
    # Lists of files are nearly always images.
    kind = _common_kind(kinds) if kinds else MediaKind.IMAGE if lists_files(snapshot.run.output_schema) else None
    title = _TITLES.get(kind, _TITLES[MediaKind.OTHER])()
    return title.format(number=min(done + 1, total), total=total)


_TITLES: Final[Mapping[MediaKind | None, Callable[[], str]]] = {
    MediaKind.IMAGE: lambda: _("Image {number} of {total}"),
    MediaKind.VIDEO: lambda: _("Video {number} of {total}"),
    MediaKind.AUDIO: lambda: _("Audio file {number} of {total}"),
    MediaKind.OTHER: lambda: _("File {number} of {total}"),
    None: lambda: _("Output {number} of {total}"),
}


def _total_fraction(progress: Progress, done: int) -> float | None:
    """Return the progress of the whole run (0 to 1), from the model's steps and the number of outputs."""
    if progress.fraction is not None:
        return progress.fraction
    current = progress.step / progress.steps if progress.step is not None and progress.steps else None
    if not progress.total:
        return current
    return (done + (current or 0.0)) / progress.total if current is not None or progress.total > 1 else None


# How it ended


def _format_succeeded(_run: Run, counts: ResultCounts) -> str:
    result = _("the model returned nothing") if counts.is_empty else _format_shown(counts) if counts.total else ""
    return join_facts(_("**Done**"), result, *_format_missing(counts))


def _format_failed(run: Run, counts: ResultCounts) -> str:
    reason = format_reason(run) or retranslate(service_words(run).failures[FailureCode.NO_REASON])
    return join_facts(_("**Failed:** {reason}").format(reason=reason), *_format_kept(run, counts))


def _format_canceled(run: Run, counts: ResultCounts) -> str:
    canceler, reason = _format_canceler(run), format_reason(run)
    if canceler:
        stopped = _("**Stopped** by {person}").format(person=canceler)
    else:
        stopped = _("**Stopped:** {reason}").format(reason=reason) if reason else _("**Stopped**")
    never_sent = run.sent_at is None and run.prediction_id is None
    unbilled = retranslate(service_words(run).never_sent) if never_sent else ""
    return join_facts(stopped, *_format_kept(run, counts), unbilled)


def _format_aborted(run: Run, counts: ResultCounts) -> str:
    reason = format_reason(run) or retranslate(service_words(run).aborted)
    return join_facts(_("**Ended early:** {reason}").format(reason=reason), *_format_kept(run, counts))


_WAITING: Final = frozenset({Phase.QUEUED, Phase.SENDING, Phase.STARTING})
_ENDED: Final[Mapping[Phase, Callable[[Run, ResultCounts], str]]] = {
    Phase.SUCCEEDED: _format_succeeded,
    Phase.FAILED: _format_failed,
    Phase.CANCELED: _format_canceled,
    Phase.ABORTED: _format_aborted,
}


def _format_shown(counts: ResultCounts) -> str:
    """Return "4 images", or "3 of 4 images" if some are missing."""
    if counts.is_complete:
        return format_files(counts.shown, counts.kind)
    return _format_some(counts.shown, counts.total, counts.kind)


def format_files(count: int, kind: MediaKind) -> str:
    """Return how many files of a kind there are: "2 images"."""
    match kind:
        case MediaKind.IMAGE:
            return ngettext("{count} image", "{count} images", count).format(count=count)
        case MediaKind.VIDEO:
            return ngettext("{count} video", "{count} videos", count).format(count=count)
        case MediaKind.AUDIO:
            return ngettext("{count} audio file", "{count} audio files", count).format(count=count)
        case _:
            return ngettext("{count} file", "{count} files", count).format(count=count)


def _format_some(count: int, total: int, kind: MediaKind) -> str:
    match kind:
        case MediaKind.IMAGE:
            phrase = ngettext("{count} of {total} image", "{count} of {total} images", total)
        case MediaKind.VIDEO:
            phrase = ngettext("{count} of {total} video", "{count} of {total} videos", total)
        case MediaKind.AUDIO:
            phrase = ngettext("{count} of {total} audio file", "{count} of {total} audio files", total)
        case _:
            phrase = ngettext("{count} of {total} file", "{count} of {total} files", total)
    return phrase.format(count=count, total=total)


def _format_missing(counts: ResultCounts) -> list[str]:
    """Return why files are missing, each reason as a fact of the line."""
    facts = []
    if counts.filtered:
        facts.append(
            ngettext(
                "{count} was held back by the model's safety filter",
                "{count} were held back by the model's safety filter",
                counts.filtered,
            ).format(count=counts.filtered)
        )
    if counts.unshown:
        facts.append(
            ngettext("{count} couldn't be shown", "{count} couldn't be shown", counts.unshown).format(
                count=counts.unshown
            )
        )
    if counts.removed:
        facts.append(
            ngettext("{count} was removed", "{count} were removed", counts.removed).format(count=counts.removed)
        )
    return facts


def _format_kept(run: Run, counts: ResultCounts) -> list[str]:
    """Return what is left of the output of a run that did not succeed, as facts of the line."""
    if not counts.total:
        return []
    if run.expected is not None and 1 < run.expected >= counts.total:
        kept = _format_some(counts.shown, run.expected, counts.kind)
    else:
        kept = _format_shown(counts)
    return [_("{files} kept").format(files=kept), *_format_missing(counts)]


def _format_canceler(run: Run) -> str:
    """Return who stopped the run as a mention; runs of older versions only know a name. "" for the bot itself."""
    if run.canceled_by_id:
        return f"<@{run.canceled_by_id}>"
    name = (run.cancel_requested_by or "").removeprefix("@").strip()
    return format_name(f"@{name}") if name else ""


def format_reason(run: Run) -> str:
    """Return why a run failed or was stopped, as it stands in the status; "" if its row does not say."""
    return escape(one_line(explain_failure(run), _REASON_CHARS))


def run_duration(run: Run) -> timedelta | None:
    """Return how long the author waited, or None if the run has not ended."""
    return None if run.ended_at is None else run.ended_at - run.created_at


# The notice


def format_completion_notice(snapshot: RunSnapshot, counts: ResultCounts | None = None) -> str:
    """Return the short message that mentions the author when a long run ends."""
    run, counts = snapshot.run, counts or count_outputs(snapshot)
    person = f"<@{snapshot.run.author_id}>"
    took = "" if run.ended_at is None else format_duration(run.ended_at - run.asked_at)
    match snapshot.progress.phase:
        case Phase.SUCCEEDED if counts.total and not counts.is_complete:
            files = _format_shown(counts)
            ready = _("{person}, your run is done: {files}").format(person=person, files=files)
            return f"{join_facts(ready, *_format_missing(counts))}{_in_brackets(took)}"
        case Phase.SUCCEEDED:
            format_ready = _READY.get(counts.kind, _READY[MediaKind.OTHER])
            sentence = format_ready(counts.total) if counts.total else _("{person}, your result is ready")
            several = str(counts.total) if counts.total > 1 else ""
            return f"{sentence.format(person=person)}{_in_brackets(several, took)}"
        case Phase.CANCELED:
            return _("{person}, your run was stopped").format(person=person) + _in_brackets(took)
        case _:
            reason = escape(one_line(explain_failure(run), _NOTICE_REASON_CHARS))
            if not reason:
                return _("{person}, your run failed").format(person=person)
            return _("{person}, your run failed: {reason}").format(person=person, reason=reason)


_READY: Final[Mapping[MediaKind, Callable[[int], str]]] = {
    MediaKind.IMAGE: lambda count: ngettext("{person}, your image is ready", "{person}, your images are ready", count),
    MediaKind.VIDEO: lambda count: ngettext("{person}, your video is ready", "{person}, your videos are ready", count),
    MediaKind.AUDIO: lambda count: ngettext(
        "{person}, your audio file is ready", "{person}, your audio files are ready", count
    ),
    MediaKind.OTHER: lambda count: ngettext("{person}, your file is ready", "{person}, your files are ready", count),
}


def _in_brackets(*parts: str) -> str:
    inner = ", ".join(part for part in parts if part)
    return f" ({inner})" if inner else ""
