"""No regular expression of the bot takes more than linear time, whatever text others give it.

Texts are made of the pieces of each expression itself: what it can almost match, over and over, is what makes it search
in vain. Twice the text may take twice the time, not four times.
"""

import importlib
import pkgutil
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest

import bot
import cogs

# Only matched as a whole or at one place, which is linear; searched for, they would not be.
WHOLE = frozenset(
    {
        "bot.backends.replicate.types._MODEL_REF",
        "bot.catalog.resolve._MODEL_PATH",
        "bot.catalog.resolve._VERSION_PATH",
        "bot.large_json._CLOSING",
        "bot.large_json._COLON",
        "bot.large_json._COMMA",
        "bot.large_json._OPENING",
        "bot.options.files._MIME_TYPE",
        "bot.options.key_value_text._PAIR_KEY",
        "bot.settings.settings._DISCORD_TOKEN",
        "bot.ui.render.places._RATIO",
    }
)

_CHARS = 1500
_FACTOR = 8
_QUADRATIC = _FACTOR * 3.0  # linear is 8 times, quadratic 64 times
_MEASURABLE = 0.004  # seconds; whatever is faster for a text of this length is fast enough
_SAMPLES = {r"\d": "7", r"\w": "a", r"\s": " ", ".": "x"}


def modules() -> Iterator[Any]:
    for package in (bot, cogs):
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not found.name.endswith((".__main__", ".env")) and ".versions." not in found.name:
                yield importlib.import_module(found.name)


def patterns(value: Any) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from patterns(item)
    elif isinstance(value, dict):
        yield from patterns(list(value.values()))


PATTERNS = sorted(
    {
        (f"{module.__name__}.{name}", pattern)
        for module in modules()
        for name, value in vars(module).items()
        for pattern in patterns(value)
    },
    key=lambda each: (each[0], each[1].pattern),
)


def fillers(pattern: re.Pattern[str]) -> list[str]:
    """Return short texts out of which long ones are made: characters and words of the expression, and neighbours."""
    plain = pattern.pattern
    for code, sample in _SAMPLES.items():
        plain = plain.replace(code, sample)
    words = re.findall(r"[A-Za-z]{2,12}", plain)[:12]
    signs = sorted(set(re.findall(r"[^\w\s\\]", plain)))[:12]
    pieces = ["a", "7", " ", "\n", "a ", "a.", "a-", "_", "aA", "/a", "a:", "http://", "%", *words, *signs]
    return list(dict.fromkeys([*pieces, *(f"{word}{sign}" for word in words[:4] for sign in signs[:4])]))


def seconds(pattern: re.Pattern[str], text: str, *, search: bool) -> float:
    began = time.process_time()
    if search:
        sum(1 for _ in pattern.finditer(text))
    pattern.match(text)
    pattern.fullmatch(text)
    return time.process_time() - began


@pytest.mark.parametrize(("name", "pattern"), PATTERNS, ids=[f"{name}-{n}" for n, (name, _) in enumerate(PATTERNS)])
def test_an_expression_takes_linear_time(name: str, pattern: re.Pattern[str]) -> None:
    search = name not in WHOLE
    for filler in fillers(pattern):
        for end in ("", "\x00"):
            short, long = ((filler * (size // len(filler) + 1))[:size] + end for size in (_CHARS, _CHARS * _FACTOR))
            taken = seconds(pattern, long, search=search)
            if taken < _MEASURABLE * _FACTOR:
                continue
            taken = min(taken, *(seconds(pattern, long, search=search) for _ in range(3)))
            ratio = taken / max(min(seconds(pattern, short, search=search) for _ in range(3)), 1e-4)
            assert ratio < _QUADRATIC, f"{name}: {filler!r} {ratio:.0f} times in {taken:.2f} s"
