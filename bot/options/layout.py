"""Decide which of a model's inputs become slash options, and how the others are reached."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from functools import cache
from importlib import resources
from typing import Any, Final

from bot.formatting import truncate
from bot.language import ENGLISH, use_language
from bot.limits import DESCRIPTION_CHARS, MODAL_FILES, OPTIONS_PER_COMMAND
from bot.options.fields import Field, FieldKind
from bot.options.files import accepts_images
from bot.options.options import (
    Option,
    OptionGroup,
    OptionRole,
    OptionType,
    UniqueNames,
    fit_to_limits,
    is_valid_name,
    make_group,
    normalize_name,
)
from bot.options.schema import flatten

_ATTACHMENTS_PER_LIST: Final = 4  # that a list of files gets before other inputs move to ``advanced``


@dataclass(frozen=True, slots=True)
class Quirks:
    """What one model does not say in its schema; ``quirks.toml`` holds it.

    ``required`` are inputs that the model fails without. ``prompts`` and ``counts`` are names to look for, likeliest
    first; with ``multiplies_counts``, the product of all counts is the number of outputs. ``descriptions`` are by
    input name.
    """

    required: tuple[str, ...]
    prompts: tuple[str, ...]
    counts: tuple[str, ...]
    multiplies_counts: bool
    descriptions: Mapping[str, str]

    def describe(self, name: str) -> str | None:
        """Return a description for an input that its model does not describe, if there is one."""
        return self.descriptions.get(name) or self.descriptions.get(normalize_name(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionLayout:
    """How one command asks for a model's inputs.

    ``fields`` are the inputs that people may set, in the model's order; ``hidden`` those that they may not (hidden by
    the configuration, or secret). ``names`` maps each field's key to its name for people. ``options`` are the slash
    options in Discord's order. ``overflow`` are the keys that no option covers entirely: they are set in ``advanced``,
    which is the name of the option, or of the part of a form, for ``key=value`` text. ``required`` are the keys that
    must be set. ``defaults`` are the command's own. ``prompt_field`` and ``count_fields`` are keys with a meaning, and
    so is ``image_field``, the input for an image: a required one first, one that accepts only certain types first.
    """

    model: str
    fields: tuple[Field, ...]
    hidden: tuple[Field, ...]
    options: tuple[Option, ...]
    names: Mapping[str, str]
    overflow: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = member(default_factory=dict)
    prompt_field: str | None = None
    count_fields: tuple[str, ...] = ()
    advanced: str = "advanced"
    image_field: str | None = member(init=False, compare=False)
    _keys_by_name: Mapping[str, str] = member(init=False, repr=False, compare=False)
    _fields_by_key: Mapping[str, Field] = member(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Index the fields: ``key=value`` text of a few thousand letters names hundreds of them."""
        by_option = {option.name: option.field for option in self.options if option.field is not None}
        by_name = {label: key for key, label in self.names.items()}
        object.__setattr__(self, "_keys_by_name", by_option | by_name)
        object.__setattr__(self, "_fields_by_key", {field.name: field for field in self.fields})
        object.__setattr__(self, "image_field", _find_image_field(self.fields, self.required))

    def option(self, name: str) -> Option | None:
        """Return the slash option of that name."""
        return next((option for option in self.options if option.name == name), None)

    def field(self, key: str) -> Field | None:
        """Return the field of that key, if people may set it."""
        return self._fields_by_key.get(key)

    def find_field(self, name: str) -> Field | None:
        """Return the field that a person means: by its key, its name for people, or the name of one of its options."""
        key = name if name in self.names else self._keys_by_name.get(name.lower())
        return self._fields_by_key.get(key) if key is not None else None


def find_quirks(model: str) -> Quirks:
    """Return what is known about ``owner/name``; a version after it is ignored."""
    data = _load_quirks()
    common = data["common"]
    own: Mapping[str, Any] = data["models"].get(model.split(":", maxsplit=1)[0].lower(), {})
    return Quirks(
        required=tuple(own.get("required", ())),
        prompts=(own["prompt"],) if "prompt" in own else tuple(common["prompts"]),
        counts=tuple(own.get("counts", common["counts"])),
        multiplies_counts="counts" in own,
        descriptions={**common["descriptions"], **own.get("descriptions", {})},
    )


@cache
def _load_quirks() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("bot.options").joinpath("quirks.toml").read_text("utf-8"))


@use_language(ENGLISH)  # everybody has the same options
def build_layout(
    fields: Sequence[Field],
    *,
    model: str,
    hidden: Collection[str] = (),
    required: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> OptionLayout:
    """Return the layout of a command for these inputs. Discord accepts the command whatever the inputs are.

    ``hidden`` inputs are not offered. ``required`` ones must be set, besides those that the model requires.
    ``defaults`` apply to inputs that a person leaves out, and to hidden ones.
    """
    quirks = find_quirks(model)
    all_defaults = {**_lower_defaults(fields), **(defaults or {})}
    visible = [field for field in fields if not field.secret and field.name not in hidden]
    schema_required = (field.name for field in visible if field.required)
    all_required = {*required, *quirks.required, *schema_required} - all_defaults.keys()
    names = _name_fields(visible)
    prompt_field = _find_prompt_field(visible, quirks)
    builder = _LayoutBuilder(
        visible, names, prompt_field=prompt_field, required=all_required, defaults=all_defaults, quirks=quirks
    )
    return OptionLayout(
        model=model,
        fields=tuple(visible),
        hidden=tuple(field for field in fields if field.name not in names),
        options=fit_to_limits(builder.build_options()),
        names=names,
        overflow=builder.overflow,
        required=tuple(field.name for field in visible if field.name in all_required),
        defaults=all_defaults,
        prompt_field=prompt_field,
        count_fields=_find_count_fields(visible, quirks),
        advanced=builder.advanced,
    )


def _lower_defaults(fields: Sequence[Field]) -> dict[str, Any]:
    """Return defaults for the inputs whose configured maximum is below the model's own default."""
    lowered: dict[str, Any] = {}
    for field in fields:
        maximum, default = field.maximum, field.default
        if maximum is None or isinstance(default, bool) or not isinstance(default, int | float) or default <= maximum:
            continue
        model_maximum = flatten(field.schema).get("maximum")
        if not isinstance(model_maximum, int | float) or default <= model_maximum:
            lowered[field.name] = maximum
    return lowered


def _name_fields(fields: Sequence[Field]) -> dict[str, str]:
    """Return each field's name for people; keys that are valid names keep them."""
    names = UniqueNames()
    valid_first = sorted(fields, key=lambda field: not is_valid_name(field.name))
    allocated = {field.name: names.allocate(field.name) for field in valid_first}
    return {field.name: allocated[field.name] for field in fields}


def _find_prompt_field(fields: Sequence[Field], quirks: Quirks) -> str | None:
    """Return the key of the prompt: by its name, else the first required text, else the only text."""
    texts = [field for field in fields if field.kind is FieldKind.STRING and (not field.choices or field.allows_custom)]
    by_name = {field.name.lower(): field.name for field in reversed(texts)}
    named = next((by_name[name] for name in quirks.prompts if name in by_name), None)
    if named is not None:
        return named
    required = [field for field in texts if field.required]
    return (required or texts)[0].name if required or len(texts) == 1 else None


def _find_image_field(fields: Sequence[Field], required: Collection[str]) -> str | None:
    """Return the key of the input for an image; a mask is not the image that something is done with."""

    def rank(field: Field) -> tuple[bool, bool, bool]:
        return field.name not in required, "mask" in field.name.lower(), not field.accepts

    candidates = [field for field in fields if field.accepts_files and accepts_images(field.accepts)]
    return min(candidates, key=rank).name if candidates else None


def _find_count_fields(fields: Sequence[Field], quirks: Quirks) -> tuple[str, ...]:
    """Return the keys whose product is the number of outputs."""
    keys = {field.name.lower(): field.name for field in fields if field.kind is FieldKind.INTEGER}
    found = tuple(keys[name] for name in quirks.counts if name in keys)
    return found if quirks.multiplies_counts else found[:1]


class _LayoutBuilder:
    """Decides which options a command has, and in which order."""

    def __init__(
        self,
        fields: Sequence[Field],
        names: Mapping[str, str],
        *,
        prompt_field: str | None,
        required: Collection[str],
        defaults: Mapping[str, Any],
        quirks: Quirks,
    ) -> None:
        self._prompt_field = prompt_field
        self._required = required
        unique_names = UniqueNames()
        for name in names.values():
            unique_names.allocate(name)
        self._groups = [
            make_group(
                field,
                names[field.name],
                unique_names,
                required=field.name in required,
                default=defaults.get(field.name, field.default),
                fallback=quirks.describe(field.name),
                # A list gets more only where there is room for every input.
                max_files=MODAL_FILES if len(fields) <= OPTIONS_PER_COMMAND else _ATTACHMENTS_PER_LIST,
            )
            for field in fields
        ]
        self._widths = self._choose_widths()
        self.advanced = unique_names.allocate("advanced")

    @property
    def overflow(self) -> tuple[str, ...]:
        """The keys of the fields that no slash option covers entirely."""
        return tuple(group.field.name for group, width in self._sized_groups() if width < group.min_width)

    def build_options(self) -> list[Option]:
        """Return the options in Discord's order: required ones first, then the most important."""
        groups = sorted(self._sized_groups(), key=lambda sized: self._position(sized[0]))
        options = [option for group, width in groups for option in group.select(width)]
        if not self.overflow:
            return options
        advanced = self._make_advanced_option()
        index = sum(option.required for option in options) if advanced.required else len(options)
        return [*options[:index], advanced, *options[index:]]

    def _sized_groups(self) -> list[tuple[OptionGroup, int]]:
        return list(zip(self._groups, self._widths, strict=True))

    def _choose_widths(self) -> list[int]:
        """Return how many options each group gets."""
        wanted = [min(group.max_width, max(group.min_width, _ATTACHMENTS_PER_LIST + 1)) for group in self._groups]
        if sum(wanted) <= OPTIONS_PER_COMMAND:
            return self._widen_lists(wanted, OPTIONS_PER_COMMAND - sum(wanted))
        minimum = [group.min_width for group in self._groups]
        if sum(minimum) <= OPTIONS_PER_COMMAND:
            return self._widen_lists(minimum, OPTIONS_PER_COMMAND - sum(minimum))
        left = OPTIONS_PER_COMMAND - 1  # one is ``advanced``
        widths = [0] * len(self._groups)
        for index in sorted(range(len(self._groups)), key=lambda index: self._priority(self._groups[index])):
            widths[index] = min(wanted[index], left)
            left -= widths[index]
        return widths

    def _widen_lists(self, widths: list[int], left: int) -> list[int]:
        """Distribute the options that are left among the lists of files, one each in turn."""
        while left:
            growing = [
                index
                for index, group in enumerate(self._groups)
                if widths[index] < min(group.max_width, MODAL_FILES + 1)
            ]
            if not growing:
                break
            for index in growing[:left]:
                widths[index] += 1
            left -= min(left, len(growing))
        return widths

    def _priority(self, group: OptionGroup) -> int:
        """Rank groups for the last free options: required values, the prompt, required files, files, the others."""
        position = self._position(group)
        return 4 if position == 3 and not group.field.accepts_files else position

    def _position(self, group: OptionGroup) -> int:
        """Rank groups in the command: required values, the prompt, required files, then the model's own order."""
        if group.field.name in self._required:
            return 2 if group.field.accepts_files else 0
        return 1 if group.field.name == self._prompt_field else 3

    def _make_advanced_option(self) -> Option:
        names = {group.field.name: group.name for group in self._groups}
        keys = ", ".join(names[key] for key in self.overflow)
        is_required = any(width == 0 and group.field.name in self._required for group, width in self._sized_groups())
        return Option(
            name=self.advanced,
            field=None,
            role=OptionRole.ADVANCED,
            type=OptionType.STRING,
            text=truncate(f'More inputs, as key=value key2="two words": {keys}', DESCRIPTION_CHARS),
            required=is_required,
            autocomplete=True,
        )
