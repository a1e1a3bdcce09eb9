"""What of a preset no longer fits its command, whose model or settings may have changed since."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import BadOption
from bot.formatting import single_line, truncate
from bot.language import _
from bot.options.coercion import coerce_value
from bot.options.layout import OptionLayout
from bot.store.presets import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetFit:
    """``values`` are the fixed inputs that fit, ``asked`` the keys that still exist; ``misfits`` say what does not."""

    values: Mapping[str, Any]
    asked: tuple[str, ...]
    misfits: tuple[str, ...]


def check_fit(preset: Preset, layout: OptionLayout) -> PresetFit:
    """Return what of a preset can be used with a command as it is now."""
    misfits = dict(_find_misfits(preset, layout))
    return PresetFit(
        values={key: value for key, value in preset.fixed.items() if key not in misfits},
        asked=tuple(key for key in preset.asked if key not in misfits),
        misfits=tuple(misfits.values()),
    )


def _find_misfits(preset: Preset, layout: OptionLayout) -> Iterator[tuple[str, str]]:
    for key, value in preset.fixed.items():
        field = layout.field(key)
        if field is None:
            yield key, _("`{input}` is no longer an input here.").format(input=_code(key))
        elif not field.accepts_files:
            try:
                coerce_value(field, value, layout.names[key])
            except BadOption as error:
                yield key, error.sentence
    for key in preset.asked:
        if layout.field(key) is None:
            yield key, _("`{input}`, which it asks for, is no longer an input here.").format(input=_code(key))
    if preset.template is not None and layout.prompt_field is None:
        yield "", _("The command no longer takes a prompt.")


def _code(key: str) -> str:
    return truncate(single_line(key), 60).replace("`", "'")
