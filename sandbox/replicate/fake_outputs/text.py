"""Texts written from the prompt: prose that reads like an answer; the same prompt gives the same text."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from itertools import count

from sandbox.replicate.fake_outputs.prose import CHAPTER, ESSAY, OPENINGS, STORY, VISITORS, Visitor

_TOKEN = re.compile(r"\s*\w{1,5}|\s*[^\w\s]|\s+")
_WORD = re.compile(r"[^\W\d_]{4,}")
_LENGTH = re.compile(r"[,;]?\s*\b(?:in|with|of|at)\s+(?:about\s+)?(?:\d{1,5}\s*words|length|detail)\b", re.IGNORECASE)
_WORD_COUNT = re.compile(r"(\d{2,5})\s*words", re.IGNORECASE)
_ASKS_FOR_LENGTH = re.compile(r"\b(long|essay|detailed|story|chapter)\b", re.IGNORECASE)
_ASKS_FOR_BREVITY = re.compile(r"\b(short|brief|briefly)\b", re.IGNORECASE)
_ASKS_FOR_CODE = re.compile(r"\b(code|python|function|script|program)\b", re.IGNORECASE)
_ASKS_FOR_STORY = re.compile(r"\b(story|tale|fable)\b", re.IGNORECASE)
_TOPIC = re.compile(r"\b(?:about|on|of|explain|describe)\s+(\S.*)", re.IGNORECASE | re.DOTALL)
_REQUEST = re.compile(r"(?:tell|write|give|make|say|list|show|what|how|why|when|who|can|please)\b", re.IGNORECASE)
_HERO_END = re.compile(r"\s+(?:that|who|which|with|and|in|at|on|from)\b", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:an?|the)\s+", re.IGNORECASE)

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
_SHORT_STORY_WORDS = 300
_SHORT_WORDS = 90
_TOPIC_CHARS, _TOPIC_WORDS = 80, 4


def write_answer(prompt: str) -> str:
    """Return an answer in Markdown: a story if the prompt asks for one, else an essay, with code if it mentions it.

    “In 500 words” sets the length; “long”, “detailed” or “essay” make it long enough for several messages.
    """
    digest = hashlib.sha256(prompt.encode()).digest()
    topic = _find_topic(prompt)
    paragraphs = _tell_story(topic, digest) if _ASKS_FOR_STORY.search(prompt) else _write_essay(topic, digest)
    parts = [next(paragraphs)]
    if _ASKS_FOR_CODE.search(prompt):
        parts.append(_write_code(topic))
    length = _requested_length(prompt)
    words = sum(len(part.split()) for part in parts)
    while words < length:
        parts.append(next(paragraphs))
        words += len(parts[-1].split())
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
    if _ASKS_FOR_BREVITY.search(prompt):
        return _SHORT_STORY_WORDS if _ASKS_FOR_STORY.search(prompt) else _SHORT_WORDS
    return _LONG_WORDS if _ASKS_FOR_LENGTH.search(prompt) else _SHORT_WORDS


def _find_topic(prompt: str) -> str:
    """Return what the prompt is about, as it can follow “about”: “a lighthouse that was afraid of the dark”."""
    text = _LENGTH.sub("", " ".join(prompt.split()))
    found = _TOPIC.search(text)
    if found is None and (len(text.split()) > _TOPIC_WORDS or _REQUEST.match(text)):
        return "this"
    topic = re.split(r"[.!?\n:;,]", found[1] if found else text)[0].strip(" *_`“”\"'")
    return topic if topic and len(topic) <= _TOPIC_CHARS else "this"


def _write_essay(topic: str, digest: bytes) -> Iterator[str]:
    """Yield paragraphs without end; those after the first round have headings between them."""
    yield OPENINGS[digest[0] % len(OPENINGS)].format(topic=topic)
    start = digest[1] % len(ESSAY)
    for number in count():
        heading = f"## Part {number // len(ESSAY) + 1}\n\n" if number and number % len(ESSAY) == 0 else ""
        yield heading + ESSAY[(start + number) % len(ESSAY)].format(topic=topic)


def _tell_story(topic: str, digest: bytes) -> Iterator[str]:
    """Yield the paragraphs of a story without end: a first night, then one chapter for each visitor."""
    hero = topic if _ARTICLE.match(topic) else f"someone who knew all about {topic}"
    noun = _ARTICLE.sub("", _HERO_END.split(hero)[0], count=1) if hero == topic else "stranger"
    for paragraph in STORY:
        yield paragraph.format(hero=hero, noun=noun)
    for number in count():
        visitor = VISITORS[(digest[2] + number) % len(VISITORS)]
        yield from _tell_chapter(visitor, noun)


def _tell_chapter(visitor: Visitor, noun: str) -> Iterator[str]:
    for index, paragraph in enumerate(CHAPTER):
        heading = f"## {visitor.name.capitalize()}\n\n" if index == 0 else ""
        yield heading + paragraph.format(
            noun=noun, visitor=visitor.name, looks=visitor.looks, wish=visitor.wish, gift=visitor.gift
        )


def _write_code(topic: str) -> str:
    words = _WORD.findall(topic) or ["answer"]
    name = re.sub(r"\W", "_", words[-1].lower())
    return (
        "```python\n"
        f"def {name}(count: int) -> list[str]:\n"
        f'    """Return {name}, over and over."""\n'
        f'    return ["{name}" for _ in range(count)]\n'
        "```"
    )


def _write_sentences(words: Sequence[str], digest: bytes) -> Iterator[str]:
    index = 0
    while True:
        template = _SENTENCES[(digest[index % len(digest)] + index) % len(_SENTENCES)]
        one, other = words[index % len(words)], words[(index * 3 + 1) % len(words)]
        yield template.format(one, other)
        index += 1
