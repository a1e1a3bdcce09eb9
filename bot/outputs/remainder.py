"""The file that takes the end of a text which is too long for messages."""

from collections.abc import Iterator
from typing import Final

from bot.media.types import MARKDOWN
from bot.outputs.items import FileItem, RemainderItem
from bot.outputs.materialize import file_name

_LABEL: Final = "rest-of-text"


def remainder_name(stem: str, part: int = 0) -> str:
    """Return the name of a part, counted from 0: "generate-01-rest-of-text.md"."""
    return file_name(stem, part, _LABEL, MARKDOWN)


def remainder_files(item: RemainderItem, stem: str, limit: int) -> tuple[FileItem, ...]:
    """Return a remainder as Markdown files of at most ``limit`` bytes; nearly always one.

    The same text always gives the same files. Files are divided between lines, or else between characters.
    """
    data = item.text.encode("utf-8", "replace")
    return tuple(
        FileItem(remainder_name(stem, number), part, MARKDOWN, len(part))
        for number, part in enumerate(_split(data, max(limit, 4)))
    )


def _split(data: bytes, limit: int) -> Iterator[bytes]:
    start = 0
    while len(data) - start > limit:
        end = data.rfind(b"\n", start + limit // 2, start + limit) + 1
        if not end:
            end = start + limit
            while data[end] & 0xC0 == 0x80:  # the middle of a character
                end -= 1
        yield data[start:end]
        start = end
    yield data[start:]
