"""What can be saved of a run as a preset."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.errors import Refused
from bot.language import _
from bot.limits import PRESET_INPUTS
from bot.media.types import find_references
from bot.options.fields import Field
from bot.options.layout import OptionLayout
from bot.secrets import contains_private_url, contains_secret

WORDS: Final = "{prompt}"
"""What stands in a template for the words of each use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetDraft:
    """What a run offers for a preset.

    ``template`` is its prompt, None if the model has none. ``values`` are its other inputs by the model's keys that can
    be fixed. ``must_ask`` are inputs that it was given and that cannot be kept: files, secrets, signed addresses.
    ``can_ask`` are all inputs that can be asked for, those that the run was given first.
    """

    template: str | None
    values: Mapping[str, Any]
    must_ask: tuple[str, ...]
    can_ask: tuple[Field, ...]


def draft_preset(layout: OptionLayout, run_input: Mapping[str, Any], written: Mapping[str, Any]) -> PresetDraft:
    """Return what can be saved of a run with this input; ``written`` has its inputs with characters as ``@name``."""
    values = {key: value for key, value in {**run_input, **written}.items() if value is not None}
    template = values.pop(layout.prompt_field, "") if layout.prompt_field is not None else None
    names = [field.name for field in layout.fields]
    known = {key: value for key, value in values.items() if key in names}
    must_ask = [key for key, value in known.items() if not _can_keep(key, value)]
    given_first = sorted(
        (field for field in layout.fields if field.name != layout.prompt_field),
        key=lambda field: (field.name not in must_ask, field.name not in known),
    )
    return PresetDraft(
        template=template if template is None or isinstance(template, str) else str(template),
        values={key: value for key, value in known.items() if key not in must_ask},
        must_ask=tuple(must_ask),
        can_ask=tuple(given_first),
    )


def check_size(fixed: Mapping[str, Any], template: str | None) -> None:
    """Raise Refused for a preset that is too large to be kept."""
    if len(json.dumps(fixed, default=str)) + len(template or "") > PRESET_INPUTS:
        raise Refused(_("These inputs are too long for a preset. Ask for some of them instead of fixing them."))


def fill_template(template: str, words: str | None) -> str:
    """Return the prompt of one use: the words in their place, or where there is none, the template itself."""
    return template.replace(WORDS, words or "").strip() if WORDS in template else template


def asks_words(template: str | None) -> bool:
    """Return whether a use is asked for the words of the prompt."""
    return template is not None and WORDS in template


def select_fields(layout: OptionLayout, keys: Sequence[str]) -> tuple[Field, ...]:
    """Return the fields of these keys that the model has now, in its order."""
    return tuple(field for field in layout.fields if field.name in keys)


def _can_keep(key: str, value: Any) -> bool:
    one = {key: value}
    return not (find_references(value) or contains_secret(one) or contains_private_url(one))
