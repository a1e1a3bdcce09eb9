"""Compare the inputs and outputs of a model's newer version with those of the version in use."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.catalog.catalog import Command
from bot.formatting import join_facts
from bot.language import _, ngettext
from bot.options.fields import Field, Scalar
from bot.options.files import describe_types
from bot.options.text import describe_inputs, describe_kind, format_range, format_value
from bot.outputs.output_schema import describe_output

_LISTED_CHOICES: Final = 6  # of a longer list, the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaDiff:
    """The differences, each a line of Markdown. ``is_new_version``: the target differs at all."""

    is_new_version: bool = False
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    output: str | None = None

    @property
    def is_visible(self) -> bool:
        """Whether people notice a difference in what they can set or what they get."""
        return bool(self.added or self.removed or self.changed or self.output)


def diff_schemas(old: Command, new: Command) -> SchemaDiff:
    """Return what changes for people if ``new`` replaces ``old``."""
    old_fields = {field.name: field for field in old.layout.fields}
    new_fields = {field.name: field for field in new.layout.fields}
    lines = dict(zip(new_fields, describe_inputs(new.layout), strict=True))
    old_output, new_output = describe_output(old.output_schema), describe_output(new.output_schema)
    return SchemaDiff(
        is_new_version=old.target != new.target,
        added=tuple(line for name, line in lines.items() if name not in old_fields),
        removed=tuple(f"`{old.layout.names[name]}`" for name in old_fields if name not in new_fields),
        changed=tuple(
            join_facts(f"`{new.layout.names[name]}`", changes)
            for name, field in new_fields.items()
            if name in old_fields and (changes := join_facts(*_diff_field(old, new, old_fields[name], field)))
        ),
        output=f"{old_output} → {new_output}" if old_output != new_output else None,
    )


def _diff_field(old_command: Command, new_command: Command, old: Field, new: Field) -> Iterator[str]:
    if old.kind is not new.kind:
        yield f"{describe_kind(old.kind)} → {describe_kind(new.kind)}"
    yield from _diff_choices(old, new)
    if format_range(old) != format_range(new):
        unbounded = _("any")
        yield f"{format_range(old) or unbounded} → {format_range(new) or unbounded}"
    if (old.min_length, old.max_length) != (new.min_length, new.max_length):
        yield f"{_format_length(old)} → {_format_length(new)}"
    old_default = old_command.layout.defaults.get(old.name, old.default)
    new_default = new_command.layout.defaults.get(new.name, new.default)
    if old_default != new_default:
        yield _("default: {old} → {new}").format(old=_format_default(old_default), new=_format_default(new_default))
    if old.accepts != new.accepts:
        yield f"{describe_types(old.accepts)} → {describe_types(new.accepts)}"
    is_required = new.name in new_command.layout.required
    if (old.name in old_command.layout.required) != is_required:
        yield _("now required") if is_required else _("no longer required")
    if new.deprecated and not old.deprecated:
        yield _("now deprecated")


def _diff_choices(old: Field, new: Field) -> Iterator[str]:
    if old.choices and not new.choices:
        yield _("now accepts any value")
    elif new.choices and not old.choices:
        yield _("now one of {choices}").format(choices=_format_choices(new.choices))
    else:
        old_choices, new_choices = frozenset(old.choices), frozenset(new.choices)
        added = tuple(choice for choice in new.choices if choice not in old_choices)
        removed = tuple(choice for choice in old.choices if choice not in new_choices)
        if added:
            yield _("also {choices}").format(choices=_format_choices(added))
        if removed:
            yield _("no longer {choices}").format(choices=_format_choices(removed))


def _format_choices(choices: tuple[Scalar, ...]) -> str:
    listed = ", ".join(format_value(choice) for choice in choices[:_LISTED_CHOICES])
    return listed if len(choices) <= _LISTED_CHOICES else f"{listed}, … ({len(choices)})"


def _format_length(field: Field) -> str:
    low, high = field.min_length or 0, field.max_length
    if high is None:
        if not low:
            return _("any length")
        return ngettext("at least {count} character", "at least {count} characters", low).format(count=low)
    if not low:
        return ngettext("up to {count} character", "up to {count} characters", high).format(count=high)
    return ngettext("{low}–{high} character", "{low}–{high} characters", high).format(low=low, high=high)


def _format_default(value: object) -> str:
    if value in (None, "", []):
        # Translators: no default value.
        return _("none")
    if isinstance(value, bool):
        return _("on") if value else _("off")
    return format_value(value)
