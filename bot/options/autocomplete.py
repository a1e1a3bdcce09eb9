"""Completion: what is offered while somebody types a choice, a list of choices, or ``key=value`` text.

One pass over the choices, whatever was typed: hundreds take well under a millisecond, a hundred thousand stay bounded.
"""

import heapq
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Final

from bot.errors import BadOption
from bot.formatting import truncate
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION
from bot.options.fields import Field, FieldKind
from bot.options.layout import OptionLayout
from bot.options.options import Choice, Option, OptionRole, make_choices
from bot.options.parse import KeyValue, parse_pairs, quote_value
from bot.options.text import describe_field, format_details, single_line

_SEARCHED: Final = 20_000  # choices that are looked at for one key press
_COMPARED: Final = 500  # choices among which a misspelt word is looked for
_LEAST_COMPARED: Final = 3  # letters below which everything is like everything
_ALIKE: Final = 5
_LIKENESS: Final = 0.6
_LAST_KEY: Final = re.compile(r"(?:^|\s)(?P<word>[^\s=]*)$")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One line of a completion: what people see, and what stands in the option when they take it."""

    label: str
    sent: str


def suggest_values(plan: OptionLayout, option: Option, typed: str) -> list[Suggestion]:
    """Return at most 25 suggestions, best first, each within Discord's lengths."""
    if option.role is OptionRole.ADVANCED:
        found = _advanced(plan, typed)
    else:
        field = plan.field(option.field) if option.field is not None else None
        found = _list(option, typed) if field and field.listed else _one(option, typed, field)
    return _first_ones(found)


def match_labels(labels: Sequence[str], typed: str) -> list[int]:
    """Return the places of the labels that match, best first: whole, beginning, a word's beginning, within, all words.

    Case and accents do not matter. Nothing typed matches everything, in its own order.
    """
    wanted = _folded(typed)
    if not wanted:
        return list(range(min(len(labels), CHOICES_PER_OPTION)))
    words = wanted.split()
    ranked = (
        (rank, number)
        for number, label in enumerate(_folded_labels(tuple(labels[:_SEARCHED])))
        if (rank := _rank(label, wanted, words)) is not None
    )
    best = [number for _, number in heapq.nsmallest(CHOICES_PER_OPTION, ranked)]
    return best or _alike(labels, wanted)


def _alike(labels: Sequence[str], wanted: str) -> list[int]:
    """Return what may have been meant by a word that is nowhere, where there are few enough to compare."""
    if len(labels) > _COMPARED or len(wanted) < _LEAST_COMPARED:
        return []
    places = {label: number for number, label in enumerate(_folded_labels(tuple(labels)))}
    return [places[label] for label in get_close_matches(wanted[:CHOICE_CHARS], places, _ALIKE, _LIKENESS)]


def _first_ones(found: Iterable[Suggestion]) -> list[Suggestion]:
    fitting: dict[str, Suggestion] = {}
    for each in found:
        if 0 < len(each.sent) <= CHOICE_CHARS and each.label:
            fitting.setdefault(each.sent, Suggestion(truncate(each.label, CHOICE_CHARS), each.sent))
        if len(fitting) == CHOICES_PER_OPTION:
            break
    return list(fitting.values())


def _one(option: Option, typed: str, field: Field | None) -> Iterator[Suggestion]:
    """Suggest choices; where other text is welcome, what was typed comes first."""
    if field is not None and field.suggested and typed.strip():
        yield Suggestion(single_line(typed), typed)
    if field is not None and not typed.strip():
        yield from (_choice(choice) for choice in option.choices if choice.real == field.default)
    for number in match_labels([choice.label for choice in option.choices], typed):
        yield _choice(option.choices[number])


def _choice(choice: Choice) -> Suggestion:
    return Suggestion(choice.label, str(choice.sent))


def _list(option: Option, typed: str) -> Iterator[Suggestion]:
    """Suggest the last item of a list that is separated by commas."""
    before, comma, last = typed.rpartition(",")
    lead = f"{before}{comma} " if comma else ""
    for number in match_labels([choice.label for choice in option.choices], last):
        label = option.choices[number].label
        item = f'"{label}"' if "," in label else label
        yield Suggestion(f"{lead}{item}", f"{lead}{item}")


def _advanced(plan: OptionLayout, typed: str) -> Iterator[Suggestion]:
    """Suggest the value of the last pair, or the next key."""
    try:
        pairs = parse_pairs(typed, "")
    except BadOption:
        pairs = ()
    given = {field.name for pair in pairs if (field := plan.known_as(pair.key))}
    if pairs and pairs[-1].end == len(typed) and not typed[-1:].isspace():
        yield from _after(plan, typed, pairs[-1], given)
        return
    found = _LAST_KEY.search(typed)
    word = found["word"] if found else ""
    yield from _keys(plan, typed[: len(typed) - len(word)], word, given)
    if typed.strip():
        yield Suggestion(_tail_of(typed), typed)


def _after(plan: OptionLayout, typed: str, last: KeyValue, given: set[str]) -> Iterator[Suggestion]:
    """Suggest what may follow an unfinished value: the key that its last word begins, or the value's end."""
    raw = typed[last.start :]
    word = raw.rpartition(" ")[2]
    if word != raw and raw.startswith(last.value) and word:
        lead = typed[: len(typed) - len(word)]
        yield from (key for key in _keys(plan, lead, word, given) if key.sent.startswith(typed))
    yield Suggestion(_tail_of(typed), typed)
    field = plan.known_as(last.key)
    if field is not None:
        yield from _values(field, typed[: last.start], last.value)


def _keys(plan: OptionLayout, lead: str, word: str, given: set[str]) -> Iterator[Suggestion]:
    """Suggest the inputs that only ``advanced`` reaches, then the others."""
    open_fields = [field for field in plan.fields if field.name not in given]
    open_fields.sort(key=lambda field: field.name not in plan.leftover)
    names = [plan.names[field.name] for field in open_fields]
    for number in match_labels(names, word):
        field = open_fields[number]
        described = truncate(
            f"{describe_field(field, None).rstrip('.')} · {format_details(field, field.default)}".rstrip(" ·"), 60
        )
        yield Suggestion(f"{_tail_of(lead)}{names[number]}= · {described}", f"{lead}{names[number]}=")


def _values(field: Field, lead: str, typed: str) -> Iterator[Suggestion]:
    labels = [choice.label for choice in make_choices(field.choices)]
    if field.kind is FieldKind.BOOLEAN:
        labels = ["True", "False"]
    for number in match_labels(labels, typed):
        yield Suggestion(f"{_tail_of(lead)}{quote_value(labels[number])}", f"{lead}{quote_value(labels[number])}")


def _tail_of(text: str) -> str:
    """Return the end of a long text, where the typing happens."""
    plain = " ".join(text.split()) + (" " if text[-1:].isspace() else "")
    return plain if len(plain) <= 50 else f"…{plain[-49:]}"


def _folded(text: str) -> str:
    """Return the text without case and accents."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in apart if not unicodedata.combining(letter)).split())


@lru_cache(maxsize=256)
def _folded_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_folded(label) for label in labels)


def _rank(label: str, wanted: str, words: Sequence[str]) -> tuple[int, int] | None:
    """Return how well a label matches, smaller is better, or None."""
    if label == wanted:
        return (0, 0)
    place = label.find(wanted)
    if place == 0:
        return (1, len(label))
    if place > 0:
        inside_word = label[place - 1].isalnum()
        return (3 if inside_word else 2, len(label) if inside_word else place)
    if all(word in label for word in words):
        return (4, len(label))
    return None
