"""Words: descriptions and values as people read them, cut where there is no more room."""

import re
from typing import Any, Final

from bot.inputs.fields import Field, FieldKind

_LINK: Final = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_MARKDOWN: Final = re.compile(r"[`*]")
# Controls, marks of direction, and letters that are drawn as nothing.
_UNSEEN: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    r"\ufeff\uffa0\U000e0000-\U000e007f]"
)
_VALUE_CHARS: Final = 32  # of a default in a description
_LEAST_TEXT: Final = 16  # characters of a description's own words that stay, whatever stands behind them


def visible(text: str) -> str:
    """Return the text on one line, without characters that cannot be seen."""
    return " ".join(_UNSEEN.sub("", " ".join(text.split())).split())


def tidy(text: str) -> str:
    """Return the text on one line, without Markdown or characters that cannot be seen."""
    return visible(_MARKDOWN.sub("", _LINK.sub(r"\1", text)))


def cut(text: str, room: int) -> str:
    """Return the text in at most ``room`` characters, cut at a word where one ends nearby."""
    if len(text) <= room:
        return text
    head = text[: max(room - 1, 0)]
    at_word = head.rsplit(" ", 1)[0]
    # A word longer than half the room is cut through rather than dropped.
    head = at_word if len(at_word) > len(head) // 2 and not text[len(head)].isspace() else head
    return f"{head.rstrip(' ,.;:–-(')}…"[:room]


def describe(text: str, tail: str, room: int) -> str:
    """Return “text · tail” in at most ``room`` characters; the text gives way first, and never wholly."""
    text = text.rstrip(" .")
    if not tail:
        return cut(text, room)
    tail = cut(tail, max(room - _LEAST_TEXT - 3, 1))
    return f"{cut(text, room - len(tail) - 3)} · {tail}"


def say(name: str) -> str:
    """Return a key as words: “numberOfOutputs” and “number_of_outputs” are “number of outputs”."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return tidy(re.sub(r"[_\-./\s]+", " ", spaced)).strip() or "input"


def say_value(value: Any, room: int = _VALUE_CHARS) -> str:
    """Return a value as it stands in a sentence; a text with spaces is quoted."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    if isinstance(value, list | tuple):
        value = ", ".join(str(each) for each in value)
    text = tidy(str(value))
    short = cut(text, room - 2)
    return f"“{short}”" if " " in text or not text else cut(text, room)


def range_words(field: Field) -> str:
    """Return the range of a number: “1–20”, “at least 1”, or nothing."""
    low, high = field.minimum, field.maximum
    if low is None and high is None:
        return ""
    if high is None:
        return f"at least {say_value(low)}"
    if low is None:
        return f"at most {say_value(high)}"
    between = " to " if low < 0 else "–"
    return f"{say_value(low)}{between}{say_value(high)}"


def tail(field: Field, default: Any) -> str:
    """Return what stands behind a description: the form, the range, the default."""
    parts = [_form(field), range_words(field)]
    if default not in (None, "", []) and not isinstance(default, dict) and not field.holds_files:
        parts.append(f"default {say_value(default)}")
    return ", ".join(part for part in parts if part)


def own_words(field: Field, known: str | None) -> str:
    """Return what the input is, from its model, from what is ``known``, or from its name."""
    said = tidy(field.description).strip(" .,:;…")
    named = tidy(field.title) or say(field.name)
    # A title that Cog made of the key reads “Custom Sd Model”; ours reads “Custom sd model”.
    plain_name = say(field.name) if named.lower() == say(field.name).lower() else named
    words = said or known or plain_name
    return words[:1].upper() + words[1:]


def _form(field: Field) -> str:
    if field.kind in (FieldKind.STRINGS, FieldKind.NUMBERS):
        return "separated by commas"
    return "JSON" if field.kind is FieldKind.JSON else ""
