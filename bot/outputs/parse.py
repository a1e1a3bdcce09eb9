"""Parse the output of a model: any JSON becomes texts, files and data, in its order.

The model's schema says what was intended, the values are what it returned. Where they disagree the values decide, and
a string is then a file only if it is a URL on a delivery host. Only nulls and blanks are dropped, and nothing here
raises.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count
from typing import Any, Final, TypeVar

from bot.formatting import replace_surrogates
from bot.large_json import LargeJson
from bot.limits import OUTPUTS_SHOWN
from bot.outputs.allowed_hosts import DELIVERY_HOSTS, is_allowed_host
from bot.outputs.data_uri import is_base64_data_uri, is_data_uri
from bot.outputs.json_format import format_json
from bot.outputs.output_schema import (
    OutputType,
    contains_files,
    is_concatenated_text,
    is_marked_concatenated,
    output_type,
)
from bot.outputs.spooled import spooled_name

T = TypeVar("T")

_MAX_DEPTH: Final = 30  # deeper values are shown as data
_PROSE_CHARS: Final = 60  # a longer string among other values is prose, not one more value
_TEXT_SCHEMA: Final[Mapping[str, Any]] = {"type": "string"}
_ANY: Final[Mapping[str, Any]] = {}
_BLANK: Final = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class RawText:
    """A text. ``label`` is its key in an object with several texts."""

    text: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class RawFile:
    """A file: an http, https or data URI. ``index`` counts files and data from 0; it stays while the output grows."""

    index: int
    url: str = field(repr=False)
    label: str | None = None


@dataclass(frozen=True, slots=True)
class RawData:
    """JSON that is neither text nor a file: numbers, embeddings, boxes, maybe with LargeJson in it.

    ``index`` counts like that of files.
    """

    index: int
    data: Any = field(repr=False)
    label: str | None = None


RawOutput = RawText | RawFile | RawData


class StreamKind(StrEnum):
    """How the output events of a model's stream are combined into a value for ``parse_output``.

    TEXT: the concatenated data of all events; if the schema is a list, the list of them, because the events of some
    models are lines.
    FILES: the list of the events' data, each of which is the URL of a file.
    NONE: events are not sufficient; only the prediction itself is.
    The outputs parsed from a growing stream are the ones that the finished prediction has.
    """

    TEXT = "text"
    FILES = "files"
    NONE = "none"


def stream_kind(schema: Mapping[str, Any]) -> StreamKind:
    """Return how the stream of a model with this output schema is read."""
    kind = output_type(schema)
    if kind.is_text and not kind.is_file and not kind.items and not kind.properties:
        return StreamKind.TEXT
    if is_concatenated_text(schema):
        return StreamKind.TEXT
    if kind.properties or (kind.is_text and not kind.is_file):
        return StreamKind.NONE
    inner = output_type(kind.items) if kind.items else kind
    return StreamKind.FILES if inner.is_file and not inner.items and not inner.properties else StreamKind.NONE


def parse_output(
    output: Any, schema: Mapping[str, Any], *, hosts: Collection[str] = DELIVERY_HOSTS
) -> tuple[RawOutput, ...]:
    """Return the texts, files and data in an output; () if it is empty.

    ``schema`` is the model's output schema with resolved references, {} without one. A URL that the schema does not
    declare is a file only on one of ``hosts``. What is more than OUTPUTS_SHOWN is one piece of data at the end.
    """
    outputs = tuple(_OutputParser(hosts).parse(output, schema, label=None, depth=0))
    if len(outputs) <= OUTPUTS_SHOWN:
        return outputs
    shown, rest = outputs[:OUTPUTS_SHOWN], outputs[OUTPUTS_SHOWN:]
    index = sum(not isinstance(raw, RawText) for raw in shown)
    return (*shown, RawData(index, [_value_of(raw) for raw in rest], "more"))


class _OutputParser:
    """Walk one output and number its files and data."""

    def __init__(self, hosts: Collection[str]) -> None:
        self._hosts = tuple(hosts)
        self._index = count()
        # By identity: the schema and the output outlive the parser.
        self._results: dict[tuple[Callable[..., Any], int], Any] = {}
        self._with_files: dict[tuple[int, int], bool] = {}

    def parse(self, value: Any, schema: Mapping[str, Any], *, label: str | None, depth: int) -> Iterator[RawOutput]:
        if _is_empty(value):
            return
        if isinstance(value, str):
            yield from self._parse_string(value, schema, label)
        elif depth > _MAX_DEPTH:
            yield self._data(value, label)
        elif isinstance(value, list):
            yield from self._parse_list(value, schema, label, depth)
        elif isinstance(value, Mapping):
            yield from self._parse_object(value, schema, label, depth)
        elif isinstance(value, LargeJson):
            yield self._data(value, label)
        else:
            yield RawText(format_json(value), label)

    def _parse_string(self, value: str, schema: Mapping[str, Any], label: str | None) -> Iterator[RawOutput]:
        if self._is_file(value, schema):
            yield RawFile(next(self._index), value, label)
        elif text := _clean(value):
            yield RawText(text, label)

    def _parse_list(
        self, value: list[Any], schema: Mapping[str, Any], label: str | None, depth: int
    ) -> Iterator[RawOutput]:
        if self._cached(is_concatenated_text, schema) and not any(isinstance(item, (list, Mapping)) for item in value):
            texts = [item if isinstance(item, str) else format_json(item) for item in value if item is not None]
            separator = "\n" if not self._cached(is_marked_concatenated, schema) and _are_lines(texts) else ""
            yield from self._parse_string(separator.join(texts), _TEXT_SCHEMA, label)
            return
        has_files = self._has_files(value, schema, depth)
        if not has_files and all(_is_text(item) for item in value):
            yield from self._parse_string(_join_texts(value), _TEXT_SCHEMA, label)
        elif has_files or all(_is_text(item) or _is_text_object(item) for item in value):
            items = self._item_schema(schema)
            for item in value:
                yield from self.parse(item, items, label=label, depth=depth + 1)
        else:
            yield self._data(value, label)

    def _parse_object(
        self, value: Mapping[str, Any], schema: Mapping[str, Any], label: str | None, depth: int
    ) -> Iterator[RawOutput]:
        properties = self._type(schema).properties
        schemas = {key: properties.get(key, _ANY) for key in value}
        files = {key for key, item in value.items() if self._has_files(item, schemas[key], depth + 1)}
        texts = {key for key, item in value.items() if isinstance(item, str) and key not in files and item.strip()}
        if not files and any(not _is_empty(item) for key, item in value.items() if key not in texts):
            texts = {key for key in texts if _is_prose(value[key])}  # short ones belong to the values beside them
        data = {
            key: item for key, item in value.items() if key not in files and key not in texts and not _is_empty(item)
        }
        for key, item in value.items():
            if key in files or key in texts:
                is_only_text = len(texts) == 1 and key in texts  # which needs no heading
                own_label = label if is_only_text else _join_labels(label, key)
                yield from self.parse(item, schemas[key], label=own_label, depth=depth + 1)
        if data:
            yield self._data(data, label)

    def _has_files(self, value: Any, schema: Mapping[str, Any], depth: int) -> bool:
        if isinstance(value, str):
            return self._is_file(value, schema)
        if depth > _MAX_DEPTH or not isinstance(value, (list, Mapping)):
            return False
        known = (id(value), id(schema))
        if known not in self._with_files:
            if isinstance(value, Mapping):
                properties = self._type(schema).properties
                found = any(self._has_files(item, properties.get(key, _ANY), depth + 1) for key, item in value.items())
            else:
                items = self._item_schema(schema)
                found = any(self._has_files(item, items, depth + 1) for item in value)
            self._with_files[known] = found
        return self._with_files[known]

    def _is_file(self, value: str, schema: Mapping[str, Any]) -> bool:
        if is_data_uri(value):
            return self._type(schema).is_file or is_base64_data_uri(value)
        if spooled_name(value) is not None:
            return True
        if not value.startswith(("http://", "https://")) or _BLANK.search(value):
            return False
        kind = self._type(schema)
        if kind.is_file:
            return True
        return not kind.is_text and (self._cached(contains_files, schema) or is_allowed_host(value, self._hosts))

    def _type(self, schema: Mapping[str, Any]) -> OutputType:
        return self._cached(output_type, schema)

    def _cached(self, function: Callable[[Mapping[str, Any]], T], schema: Mapping[str, Any]) -> T:
        """Return what the function returns for a schema; each result is computed once."""
        key = (function, id(schema))
        if key not in self._results:
            self._results[key] = function(schema)
        result: T = self._results[key]
        return result

    def _item_schema(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the schema of a list's items; a list where one file is declared is a list of files."""
        kind = self._type(schema)
        if kind.items is not None:
            return kind.items
        return schema if kind.is_file else _ANY

    def _data(self, value: Any, label: str | None) -> RawData:
        return RawData(next(self._index), value, label)


def _are_lines(texts: list[str]) -> bool:
    """Return whether these are whole lines, not pieces of a text: several words without blanks at the ends."""
    return len(texts) > 1 and all(" " in text and text == text.strip() for text in texts)


def _join_texts(texts: list[str | None]) -> str:
    """Return a list of texts as one: pieces with their own blanks are concatenated, others become lines."""
    present = [text for text in texts if text]
    if any(text[0].isspace() or text[-1].isspace() for text in present):
        return "".join(present)
    return ("\n\n" if any("\n" in text for text in present) else "\n").join(present)


def _value_of(raw: RawOutput) -> Any:
    """Return the JSON value that an output stands for, under its label if it has one."""
    value = raw.url if isinstance(raw, RawFile) else raw.text if isinstance(raw, RawText) else raw.data
    return {raw.label: value} if raw.label else value


def _is_empty(value: Any) -> bool:
    """Return whether there is nothing to show: null, blank, or an empty list or object."""
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_text_object(value: Any) -> bool:
    return isinstance(value, Mapping) and all(_is_text(item) for item in value.values())


def _is_prose(text: str) -> bool:
    return len(text) > _PROSE_CHARS or "\n" in text.strip()


def _join_labels(label: str | None, key: str) -> str:
    return f"{label} {key}" if label else key


def _clean(text: str) -> str:
    """Return the text with lone surrogates replaced; "" if it is blank."""
    text = replace_surrogates(text)
    return text if text.strip() else ""
