"""What a classifying model says about a picture: safe to show, or not. Pure.

Models answer in many shapes: a label ("normal", "nsfw"), a number for each label, a flag, a list of what was found.
Whatever cannot be read is UNKNOWN, and a picture of which nothing is known is not shown.
"""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final

_THRESHOLD: Final = 0.5  # of a score between 0 and 1
_DEPTH: Final = 6
_LABELS: Final = ("label", "class", "classification", "category", "prediction", "result", "verdict")
_UNSAFE: Final = re.compile(
    r"\b(?:nsfw|unsafe|explicit|porn\w*|hentai|nud(?:e|ity)|sexual\w*|gore|violen(?:t|ce)|flagged|blocked)\b"
)
_SAFE: Final = re.compile(r"\b(?:safe|sfw|normal|neutral|clean|ok|okay|none|drawings?)\b")
_NEGATED: Final = re.compile(r"\b(?:not|no|non|isn't|without)[\s_-]+(?=\w)")
_WORDS: Final = re.compile(r"[\W_]+")


class Verdict(StrEnum):
    """Whether a picture may be shown."""

    SAFE = "safe"
    UNSAFE = "unsafe"
    UNKNOWN = "unknown"


def read_verdict(output: Any, depth: int = 0) -> Verdict:
    """Return what a classifier's output says."""
    if depth > _DEPTH:
        return Verdict.UNKNOWN
    match output:
        case bool():  # a detector says whether it found something
            return Verdict.UNSAFE if output else Verdict.SAFE
        case str():
            return _read_text(output)
        case Mapping():
            return _read_mapping(output, depth)
        case list() | tuple():
            return _read_list(output, depth)
        case _:
            return Verdict.UNKNOWN


def _read_text(text: str) -> Verdict:
    words = _NEGATED.sub("not", text.casefold())
    plain = _WORDS.sub(" ", words)
    if _UNSAFE.search(plain):
        return Verdict.UNSAFE
    return Verdict.SAFE if _SAFE.search(plain) or re.search(r"\bnot\w*(?:nsfw|unsafe)", plain) else Verdict.UNKNOWN


def _read_mapping(output: Mapping[Any, Any], depth: int) -> Verdict:
    """Read flags and scores by label, then labels by name, then what is inside."""
    verdicts = [_read_entry(str(name), value) for name, value in output.items()]
    if (named := _join(verdict for verdict in verdicts if verdict is not None)) is not Verdict.UNKNOWN:
        return named
    labels = [output[name] for name in _LABELS if name in output]
    return _join(read_verdict(value, depth + 1) for value in labels or output.values())


def _read_entry(name: str, value: Any) -> Verdict | None:
    """Return what a flag or score says whose name is a label; None if it is none."""
    about = _read_text(name)
    if about is Verdict.UNKNOWN:
        return None
    match value:
        case bool():
            is_said = value
        case int() | float():
            is_said = value >= _THRESHOLD
        case list() | tuple():
            is_said = bool(value)
        case _:
            return None
    if is_said:
        return about
    return Verdict.SAFE if about is Verdict.UNSAFE else None  # a low score of "normal" says nothing by itself


def _read_list(output: Iterable[Any], depth: int) -> Verdict:
    """Read a list of labels, or of labels with scores, of which the highest counts."""
    parts = list(output)
    scored = [part for part in parts if isinstance(part, Mapping) and isinstance(part.get("score"), int | float)]
    if scored:
        return read_verdict({**max(scored, key=lambda part: part["score"]), "score": None}, depth + 1)
    return _join(read_verdict(part, depth + 1) for part in parts)


def _join(verdicts: Iterable[Verdict]) -> Verdict:
    """Return UNSAFE if anything is unsafe, else SAFE if anything is safe."""
    seen = set(verdicts)
    return next((verdict for verdict in (Verdict.UNSAFE, Verdict.SAFE) if verdict in seen), Verdict.UNKNOWN)
