"""Names for a run's files: short, plain, the same every time."""

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final

from bot.media import sniff
from bot.media.media import MediaType

_STEM_CHARS: Final = 40
_NOT_PLAIN: Final = re.compile(r"[^a-z0-9]+")
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")
# Bytes of these types do not say what they are for; the name they came with may ("captions.srt", "weights.npy").
_VAGUE: Final = frozenset({sniff.TEXT, sniff.UNKNOWN, sniff.JSON, sniff.ZIP})
# Endings that promise something which vague bytes have just shown not to be there.
_PROMISES: Final = frozenset(kind.suffix for kind in vars(sniff).values() if isinstance(kind, MediaType)) | {".jpeg"}


def file_name(stem: str, index: int, label: str | None, kind: MediaType, source: str | None = None) -> str:
    """Return the name of output ``index`` (from 0): "generate-01.webp", "generate-02-mask.png".

    Letters are ASCII, as Discord drops others from file names and the message could no longer find its file. The
    ending is the type's; only bytes that show no type of their own keep the ending of ``source``.
    """
    claimed = _ending(source) if kind in _VAGUE else ""
    return _base(stem, index, label) + (claimed if claimed and claimed not in _PROMISES else kind.suffix)


def link_name(stem: str, index: int, label: str | None, source: str | None) -> str:
    """Return what to call a file whose bytes were never seen: its ending is only what ``source`` claims."""
    return _base(stem, index, label) + _ending(source)


def _base(stem: str, index: int, label: str | None) -> str:
    words = [_plain(stem) or "output", f"{index + 1:02d}", _plain(label or "")]
    return "-".join(word for word in words if word)


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_PLAIN.sub("-", ascii_only.lower())[:_STEM_CHARS].strip("-")


def _ending(source: str | None) -> str:
    ending = PurePosixPath(source).suffix.lower() if source else ""
    return ending if _ENDING.fullmatch(ending) else ""
