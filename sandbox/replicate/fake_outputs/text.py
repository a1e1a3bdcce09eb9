"""Texts built from the words of the prompt; the same prompt gives the same text."""

import hashlib
import re
from collections.abc import Iterator, Sequence

_TOKEN = re.compile(r"\s*\w{1,5}|\s*[^\w\s]|\s+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_WORD_COUNT = re.compile(r"(\d{2,5})\s*words", re.IGNORECASE)
_ASKS_FOR_LENGTH = re.compile(r"\b(long|essay|detailed|story|chapter)\b", re.IGNORECASE)
_ASKS_FOR_CODE = re.compile(r"\b(code|python|function|script|program)\b", re.IGNORECASE)

_OPENINGS = ("Gladly.", "Here is what I can say.", "A good question.", "Let us look at it.")
_EMOJI = ("🌱", "🛠️", "🔭", "👩‍🚀", "🎨", "🧭", "☕")
_SENTENCES = (
    "The first thing to know about {0}: look at {1} before anything else.",
    "Nobody needs to hurry with {0}, and {1} can wait until tomorrow.",
    "Somewhere between {0} and {1} runs a line that is thinner than it looks.",
    "Ask three experts about {0} and you will hear four opinions, one of them about {1}.",
    "With *{0}* comes patience, and with **{1}** comes practice.",
    "A little work on {0} goes a long way towards {1}.",
)
_LONG_WORDS = 1200
_SHORT_WORDS = 90


def write_answer(prompt: str) -> str:
    """Return an answer in Markdown that repeats the prompt's words: prose, a list, and code if the prompt mentions it.

    “In 500 words” sets the length; “long”, “detailed” or “essay” make it long enough for several messages.
    """
    words = [word.lower() for word in _WORD.findall(prompt)] or ["silence", "questions"]
    digest = hashlib.sha256(prompt.encode()).digest()
    parts = [_write_opening(prompt, digest), _write_list(words, digest)]
    if _ASKS_FOR_CODE.search(prompt):
        parts.append(_write_code(words))
    paragraphs = _write_paragraphs(words, digest)
    length = _requested_length(prompt)
    while sum(len(part.split()) for part in parts) < length:
        parts.append(next(paragraphs))
    parts.append(f"_Written by the sandbox, not by a model._ {_EMOJI[digest[5] % len(_EMOJI)]}")
    return "\n\n".join(parts)


def split_tokens(text: str, *, limit: int | None = None) -> Iterator[str]:
    """Yield ``text`` in parts about as long as the tokens of a language model."""
    for index, match in enumerate(_TOKEN.finditer(text)):
        if limit is not None and index >= limit:
            return
        yield match[0]


def write_sentence(seed: str) -> str:
    """Return one sentence that depends on ``seed``."""
    words = [word.lower() for word in _WORD.findall(seed)] or ["nothing", "everything"]
    return next(_write_sentences(words, hashlib.sha256(seed.encode()).digest()))


def _requested_length(prompt: str) -> int:
    if found := _WORD_COUNT.search(prompt):
        return int(found[1])
    return _LONG_WORDS if _ASKS_FOR_LENGTH.search(prompt) else _SHORT_WORDS


def _write_opening(prompt: str, digest: bytes) -> str:
    shown = " ".join(prompt.split())[:120] or "nothing at all"
    return f"{_OPENINGS[digest[0] % len(_OPENINGS)]} You asked: “{shown}”"


def _write_list(words: Sequence[str], digest: bytes) -> str:
    lines = [
        f"{number}. **{word.capitalize()}** {_EMOJI[digest[number] % len(_EMOJI)]}"
        for number, word in enumerate(dict.fromkeys(words), start=1)
        if number <= 5
    ]
    return "\n".join(["In order:", *lines])


def _write_code(words: Sequence[str]) -> str:
    name = re.sub(r"\W", "_", words[-1])
    return (
        "```python\n"
        f"def {name}(count: int) -> list[str]:\n"
        f'    """Return {name}, over and over."""\n'
        f'    return ["{name}" for _ in range(count)]\n'
        "```"
    )


def _write_paragraphs(words: Sequence[str], digest: bytes) -> Iterator[str]:
    sentences = _write_sentences(words, digest)
    for number in range(1, 10_000):
        heading = f"## Part {number // 5}\n\n" if number % 5 == 0 else ""
        yield heading + " ".join(next(sentences) for _ in range(4))


def _write_sentences(words: Sequence[str], digest: bytes) -> Iterator[str]:
    index = 0
    while True:
        template = _SENTENCES[(digest[index % len(digest)] + index) % len(_SENTENCES)]
        one, other = words[index % len(words)], words[(index * 3 + 1) % len(words)]
        yield template.format(one, other)
        index += 1
