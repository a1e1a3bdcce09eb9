"""JSON of the API, with parts that no Python value keeps."""

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class RawJson:
    """JSON text that is sent as it is: numbers and depths that no Python value keeps."""

    text: str


def encode_json(value: Any) -> str:
    """Return the value as JSON text."""
    raw: dict[str, str] = {}

    def replace_raw(item: object) -> str:
        if not isinstance(item, RawJson):
            raise TypeError(f"{type(item).__name__} is not JSON.")
        key = f"raw JSON {len(raw)} {id(raw)}"
        raw[json.dumps(key)] = item.text
        return key

    text = json.dumps(value, ensure_ascii=False, default=replace_raw)
    for placeholder, inner in raw.items():
        text = text.replace(placeholder, inner)
    return text
