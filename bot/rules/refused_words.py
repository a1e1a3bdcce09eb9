"""Words that a server refuses, found however they are dressed up.

A text is compared after NFKC (full-width and styled letters are plain ones), without case, and without characters that
nobody sees. Only whole words count: a refused "ass" does not refuse "glass". Scripts that are written without spaces
have no word boundaries to find, so there a refused word counts wherever it stands.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bot.limits import REFUSED_WORD_CHARS, REFUSED_WORDS, VALUE_DEPTH

# Thai, Lao, Tibetan, Myanmar, Khmer, kana, Han (the classes SA and ID of Unicode's line breaking).
_WITHOUT_SPACES: Final = re.compile(
    "[\u0e00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
# Beside Unicode's format characters: joiners, selectors, letters without a glyph, and marks over or through a letter
# that no letter is composed with.
_UNSEEN: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
    "\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]"
)
_NEGATIVE: Final = "negative"  # in the name of an input: what the model is told to leave out


def read_words(text: str) -> tuple[str, ...]:
    """Return the words of a form, one a line or between commas, each once; without those that cannot be used."""
    return tuple(word for word in _split(text) if _is_usable(word))[:REFUSED_WORDS]


def list_unusable_words(text: str) -> tuple[str, ...]:
    """Return the words of a form that ``read_words`` leaves out: too long, without letters or digits, or too many."""
    kept = set(read_words(text))
    return tuple(word for word in _split(text) if word not in kept)


def _split(text: str) -> Iterable[str]:
    parts = (" ".join(part.split()) for part in re.split(r"[\n,;]", text))
    return dict.fromkeys(part for part in parts if part)


def _is_usable(word: str) -> bool:
    return len(word) <= REFUSED_WORD_CHARS and bool(_normalize(word))


def find_refused_word(run_input: Mapping[str, Any], words: Iterable[str]) -> str | None:
    """Return the first of the words that a model's input contains, as the server wrote it; None if it has none.

    What a model is told to leave out (a negative prompt) may name it.
    """
    wanted = [(word, form) for word in words if (form := _normalize(word))]
    if not wanted:
        return None
    for text in _texts(run_input):
        plain = _normalize(text)
        for word, form in wanted:
            if _contains(plain, form):
                return word
    return None


def _contains(plain: str, form: str) -> bool:
    if _WITHOUT_SPACES.search(form):
        return form.replace(" ", "") in plain.replace(" ", "")
    return f" {form} " in f" {plain} "


def _normalize(text: str) -> str:
    """Return the words of a text in their plain form, a blank between each."""
    seen = "".join(char for char in unicodedata.normalize("NFKC", text) if unicodedata.category(char) != "Cf")
    folded = unicodedata.normalize("NFKC", _UNSEEN.sub("", seen).casefold())
    return " ".join("".join(char if unicodedata.category(char)[0] in "LMN" else " " for char in folded).split())


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    if depth > VALUE_DEPTH:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, part in value.items():
            if _NEGATIVE not in str(name).casefold():
                yield from _texts(part, depth + 1)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part, depth + 1)
