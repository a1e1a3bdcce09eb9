"""Everything a run's reply says in words: short sentences, what happened, what the person can do."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bot.formatting import format_count, format_duration, format_ordinal, format_size
from bot.limits import GALLERY_DESCRIPTION_CHARS
from bot.media.types import MediaKind
from bot.outputs.items import FileItem, LinkItem, OutputItem
from bot.runs.snapshot import Phase, Progress, RunSnapshot
from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.models import Run
from bot.ui.render.formatting import bar, escape, link, moment, one_line, target

DOT = " · "
_REASON_CHARS = 200
_MENTION = re.compile(r"(?:<@!?)?(\d{15,22})>?")
_WEB = "https://replicate.com"
_SAFE = ("https://", "http://")

TOKEN_EXPIRY = "Discord lets me write here for 15 minutes only. The run goes on; “Show the result” brings it."  # noqa: S105  # a sentence
BLOCKED = "This server's AutoMod does not let all of it be shown here."
NO_FILES = "I may not attach files in this channel."
NO_REACTION = "I may not add reactions here; the Cancel button stops the run."
NO_ACCESS = "I can no longer see this channel; the result may not arrive here."
NOT_TAKEN = "Discord did not take it."
NOT_TAKEN_REMARK = "Discord did not take this message as it was, so some of it is left out."
TOO_MUCH = "There is more than Discord lets me send here."
NO_LONGER_HERE = "The file is no longer here."

_ONE: Mapping[MediaKind, str] = {MediaKind.IMAGE: "image", MediaKind.VIDEO: "video", MediaKind.AUDIO: "audio file"}


def header(run: Run) -> str:
    """Return the line of who asked, with which command, of which model."""
    who = escape(one_line(run.author_name, 60)) or "Someone"
    return DOT.join((f"**{who}**", f"/{escape(one_line(run.command, 32))}", model_link(run.target.partition(":")[0])))


def model_link(model_target: str) -> str:
    """Return the model's name, leading to its page at Replicate."""
    return link(model_target.removeprefix("deployments/").partition(":")[0], model_url(model_target))


def model_url(model_target: str) -> str:
    """Return the page of a model, of one of its versions, or of a deployment."""
    model, _, version = model_target.removeprefix("deployments/").partition(":")
    page = f"{_WEB}/deployments/{model}" if model_target.startswith("deployments/") else f"{_WEB}/{model}"
    return f"{page}/versions/{version}" if version else page


def prediction_url(prediction_id: str) -> str:
    """Return where Replicate shows a prediction to the account that made it."""
    return f"{_WEB}/p/{prediction_id}"


def person(by: str | None) -> str:
    """Return the person who did something, as given to the row: an id, a mention or a name."""
    if not by:
        return "someone"
    found = _MENTION.fullmatch(by.strip())
    return f"<@{found[1]}>" if found else escape("@" + one_line(by, 60).removeprefix("@"))


def status(snapshot: RunSnapshot) -> str:
    """Return the one line that says how the run is."""
    return _STATUS[snapshot.progress.phase](snapshot)


def small(run: Run) -> str:
    """Return the small lines under the status: what differs from the model's defaults, and what was changed."""
    summary = escape(one_line(run.summary, 300))
    lines = [summary] if summary else []
    lines += [escape(one_line(note, 200)) for note in run.notes[:3]]
    return "\n".join(f"-# {line}" for line in lines if line)


def further(number: int, total: int | None) -> str:
    """Return the small line under a further message, counted with the card as the first."""
    return f"-# {number + 1}/{total}" if total else f"-# {number + 1}/…"


def notice(snapshot: RunSnapshot) -> str:
    """Return the short reply that calls the author back; it is the one text of ours that mentions somebody."""
    return f"<@{snapshot.run.author_id}> {_ends(snapshot)}"


def captions(snapshot: RunSnapshot) -> dict[str, str]:
    """Return by file name what each file shows, for those who do not see it: the prompt that it was made from."""
    names = [part.name for part in snapshot.items if isinstance(part, FileItem)]
    total = snapshot.run.expected or snapshot.progress.total
    return {name: _caption(snapshot.run.prompt, number, total) for number, name in enumerate(names, start=1)}


def _caption(prompt: str | None, number: int, total: int | None) -> str:
    place = f"{number} of {total}" if total is not None and total >= max(number, 2) else f"{number}"
    return one_line(f"{place}: {prompt}" if prompt else place, GALLERY_DESCRIPTION_CHARS)


def withheld(reasons: Mapping[str, str]) -> str:
    """Return the line that stands where files would stand; ``reasons`` are by file name, as Markdown of ours."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    return "\n".join(f"{_named(names)}: {reason}" for reason, names in list(by_reason.items())[:2])


def too_large(number: int, prediction_id: str | None) -> str:
    """Return why a file is not there, and where it can be had for an hour."""
    sentence = f"{format_size(number)} is more than Discord takes here"
    return f"{sentence}{DOT}{link('on Replicate', prediction_url(prediction_id))}" if prediction_id else sentence


def settled(part: LinkItem) -> LinkItem:
    """Return the link with words and address as they will stand, so that their length is known."""
    label = escape(one_line(part.label, 100)) or "file"
    return replace(
        part,
        label=label,
        url=target(part.url) if part.url.startswith(_SAFE) else "",
        reason=escape(one_line(part.reason, 200)),
    )


def linked(part: LinkItem) -> str:
    """Return the line of a settled link: a file that is not uploaded."""
    until = f"there until {moment(part.expires_at, 'f')}" if part.expires_at is not None else ""
    return _join(f"[{part.label}]({part.url})" if part.url else part.label, part.reason, until)


def file_notes(files: Sequence[FileItem]) -> str:
    """Return one small line of what was changed in these files, said once for all that it is true of."""
    by_note: dict[str, list[str]] = {}
    for file in files:
        if file.note:
            by_note.setdefault(file.note, []).append(file.name)
    said = [f"{_named(names)}: {escape(one_line(note, 90))}" for note, names in list(by_note.items())[:2]]
    return f"-# {DOT.join(said)}" if said else ""


def _named(names: Sequence[str]) -> str:
    return escape(one_line(names[0], 60)) if len(names) == 1 else f"{len(names)} files"


def made(parts: Sequence[OutputItem]) -> tuple[int, str]:
    """Return how many files there are and what one of them is called."""
    files = [part for part in parts if isinstance(part, FileItem | LinkItem)]
    # What a link leads to was not looked at here; among others it is a file.
    kinds = {part.type.kind if isinstance(part, FileItem) else MediaKind.OTHER for part in files}
    return len(files), _ONE.get(next(iter(kinds)), "file") if len(kinds) == 1 else "file"


def elapsed(run: Run) -> timedelta | None:
    """Return how long the person waited, once it is over."""
    return None if run.ended_at is None else run.ended_at - run.created_at


def _in_line(snapshot: RunSnapshot) -> str:
    progress = snapshot.progress
    place = format_ordinal(progress.queue_position) if progress.queue_position else "waiting its turn"
    return _line("In line", place, _since(progress))


def _sending(snapshot: RunSnapshot) -> str:
    return _line("Starting", "handing it to Replicate", _since(snapshot.progress))


def _searching(snapshot: RunSnapshot) -> str:
    return _line("Checking", "Replicate did not answer, looking whether it began", _since(snapshot.progress))


def _starting(snapshot: RunSnapshot) -> str:
    return _line("Starting", "Replicate is waking the model", _since(snapshot.progress))


def _running(snapshot: RunSnapshot) -> str:
    progress = snapshot.progress
    count, noun = made(snapshot.items)
    done = max(progress.done, count)
    steps = f"step {progress.step}/{progress.steps}" if progress.step is not None and progress.steps else ""
    fraction = _whole(progress, done)
    shown = bar(fraction) if fraction is not None else ""
    name = noun if count else _awaited(snapshot.run)
    return _line(_at_work(progress, done, count, name.capitalize()), steps, shown, _since(progress))


def _awaited(run: Run) -> str:
    """Return what the outputs will be called before there is one: several files are hardly ever anything but images."""
    items = run.output_schema.get("items")
    return "image" if isinstance(items, Mapping) and items.get("format") == "uri" else "output"


def _at_work(progress: Progress, done: int, count: int, name: str) -> str:
    if progress.total is not None and progress.total > 1:
        return f"{name} {min(done + 1, progress.total)} of {progress.total}"
    if done and count:
        return f"{name} {done + 1}"
    return "Running"


def _whole(progress: Progress, done: int) -> float | None:
    if progress.fraction is not None:
        return progress.fraction
    now = progress.step / progress.steps if progress.step is not None and progress.steps else None
    if progress.total:
        return (done + (now or 0.0)) / progress.total if now is not None or progress.total > 1 else None
    return now


def _stopping(snapshot: RunSnapshot) -> str:
    return _line("Stopping", f"asked by {person(snapshot.run.cancel_requested_by)}", _since(snapshot.progress))


def _delivering(snapshot: RunSnapshot) -> str:
    return _line("Finishing", "fetching the last of it", _since(snapshot.progress))


def _succeeded(snapshot: RunSnapshot) -> str:
    count, noun = made(snapshot.items)
    what = format_count(count, noun) if count else "" if snapshot.items else "nothing came back"
    return _line("Done", what, _took(snapshot.run))


def _failed(snapshot: RunSnapshot) -> str:
    reason = _reason(snapshot.run, "Replicate gave no reason. Try again, or change the input.")
    return f"**Failed:** {reason}{_kept(snapshot)}"


def _canceled(snapshot: RunSnapshot) -> str:
    run = snapshot.run
    stopped = f"**Stopped** by {person(run.cancel_requested_by)}" if run.cancel_requested_by else "**Stopped**"
    if not run.cancel_requested_by and run.failure:
        stopped = f"**Stopped:** {_reason(run, '')}"
    free = "nothing was started, nothing is paid" if run.sent_at is None and run.prediction_id is None else ""
    return _join(stopped + _kept(snapshot), free)


def _aborted(snapshot: RunSnapshot) -> str:
    reason = _reason(snapshot.run, "Replicate stopped it before it was done. Try again.")
    return f"**Ended early:** {reason}{_kept(snapshot)}"


def _reason(run: Run, otherwise: str) -> str:
    return escape(one_line(run.failure or "", _REASON_CHARS)) or otherwise


def _kept(snapshot: RunSnapshot) -> str:
    count, noun = made(snapshot.items)
    total = snapshot.progress.total or snapshot.run.expected
    if not count:
        return ""
    if total is not None and total > 1 and count <= total:
        return f"{DOT}{count} of {format_count(total, noun)} kept"
    return f"{DOT}{format_count(count, noun)} kept"


def _ends(snapshot: RunSnapshot) -> str:
    count, noun = made(snapshot.items)
    took = _took(snapshot.run)
    match snapshot.progress.phase:
        case Phase.SUCCEEDED:
            return _join("it is done", format_count(count, noun) if count else "", took)
        case Phase.CANCELED:
            return _join("it was stopped", took)
        case _:
            return _join("it failed", escape(one_line(snapshot.run.failure or "", 150)))


def _took(run: Run) -> str:
    took = elapsed(run)
    return "" if took is None else format_duration(took.total_seconds())


def _since(progress: Progress) -> str:
    """Return a counter that runs in the reader's Discord and needs no edit."""
    return moment(progress.since)


def _line(first: str, *rest: str) -> str:
    return _join(f"**{first}**", *rest)


def _join(*parts: str) -> str:
    return DOT.join(part for part in parts if part)


_STATUS = {
    Phase.QUEUED: _in_line,
    Phase.SENDING: _sending,
    Phase.RECONCILING: _searching,
    Phase.STARTING: _starting,
    Phase.RUNNING: _running,
    Phase.CANCELING: _stopping,
    Phase.DELIVERING: _delivering,
    Phase.SUCCEEDED: _succeeded,
    Phase.FAILED: _failed,
    Phase.CANCELED: _canceled,
    Phase.ABORTED: _aborted,
}


def quota_sentence(exceeded: QuotaExceeded) -> str:
    """Say which limit on runs a person has reached, and when they can start the next one."""
    if exceeded.kind is QuotaKind.ACTIVE:
        if exceeded.used <= 1:
            return "You already have a run in progress. Wait for it to finish, or stop it with ❌."
        return f"You already have {exceeded.used} runs in progress. Wait for one to finish, or stop one with ❌."
    if exceeded.retry_at is None:
        return "Runs are switched off here right now."
    used = "your one run" if exceeded.limit == 1 else f"all {exceeded.limit} of your runs"
    return (
        f"You've used {used} for 24 hours. You can start the next one <t:{math.ceil(exceeded.retry_at.timestamp())}:R>."
    )
