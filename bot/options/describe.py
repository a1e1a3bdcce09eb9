"""Describe: a command's inputs as lines to read, and a ready input held against its model."""

from collections.abc import Iterable, Mapping
from typing import Any

from bot.options.fields import Field, FieldKind
from bot.options.file_types import describe_types
from bot.options.layout import OptionLayout
from bot.options.text import format_range, format_value
from bot.options.validation import find_violation

_LISTED: int = 8  # choices that are named; of more, their number is told


def describe_inputs(plan: OptionLayout) -> tuple[str, ...]:
    """Return one line of Markdown for each input that people may set: name, form, range, default."""
    return tuple(_line(plan, field) for field in plan.fields)


def input_violations(fields: Iterable[Field], given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a sentence for everything that is wrong with a ready input, by its model's own schema."""
    known = {field.name: field for field in fields}
    found = [f"There is no input `{name}`." for name in given if name not in known]
    for name, field in known.items():
        if name in given:
            wrong = find_violation(given[name], field.schema)
            found += [f"`{name}` {wrong}."] if wrong else []
        elif field.required:
            found.append(f"`{name}` is needed.")
    return tuple(found)


def _line(plan: OptionLayout, field: Field) -> str:
    default = plan.defaults.get(field.name, field.default)
    parts = [
        f"`{plan.names[field.name]}`",
        _form(field),
        "needed" if field.name in plan.needed else "",
        format_range(field),
        f"default {format_value(default)}" if default not in (None, "", []) and not isinstance(default, dict) else "",
        "only through `advanced`" if _beyond_reach(plan, field) else "",
        "going away" if field.deprecated else "",
    ]
    return " · ".join(part for part in parts if part)


def _beyond_reach(plan: OptionLayout, field: Field) -> bool:
    return not any(option.field == field.name for option in plan.options)


def _form(field: Field) -> str:
    if field.kind is FieldKind.FILE:
        return describe_types(field.accepts)
    if field.choices:
        named = ", ".join(format_value(choice) for choice in field.choices[:_LISTED])
        return named if len(field.choices) <= _LISTED else f"one of {len(field.choices)}: {named}, …"
    return field.kind.value
