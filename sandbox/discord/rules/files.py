"""The files of a message: which stay, which are new, and how large they may be (reference#uploading-files)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.limits import ATTACHMENTS_PER_MESSAGE, REQUEST_BYTES
from sandbox.discord.errors import TOO_LARGE, ApiError
from sandbox.discord.rules.problems import Problems
from sandbox.discord.world.attachment import Attachment, Upload

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sent:
    """The body of a request: its JSON, and the files by their number in ``files[n]``."""

    payload: Json = field(default_factory=dict)
    files: Mapping[int, Upload] = field(default_factory=dict)


Keep = Callable[[Upload], Attachment]


def check_sizes(files: Mapping[int, Upload], limit: int) -> None:
    """Raise 40005 when a file is over ``limit`` or all are over what one request may hold."""
    sizes = [len(upload.data) for upload in files.values()]
    if any(size > limit for size in sizes) or sum(sizes) > max(REQUEST_BYTES, limit):
        raise ApiError(TOO_LARGE)


def choose_files(
    sent: Sent, before: tuple[Attachment, ...], problems: Problems, *, limit: int, keep: Keep
) -> tuple[Attachment, ...]:
    """Return the files that the message has after the request.

    An edit that names ``attachments`` keeps only those; one that does not keeps all. A new message has every file sent.
    """
    check_sizes(sent.files, limit)
    named = sent.payload.get("attachments")
    if named is None:
        chosen = [*before, *(keep(upload) for _, upload in sorted(sent.files.items()))]
    else:
        chosen = _choose_named(named, sent, before, problems, keep)
    if len(chosen) > ATTACHMENTS_PER_MESSAGE:
        problems.add("BASE_TYPE_MAX_LENGTH", f"Must be {ATTACHMENTS_PER_MESSAGE} or fewer in length.", "attachments")
    return tuple(chosen)


def _choose_named(
    named: Any, sent: Sent, before: tuple[Attachment, ...], problems: Problems, keep: Keep
) -> list[Attachment]:
    old = {item.id: item for item in before}
    chosen: list[Attachment] = []
    used: set[int] = set()
    for number, entry in enumerate(problems.objects(named, 0, ATTACHMENTS_PER_MESSAGE, "attachments")):
        id_ = _as_id(entry.get("id"))
        problems.text(entry.get("description"), 0, 1024, "attachments", number, "description")
        if id_ in sent.files:
            used.add(id_)
            chosen.append(_described(keep(_named(sent.files[id_], entry)), entry))
        elif id_ in old:
            chosen.append(_described(old[id_], entry))
        else:
            words = f"There is no file or attachment with id {entry.get('id')}"
            problems.add("ATTACHMENT_NOT_FOUND", words, "attachments", number, "id")
    if not before:
        chosen += [keep(upload) for index, upload in sorted(sent.files.items()) if index not in used]
    return chosen


def _as_id(value: Any) -> int:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else -1


def _named(upload: Upload, entry: Json) -> Upload:
    return replace(upload, name=entry["filename"]) if entry.get("filename") else upload


def _described(item: Attachment, entry: Json) -> Attachment:
    return replace(
        item,
        description=entry.get("description", item.description),
        spoiler=bool(entry.get("is_spoiler", item.spoiler)),
    )
