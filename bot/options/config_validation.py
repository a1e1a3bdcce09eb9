"""Configured: what a command's configuration says about inputs, held against the model that it is for."""

from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from bot.errors import BadOption
from bot.options.coercion import coerce_value
from bot.options.fields import Field


def config_problems(
    fields: Sequence[Field],
    *,
    required: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
    limits: Mapping[str, float] | None = None,
) -> tuple[str, ...]:
    """Return a sentence for every name that the model does not have and every default that it does not take.

    Hidden inputs are not asked about: one list of them serves all models.
    """
    known = {field.name: field for field in fields}
    found: list[str] = []
    for setting, names in (("required", required), ("defaults", defaults or {}), ("limits", limits or {})):
        found += [_unknown(setting, name, known) for name in names if name not in known]
    for name, value in (defaults or {}).items():
        if name in known:
            found += _wrong_default(known[name], value)
    return tuple(found)


def _unknown(setting: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), 1, 0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return f"{setting} names the input {name}, which the model does not have.{hint}"


def _wrong_default(field: Field, value: Any) -> list[str]:
    try:
        coerce_value(field, value, field.name)
    except BadOption as error:
        return [f"defaults: {error.sentence}"]
    return []
