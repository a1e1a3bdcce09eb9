"""Text from the environment, ``.env`` and files: read with a sentence for every failure, and cleaned by one rule."""

import codecs
import re
from pathlib import Path
from typing import Final

_QUOTES: Final = "\"'"
_EDGES: Final = re.compile(r"^[\s\ufeff\u200b-\u200f\u2060]+|[\s\ufeff\u200b-\u200f\u2060]+$")
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_QUOTED_CHARS: Final = 60


def clean_value(text: str) -> str:
    """Return a value without what editors, shells and Windows leave around it: blanks, line ends, a BOM, quotes."""
    text = _EDGES.sub("", text)
    if len(text) > 1 and text[0] in _QUOTES and text[0] == text[-1]:
        return _EDGES.sub("", text[1:-1])
    return text


def read_text(path: Path) -> str:
    """Return a UTF-8 file without its BOM; ValueError is a sentence that names it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}.") from error
    if data.startswith(_UTF16) or b"\0" in data:
        raise ValueError(f"{path} is saved as UTF-16. Save it as UTF-8.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path} is not UTF-8 (line {line}). Save it as UTF-8.") from error


def quote(value: object) -> str:
    """Return what a person entered, short and in quotation marks."""
    text = "".join(char if char.isprintable() else "�" for char in str(value))
    if "@" in text:
        return "The value"  # a URL with a password, perhaps
    return f"“{text[:_QUOTED_CHARS]}{'…' * (len(text) > _QUOTED_CHARS)}”"
