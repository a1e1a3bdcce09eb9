"""The shape of an output: whatever JSON a model gave becomes words, files and data, in its order.

The model's schema says what was meant; the values say what came. Where they disagree, the values are believed,
and a string is a file then only if it is a whole address on a delivery host. Nothing that came is dropped but nulls
and blanks, and nothing here raises.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any, Final

from bot.formatting import replace_surrogates
from bot.outputs.allowed_hosts import DELIVERY_HOSTS, is_covered
from bot.outputs.data_uri import is_data_uri, is_packed_data_uri
from bot.outputs.json_format import format_json
from bot.outputs.output_schema import contains_files, is_concatenated_text, is_marked_concatenated, output_type

_DEEPEST: Final = 30  # levels that are taken apart; what lies deeper is shown as data
_WORDS: Final = 60  # a string this long among other values is read as prose, not as one value more


@dataclass(frozen=True, slots=True)
class RawText:
    """Words. ``label`` is the key they stood under, where there are several."""

    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file: http, https or data URI. ``index`` counts files and data from 0 and stays as the output grows."""

    index: int
    url: str = field(repr=False)
    label: str | None = None


@dataclass(frozen=True, slots=True)
class RawData:
    """JSON that is neither words nor files: numbers, embeddings, boxes. ``index`` counts as a file's does."""

    index: int
    data: Any = field(repr=False)
    label: str | None = None


RawOutput = RawText | RawFile | RawData


class StreamKind(StrEnum):
    """How the output events of a model's stream are to be read.

    TEXT: join the data of all events and hand the string to ``pieces``; or, where the schema is a list, the list
    of them: the events of some models are lines.
    FILES: each event's data is one file's address; hand the list of them to ``pieces``.
    NONE: events do not say enough; only the prediction itself does.
    Read so, the pieces of a growing stream are the pieces that the finished prediction gives.
    """

    TEXT = "text"
    FILES = "files"
    NONE = "none"


def stream_kind(schema: Mapping[str, Any]) -> StreamKind:
    """Return how the stream of a model with this Output schema is read."""
    meaning = output_type(schema)
    if meaning.words and not meaning.files and not meaning.items and not meaning.keys:
        return StreamKind.TEXT
    if is_concatenated_text(schema):
        return StreamKind.TEXT
    if meaning.keys or (meaning.words and not meaning.files):
        return StreamKind.NONE
    inner = output_type(meaning.items) if meaning.items else meaning
    return StreamKind.FILES if inner.files and not inner.items and not inner.keys else StreamKind.NONE


def parse_output(
    output: Any, schema: Mapping[str, Any], *, hosts: Collection[str] = DELIVERY_HOSTS
) -> tuple[RawOutput, ...]:
    """Return what an output is made of; () when nothing came out.

    ``schema`` is the model's Output schema with its references resolved, {} when there is none. ``hosts`` are
    those on which an address that no schema announced is taken for a file.
    """
    return tuple(_Reader(hosts).read(output, schema, label=None, depth=0))


class _Reader:
    """Walks one output, counting its files and data."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = hosts
        self._index = count()

    def read(self, value: Any, schema: Mapping[str, Any], *, label: str | None, depth: int) -> Iterator[RawOutput]:
        if not _is_something(value):
            return
        if isinstance(value, str):
            yield from self._string(value, schema, label)
        elif depth > _DEEPEST:
            yield self._data(value, label)
        elif isinstance(value, list):
            yield from self._list(value, schema, label, depth)
        elif isinstance(value, Mapping):
            yield from self._object(value, schema, label, depth)
        else:
            yield RawText(format_json(value), label)

    def _string(self, value: str, schema: Mapping[str, Any], label: str | None) -> Iterator[RawOutput]:
        if self._is_file(value, schema):
            yield RawFile(next(self._index), value, label)
        elif text := _clean(value):
            yield RawText(text, label)

    def _list(self, value: list[Any], schema: Mapping[str, Any], label: str | None, depth: int) -> Iterator[RawOutput]:
        if is_concatenated_text(schema) and not any(isinstance(item, (list, Mapping)) for item in value):
            texts = [item if isinstance(item, str) else format_json(item) for item in value if item is not None]
            lines = not is_marked_concatenated(schema) and _are_lines(texts)
            yield from self._string(("\n" if lines else "").join(texts), {"type": "string"}, label)
            return
        meaning = output_type(schema)
        items = meaning.items if meaning.items is not None else (schema if meaning.files else {})
        if not self._is_open(value, items, depth):
            yield self._data(value, label)
        elif not self._has_files(value, schema, depth) and all(item is None or isinstance(item, str) for item in value):
            yield from self._string(_together(value), {"type": "string"}, label)
        else:
            for item in value:
                yield from self.read(item, items, label=label, depth=depth + 1)

    def _object(
        self, value: Mapping[str, Any], schema: Mapping[str, Any], label: str | None, depth: int
    ) -> Iterator[RawOutput]:
        keys = output_type(schema).keys
        schemas = {key: keys.get(key, {}) for key in value}
        files = {key for key, item in value.items() if self._has_files(item, schemas[key], depth + 1)}
        words = {key for key, item in value.items() if isinstance(item, str) and key not in files and item.strip()}
        if not files and any(_is_something(item) for key, item in value.items() if key not in words):
            words = {key for key in words if _is_prose(value[key])}  # the short ones belong to the values around them
        rest = {key: item for key, item in value.items() if key not in files | words and _is_something(item)}
        for key, item in value.items():
            if key in files or key in words:
                own = label if words == {key} else _join(label, key)  # the only words need no heading
                yield from self.read(item, schemas[key], label=own, depth=depth + 1)
        if rest:
            yield self._data(rest, label)

    def _is_open(self, value: list[Any], items: Mapping[str, Any], depth: int) -> bool:
        """Whether a list is shown item by item: it holds files, or nothing but words."""
        return self._has_files(value, {"type": "array", "items": items}, depth) or all(
            item is None
            or isinstance(item, str)
            or (isinstance(item, Mapping) and all(word is None or isinstance(word, str) for word in item.values()))
            for item in value
        )

    def _has_files(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        if isinstance(value, str):
            return self._is_file(value, schema)
        if depth > _DEEPEST or not isinstance(value, (list, Mapping)):
            return False
        meaning = output_type(schema)
        if isinstance(value, Mapping):
            return any(self._has_files(item, meaning.keys.get(key, {}), depth + 1) for key, item in value.items())
        items = meaning.items if meaning.items is not None else (schema if meaning.files else {})
        return any(self._has_files(item, items, depth + 1) for item in value)

    def _is_file(self, value: str, schema: Mapping[str, Any]) -> bool:
        if is_data_uri(value):
            return output_type(schema).files or is_packed_data_uri(value)
        if not value.startswith(("http://", "https://")) or any(letter.isspace() for letter in value):
            return False
        meaning = output_type(schema)
        if meaning.files:
            return True
        return not meaning.words and (contains_files(schema) or is_covered(value, self._hosts))

    def _data(self, value: Any, label: str | None) -> RawData:
        return RawData(next(self._index), value, label)


def _are_lines(texts: list[str]) -> bool:
    """Whether these are whole lines, and not the pieces in which models write: words with blanks at no end."""
    return len(texts) > 1 and all(" " in text and text == text.strip() for text in texts)


def _together(texts: list[str | None]) -> str:
    """Return a list of words as one text: pieces that bring their own blanks are joined, others get lines."""
    words = [text for text in texts if text]
    if any(word[0].isspace() or word[-1].isspace() for word in words):
        return "".join(words)
    return ("\n\n" if any("\n" in word for word in words) else "\n").join(words)


def _is_something(value: Any) -> bool:
    """Whether there is anything to show: no null, no blank, nothing empty."""
    return value is not None and value not in ("", [], {}) and not (isinstance(value, str) and not value.strip())


def _is_prose(text: str) -> bool:
    return len(text) > _WORDS or "\n" in text.strip()


def _join(label: str | None, key: str) -> str:
    return f"{label} {key}" if label else key


def _clean(text: str) -> str:
    """Return the text with halves of characters made whole or marked; "" when there is nothing to see in it."""
    text = replace_surrogates(text)
    return text if text.strip() else ""
