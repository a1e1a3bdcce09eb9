"""Every sentence that people read about runs, and what went wrong with them.

A sentence says what happened, then what the person can do. Text from people and models is escaped here. Constants are
in English until ``retranslate`` says them in the language of whoever reads them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bot.formatting import SEPARATOR, format_size, join_facts, spell_duration, utf16_length
from bot.language import _, ngettext, retranslate
from bot.limits import GALLERY_DESCRIPTION_CHARS
from bot.outputs.items import FileItem, LinkItem
from bot.runs import OWN_MODEL, is_served
from bot.runs.cancels import CancelResult
from bot.runs.outcome import failure_of, stored_sentence
from bot.runs.snapshot import RunSnapshot, WarningCode
from bot.store.errors import QuotaExceeded, QuotaKind
from bot.store.models import Run
from bot.ui.render.chains import explain_step_failure, format_chain_header
from bot.ui.render.markdown import escape, escape_url, format_link, format_name, format_timestamp, one_line
from bot.ui.render.server_words import explain_server_quota
from bot.ui.render.service_words import service_words

# Answers to commands and buttons
RESTARTING: Final = _("The bot is restarting. Try again in a minute.")
UNEXPECTED_ERROR: Final = _("Something went wrong on my side. Try again in a moment.")
DATABASE_UNAVAILABLE: Final = _("I can't reach my database right now. Try again in a moment.")
NOT_ALLOWED: Final = _("You can't use that here.")
RUN_DELETED: Final = _("This run's data was deleted.")
JUST_PRESSED: Final = _("You have just pressed this. Press again in a few seconds for another run.")
STARTING: Final = _("Starting the run…")
NOTHING_NEWER: Final = _("This run has finished, and its message already shows everything.")
CANCEL_ANSWERS: Final[Mapping[CancelResult, str]] = {
    CancelResult.REQUESTED: _("Stopping. You keep what's finished."),
    CancelResult.ALREADY_REQUESTED: _("This run is already being stopped."),
    CancelResult.ALREADY_ENDED: _("This run has already finished."),
    CancelResult.NOT_FOUND: _("This run's data was deleted, so there is nothing to stop."),
}


def restarted_before_start() -> str:
    """Say in the place of "thinking" that a run was not started."""
    return _("The bot restarted before this began. Nothing was run or billed. Use the command again.")


THUMBNAIL_ALT_TEXT: Final = _("Input image")

# Remarks on a card about the message itself; a reply keeps them, and its card says them in its language
# Translators: "Show the result" is the label of a button.
TOKEN_EXPIRY: Final = _(
    "I can only update this message for 15 minutes. When the run is done, press **Show the result**."
)
AUTOMOD_BLOCKED: Final = _("This server's AutoMod blocked part of this message.")
NO_REACTION: Final = _("I don't have permission to add reactions here. Use the Cancel button to stop the run.")
NO_ACCESS: Final = _("I can't see this channel anymore, so the result may not appear here.")
MESSAGE_REJECTED: Final = _("Discord rejected part of this message, so it's left out.")
LINE_LEFT_OUT: Final = "[…]"
TEXT_LEFT_OUT: Final = _("This text isn't allowed here, so it's left out.")
TOO_MANY_MESSAGES: Final = _("The result is longer than Discord lets me send here.")

# Why a file is not shown; each follows the file's name and a colon
FILES_FORBIDDEN: Final = _("I don't have permission to attach files in this channel.")
FILE_REJECTED: Final = _("Discord rejected it.")
FILE_MISSING: Final = _("It's no longer available.")

_NOTES_SHOWN: Final = 3
_GROUPS_SHOWN: Final = 2  # of files with the same remark, in one line
_WEB: Final = "https://replicate.com"
_WEB_SCHEMES: Final = ("https://", "http://")


def explain_quota(exceeded: QuotaExceeded) -> str:
    """Return which limit on runs a person has reached, and when they can start the next one."""
    if exceeded.in_server:
        return explain_server_quota(exceeded)
    if exceeded.kind is QuotaKind.ACTIVE:
        count = max(1, exceeded.used)
        return ngettext(
            "You already have a run in progress. Wait for it to finish, or stop it with ❌.",
            "You already have {count} runs in progress. Wait for one to finish, or stop one with ❌.",
            count,
        ).format(count=count)
    if exceeded.retry_at is None:
        return _("Runs are switched off here right now.")
    # Translators: {time} is relative, as in "in 2 hours".
    return ngettext(
        "You've reached the limit of {count} run in 24 hours. You can start the next one {time}.",
        "You've reached the limit of {count} runs in 24 hours. You can start the next one {time}.",
        exceeded.limit,
    ).format(count=exceeded.limit, time=f"<t:{math.ceil(exceeded.retry_at.timestamp())}:R>")


def explain_failure(run: Run) -> str:
    """Return why a run failed, "" if its row does not say.

    Rows of earlier versions hold the sentence itself, newer ones a code and its details.
    """
    sentence = stored_sentence(run)
    reason = None if sentence else failure_of(run)
    if reason is None:
        return sentence or ""
    if reason.fields:
        return _("The model doesn't accept this: {inputs}. Change it and try again.").format(
            inputs="; ".join(reason.fields)
        )
    if (sentence := explain_step_failure(reason)) is not None:
        return sentence
    words = service_words(run)
    if reason.message and reason.code in words.failures_with_message:
        return retranslate(words.failures_with_message[reason.code]).format(message=reason.message)
    if reason.deadline and reason.code in words.failures_with_deadline:
        time = spell_duration(timedelta(seconds=reason.deadline))
        return retranslate(words.failures_with_deadline[reason.code]).format(time=time)
    return retranslate(words.failures[reason.code])


def explain_warning(run: Run, warning: WarningCode) -> str:
    """Return what does not work at the moment."""
    return retranslate(service_words(run).warnings[warning])


# Who, what and where


def format_run_header(run: Run, *, author: bool = True, model: bool = True) -> str:
    """Return the first line of a card: author, command and model; that of a chain has its name."""
    if run.chain is not None:
        return format_chain_header(run, run.chain, author=author)
    name = format_name(run.author_name) if author else _("Someone")
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


# Output


def build_alt_texts(snapshot: RunSnapshot, *, prompt: bool = True) -> dict[str, str]:
    """Return the alt text of each file by its name: its number and the prompt."""
    files = [item for item in snapshot.items if isinstance(item, FileItem)]
    total = snapshot.run.expected or snapshot.progress.total
    alt_texts = {}
    for position_shown, file in enumerate(files, start=1):
        name, number = file.name, file.number or position_shown
        position = f"{number}"
        if total is not None and total >= max(number, 2):
            # Translators: which of several images it is.
            position = _("{number} of {total}").format(number=number, total=total)
        text = f"{position}: {snapshot.run.prompt}" if prompt and snapshot.run.prompt else position
        alt_texts[name] = one_line(text, GALLERY_DESCRIPTION_CHARS)
    return alt_texts


def format_message_number(number: int, total: int | None) -> str:
    """Return the small line under a further message; the card is message 1."""
    return f"-# {number + 1}/{total or '…'}"


def format_remainder(size: int, *, is_attached: bool) -> str:
    """Return the line where a text ends that is too long for messages; ``size`` is of the rest, in bytes."""
    if is_attached:
        return _("-# … and {size} more in the file").format(size=format_size(size))
    return _("-# … and {size} more in the file that I attach at the end").format(size=format_size(size))


def format_withheld(
    files: Sequence[tuple[FileItem, str]], *, prediction_id: str | None, links: bool, chars: int
) -> str:
    """Return the lines that stand in for files, of at most ``chars`` characters; each file comes with the reason.

    Each file is a link to where it can be downloaded if there is one and room for it, else the prediction is linked.
    The reasons are our own Markdown.
    """
    by_reason: dict[str, list[FileItem]] = {}
    for file, reason in files:
        by_reason.setdefault(retranslate(reason), []).append(file)
    view = format_view_link(prediction_id)
    lines: list[str] = []
    for reason, group in list(by_reason.items())[:_GROUPS_SHOWN]:
        linked = [file for file in group if links and file.url.startswith(_WEB_SCHEMES)]
        expires_at = min((file.expires_at for file in linked if file.expires_at is not None), default=None)
        until = _format_expiry(expires_at)
        names = ", ".join(f"[{escape(one_line(file.name, 60))}]({escape_url(file.url)})" for file in linked)
        line = join_facts(f"{names}: {reason}", until)
        if len(linked) < len(group) or utf16_length("\n".join((*lines, line))) > chars:
            line = join_facts(f"{_format_names([file.name for file in group])}: {reason}", view)
        lines.append(line)
    return "\n".join(lines)


def format_text_left_out(prediction_id: str | None) -> str:
    """Return the line that stands in for output text that Discord refused."""
    return join_facts(f"-# {retranslate(TEXT_LEFT_OUT)}", format_view_link(prediction_id))


def explain_too_large(size: int) -> str:
    """Return why a file is not uploaded."""
    return _("{size} is too large to upload here").format(size=format_size(size))


def explain_too_many(prediction_id: str | None) -> str:
    """Return why a part of the output is not sent, with the link to where it can be seen."""
    return join_facts(retranslate(TOO_MANY_MESSAGES), format_view_link(prediction_id))


def format_view_link(prediction_id: str | None) -> str:
    """Return the link to a prediction; "" without one."""
    return format_link(_("View on Replicate"), prediction_url(prediction_id)) if prediction_id else ""


def escape_link_item(item: LinkItem) -> LinkItem:
    """Return the item with its texts escaped, so that pagination knows their final length."""
    return replace(
        item,
        label=escape(one_line(item.label, 100)) or _("file"),
        url=escape_url(item.url) if item.url.startswith(_WEB_SCHEMES) else "",
        reason=escape(one_line(retranslate(item.reason), 200)),
    )


def format_link_item(item: LinkItem) -> str:
    """Return the line of an escaped link item: a file that is not uploaded."""
    link = f"[{item.label}]({item.url})" if item.url else item.label
    return join_facts(link, retranslate(item.reason), _format_expiry(item.expires_at))


def _format_expiry(expires_at: datetime | None) -> str:
    """Return until when a file can be downloaded, "" if that is not known."""
    if expires_at is None:
        return ""
    return _("available until {time}").format(time=format_timestamp(expires_at, "f"))


def format_file_notes(files: Sequence[FileItem]) -> str:
    """Return one small line about what was changed in these files; files with the same note share it."""
    by_note: dict[str, list[str]] = {}
    for file in files:
        if file.note:
            by_note.setdefault(retranslate(file.note), []).append(file.name)
    notes = [
        f"{_format_names(names)}: {escape(one_line(note, 90))}" for note, names in list(by_note.items())[:_GROUPS_SHOWN]
    ]
    return f"-# {SEPARATOR.join(notes)}" if notes else ""


def _format_names(names: Sequence[str]) -> str:
    if len(names) == 1:
        return escape(one_line(names[0], 60))
    return ngettext("{count} file", "{count} files", len(names)).format(count=len(names))
