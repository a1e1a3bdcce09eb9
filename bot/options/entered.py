"""What a person entered for a run, as it was typed, by the model's keys: to be shown again if the run is refused.

Nothing here raises: what cannot be parsed is what has to be given back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.errors import BadOption
from bot.options.key_value_text import format_pairs, parse_pairs
from bot.options.layout import OptionLayout
from bot.options.options import OptionRole
from bot.options.visibility import VISIBILITY, is_visibility
from bot.visibility import Visibility


@dataclass(frozen=True, slots=True)
class EnteredValues:
    """Values by the model's keys, as they were typed; those of an input for files are a list.

    ``text`` is what of ``advanced`` names no input, or is no ``key=value``. ``visibility`` is None if none was chosen.
    """

    values: Mapping[str, Any]
    text: str = ""
    visibility: Visibility | None = None


def collect_entered(layout: OptionLayout, values: Mapping[str, Any]) -> EnteredValues:
    """Return what was entered under the names of options or of inputs, or in ``advanced``."""
    collector = _Collector(layout)
    for name, value in values.items():
        if value is not None:
            collector.add_option(name, value)
    return EnteredValues(collector.values, "\n".join(collector.lines), collector.visibility)


def find_remarked(layout: OptionLayout, option: str) -> str | None:
    """Return the key of the input that an error is about, ``advanced`` for its text; None if it is about neither.

    ``option`` is the name of an option or a part of a form, or a key of the model's.
    """
    found = layout.option(option)
    if found is not None and found.role is OptionRole.ADVANCED:
        return layout.advanced
    field = layout.find_field(option)
    if field is not None:
        return field.name
    return layout.advanced if option in (layout.advanced, VISIBILITY) else None


class _Collector:
    def __init__(self, layout: OptionLayout) -> None:
        self.values: dict[str, Any] = {}
        self.lines: list[str] = []
        self.visibility: Visibility | None = None
        self._layout = layout

    def add_option(self, name: str, value: Any) -> None:
        option = self._layout.option(name)
        is_text = option is not None and option.role is OptionRole.ADVANCED
        if is_text or (option is None and name == self._layout.advanced):
            self._add_text(str(value), name)
        else:
            self._add(name, value)

    def _add_text(self, text: str, name: str) -> None:
        try:
            pairs = parse_pairs(text, name)
        except BadOption:
            self.lines.append(text)
            return
        for pair in pairs:
            self._add(pair.key, pair.value)

    def _add(self, name: str, value: Any) -> None:
        if is_visibility(self._layout, name) and value in [one.value for one in Visibility]:
            self.visibility = Visibility(value)
            return
        field = self._layout.find_field(name)
        if field is not None and field.accepts_files:
            files = value if isinstance(value, list | tuple) else [value]
            self.values[field.name] = [*self.values.get(field.name, ()), *files]
        elif field is not None and field.name not in self.values:
            self.values[field.name] = value
        else:  # no input of the model, or one that is set twice
            self.lines.append(format_pairs([(name, str(value))]))
