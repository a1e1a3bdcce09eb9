"""Slash command options as plain values: their names, groups and sizes. `slash_command` turns them into Discord's."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from bot.formatting import truncate
from bot.limits import (
    CHOICE_CHARS,
    CHOICES_PER_OPTION,
    COMMAND_CHARS,
    COMMAND_NAME_CHARS,
    DESCRIPTION_CHARS,
    INTEGER_BOUND,
    MODAL_FILES,
    STRING_OPTION_CHARS,
)
from bot.options.fields import Field, FieldKind, Scalar
from bot.options.file_types import describe_types
from bot.options.text import describe_field, format_details, join_description, single_line

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UNDERSCORES: Final = re.compile(r"_{2,}")


def normalize_name(key: str) -> str:
    """Return the key as a legal option name: lower case, letters, digits, ``-`` and ``_``; may be empty."""
    if is_valid_name(key):
        return key
    lowered = _CAMEL.sub("_", unicodedata.normalize("NFKC", key)).lower()
    kept = "".join(letter if _is_allowed(letter) else "_" for letter in lowered)
    return _UNDERSCORES.sub("_", kept).strip("_")[:COMMAND_NAME_CHARS].rstrip("_")


def is_valid_name(name: str) -> bool:
    """Whether Discord takes this as an option's name, by the strictest reading of its rule."""
    return 1 <= len(name) <= COMMAND_NAME_CHARS and name == name.lower() and all(map(_is_allowed, name))


class UniqueNames:
    """Gives out names, each once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def take(self, wanted: str) -> str:
        """Return the name, or the nearest to it that is legal and free."""
        base = normalize_name(wanted) or "input"
        name, number = base, 1
        while name in self._taken:
            number += 1
            ending = f"_{number}"
            name = base[: COMMAND_NAME_CHARS - len(ending)].rstrip("_") + ending
        self._taken.add(name)
        return name

    def free(self, name: str) -> bool:
        """Whether nobody has this name yet."""
        return name not in self._taken


def _is_allowed(letter: str) -> bool:
    return letter in "-_" or unicodedata.category(letter)[0] in "LN"


class OptionType(StrEnum):
    """What Discord asks for."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ATTACHMENT = "attachment"


class OptionRole(StrEnum):
    """What an option's value is to the field that it sets."""

    VALUE = "value"
    FILE = "file"  # an attachment
    URL = "url"  # the address of a file, or of several
    ADVANCED = "advanced"  # key=value text for any field


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice: what people see, what Discord sends back, and what the model gets."""

    label: str
    sent: str | int | float
    real: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a command.

    ``field`` is the model's key (None for ``advanced``). ``text`` and ``tail`` make the description, in ``room``
    characters. ``choices`` are listed in the command, or searched while typing where ``autocomplete`` is set.
    ``minimum`` and ``maximum`` bound a number, ``min_length`` and ``max_length`` a text.
    """

    name: str
    field: str | None
    role: OptionRole
    type: OptionType
    text: str
    tail: str = ""
    room: int = DESCRIPTION_CHARS
    required: bool = False
    choices: tuple[Choice, ...] = ()
    autocomplete: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None

    @property
    def description(self) -> str:
        """What Discord shows beside the option's name."""
        return join_description(self.text, self.tail, self.room)

    @property
    def listed(self) -> tuple[Choice, ...]:
        """The choices that are part of the command itself."""
        return () if self.autocomplete else self.choices

    @property
    def chars(self) -> int:
        """How much of a command's characters the option takes."""
        return len(self.name) + len(self.description) + sum(_choice_size(choice) for choice in self.listed)


def make_value_option(field: Field, name: str, *, text: str, tail: str, required: bool) -> Option:
    """Return the option that asks for a field's value."""
    option = Option(
        name=name,
        field=field.name,
        role=OptionRole.VALUE,
        type=_option_type(field),
        text=text,
        tail=tail,
        required=required,
    )
    if field.choices and field.listed:
        return replace(option, choices=make_choices(field.choices), autocomplete=True)
    if field.choices and field.kind is not FieldKind.BOOLEAN:
        return _with_choices(option, field)
    if option.type in (OptionType.INTEGER, OptionType.NUMBER):
        low, high = field.minimum, field.maximum
        # A configured limit may lie below the model's own minimum; then no value will do, and we say so ourselves.
        possible = low is None or high is None or low <= high
        return replace(option, minimum=low, maximum=high) if possible else option
    if field.kind is FieldKind.STRING:
        return _with_lengths(option, field)
    return option


def with_autocomplete(option: Option) -> Option:
    """Return the option with its choices found while typing instead of listed, so that they take no room."""
    choices = tuple(replace(choice, sent=str(choice.sent)) for choice in option.choices)
    return replace(option, type=OptionType.STRING, choices=choices, autocomplete=True)


def make_choices(values: Sequence[Scalar]) -> tuple[Choice, ...]:
    """Return choices with labels that Discord takes and that nobody can confuse; each is sent as its label."""
    seen: dict[str, int] = {}
    return tuple(Choice(label, label, value) for value, label in zip(values, _unique_labels(values, seen), strict=True))


def _option_type(field: Field) -> OptionType:
    if field.kind is FieldKind.BOOLEAN:
        return OptionType.BOOLEAN
    numbers = (field.minimum, field.maximum, field.default)
    # What Discord's own numbers cannot hold is typed as text and read by us.
    if any(isinstance(number, int | float) and abs(number) > INTEGER_BOUND for number in numbers):
        return OptionType.STRING
    types = {FieldKind.INTEGER: OptionType.INTEGER, FieldKind.NUMBER: OptionType.NUMBER}
    return types.get(field.kind, OptionType.STRING)


def _with_choices(option: Option, field: Field) -> Option:
    choices = make_choices(field.choices)
    if len(choices) > CHOICES_PER_OPTION or field.suggested:
        return replace(option, type=OptionType.STRING, choices=choices, autocomplete=True)
    if option.type in (OptionType.INTEGER, OptionType.NUMBER) and all(_fits_discord(choice.real) for choice in choices):
        whole = all(isinstance(choice.real, int) for choice in choices)
        return replace(
            option,
            type=OptionType.INTEGER if whole else OptionType.NUMBER,
            choices=tuple(replace(choice, sent=choice.real if whole else float(choice.real)) for choice in choices),
        )
    return replace(option, type=OptionType.STRING, choices=choices)


def _fits_discord(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= INTEGER_BOUND


def _with_lengths(option: Option, field: Field) -> Option:
    shortest, longest = field.min_length, field.max_length
    return replace(
        option,
        min_length=shortest if shortest and shortest <= STRING_OPTION_CHARS else None,
        max_length=longest if longest and max(1, shortest or 0) <= longest < STRING_OPTION_CHARS else None,
    )


def _unique_labels(values: Iterable[Scalar], seen: dict[str, int]) -> Iterable[str]:
    for value in values:
        label = truncate(single_line(str(value)), CHOICE_CHARS) or "(empty)"
        while label.lower() in seen:
            number = seen[label.lower()] = seen[label.lower()] + 1
            ending = f" ({number})"
            label = truncate(label, CHOICE_CHARS - len(ending)) + ending
        seen[label.lower()] = 1
        yield label


def _choice_size(choice: Choice) -> int:
    return len(choice.label) + len(str(choice.sent))


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """All options that one input could have.

    ``name`` is the input's name for people. ``whole`` options reach all of it; up to ``widest`` are of use.
    """

    field: Field
    name: str
    candidates: tuple[Option, ...]
    whole: int

    @property
    def widest(self) -> int:
        """The number of options that are of use at most."""
        return len(self.candidates)

    def take(self, width: int) -> tuple[Option, ...]:
        """Return ``width`` options; the address of a file comes last, and is the first to go."""
        if not self.field.holds_files or width == 0:
            return self.candidates[:width]
        files, url = self.candidates[:-1], self.candidates[-1]
        return (*files[: width - 1], url) if width >= self.whole else files[:width]


def make_group(
    field: Field, name: str, taken: UniqueNames, *, needed: bool, default: Any, known: str | None
) -> OptionGroup:
    """Return the options of one input; names beside its own are taken from ``taken``."""
    text = describe_field(field, known)
    if field.holds_files:
        return _make_file_group(field, name, taken, text=text, needed=needed)
    option = make_value_option(field, name, text=text, tail=format_details(field, default), required=needed)
    return OptionGroup(field, name, (option,), whole=1)


def _make_file_group(field: Field, name: str, taken: UniqueNames, *, text: str, needed: bool) -> OptionGroup:
    many = field.kind is FieldKind.FILES
    first = _allocate_singular(name, taken) if many else name
    most = max(1, min(field.max_items or MODAL_FILES, MODAL_FILES)) if many else 1
    others = [taken.take(f"{first}_{number}") for number in range(2, most + 1)]
    url = taken.take(f"{name}_url")
    need = f"needed, here or as {url}" if needed else ""
    files = [
        Option(name=each, field=field.name, role=OptionRole.FILE, type=OptionType.ATTACHMENT, text=text, tail=need)
        for each in (first, *others)
    ]
    what = describe_types(field.accepts)
    lead = (
        "Web addresses instead of attachments, separated by spaces" if many else f"The web address of {what}, instead"
    )
    address = Option(name=url, field=field.name, role=OptionRole.URL, type=OptionType.STRING, text=lead)
    return OptionGroup(field, name, (*files, address), whole=2)


def _allocate_singular(name: str, taken: UniqueNames) -> str:
    """Return the name of one of many: “images” become “image”, “image_2”, where that name is free."""
    single = name[:-1] if name.endswith("s") and not name.endswith("ss") else name
    return taken.take(single) if single != name and len(single) > 2 and taken.free(single) else name


_COMMAND_OVERHEAD: Final = COMMAND_NAME_CHARS + DESCRIPTION_CHARS  # the command's own name and description
_MIN_DESCRIPTION: Final = 40  # characters below which a description says nothing
_DESCRIPTION_STEP: Final = 5


def fit_to_limits(options: Sequence[Option], *, limit: int = COMMAND_CHARS - _COMMAND_OVERHEAD) -> tuple[Option, ...]:
    """Return the options in at most ``limit`` characters.

    Descriptions get shorter, all alike. When they say nothing any more, the longest list of choices is searched
    while typing instead of listed, and the descriptions get their room back. Nothing is dropped.
    """
    fitted = tuple(options)
    while True:
        for room in range(DESCRIPTION_CHARS, _MIN_DESCRIPTION - 1, -_DESCRIPTION_STEP):
            fitted = tuple(replace(option, room=room) for option in fitted)
            if sum(option.chars for option in fitted) <= limit:
                return fitted
        heaviest = max(fitted, key=lambda option: sum(len(choice.label) * 2 for choice in option.listed))
        if not heaviest.listed:
            return fitted
        fitted = tuple(with_autocomplete(option) if option is heaviest else option for option in fitted)
