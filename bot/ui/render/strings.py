"""Every sentence that people read about runs, and what went wrong with them.

A sentence says what happened, then what the person can do. Text from people and models is escaped here.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from bot.formatting import (
    SEPARATOR,
    format_count,
    format_duration,
    format_ordinal,
    format_size,
    join_facts,
    spell_duration,
    utf16_length,
)
from bot.language import _
from bot.limits import GALLERY_DESCRIPTION_CHARS
from bot.media.types import MediaKind
from bot.outputs.items import FileItem, LinkItem, OutputItem
from bot.runs import OWN_MODEL, is_served
from bot.runs.engine import CancelResult
from bot.runs.outcome import FailureCode, failure_of, stored_sentence
from bot.runs.snapshot import Phase, Progress, RunSnapshot, WarningCode
from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.models import Run
from bot.ui.render.chains import explain_step_failure
from bot.ui.render.markdown import (
    escape,
    escape_url,
    format_link,
    format_name,
    format_progress_bar,
    format_timestamp,
    one_line,
)
from bot.ui.render.money import format_expectation
from bot.ui.render.server_words import explain_server_quota
from bot.ui.render.service_words import service_words

# Answers to commands and buttons
RESTARTING: Final = "The bot is restarting. Try again in a minute."
UNEXPECTED_ERROR: Final = "Something went wrong on my side. Try again in a moment."
DATABASE_UNAVAILABLE: Final = "I can't reach my database right now. Try again in a moment."
NOT_ALLOWED: Final = "You can't use that here."
RUN_DELETED: Final = "This run's data was deleted."
STARTING: Final = "Starting the run…"
NOTHING_NEWER: Final = "This run has finished, and its message already shows everything."
CANCEL_ANSWERS: Final[Mapping[CancelResult, str]] = {
    CancelResult.REQUESTED: "Stopping. You keep what's finished.",
    CancelResult.ALREADY_REQUESTED: "This run is already being stopped.",
    CancelResult.ALREADY_ENDED: "This run has already finished.",
    CancelResult.NOT_FOUND: "This run's data was deleted, so there is nothing to stop.",
}

THUMBNAIL_ALT_TEXT: Final = "Input image"

# Remarks on a card about the message itself
TOKEN_EXPIRY: Final = "I can only update this message for 15 minutes. When the run is done, press **Show the result**."  # noqa: S105  # a sentence
AUTOMOD_BLOCKED: Final = "This server's AutoMod blocked part of this message."
NO_REACTION: Final = "I don't have permission to add reactions here. Use the Cancel button to stop the run."
NO_ACCESS: Final = "I can't see this channel anymore, so the result may not appear here."
MESSAGE_REJECTED: Final = "Discord rejected part of this message, so it's left out."
LINE_LEFT_OUT: Final = "[…]"
TEXT_LEFT_OUT: Final = "This text isn't allowed here, so it's left out."
TOO_MANY_MESSAGES: Final = "The result is longer than Discord lets me send here."

# Why a file is not shown; each follows the file's name and a colon
FILES_FORBIDDEN: Final = "I don't have permission to attach files in this channel."
FILE_REJECTED: Final = "Discord rejected it."
FILE_MISSING: Final = "It's no longer available."

_REASON_CHARS: Final = 200
_NOTICE_REASON_CHARS: Final = 150
_NOTES_SHOWN: Final = 3
_GROUPS_SHOWN: Final = 2  # of files with the same remark, in one line
_WEB: Final = "https://replicate.com"
_WEB_SCHEMES: Final = ("https://", "http://")
_NOUNS: Final[Mapping[MediaKind, str]] = {
    MediaKind.IMAGE: "image",
    MediaKind.VIDEO: "video",
    MediaKind.AUDIO: "audio file",
}


def explain_quota(exceeded: QuotaExceeded) -> str:
    """Return which limit on runs a person has reached, and when they can start the next one."""
    if exceeded.in_server:
        return explain_server_quota(exceeded)
    if exceeded.kind is QuotaKind.ACTIVE:
        if exceeded.used <= 1:
            return "You already have a run in progress. Wait for it to finish, or stop it with ❌."
        return f"You already have {exceeded.used} runs in progress. Wait for one to finish, or stop one with ❌."
    if exceeded.retry_at is None:
        return "Runs are switched off here right now."
    limit = format_count(exceeded.limit, "run")
    next_run = f"<t:{math.ceil(exceeded.retry_at.timestamp())}:R>"
    return f"You've reached the limit of {limit} in 24 hours. You can start the next one {next_run}."


def explain_failure(run: Run) -> str:
    """Return why a run failed, "" if its row does not say.

    Rows of earlier versions hold the sentence itself, newer ones a code and its details.
    """
    sentence = stored_sentence(run)
    reason = None if sentence else failure_of(run)
    if reason is None:
        return sentence or ""
    if reason.fields:
        return f"The model doesn't accept this: {'; '.join(reason.fields)}. Change it and try again."
    if (sentence := explain_step_failure(reason)) is not None:
        return sentence
    words = service_words(run)
    if reason.message and reason.code in words.failures_with_message:
        return words.failures_with_message[reason.code].format(reason.message)
    if reason.deadline and reason.code in words.failures_with_deadline:
        return words.failures_with_deadline[reason.code].format(spell_duration(timedelta(seconds=reason.deadline)))
    return words.failures[reason.code]


def explain_warning(run: Run, warning: WarningCode) -> str:
    """Return what does not work at the moment."""
    return service_words(run).warnings[warning]


# Who, what and where


def format_run_header(run: Run, *, author: bool = True, model: bool = True) -> str:
    """Return the first line of a card: author, command and model."""
    name = format_name(run.author_name) if author else "Someone"
    command = f"/{escape(one_line(run.command, 32))}"
    return join_facts(
        f"**{name}**",
        command,
        model_link(run.target if is_served(run.target) else run.target.partition(":")[0]) if model else "",
    )


def format_summary(run: Run) -> str:
    """Return the small lines under the status: inputs that differ from the defaults, and what the bot changed."""
    lines = [one_line(run.summary, 300), *(one_line(note, 200) for note in run.notes[:_NOTES_SHOWN])]
    return "\n".join(f"-# {escape(line)}" for line in lines if line)


def model_link(target: str) -> str:
    """Return the name of a model or deployment as a link to its page on Replicate; one of our own has none."""
    if is_served(target) or target == OWN_MODEL:
        return OWN_MODEL
    return format_link(target.removeprefix("deployments/").partition(":")[0], model_url(target))


def model_url(target: str) -> str:
    """Return the page of a model, of one of its versions, or of a deployment."""
    model, _, version = target.removeprefix("deployments/").partition(":")
    page = f"{_WEB}/deployments/{model}" if target.startswith("deployments/") else f"{_WEB}/{model}"
    return f"{page}/versions/{version}" if version else page


def linked_prediction(run: Run) -> str | None:
    """Return the id of the prediction that ``prediction_url`` has a page for, None if there is none."""
    return None if is_served(run.target) else run.prediction_id


def prediction_url(prediction_id: str) -> str:
    """Return the page of a prediction; only the account that created it can open it."""
    return f"{_WEB}/p/{prediction_id}"


# The status line


def format_status(snapshot: RunSnapshot) -> str:
    """Return the one line that says how the run is doing.

    While it is active, the line ends with a timestamp that Discord counts up by itself, without an edit.
    """
    run, progress = snapshot.run, snapshot.progress
    if (format_ended := _ENDED_STATUSES.get(progress.phase)) is not None:
        return format_ended(snapshot)
    match progress.phase:
        case Phase.QUEUED:
            status = join_facts("**Queued**", _format_position(progress))
        case Phase.RUNNING:
            status = _format_running(snapshot)
        case Phase.CANCELING:
            canceler = _format_canceler(run)
            status = join_facts("**Stopping**", f"requested by {canceler}" if canceler else "")
        case _:
            status = service_words(run).statuses[progress.phase]
    expectation = format_expectation(run) if progress.phase in _WAITING else ""
    return join_facts(status, expectation, format_timestamp(progress.since))


def _format_position(progress: Progress) -> str:
    if progress.own_position:
        return _("{place} in line behind your other runs").format(place=format_ordinal(progress.own_position))
    return f"{format_ordinal(progress.queue_position)} in line" if progress.queue_position else ""


def format_completion_notice(snapshot: RunSnapshot) -> str:
    """Return the short message that mentions the author when a long run ends."""
    run, mention = snapshot.run, f"<@{snapshot.run.author_id}>"
    count, noun = count_files(snapshot.items)
    took = "" if run.ended_at is None else format_duration(run.ended_at - run.asked_at)
    match snapshot.progress.phase:
        case Phase.SUCCEEDED if count == 1:
            return f"{mention}, your {noun} is ready{_in_brackets(took)}"
        case Phase.SUCCEEDED if count:
            return f"{mention}, your {noun}s are ready{_in_brackets(str(count), took)}"
        case Phase.SUCCEEDED:
            return f"{mention}, your result is ready{_in_brackets(took)}"
        case Phase.CANCELED:
            return f"{mention}, your run was stopped{_in_brackets(took)}"
        case _:
            reason = escape(one_line(explain_failure(run), _NOTICE_REASON_CHARS))
            return f"{mention}, your run failed{f': {reason}' if reason else ''}"


def run_duration(run: Run) -> timedelta | None:
    """Return how long the author waited, or None if the run has not ended."""
    return None if run.ended_at is None else run.ended_at - run.created_at


def _format_running(snapshot: RunSnapshot) -> str:
    progress = snapshot.progress
    count, noun = count_files(snapshot.items)
    done = max(progress.done, count)
    steps = f"step {progress.step}/{progress.steps}" if progress.step is not None and progress.steps else ""
    fraction = _total_fraction(progress, done)
    progress_bar = format_progress_bar(fraction) if fraction is not None else ""
    name = noun if count else _expected_noun(snapshot.run)
    return join_facts(f"**{_running_title(progress, done, name.capitalize())}**", steps, progress_bar)


def _running_title(progress: Progress, done: int, name: str) -> str:
    """Return which output is being made; one that is not known to come is not announced."""
    if progress.total is not None and progress.total > 1:
        return f"{name} {min(done + 1, progress.total)} of {progress.total}"
    return "Running"


def _expected_noun(run: Run) -> str:
    """Return what an output is called before there is one: lists of files are nearly always images."""
    items = run.output_schema.get("items")
    return "image" if isinstance(items, Mapping) and items.get("format") == "uri" else "output"


def _total_fraction(progress: Progress, done: int) -> float | None:
    """Return the progress of the whole run (0 to 1), from the model's steps and the number of outputs."""
    if progress.fraction is not None:
        return progress.fraction
    current = progress.step / progress.steps if progress.step is not None and progress.steps else None
    if not progress.total:
        return current
    return (done + (current or 0.0)) / progress.total if current is not None or progress.total > 1 else None


def _format_succeeded(snapshot: RunSnapshot) -> str:
    count, noun = count_files(snapshot.items)
    result = format_count(count, noun) if count else "" if snapshot.items else "the model returned nothing"
    return join_facts("**Done**", result, _format_run_duration(snapshot.run))


def _format_failed(snapshot: RunSnapshot) -> str:
    reason = _format_reason(snapshot.run) or service_words(snapshot.run).failures[FailureCode.NO_REASON]
    return f"**Failed:** {reason}{_format_kept(snapshot)}"


def _format_canceled(snapshot: RunSnapshot) -> str:
    run = snapshot.run
    canceler, reason = _format_canceler(run), _format_reason(run)
    stopped = f"**Stopped** by {canceler}" if canceler else f"**Stopped:** {reason}" if reason else "**Stopped**"
    never_sent = run.sent_at is None and run.prediction_id is None
    return join_facts(stopped + _format_kept(snapshot), service_words(run).never_sent if never_sent else "")


def _format_aborted(snapshot: RunSnapshot) -> str:
    reason = _format_reason(snapshot.run) or service_words(snapshot.run).aborted
    return f"**Ended early:** {reason}{_format_kept(snapshot)}"


def _format_canceler(run: Run) -> str:
    """Return who stopped the run as a mention; runs of older versions only know a name. "" for the bot itself."""
    if run.canceled_by_id:
        return f"<@{run.canceled_by_id}>"
    name = (run.cancel_requested_by or "").removeprefix("@").strip()
    return format_name(f"@{name}") if name else ""


def _format_reason(run: Run) -> str:
    return escape(one_line(explain_failure(run), _REASON_CHARS))


def _format_kept(snapshot: RunSnapshot) -> str:
    count, noun = count_files(snapshot.items)
    total = snapshot.progress.total or snapshot.run.expected
    if not count:
        return ""
    if total is not None and total > 1 and count <= total:
        return f"{SEPARATOR}{count} of {format_count(total, noun)} kept"
    return f"{SEPARATOR}{format_count(count, noun)} kept"


def _format_run_duration(run: Run) -> str:
    duration = run_duration(run)
    return "" if duration is None else format_duration(duration)


def _in_brackets(*parts: str) -> str:
    inner = ", ".join(part for part in parts if part)
    return f" ({inner})" if inner else ""


_WAITING: Final = frozenset({Phase.QUEUED, Phase.SENDING, Phase.STARTING})
_ENDED_STATUSES: Final = {
    Phase.SUCCEEDED: _format_succeeded,
    Phase.FAILED: _format_failed,
    Phase.CANCELED: _format_canceled,
    Phase.ABORTED: _format_aborted,
}


# Output


def count_files(items: Sequence[OutputItem]) -> tuple[int, str]:
    """Return how many files there are, linked ones too, and what one of them is called."""
    files = [item for item in items if isinstance(item, FileItem | LinkItem)]
    # The type of a linked file is not known, so it is a "file" among others.
    kinds = {item.type.kind if isinstance(item, FileItem) else MediaKind.OTHER for item in files}
    return len(files), _NOUNS.get(next(iter(kinds)), "file") if len(kinds) == 1 else "file"


def build_alt_texts(snapshot: RunSnapshot, *, prompt: bool = True) -> dict[str, str]:
    """Return the alt text of each file by its name: its number and the prompt."""
    names = [item.name for item in snapshot.items if isinstance(item, FileItem)]
    total = snapshot.run.expected or snapshot.progress.total
    alt_texts = {}
    for number, name in enumerate(names, start=1):
        position = f"{number} of {total}" if total is not None and total >= max(number, 2) else f"{number}"
        text = f"{position}: {snapshot.run.prompt}" if prompt and snapshot.run.prompt else position
        alt_texts[name] = one_line(text, GALLERY_DESCRIPTION_CHARS)
    return alt_texts


def format_message_number(number: int, total: int | None) -> str:
    """Return the small line under a further message; the card is message 1."""
    return f"-# {number + 1}/{total or '…'}"


def format_remainder(size: int, *, is_attached: bool) -> str:
    """Return the line where a text ends that is too long for messages; ``size`` is of the rest, in bytes."""
    line = f"-# … and {format_size(size)} more in the file"
    return line if is_attached else f"{line} that I attach at the end"


def format_withheld(
    files: Sequence[tuple[FileItem, str]], *, prediction_id: str | None, links: bool, chars: int
) -> str:
    """Return the lines that stand in for files, of at most ``chars`` characters; each file comes with the reason.

    Each file is a link to where it can be downloaded if there is one and room for it, else the prediction is linked.
    The reasons are our own Markdown.
    """
    by_reason: dict[str, list[FileItem]] = {}
    for file, reason in files:
        by_reason.setdefault(reason, []).append(file)
    view = format_view_link(prediction_id)
    lines: list[str] = []
    for reason, group in list(by_reason.items())[:_GROUPS_SHOWN]:
        linked = [file for file in group if links and file.url.startswith(_WEB_SCHEMES)]
        expires_at = min((file.expires_at for file in linked if file.expires_at is not None), default=None)
        until = f"available until {format_timestamp(expires_at, 'f')}" if expires_at is not None else ""
        names = ", ".join(f"[{escape(one_line(file.name, 60))}]({escape_url(file.url)})" for file in linked)
        line = join_facts(f"{names}: {reason}", until)
        if len(linked) < len(group) or utf16_length("\n".join((*lines, line))) > chars:
            line = join_facts(f"{_format_names([file.name for file in group])}: {reason}", view)
        lines.append(line)
    return "\n".join(lines)


def format_text_left_out(prediction_id: str | None) -> str:
    """Return the line that stands in for output text that Discord refused."""
    return join_facts(f"-# {TEXT_LEFT_OUT}", format_view_link(prediction_id))


def explain_too_large(size: int) -> str:
    """Return why a file is not uploaded."""
    return f"{format_size(size)} is too large to upload here"


def explain_too_many(prediction_id: str | None) -> str:
    """Return why a part of the output is not sent, with the link to where it can be seen."""
    return join_facts(TOO_MANY_MESSAGES, format_view_link(prediction_id))


def format_view_link(prediction_id: str | None) -> str:
    """Return the link to a prediction; "" without one."""
    return format_link("View on Replicate", prediction_url(prediction_id)) if prediction_id else ""


def escape_link_item(item: LinkItem) -> LinkItem:
    """Return the item with its texts escaped, so that pagination knows their final length."""
    return replace(
        item,
        label=escape(one_line(item.label, 100)) or "file",
        url=escape_url(item.url) if item.url.startswith(_WEB_SCHEMES) else "",
        reason=escape(one_line(item.reason, 200)),
    )


def format_link_item(item: LinkItem) -> str:
    """Return the line of an escaped link item: a file that is not uploaded."""
    until = f"available until {format_timestamp(item.expires_at, 'f')}" if item.expires_at is not None else ""
    return join_facts(f"[{item.label}]({item.url})" if item.url else item.label, item.reason, until)


def format_file_notes(files: Sequence[FileItem]) -> str:
    """Return one small line about what was changed in these files; files with the same note share it."""
    by_note: dict[str, list[str]] = {}
    for file in files:
        if file.note:
            by_note.setdefault(file.note, []).append(file.name)
    notes = [
        f"{_format_names(names)}: {escape(one_line(note, 90))}" for note, names in list(by_note.items())[:_GROUPS_SHOWN]
    ]
    return f"-# {SEPARATOR.join(notes)}" if notes else ""


def _format_names(names: Sequence[str]) -> str:
    return escape(one_line(names[0], 60)) if len(names) == 1 else f"{len(names)} files"
