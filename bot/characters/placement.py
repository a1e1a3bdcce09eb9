"""Put characters into the values given to a command: descriptions into the prompt, pictures into an input for images.

``mentioned_keys`` says which names are looked up, ``place_characters`` uses what was found. The values stay as they
are for every other part of the bot: by option name, or by any name that the layout knows.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from bot.characters.names import find_mentions, make_key
from bot.errors import BadOption
from bot.formatting import single_line
from bot.language import _, ngettext
from bot.limits import MODAL_FILES
from bot.media.types import CharacterPicture, parse_reference
from bot.options.fields import Field, FieldKind
from bot.options.files import accepts_images
from bot.options.key_value_text import format_pairs, parse_pairs
from bot.options.layout import OptionLayout
from bot.options.options import OptionRole
from bot.store.characters import Character

# Words in the names of inputs that are meant for a person, and for anything but one.
_FITTING: Final = ("reference", "subject", "character", "face", "person", "identity", "portrait")
_UNFITTING: Final = ("mask", "depth", "pose", "control")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Values in which characters are in their places.

    ``values`` are for ``parse_options``. ``prompt`` is the prompt as it was written, by the model's key, where it names
    a character. ``given`` has the inputs for files that got pictures, and the names that were written there; pictures
    of others came from the prompt. ``notes`` are sentences for the card. ``names`` are those that the prompt does not
    show. ``characters`` took part.
    """

    values: Mapping[str, Any]
    prompt: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, frozenset[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    characters: tuple[Character, ...] = ()

    def describe_written(self, run_input: Mapping[str, Any], files: Sequence[object]) -> dict[str, Any]:
        """Return the inputs as a person wrote them, by the model's keys, for the row of the run.

        ``run_input`` is the input that was parsed of ``values``, and ``files`` are the files that it refers to. A field
        whose pictures all came from the prompt is None.
        """
        written: dict[str, Any] = dict(self.prompt)
        for key, names in self.given.items():
            parts = run_input.get(key)
            kept: list[Any] = []
            for part in parts if isinstance(parts, list) else [parts]:
                number = parse_reference(part)
                file = files[number] if number is not None and number < len(files) else None
                if not isinstance(file, CharacterPicture):
                    kept.append(part)
                elif file.character in names and f"@{file.character}" not in kept:
                    kept.append(f"@{file.character}")
            written[key] = (kept if isinstance(parts, list) else kept[0]) if kept else None
        return written


def mentioned_keys(layout: OptionLayout, values: Mapping[str, Any]) -> frozenset[str]:
    """Return the keys of all names that the prompt and the inputs for files mention."""
    keys: set[str] = set()
    for given in spread_values(layout, values):
        if given.field.name == layout.prompt_field:
            keys |= {mention.key for mention in find_mentions(str(given.value))}
        elif given.field.accepts_files:
            keys |= {make_key(word) for word in _words(given.value) if word.startswith("@")}
    return frozenset(keys)


def place_characters(layout: OptionLayout, values: Mapping[str, Any], found: Mapping[str, Character]) -> Placement:
    """Return the values with the characters that were found, by key, in their places.

    Raises BadOption for an input for files that names a character that was not found.
    """
    placing = _Placing(layout, values, tuple(spread_values(layout, values)), found)
    for given in placing.given:
        if given.field.name == layout.prompt_field and isinstance(given.value, str):
            placing.describe(given)
    for given in placing.given:
        if given.field.accepts_files and any(word.startswith("@") for word in _words(given.value)):
            placing.give_files(given)
    in_prompt, in_files = placing.in_prompt, placing.in_files
    pictured = [one for key, one in in_prompt.items() if key not in in_files and one.pictures]
    if pictured:
        placing.place_pictures(pictured)
    return Placement(
        values=placing.values,
        prompt=placing.prompt,
        given=placing.files,
        notes=tuple(placing.notes),
        names=tuple(f"@{one.name}" for key, one in in_files.items() if key not in in_prompt),
        characters=tuple({**in_prompt, **in_files}.values()),
    )


def restore_written(values: Mapping[str, Any], written: Mapping[str, Any], files: Sequence[Any]) -> dict[str, Any]:
    """Return a run's input as it was written, for a form: ``values`` are what ``restore_values`` returns.

    References are replaced by the ``files`` they refer to; a file that is no longer stored is left out.
    """
    restored = dict(values)
    for key, value in written.items():
        parts = [_restore_file(part, files) for part in (value if isinstance(value, list) else [value])]
        kept = [part for part in parts if part is not None]
        if not kept:
            restored.pop(key, None)
        elif isinstance(value, list):
            restored[key] = " ".join(kept) if all(isinstance(part, str) for part in kept) else kept
        else:
            restored[key] = kept[0]
    return restored


@dataclass(frozen=True, slots=True)
class GivenValue:
    """One value given to a command; ``name`` is the option or key it came under, ``pair`` whether in ``advanced``."""

    name: str
    field: Field
    value: Any
    pair: bool = False


class _Placing:
    """One placement, as it grows."""

    def __init__(
        self,
        layout: OptionLayout,
        values: Mapping[str, Any],
        given: tuple[GivenValue, ...],
        found: Mapping[str, Character],
    ) -> None:
        self._layout = layout
        self._found = found
        self.given = given
        self.values = dict(values)
        self.prompt: dict[str, str] = {}
        self.files: dict[str, frozenset[str]] = {}
        self.notes: list[str] = []
        self.in_prompt: dict[str, Character] = {}
        self.in_files: dict[str, Character] = {}

    def describe(self, given: GivenValue) -> None:
        """Replace each name in the prompt by its description, or by the bare name where there is none."""
        text, parts, position = given.value, [], 0
        unknown: dict[str, None] = {}
        for mention in find_mentions(text):
            character = self._found.get(mention.key)
            if character is None:
                unknown[f"@{mention.name}"] = None
                continue
            self.in_prompt[character.key] = character
            parts += [text[position : mention.start], character.description or character.name]
            position = mention.end
        if unknown:
            self.notes.append(_explain_unknown(tuple(unknown)))
        if parts:
            self.prompt[given.field.name] = text
            self._replace(given, "".join([*parts, text[position:]]))

    def give_files(self, given: GivenValue) -> None:
        """Replace each name in an input for files by pictures: all of them where it takes several."""
        is_list = given.field.kind is FieldKind.FILES
        files: list[Any] = []
        names: set[str] = set()
        for word in given.value if isinstance(given.value, list | tuple) else _words(given.value):
            if not isinstance(word, str) or not word.startswith("@"):
                files.append(word)
                continue
            character = self._found.get(make_key(word))
            if character is None:
                name = single_line(word)[:40].replace("`", "")
                raise BadOption(
                    given.name,
                    _("`{option}`: you have no character {name}. See yours with /character list.").format(
                        option=given.name, name=name
                    ),
                )
            if not accepts_images(given.field.accepts):
                raise BadOption(
                    given.name,
                    _("`{option}` takes no pictures, so {name} can't be used there.").format(
                        option=given.name, name=f"@{character.name}"
                    ),
                )
            self.in_files[character.key] = character
            names.add(character.name)
            files += character.pictures if is_list else character.pictures[:1]
        limit = given.field.max_items
        self.files[given.field.name] = self.files.get(given.field.name, frozenset()) | names
        self._replace(given, files[:limit] if is_list and limit is not None else files)

    def place_pictures(self, characters: Sequence[Character]) -> None:
        """Give the pictures of characters in the prompt to the input that suits them best."""
        taken = {given.field.name for given in self.given if given.field.accepts_files}
        names = _join_names(characters)
        chosen = _choose_field(self._layout, taken, several=len(characters) > 1)
        if chosen is None:
            occupied = next((one for one in _picture_fields(self._layout) if one.name in taken), None)
            if occupied is None:
                self.notes.append(_explain_no_picture(characters, names))
            else:
                label = self._layout.names[occupied.name]
                sentence = ngettext(
                    "“{input}” was given a picture already, so {names} is in words only.",
                    "“{input}” was given a picture already, so {names} are in words only.",
                    len(characters),
                )
                self.notes.append(sentence.format(input=label, names=names))
            return
        label = self._layout.names[chosen.name]
        if chosen.kind is FieldKind.FILES:
            earlier = [given for given in self.given if given.field is chosen]
            have = [file for given in earlier for file in _as_list(self.values.get(given.name, given.value))]
            room = max(0, min(chosen.max_items or MODAL_FILES, MODAL_FILES) - len(have))
            pictures = _take_in_turn(characters, room)
            if len(characters) > 1:
                self.notes.append(
                    _("The pictures of {names} are in “{input}”, which takes several.").format(names=names, input=label)
                )
        else:
            pictures = list(characters[0].pictures[:1])
            if len(characters) > 1:
                first, *others = characters
                sentence = ngettext(
                    "“{input}” takes one picture: {first}'s is used, {others} is in words only.",
                    "“{input}” takes one picture: {first}'s is used, {others} are in words only.",
                    len(others),
                )
                self.notes.append(sentence.format(input=label, first=f"@{first.name}", others=_join_names(others)))
        self.files.setdefault(chosen.name, frozenset())
        self._add_value(chosen, pictures)

    def _add_value(self, chosen: Field, value: Any) -> None:
        """Add a value of the field, under one of its names that has none yet."""
        names = [chosen.name, *(option.name for option in self._layout.options if option.field == chosen.name)]
        free = next((name for name in names if self.values.get(name) is None), None)
        if free is None:
            self.values[names[0]] = [*_as_list(self.values[names[0]]), *_as_list(value)]
        else:
            self.values[free] = value

    def _replace(self, given: GivenValue, value: Any) -> None:
        """Put a value in the place of another; one of ``advanced`` leaves it for the field itself."""
        if not given.pair:
            self.values[given.name] = value
            return
        rest = [
            (pair.key, pair.value)
            for pair in parse_pairs(str(self.values[given.name]), given.name)
            if self._layout.find_field(pair.key) is not given.field
        ]
        if rest:
            self.values[given.name] = format_pairs(rest)
        else:
            self.values.pop(given.name)
        self._add_value(given.field, value)


def spread_values(layout: OptionLayout, values: Mapping[str, Any]) -> Iterator[GivenValue]:
    """Yield the values with their fields, those in ``advanced`` one by one; unknown names are left to the parser."""
    for name, value in values.items():
        option = layout.option(name)
        if value is None:
            continue
        if option is not None and option.role is OptionRole.ADVANCED:
            try:
                pairs = parse_pairs(str(value), name)
            except BadOption:  # which the parser reports
                continue
            for pair in pairs:
                found = layout.find_field(pair.key)
                if found is not None:
                    yield GivenValue(name, found, pair.value, pair=True)
            continue
        found = layout.field(option.field) if option is not None and option.field else layout.find_field(name)
        if found is not None:
            yield GivenValue(name, found, value)


def _words(value: Any) -> list[str]:
    """Return the words of a value for files: addresses and names, separated by spaces or commas."""
    parts = value if isinstance(value, list | tuple) else [value]
    return [word for part in parts if isinstance(part, str) for word in part.replace(",@", " @").split()]


def _as_list(value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        return list(value)
    return value.split() if isinstance(value, str) else [value]


def _picture_fields(layout: OptionLayout) -> list[Field]:
    """Return the inputs that a character's picture may go into, the best first."""
    files = [one for one in layout.fields if one.accepts_files]
    images = [one for one in files if one.accepts and accepts_images(one.accepts)]
    # An input that takes any file is one for pictures only if the model has no other.
    candidates = images or (files if len(files) == 1 and accepts_images(files[0].accepts) else [])
    suited = [one for one in candidates if not any(word in one.name.lower() for word in _UNFITTING)]

    def rank(one: Field) -> tuple[bool, bool]:
        return one.name not in layout.required, not any(word in one.name.lower() for word in _FITTING)

    return sorted(suited, key=rank)


def _choose_field(layout: OptionLayout, taken: Collection[str], *, several: bool) -> Field | None:
    """Return the input for pictures: one that takes several, if there are; one that has none yet, or has room."""
    fields = _picture_fields(layout)
    lists = [one for one in fields if one.kind is FieldKind.FILES]
    free = [one for one in fields if one.name not in taken]
    ordered = [*lists, *free] if several else [*free, *lists]
    return next(iter(ordered), None)


def _take_in_turn(characters: Sequence[Character], room: int) -> list[CharacterPicture]:
    """Return at most so many pictures: the first of each character, then the second of each, and so on."""
    turns = max(len(character.pictures) for character in characters)
    pictures = [
        character.pictures[turn] for turn in range(turns) for character in characters if turn < len(character.pictures)
    ]
    kept = pictures[:room]
    return [picture for character in characters for picture in character.pictures if picture in kept]


def _join_names(characters: Sequence[Character]) -> str:
    return ", ".join(f"@{character.name}" for character in characters)


def _explain_unknown(names: Sequence[str]) -> str:
    return _("Not one of your characters, so just words: {names}").format(names=", ".join(names))


def _explain_no_picture(characters: Sequence[Character], names: str) -> str:
    if any(character.description for character in characters):
        return ngettext(
            "This model takes no pictures, so {names} is in words only.",
            "This model takes no pictures, so {names} are in words only.",
            len(characters),
        ).format(names=names)
    return ngettext(
        "This model takes no pictures, and {names} has no description, so only the name is used.",
        "This model takes no pictures, and {names} have no description, so only the names are used.",
        len(characters),
    ).format(names=names)


def _restore_file(part: Any, files: Sequence[Any]) -> Any:
    number = parse_reference(part)
    if number is None:
        return part
    return files[number] if number < len(files) else None
