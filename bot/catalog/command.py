"""Prepare a command: a model's schema and what the configuration says about it, as options."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Final

from bot.backends.replicate.types import ModelRef
from bot.catalog.resolve import ResolvedModel
from bot.errors import BadOption
from bot.options.coercion import coerce_value
from bot.options.fields import Field, read_fields, read_output_schema
from bot.options.layout import OptionLayout, build_layout
from bot.settings import CommandSpec
from bot.store.commands import CommandRow

_MATCH_CUTOFF: Final = 0.5  # difflib's ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One slash command's model.

    ``target`` is pinned: a community model always has its version. ``added``: an editor added the command while the bot
    ran; otherwise it is configured. ``problems`` are sentences about settings that do not fit the model; the command
    works without them.
    """

    name: str
    description: str
    target: ModelRef
    layout: OptionLayout
    output_schema: Mapping[str, Any] = field(repr=False)
    added: bool = False
    problems: tuple[str, ...] = ()


def merge_specs(configured: Sequence[CommandSpec], added: Sequence[CommandRow]) -> tuple[CommandSpec, ...]:
    """Return the configured specs, then those of the added commands; a configured command replaces an added one."""
    names = {spec.name for spec in configured}
    return (
        *configured,
        *(
            CommandSpec(name=row.name, target=ModelRef.parse(row.target), description=row.description)
            for row in added
            if row.name not in names
        ),
    )


def prepare_command(
    spec: CommandSpec, resolved: ResolvedModel, *, hidden: Sequence[str] = (), added: bool = False
) -> Command:
    """Return the command for a spec whose model is resolved. ``hidden`` are inputs that no command shows."""
    fields = read_fields(resolved.schema)
    layout = build_layout(
        [_apply_limit(field, spec.limits) for field in fields],
        model=resolved.target.model,
        hidden=(*hidden, *spec.hidden),
        required=spec.required,
        defaults=spec.defaults,
    )
    return Command(
        name=spec.name,
        description=spec.description or resolved.description or f"Run {resolved.target.model}",
        target=resolved.target,
        layout=layout,
        output_schema=read_output_schema(resolved.schema),
        added=added,
        problems=tuple(_find_problems(spec, fields)),
    )


def _apply_limit(field: Field, limits: Mapping[str, float]) -> Field:
    """Lower a number field's maximum to the configured one."""
    limit = limits.get(field.name)
    if limit is None or (field.maximum is not None and field.maximum <= limit):
        return field
    return replace(field, maximum=limit)


def _find_problems(spec: CommandSpec, fields: Sequence[Field]) -> Iterator[str]:
    """Yield a sentence for every name that the model does not have and every default that it does not accept.

    The inputs hidden in all commands are not checked: one list serves all models.
    """
    by_name = {field.name: field for field in fields}
    settings: dict[str, Collection[str]] = {
        "required": spec.required,
        "hidden": spec.hidden,
        "defaults": spec.defaults,
        "limits": spec.limits,
    }
    for setting, names in settings.items():
        yield from (_describe_unknown(setting, name, by_name) for name in names if name not in by_name)
    for name, value in spec.defaults.items():
        if name in by_name:
            yield from _check_default(by_name[name], value)


def _describe_unknown(setting: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), 1, _MATCH_CUTOFF)
    hint = f"Did you mean {near[0]}?" if near else f"Its inputs are {', '.join(known)}."
    return f"{setting}: the model has no input {name}. {hint}"


def _check_default(field: Field, value: Any) -> Iterator[str]:
    try:
        coerce_value(field, value, field.name)
    except BadOption as error:
        yield f"defaults: {error.sentence}"
