"""Changes: what a newer version of a model takes and makes, held against the one that is in use."""

from collections.abc import Iterator
from dataclasses import dataclass

from bot.catalog.catalog import Command
from bot.options.describe import describe_inputs
from bot.options.fields import Field, Scalar
from bot.options.file_types import describe_types
from bot.options.text import format_range, format_value
from bot.outputs.output_schema import describe_output

_LISTED = 6  # choices that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDiff:
    """What is different, each a line of Markdown. ``version``: there is another version at all."""

    version: bool = False
    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    output: str | None = None

    @property
    def anything(self) -> bool:
        """Whether people will notice a difference in what they can set or get."""
        return bool(self.added or self.gone or self.changed or self.output)


def diff_schemas(old: Command, new: Command) -> SchemaDiff:
    """Return what is different for people when ``new`` takes the place of ``old``."""
    before = {field.name: field for field in old.plan.fields}
    after = {field.name: field for field in new.plan.fields}
    lines = dict(zip(after, describe_inputs(new.plan), strict=True))
    made, makes = describe_output(old.output_schema), describe_output(new.output_schema)
    return SchemaDiff(
        version=old.target != new.target,
        added=tuple(line for name, line in lines.items() if name not in before),
        gone=tuple(f"`{old.plan.names[name]}`" for name in before if name not in after),
        changed=tuple(
            f"`{new.plan.names[name]}` · {difference}"
            for name, field in after.items()
            if name in before and (difference := " · ".join(_differences(old, new, before[name], field)))
        ),
        output=f"{made} → {makes}" if made != makes else None,
    )


def _differences(old: Command, new: Command, was: Field, now: Field) -> Iterator[str]:
    if was.kind is not now.kind:
        yield f"{was.kind.value} → {now.kind.value}"
    yield from _choices(was, now)
    if format_range(was) != format_range(now):
        yield f"{format_range(was) or 'any'} → {format_range(now) or 'any'}"
    if (was.min_length, was.max_length) != (now.min_length, now.max_length):
        yield f"{_length(was)} → {_length(now)}"
    before, after = (command.plan.defaults.get(now.name, field.default) for command, field in ((old, was), (new, now)))
    if before != after:
        yield f"default {_value(before)} → {_value(after)}"
    if was.accepts != now.accepts:
        yield f"{describe_types(was.accepts)} → {describe_types(now.accepts)}"
    if (was.name in old.plan.needed) != (now.name in new.plan.needed):
        yield "now needed" if now.name in new.plan.needed else "no longer needed"
    if now.deprecated and not was.deprecated:
        yield "going away"


def _choices(was: Field, now: Field) -> Iterator[str]:
    if was.choices and not now.choices:
        yield "takes anything now"
    elif now.choices and not was.choices:
        yield f"one of {_named(now.choices)} now"
    else:
        new = tuple(choice for choice in now.choices if choice not in was.choices)
        lost = tuple(choice for choice in was.choices if choice not in now.choices)
        if new:
            yield f"also {_named(new)}"
        if lost:
            yield f"no longer {_named(lost)}"


def _named(choices: tuple[Scalar, ...]) -> str:
    named = ", ".join(format_value(choice) for choice in choices[:_LISTED])
    return named if len(choices) <= _LISTED else f"{named}, … ({len(choices)})"


def _length(field: Field) -> str:
    low, high = field.min_length or 0, field.max_length
    if high is None:
        return f"at least {low} characters" if low else "any length"
    return f"{low}–{high} characters" if low else f"up to {high} characters"


def _value(value: object) -> str:
    return "none" if value in (None, "", []) else format_value(value)
