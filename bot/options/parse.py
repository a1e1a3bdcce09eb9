"""Parse the values given to a command into the model's input."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

from bot.errors import BadOption, UserError
from bot.formatting import truncate
from bot.media.types import Media, MediaKind
from bot.options.attachments import UploadedFile
from bot.options.coercion import coerce_value, parse_url, parse_urls
from bot.options.fields import Field, FieldKind
from bot.options.file_types import describe_types
from bot.options.layout import OptionLayout
from bot.options.options import OptionRole
from bot.options.text import single_line, summarize

_PAIR_KEY: Final = re.compile(r"([^\s=\"“”]+)[ \t]*=[ \t]*")
_PAIR_END: Final = re.compile(r"\n|\s(?=[\w-][\w.-]*[ \t]*=(?!=))")
_UNQUOTED: Final = re.compile(r"[^\s\"“”„{\[\\=,]+")
_QUOTES: Final = {'"': '"', "“": "”", "”": "”", "„": "“"}
_ESCAPES: Final = {"n": "\n", '"': '"', "\\": "\\", "”": "”"}


@dataclass(frozen=True, slots=True)
class KeyValue:
    """One ``key=value``; ``start`` and ``end`` are where the value stands in the text."""

    key: str
    value: str
    start: int
    end: int


def parse_pairs(text: str, option: str) -> tuple[KeyValue, ...]:
    """Return the pairs in the order in which they stand; raises BadOption naming ``option``."""
    pairs: list[KeyValue] = []
    place = _skip_separators(text, 0)
    while place < len(text):
        found = _PAIR_KEY.match(text, place)
        if found is None:
            stray = truncate(single_line(text[place:].split(maxsplit=1)[0]), 40)
            raise BadOption(option, f"`{option}` takes key=value; “{stray}” has no = behind it.")
        value, end = _read_pair_value(text, found, option)
        pairs.append(KeyValue(found[1], value, found.end(), end))
        place = _skip_separators(text, end)
    return tuple(pairs)


def format_pairs(pairs: Iterable[tuple[str, str]], *, between: str = "\n") -> str:
    """Return text that ``parse`` reads as these pairs."""
    return between.join(f"{key}={quote_value(value)}" for key, value in pairs)


def quote_value(value: str) -> str:
    """Return the value as it can stand behind ``key=``."""
    if _UNQUOTED.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _skip_separators(text: str, place: int) -> int:
    while place < len(text) and (text[place].isspace() or text[place] == ","):
        place += 1
    return place


def _read_pair_value(text: str, found: re.Match[str], option: str) -> tuple[str, int]:
    place = found.end()
    first = text[place : place + 1]
    if first in _QUOTES and first:
        return _read_quoted(text, place, found[1], option)
    if first and first in "{[":
        end = _json_end(text, place)
        if end is not None:
            return text[place:end], end
    # “key= next=5” gives key nothing rather than “next=5”.
    spaced = text[place - 1] in " \t"
    if spaced and _PAIR_END.match(text, place - 1):
        return "", place
    ending = _PAIR_END.search(text, place)
    end = ending.start() if ending else len(text)
    return text[place:end].strip().rstrip(","), end


def _read_quoted(text: str, place: int, key: str, option: str) -> tuple[str, int]:
    closing = _QUOTES[text[place]]
    letters: list[str] = []
    place += 1
    while place < len(text):
        letter = text[place]
        if letter == closing:
            return "".join(letters), place + 1
        if letter == "\\" and text[place + 1 : place + 2] in _ESCAPES:
            letters.append(_ESCAPES[text[place + 1]])
            place += 2
            continue
        letters.append(letter)
        place += 1
    raise BadOption(option, f"`{option}`: the quote after `{key}=` is never closed.")


def _json_end(text: str, place: int) -> int | None:
    try:
        _, end = json.JSONDecoder().raw_decode(text, place)
    except (ValueError, RecursionError):
        return None
    return end if end == len(text) or text[end].isspace() or text[end] == "," else None


@dataclass(frozen=True, slots=True)
class RawValue:
    """One value under the name of the option that it was given as."""

    option: str
    value: Any
    role: OptionRole = OptionRole.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedOptions:
    """Everything that a run needs to know of what was given.

    ``input`` holds each attached file as ``file:<n>``, n counting ``files``. ``prompt`` is what was asked for, the
    model's own default where nothing was. ``expected`` is how many outputs that makes, where the model says.
    ``thumbnail`` is the first picture that was given: its media, or its address.
    """

    input: Mapping[str, Any]
    files: tuple[Media, ...] = ()
    prompt: str | None = None
    summary: str = ""
    expected: int | None = None
    notes: tuple[str, ...] = ()
    thumbnail: Media | str | None = None


def parse_options(plan: OptionLayout, values: Mapping[str, Any]) -> ParsedOptions:
    """Return the model's input for these values; raises BadOption, or UserError when the command cannot work.

    ``values`` go by option name, or by any name that ``OptionLayout.known_as`` knows; None means not given. A file is a
    ``UploadedFile`` or a ``Media``, several are a list of them. CPU-heavy with pictures: call it in a thread.
    """
    given = _group_by_field(plan, values)
    read = {field.name: _coerce_field(field, given[field.name]) for field in plan.fields if field.name in given}
    _check_required(plan, read)
    inputs = _apply_defaults(plan, read)
    files = tuple(media for value in inputs.values() for media in _files_in(value))
    return ParsedOptions(
        input=_replace_files(inputs),
        files=files,
        prompt=_find_prompt(plan, inputs),
        summary=summarize(plan.fields, inputs, prompt=plan.prompt),
        expected=_count_outputs(plan, inputs),
        notes=_collect_notes(values.values()),
        thumbnail=_find_thumbnail(plan, inputs),
    )


def _group_by_field(plan: OptionLayout, values: Mapping[str, Any]) -> dict[str, list[RawValue]]:
    """Sort what was given by the field that it sets, the ``key=value`` pairs of ``advanced`` among it."""
    found: dict[str, list[RawValue]] = {}
    for name, value in values.items():
        if value is None or (isinstance(value, list | tuple) and not value):
            continue
        option = plan.option(name)
        if option is not None and option.role is OptionRole.ADVANCED:
            _add_pairs(plan, name, str(value), found)
        elif option is not None and option.field is not None:
            found.setdefault(option.field, []).append(RawValue(name, value, option.role))
        else:
            found.setdefault(require_field(plan, name, name).name, []).append(RawValue(name, value))
    return found


def _add_pairs(plan: OptionLayout, advanced: str, text: str, found: dict[str, list[RawValue]]) -> None:
    for pair in parse_pairs(text, advanced):
        field = require_field(plan, pair.key, advanced)
        name = plan.names[field.name]
        if field.name in found and not field.holds_files:
            raise BadOption(advanced, f"`{advanced}` gives `{name}` again; keep one of them.")
        if not pair.value and field.kind not in (FieldKind.STRING, FieldKind.STRINGS, FieldKind.NUMBERS):
            raise BadOption(advanced, f"`{advanced}`: `{name}` needs a value, as in `{name}=…`.")
        found.setdefault(field.name, []).append(RawValue(name, pair.value))


def require_field(plan: OptionLayout, word: str, option: str) -> Field:
    """Return the field that a person means by a key; raises BadOption with the nearest one."""
    field = plan.known_as(word)
    if field is not None:
        return field
    near = get_close_matches(word.lower(), list(plan.names.values()), 1, 0.5)
    hint = f" Did you mean `{near[0]}`?" if near else ""
    where = "" if word == option else f"`{option}`: "
    unknown = f"there is no input `{truncate(single_line(word), 40).replace('`', '')}`.{hint}"
    raise BadOption(option, where + (unknown if where else unknown[:1].upper() + unknown[1:]))


def _coerce_field(field: Field, given: Sequence[RawValue]) -> Any:
    """Return the field's value from all that was given for it."""
    if field.holds_files:
        return _collect_files(field, given)
    if len(given) > 1:
        raise BadOption(given[1].option, f"`{given[0].option}` is given twice; keep one of them.")
    return coerce_value(field, given[0].value, given[0].option)


def _collect_files(field: Field, given: Sequence[RawValue]) -> Any:
    """Return the one file or address, or the list of all of them, attachments first."""
    if field.kind is FieldKind.FILES:
        parts = [part for each in given for part in _file_parts(field, each)]
        media = [part for part in parts if isinstance(part, Media)]
        every = [*media, *(part for part in parts if isinstance(part, str))]
        _check_file_count(field, every, given[0].option)
        return every
    if len(given) > 1:
        first, second = given[0].option, given[1].option
        raise BadOption(second, f"Give either `{first}` or `{second}`, not both.")
    parts = _file_parts(field, given[0])
    if len(parts) != 1:
        raise BadOption(given[0].option, f"`{given[0].option}` takes one file; you gave {len(parts)}.")
    return parts[0]


def _file_parts(field: Field, given: RawValue) -> list[Media | str]:
    values = given.value if isinstance(given.value, list | tuple) else [given.value]
    parts: list[Media | str] = []
    for value in values:
        if isinstance(value, UploadedFile | Media):
            parts.append(value.media if isinstance(value, UploadedFile) else value)
        elif field.kind is FieldKind.FILES:
            parts.extend(parse_urls(value, given.option))
        else:
            parts.append(parse_url(value, given.option))
    return parts


def _check_file_count(field: Field, parts: Sequence[Any], option: str) -> None:
    fewest, most = field.min_items or 0, field.max_items
    if len(parts) < fewest:
        raise BadOption(option, f"`{option}` needs at least {_count_files(fewest)}; you gave {len(parts)}.")
    if most is not None and len(parts) > most:
        raise BadOption(option, f"`{option}` takes at most {_count_files(most)}; you gave {len(parts)}.")


def _count_files(number: int) -> str:
    return "one file" if number == 1 else f"{number} files"


def _check_required(plan: OptionLayout, read: Mapping[str, Any]) -> None:
    """Raise for the first input that must be given and is not, before anything is paid."""
    for hidden in plan.closed:
        if hidden.required and hidden.name not in plan.defaults:
            raise UserError(
                f"The model needs `{hidden.name}`, which this bot does not ask for. "
                "Whoever runs the bot can set a default for it."
            )
    for name in plan.needed:
        field = plan.field(name)
        if field is not None and (name not in read or _is_blank(field, read[name])):
            _raise_missing(plan, field)


def _is_blank(field: Field, value: Any) -> bool:
    """Whether a value that was given is as good as none: no text, no files."""
    free_text = field.kind is FieldKind.STRING and not field.choices
    return (free_text and value == "") or (field.listed and value == [])


def _raise_missing(plan: OptionLayout, field: Field) -> NoReturn:
    """Raise the sentence that says how to give an input."""
    mine = [option for option in plan.options if option.field == field.name]
    option = mine[0].name if mine else plan.names[field.name]
    if not field.holds_files:
        raise BadOption(option, f"`{option}` is needed.")
    url = next((each.name for each in mine if each.role is OptionRole.URL), None)
    where = f"or put its web address in `{url}`" if url else f"or write `{plan.names[field.name]}=https://…`"
    raise BadOption(option, f"Attach {describe_types(field.accepts)} as `{option}`, {where}.")


def _apply_defaults(plan: OptionLayout, read: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was given and the command's own defaults, in the model's order."""
    inputs: dict[str, Any] = {}
    for field in sorted((*plan.fields, *plan.closed), key=lambda field: field.order):
        if field.name in read:
            inputs[field.name] = read[field.name]
        elif field.name in plan.defaults:
            inputs[field.name] = _coerce_default(field, plan.defaults[field.name])
    return inputs


def _coerce_default(field: Field, value: Any) -> Any:
    try:
        return coerce_value(field, value, field.name)
    except BadOption as error:
        raise UserError(
            f"This command is set up with a `{field.name}` that its model does not take. "
            "Whoever runs the bot can mend its default."
        ) from error


def _files_in(value: Any) -> list[Media]:
    parts = value if isinstance(value, list) else [value]
    return [part for part in parts if isinstance(part, Media)]


def _replace_files(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Replace each file by its mark, in the order in which the files stand."""
    number = 0
    marked: dict[str, Any] = {}
    for name, value in inputs.items():
        parts = value if isinstance(value, list) else [value]
        marks = []
        for part in parts:
            marks.append(f"file:{number}" if isinstance(part, Media) else part)
            number += isinstance(part, Media)
        marked[name] = marks if isinstance(value, list) else marks[0]
    return marked


def _find_prompt(plan: OptionLayout, inputs: Mapping[str, Any]) -> str | None:
    field = plan.field(plan.prompt) if plan.prompt else None
    if field is None:
        return None
    words = inputs.get(field.name, field.default)
    return words if isinstance(words, str) and words.strip() else None


def _count_outputs(plan: OptionLayout, inputs: Mapping[str, Any]) -> int | None:
    """Return the product of the counts, given or by default; None where the model does not count."""
    counts = [inputs.get(field.name, field.default) for field in plan.fields if field.name in plan.count]
    if not counts or not all(isinstance(count, int) and count > 0 for count in counts):
        return None
    product = 1
    for count in counts:
        product *= count
    return product


def _collect_notes(values: Iterable[Any]) -> tuple[str, ...]:
    taken = [part for value in values for part in (value if isinstance(value, list | tuple) else [value])]
    return tuple(dict.fromkeys(note for part in taken if isinstance(part, UploadedFile) for note in part.notes))


def _find_thumbnail(plan: OptionLayout, inputs: Mapping[str, Any]) -> Media | str | None:
    for field in plan.fields:
        value = inputs.get(field.name) if field.holds_files else None
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, Media) and part.type.kind is MediaKind.IMAGE:
                return part
            if isinstance(part, str) and _looks_like_image(field, part):
                return part
    return None


def _looks_like_image(field: Field, url: str) -> bool:
    """Whether an address is likely a picture's: its ending says so, or its input takes pictures alone."""
    ending = urlsplit(url).path.lower().rpartition(".")[2]
    return ending in ("png", "jpg", "jpeg", "webp", "gif") or field.accepts == ("image/*",)
