"""Slash command options as plain values: names, types, groups, sizes. `slash_command` turns them into Discord's."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from bot.formatting import single_line, truncate
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
from bot.options.files import accepts_images, describe_types
from bot.options.text import describe_field, format_details, join_description

_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_UNDERSCORES: Final = re.compile(r"_{2,}")
MAX_OPTIONS_CHARS: Final = COMMAND_CHARS - COMMAND_NAME_CHARS - DESCRIPTION_CHARS  # without the command's own texts
_MIN_DESCRIPTION_CHARS: Final = 40  # a shorter description is of no use
_DESCRIPTION_STEP: Final = 5


class OptionType(StrEnum):
    """An option's type in Discord."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ATTACHMENT = "attachment"


class OptionRole(StrEnum):
    """What an option's value means for its field."""

    VALUE = "value"
    FILE = "file"  # an attachment
    URL = "url"  # the address of one or several files
    ADVANCED = "advanced"  # key=value text for any field


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice: the label people see, the value Discord sends, and the model's own value."""

    label: str
    value: str | int | float
    model_value: Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option of a command.

    ``field`` is the model's key (None for ``advanced``). ``text`` and ``details`` make the description, in at most
    ``description_chars``. ``choices`` are part of the command, or searched while a person types if ``autocomplete`` is
    set. ``minimum`` and ``maximum`` bound a number, ``min_length`` and ``max_length`` a text.
    """

    name: str
    field: str | None
    role: OptionRole
    type: OptionType
    text: str
    details: str = ""
    description_chars: int = DESCRIPTION_CHARS
    required: bool = False
    choices: tuple[Choice, ...] = ()
    autocomplete: bool = False
    minimum: int | float | None = None
    maximum: int | float | None = None
    min_length: int | None = None
    max_length: int | None = None

    @property
    def description(self) -> str:
        return join_description(self.text, self.details, self.description_chars)

    @property
    def static_choices(self) -> tuple[Choice, ...]:
        """The choices that are part of the command."""
        return () if self.autocomplete else self.choices

    @property
    def size(self) -> int:
        """The number of characters that count towards Discord's limit of a command."""
        choices = sum(len(choice.label) + len(str(choice.value)) for choice in self.static_choices)
        return len(self.name) + len(self.description) + choices


@dataclass(frozen=True, slots=True)
class OptionGroup:
    """All options that one field can have.

    ``name`` is the field's name for people. ``min_width`` options reach every value of the field.
    """

    field: Field
    name: str
    candidates: tuple[Option, ...]
    min_width: int

    @property
    def max_width(self) -> int:
        return len(self.candidates)

    def select(self, width: int) -> tuple[Option, ...]:
        """Return ``width`` options. The address of a file stands last and is the first to be left out."""
        if not self.field.accepts_files or width == 0:
            return self.candidates[:width]
        files, url = self.candidates[:-1], self.candidates[-1]
        return (*files[: width - 1], url) if width >= self.min_width else files[:width]


class UniqueNames:
    """Allocates option names, each once."""

    def __init__(self) -> None:
        self._allocated: set[str] = set()
        self._next_numbers: dict[tuple[str, int], int] = {}

    def allocate(self, wanted: str) -> str:
        """Return the valid, unused name nearest to the wanted one."""
        name = normalize_name(wanted) or "input"
        digits = 1
        base = name
        while name in self._allocated:
            name = self._number(base, digits) or name
            digits += 1
        self._allocated.add(name)
        return name

    def _number(self, base: str, digits: int) -> str | None:
        """Return the first unused name that is the base and a number of so many digits; None if all are used."""
        stem = base[: COMMAND_NAME_CHARS - 1 - digits].rstrip("_")
        number = self._next_numbers.get((stem, digits), 2 if digits == 1 else 10 ** (digits - 1))
        while number < 10**digits and f"{stem}_{number}" in self._allocated:
            number += 1
        self._next_numbers[stem, digits] = number
        return f"{stem}_{number}" if number < 10**digits else None

    def is_free(self, name: str) -> bool:
        return name not in self._allocated


def normalize_name(key: str) -> str:
    """Return a model's key as an option name: lower-case letters, digits, ``-`` and ``_``. It may be empty."""
    if is_valid_name(key):
        return key
    lowered = _CAMEL_CASE.sub("_", unicodedata.normalize("NFKC", key)).lower()
    kept = "".join(letter if _is_allowed(letter) else "_" for letter in lowered)
    return _UNDERSCORES.sub("_", kept).strip("_")[:COMMAND_NAME_CHARS].rstrip("_")


def is_valid_name(name: str) -> bool:
    """Return whether Discord accepts an option of this name, by the strictest reading of its rule."""
    return 1 <= len(name) <= COMMAND_NAME_CHARS and name == name.lower() and all(map(_is_allowed, name))


def make_group(
    field: Field,
    name: str,
    names: UniqueNames,
    *,
    required: bool,
    default: Any,
    fallback: str | None,
    max_files: int = MODAL_FILES,
) -> OptionGroup:
    """Return a field's options.

    Further names are allocated from ``names``. ``fallback`` describes a field without a description of its own.
    ``max_files`` bounds the attachments of a list.
    """
    text = describe_field(field, fallback)
    if field.accepts_files:
        return _make_file_group(field, name, names, text=text, required=required, max_files=max_files)
    option = _make_value_option(field, name, text=text, details=format_details(field, default), required=required)
    return OptionGroup(field, name, (option,), min_width=1)


def make_choices(values: Sequence[Scalar]) -> tuple[Choice, ...]:
    """Return choices with unique labels that Discord accepts; each is sent as its label."""
    return tuple(Choice(label, label, value) for value, label in zip(values, _unique_labels(values), strict=True))


def fit_to_limits(options: Sequence[Option], *, limit: int = MAX_OPTIONS_CHARS) -> tuple[Option, ...]:
    """Return the options in at most ``limit`` characters; none is dropped.

    All descriptions are shortened alike. When they are too short to be of use, the longest list of choices becomes an
    autocomplete, which takes no characters, and the descriptions start again at their full length.
    """
    fitted = tuple(options)
    while True:
        for chars in range(DESCRIPTION_CHARS, _MIN_DESCRIPTION_CHARS - 1, -_DESCRIPTION_STEP):
            fitted = tuple(replace(option, description_chars=chars) for option in fitted)
            if sum(option.size for option in fitted) <= limit:
                return fitted
        largest = max(fitted, key=lambda option: sum(len(choice.label) * 2 for choice in option.static_choices))
        if not largest.static_choices:
            return fitted
        fitted = tuple(_with_autocomplete(option) if option is largest else option for option in fitted)


def _make_value_option(field: Field, name: str, *, text: str, details: str, required: bool) -> Option:
    option = Option(
        name=name,
        field=field.name,
        role=OptionRole.VALUE,
        type=_option_type(field),
        text=text,
        details=details,
        required=required,
    )
    if field.choices and field.is_list:
        return replace(option, choices=make_choices(field.choices), autocomplete=True)
    if field.choices and field.kind is not FieldKind.BOOLEAN:
        return _with_choices(option, field)
    if option.type in (OptionType.INTEGER, OptionType.NUMBER):
        low, high = field.minimum, field.maximum
        # A configured limit can be below the model's minimum. No value is valid then, and the parser says so.
        is_possible = low is None or high is None or low <= high
        return replace(option, minimum=low, maximum=high) if is_possible else option
    if field.kind is FieldKind.STRING:
        return _with_lengths(option, field)
    return option


def _make_file_group(
    field: Field, name: str, names: UniqueNames, *, text: str, required: bool, max_files: int
) -> OptionGroup:
    is_list = field.kind is FieldKind.FILES
    first = _allocate_singular(name, names) if is_list else name
    count = max(1, min(field.max_items or max_files, max_files)) if is_list else 1
    others = [names.allocate(f"{first}_{number}") for number in range(2, count + 1)]
    url = names.allocate(f"{name}_url")
    details = f"required, here or as {url}" if required else ""
    files = [
        Option(
            name=file, field=field.name, role=OptionRole.FILE, type=OptionType.ATTACHMENT, text=text, details=details
        )
        for file in (first, *others)
    ]
    url_text = _describe_address(field, is_list=is_list)
    address = Option(name=url, field=field.name, role=OptionRole.URL, type=OptionType.STRING, text=url_text)
    return OptionGroup(field, name, (*files, address), min_width=2)


def _describe_address(field: Field, *, is_list: bool) -> str:
    """Return what can be given in place of an attachment: addresses, and for pictures the names of characters."""
    if accepts_images(field.accepts):
        return (
            "Web addresses or names of characters (@name) instead of attachments, separated by spaces"
            if is_list
            else f"The web address of {describe_types(field.accepts)}, or a character's @name, instead of an attachment"
        )
    if is_list:
        return "Web addresses instead of attachments, separated by spaces"
    return f"The web address of {describe_types(field.accepts)}, instead of an attachment"


def _allocate_singular(name: str, names: UniqueNames) -> str:
    """Return the name of one of several files: “images” becomes “image”, if that name is free."""
    singular = name[:-1] if name.endswith("s") and not name.endswith("ss") else name
    return names.allocate(singular) if singular != name and len(singular) > 2 and names.is_free(singular) else name


def _option_type(field: Field) -> OptionType:
    if field.kind is FieldKind.BOOLEAN:
        return OptionType.BOOLEAN
    numbers = (field.minimum, field.maximum, field.default)
    # Numbers beyond Discord's range are typed as text and parsed by the bot.
    if any(isinstance(number, int | float) and abs(number) > INTEGER_BOUND for number in numbers):
        return OptionType.STRING
    types = {FieldKind.INTEGER: OptionType.INTEGER, FieldKind.NUMBER: OptionType.NUMBER}
    return types.get(field.kind, OptionType.STRING)


def _with_choices(option: Option, field: Field) -> Option:
    choices = make_choices(field.choices)
    if len(choices) > CHOICES_PER_OPTION or field.allows_custom:
        return replace(option, type=OptionType.STRING, choices=choices, autocomplete=True)
    numbers = [choice.model_value for choice in choices if _is_discord_number(choice.model_value)]
    if option.type not in (OptionType.INTEGER, OptionType.NUMBER) or len(numbers) < len(choices):
        return replace(option, type=OptionType.STRING, choices=choices)
    are_integers = all(isinstance(number, int) for number in numbers)
    return replace(
        option,
        type=OptionType.INTEGER if are_integers else OptionType.NUMBER,
        choices=tuple(
            replace(choice, value=choice.model_value if are_integers else float(choice.model_value))
            for choice in choices
        ),
    )


def _with_autocomplete(option: Option) -> Option:
    """Return the option with its choices searched while a person types instead of listed in the command."""
    choices = tuple(replace(choice, value=str(choice.value)) for choice in option.choices)
    return replace(option, type=OptionType.STRING, choices=choices, autocomplete=True)


def _with_lengths(option: Option, field: Field) -> Option:
    shortest, longest = field.min_length, field.max_length
    return replace(
        option,
        min_length=shortest if shortest and shortest <= STRING_OPTION_CHARS else None,
        max_length=longest if longest and max(1, shortest or 0) <= longest < STRING_OPTION_CHARS else None,
    )


def _unique_labels(values: Sequence[Scalar]) -> Iterator[str]:
    counts: dict[str, int] = {}
    for value in values:
        label = truncate(single_line(str(value)), CHOICE_CHARS) or "(empty)"
        while label.lower() in counts:
            number = counts[label.lower()] = counts[label.lower()] + 1
            ending = f" ({number})"
            label = truncate(label, CHOICE_CHARS - len(ending)) + ending
        counts[label.lower()] = 1
        yield label


def _is_discord_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= INTEGER_BOUND


def _is_allowed(letter: str) -> bool:
    return letter in "-_" or letter.isalnum()  # exactly Unicode's letters and numbers
