"""Options: one line of a slash command, as values; ``bot.inputs.commands`` makes Discord's of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bot.inputs.fields import Field, FieldKind, Scalar
from bot.inputs.words import cut, describe, visible
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION, DESCRIPTION_CHARS, INTEGER_BOUND, STRING_OPTION_CHARS


class OptionType(StrEnum):
    """What Discord asks for."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ATTACHMENT = "attachment"


class Role(StrEnum):
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
    role: Role
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
        return describe(self.text, self.tail, self.room)

    @property
    def listed(self) -> tuple[Choice, ...]:
        """The choices that are part of the command itself."""
        return () if self.autocomplete else self.choices

    @property
    def chars(self) -> int:
        """How much of a command's characters the option takes."""
        return len(self.name) + len(self.description) + sum(_chars(choice) for choice in self.listed)


def value_option(field: Field, name: str, *, text: str, tail: str, required: bool) -> Option:
    """Return the option that asks for a field's value."""
    option = Option(
        name=name, field=field.name, role=Role.VALUE, type=_type(field), text=text, tail=tail, required=required
    )
    if field.choices and field.listed:
        return replace(option, choices=choices_of(field.choices), autocomplete=True)
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


def searched(option: Option) -> Option:
    """Return the option with its choices found while typing instead of listed, so that they take no room."""
    choices = tuple(replace(choice, sent=str(choice.sent)) for choice in option.choices)
    return replace(option, type=OptionType.STRING, choices=choices, autocomplete=True)


def choices_of(values: Sequence[Scalar]) -> tuple[Choice, ...]:
    """Return choices with labels that Discord takes and that nobody can confuse; each is sent as its label."""
    seen: dict[str, int] = {}
    return tuple(Choice(label, label, value) for value, label in zip(values, _labels(values, seen), strict=True))


def _type(field: Field) -> OptionType:
    if field.kind is FieldKind.BOOLEAN:
        return OptionType.BOOLEAN
    numbers = (field.minimum, field.maximum, field.default)
    # What Discord's own numbers cannot hold is typed as text and read by us.
    if any(isinstance(number, int | float) and abs(number) > INTEGER_BOUND for number in numbers):
        return OptionType.STRING
    types = {FieldKind.INTEGER: OptionType.INTEGER, FieldKind.NUMBER: OptionType.NUMBER}
    return types.get(field.kind, OptionType.STRING)


def _with_choices(option: Option, field: Field) -> Option:
    choices = choices_of(field.choices)
    if len(choices) > CHOICES_PER_OPTION or field.suggested:
        return replace(option, type=OptionType.STRING, choices=choices, autocomplete=True)
    if option.type in (OptionType.INTEGER, OptionType.NUMBER) and all(_sendable(choice.real) for choice in choices):
        whole = all(isinstance(choice.real, int) for choice in choices)
        return replace(
            option,
            type=OptionType.INTEGER if whole else OptionType.NUMBER,
            choices=tuple(replace(choice, sent=choice.real if whole else float(choice.real)) for choice in choices),
        )
    return replace(option, type=OptionType.STRING, choices=choices)


def _sendable(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= INTEGER_BOUND


def _with_lengths(option: Option, field: Field) -> Option:
    shortest, longest = field.min_length, field.max_length
    return replace(
        option,
        min_length=shortest if shortest and shortest <= STRING_OPTION_CHARS else None,
        max_length=longest if longest and max(1, shortest or 0) <= longest < STRING_OPTION_CHARS else None,
    )


def _labels(values: Iterable[Scalar], seen: dict[str, int]) -> Iterable[str]:
    for value in values:
        label = cut(visible(str(value)), CHOICE_CHARS) or "(empty)"
        while label.lower() in seen:
            number = seen[label.lower()] = seen[label.lower()] + 1
            ending = f" ({number})"
            label = cut(label, CHOICE_CHARS - len(ending)) + ending
        seen[label.lower()] = 1
        yield label


def _chars(choice: Choice) -> int:
    return len(choice.label) + len(str(choice.sent))
