"""A modal filled in by a person, checked as Discord's client checks it (components/reference)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bot.limits import MODAL_FILES, TEXT_INPUT_CHARS
from sandbox.discord.people.refused import ClientRefused
from sandbox.discord.world.attachment import Attachment, Upload
from sandbox.discord.world.components import SELECTS, ComponentType

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Json = dict[str, Any]
T = ComponentType


class Form:
    """Turns values by custom id or label into what a submit carries."""

    def __init__(self, modal: Json, upload: Callable[[Upload], tuple[Attachment, Json]]) -> None:
        self._modal = modal
        self._upload = upload
        self.attachments: dict[str, Json] = {}

    def fill(self, values: Mapping[str, Any]) -> list[Json]:
        """Return the submitted components; what has no value keeps what the modal proposed."""
        left = dict(values)
        filled = [self._top(item, left) for item in self._modal["components"]]
        if left:
            raise ClientRefused(f"The modal has no field “{next(iter(left))}”.")
        return filled

    def _top(self, item: Json, left: dict[str, Any]) -> Json:
        told: Json = {"type": item["type"], "id": item["id"]}
        if item["type"] == T.LABEL:
            told["component"] = self._field(item["component"], item["label"], left)
        elif item["type"] == T.ACTION_ROW:
            told["components"] = [self._field(one, one.get("label", ""), left) for one in item["components"]]
        return told

    def _field(self, field: Json, label: str, left: dict[str, Any]) -> Json:
        given = left.pop(field["custom_id"], left.pop(label, None))
        told: Json = {"type": field["type"], "id": field["id"], "custom_id": field["custom_id"]}
        kind = field["type"]
        if kind == T.TEXT_INPUT:
            told["value"] = _text(field, label, field.get("value") or "" if given is None else given)
        elif kind == T.CHECKBOX:
            told["value"] = bool(field.get("default") if given is None else given)
        elif kind == T.RADIO_GROUP:
            told["value"] = _radio(field, label, given)
        elif kind == T.FILE_UPLOAD:
            told["values"] = self._files(field, label, given)
        else:
            told["values"] = _several(field, label, given)
        return told

    def _files(self, field: Json, label: str, given: Any) -> list[str]:
        uploads = [given] if isinstance(given, Upload) else list(given or ())
        _check_count(field, label, len(uploads), most=min(field.get("max_values") or 1, MODAL_FILES))
        ids = []
        for upload in uploads:
            attachment, told = self._upload(upload)
            self.attachments[str(attachment.id)] = told
            ids.append(str(attachment.id))
        return ids


def choose(field: Json, label: str, given: list[str]) -> list[str]:
    """Return the values of the chosen options, which may be named by value or label."""
    if field["type"] not in {T.STRING_SELECT, T.CHECKBOX_GROUP, T.RADIO_GROUP}:
        return given
    by_name = {one["label"]: one["value"] for one in field["options"]} | {
        one["value"]: one["value"] for one in field["options"]
    }
    unknown = next((one for one in given if one not in by_name), None)
    if unknown is not None:
        raise ClientRefused(f"“{label}” has no choice “{unknown}”.")
    return [by_name[one] for one in given]


def _several(field: Json, label: str, given: Any) -> list[str]:
    proposed = [one["value"] for one in field.get("options") or () if one.get("default")]
    chosen = proposed if given is None else choose(field, label, [given] if isinstance(given, str) else list(given))
    most = field.get("max_values") or (1 if field["type"] in SELECTS else len(field["options"]))
    _check_count(field, label, len(chosen), most=most)
    return chosen


def _radio(field: Json, label: str, given: Any) -> str | None:
    proposed = [one["value"] for one in field["options"] if one.get("default")]
    chosen = proposed if given is None else choose(field, label, [given])
    _check_count(field, label, len(chosen), most=1)
    return chosen[0] if chosen else None


def _check_count(field: Json, label: str, count: int, *, most: int) -> None:
    required = field.get("required", True)
    least = field.get("min_values")
    least = 1 if least is None else least
    if count == 0 and not required:
        return
    if not max(least, 1 if required else 0) <= count <= most:
        raise ClientRefused(f"“{label}” takes {least} to {most} values, not {count}.")


def _text(field: Json, label: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ClientRefused(f"“{label}” takes a text.")
    if not value and not field.get("required", True):
        return value
    low = field.get("min_length") or (1 if field.get("required", True) else 0)
    high = field.get("max_length") or TEXT_INPUT_CHARS
    if not low <= len(value) <= high:
        raise ClientRefused(f"“{label}” takes {low} to {high} characters, not {len(value)}.")
    return value
