"""Suggestions while a person types a choice, a list of choices, or ``key=value`` text.

Each key press costs one pass over the choices: well under a millisecond for hundreds, and bounded for any number.
"""

import heapq
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from rapidfuzz import fuzz, process

from bot.errors import BadOption
from bot.formatting import single_line, truncate
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION
from bot.options.fields import Field, FieldKind
from bot.options.files import accepts_images
from bot.options.key_value_text import Pair, parse_pairs, quote_value
from bot.options.layout import OptionLayout
from bot.options.options import Choice, Option, OptionRole, OptionType, make_choices
from bot.options.text import describe_field, format_details
from bot.options.visibility import VISIBILITY, has_room_for_visibility, is_visibility, visibility_description
from bot.visibility import Visibility

_SEARCHED_CHOICES: Final = 20_000  # per key press
_MIN_COMPARED_CHARS: Final = 3  # shorter words resemble everything
_CLOSE_MATCHES: Final = 5
_MATCH_CUTOFF: Final = 60.0  # percent of letters alike
_DESCRIPTION_CHARS: Final = 60  # of an input beside its key
_LEAD_CHARS: Final = 50  # of the text before a suggestion
_LAST_KEY: Final = re.compile(r"(?:^|\s)(?P<word>[^\s=]*)$")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One suggestion: the label people see, and the option's value if they pick it."""

    label: str
    value: str


def suggest_values(layout: OptionLayout, option: Option, typed: str) -> list[Suggestion]:
    """Return at most 25 suggestions within Discord's lengths, best first."""
    if option.role is OptionRole.ADVANCED:
        return limit_suggestions(_suggest_pairs(layout, typed))
    field = layout.field(option.field) if option.field is not None else None
    return limit_suggestions(
        _suggest_list(option, typed) if field and field.is_list else _suggest_choices(option, typed, field)
    )


def is_personal(layout: OptionLayout, option: Option) -> bool:
    """Return whether an option is completed with what a person has: their prompts, or the pictures of characters."""
    field = layout.field(option.field) if option.field is not None else None
    if field is None:
        return False
    if option.role is OptionRole.URL:
        return accepts_images(field.accepts)
    is_text = option.type is OptionType.STRING and not option.choices
    return option.role is OptionRole.VALUE and is_text and field.name == layout.prompt_field


def match_labels(labels: Sequence[str], typed: str) -> list[int]:
    """Return the indexes of at most 25 labels that match, best first.

    The ranks: equal, starts with the text, a word starts with it, contains it, contains all its words. Case and
    accents are ignored. Empty text matches every label, in order.
    """
    wanted = _fold(typed)
    if not wanted:
        return list(range(min(len(labels), CHOICES_PER_OPTION)))
    words = wanted.split()
    ranked = (
        (rank, index)
        for index, label in enumerate(_fold_labels(tuple(labels[:_SEARCHED_CHOICES])))
        if (rank := _rank(label, wanted, words)) is not None
    )
    best = [index for _, index in heapq.nsmallest(CHOICES_PER_OPTION, ranked)]
    return best or _match_misspelt(labels, wanted)


def _match_misspelt(labels: Sequence[str], wanted: str) -> list[int]:
    if len(wanted) < _MIN_COMPARED_CHARS:
        return []
    found = process.extract(
        wanted[:CHOICE_CHARS],
        _fold_labels(tuple(labels[:_SEARCHED_CHOICES])),
        scorer=fuzz.ratio,
        score_cutoff=_MATCH_CUTOFF,
        limit=_CLOSE_MATCHES,
    )
    return [index for _, _, index in found]


def limit_suggestions(suggestions: Iterable[Suggestion]) -> list[Suggestion]:
    """Return the first 25 different suggestions that Discord accepts."""
    accepted: dict[str, Suggestion] = {}
    for suggestion in suggestions:
        if 0 < len(suggestion.value) <= CHOICE_CHARS and suggestion.label:
            label = truncate(suggestion.label, CHOICE_CHARS)
            accepted.setdefault(suggestion.value, Suggestion(label, suggestion.value))
        if len(accepted) == CHOICES_PER_OPTION:
            break
    return list(accepted.values())


def _suggest_choices(option: Option, typed: str, field: Field | None) -> Iterator[Suggestion]:
    """Suggest choices: the default first before anything is typed, the typed text first if any text is accepted."""
    if field is not None and field.allows_custom and typed.strip():
        yield Suggestion(single_line(typed), typed)
    if field is not None and not typed.strip():
        yield from (_to_suggestion(choice) for choice in option.choices if choice.model_value == field.default)
    for index in match_labels([choice.label for choice in option.choices], typed):
        yield _to_suggestion(option.choices[index])


def _to_suggestion(choice: Choice) -> Suggestion:
    return Suggestion(choice.label, str(choice.value))


def _suggest_list(option: Option, typed: str) -> Iterator[Suggestion]:
    """Complete the last item of a list that is separated by commas."""
    before, comma, last = typed.rpartition(",")
    lead = f"{before}{comma} " if comma else ""
    for index in match_labels([choice.label for choice in option.choices], last):
        label = option.choices[index].label
        item = f'"{label}"' if "," in label else label
        yield Suggestion(f"{lead}{item}", f"{lead}{item}")


def _suggest_pairs(layout: OptionLayout, typed: str) -> Iterator[Suggestion]:
    """Complete the value of the last ``key=value`` pair, or the next key."""
    try:
        pairs = parse_pairs(typed, "")
    except BadOption:
        pairs = ()
    used_keys = {field.name for pair in pairs if (field := layout.find_field(pair.key))}
    if pairs and pairs[-1].end == len(typed) and not typed[-1:].isspace():
        yield from _suggest_after_pair(layout, typed, pairs[-1], used_keys)
        return
    match = _LAST_KEY.search(typed)
    word = match["word"] if match else ""
    yield from _suggest_keys(layout, typed[: len(typed) - len(word)], word, used_keys)
    if typed.strip():
        yield Suggestion(_shorten_lead(typed), typed)


def _suggest_after_pair(layout: OptionLayout, typed: str, last: Pair, used_keys: set[str]) -> Iterator[Suggestion]:
    """Complete an unfinished value: its last word may be the start of a key, or of the value's last word."""
    raw = typed[last.start :]
    word = raw.rpartition(" ")[2]
    if word != raw and raw.startswith(last.value) and word:
        lead = typed[: len(typed) - len(word)]
        keys = _suggest_keys(layout, lead, word, used_keys)
        yield from (suggestion for suggestion in keys if suggestion.value.startswith(typed))
    yield Suggestion(_shorten_lead(typed), typed)
    field = layout.find_field(last.key)
    if field is not None:
        yield from _suggest_pair_values(field, typed[: last.start], last.value)
    elif is_visibility(layout, last.key):
        lead = typed[: last.start]
        for visibility in Visibility:
            if visibility.startswith(last.value.lower()):
                yield Suggestion(f"{_shorten_lead(lead)}{visibility.value}", f"{lead}{visibility.value}")


def _suggest_keys(layout: OptionLayout, lead: str, word: str, used_keys: set[str]) -> Iterator[Suggestion]:
    """Suggest the inputs that have no option of their own, then the others, and ``visibility`` if it has none."""
    has_visibility = is_visibility(layout, VISIBILITY) and not has_room_for_visibility(layout)
    if has_visibility and word and VISIBILITY.startswith(word.lower()):
        label = f"{_shorten_lead(lead)}{VISIBILITY}= · {visibility_description()}"
        yield Suggestion(label, f"{lead}{VISIBILITY}=")
    fields = [field for field in layout.fields if field.name not in used_keys]
    fields.sort(key=lambda field: field.name not in layout.overflow)
    names = [layout.names[field.name] for field in fields]
    for index in match_labels(names, word):
        field = fields[index]
        text, details = describe_field(field, None).rstrip("."), format_details(field, field.default)
        description = truncate(f"{text} · {details}".rstrip(" ·"), _DESCRIPTION_CHARS)
        yield Suggestion(f"{_shorten_lead(lead)}{names[index]}= · {description}", f"{lead}{names[index]}=")


def _suggest_pair_values(field: Field, lead: str, typed: str) -> Iterator[Suggestion]:
    labels = [choice.label for choice in make_choices(field.choices)]
    if field.kind is FieldKind.BOOLEAN:
        labels = ["on", "off"]
    for index in match_labels(labels, typed):
        value = quote_value(labels[index])
        yield Suggestion(f"{_shorten_lead(lead)}{value}", f"{lead}{value}")


def _shorten_lead(text: str) -> str:
    """Return the end of a long text, where the person is typing."""
    plain = " ".join(text.split()) + (" " if text[-1:].isspace() else "")
    return plain if len(plain) <= _LEAD_CHARS else f"…{plain[1 - _LEAD_CHARS :]}"


def _fold(text: str) -> str:
    """Return the text without case and accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(letter for letter in decomposed if not unicodedata.combining(letter)).split())


@lru_cache(maxsize=64)  # a list of 20,000 choices takes 2 MB
def _fold_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_fold(label) for label in labels)


def _rank(label: str, wanted: str, words: Sequence[str]) -> tuple[int, int] | None:
    """Return how well a label matches, smaller is better, or None."""
    if label == wanted:
        return (0, 0)
    position = label.find(wanted)
    if position == 0:
        return (1, len(label))
    if position > 0:
        is_inside_word = label[position - 1].isalnum()
        return (3 if is_inside_word else 2, len(label) if is_inside_word else position)
    if all(word in label for word in words):
        return (4, len(label))
    return None
