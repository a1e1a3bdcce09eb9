"""Decide which of a model's inputs become slash options, and how the others are reached."""

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as member
from functools import cache
from importlib import resources
from typing import Any, Final

from bot.formatting import truncate
from bot.limits import MODAL_FILES, OPTIONS_PER_COMMAND
from bot.options.fields import Field, FieldKind
from bot.options.file_types import takes_images
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


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is known of one model.

    ``require`` are inputs that it fails without. ``prompt`` and ``count`` are names to look for, the likeliest first;
    where ``all_counts`` is set, the product of all of them is the number of outputs. ``words`` describe inputs.
    """

    require: tuple[str, ...]
    prompt: tuple[str, ...]
    count: tuple[str, ...]
    all_counts: bool
    words: Mapping[str, str]

    def word(self, name: str) -> str | None:
        """Return the description of an input that its model does not describe, if there is one."""
        return self.words.get(name) or self.words.get(normalize_name(name))


def find_quirks(model: str) -> Quirks:
    """Return what is known of ``owner/name``; a version behind it does not matter."""
    data = _data()
    common = data["common"]
    own: Mapping[str, Any] = data["models"].get(model.split(":", maxsplit=1)[0].lower(), {})
    return Quirks(
        require=tuple(own.get("require", ())),
        prompt=(own["prompt"],) if "prompt" in own else tuple(common["prompt"]),
        count=tuple(own.get("count", common["count"])),
        all_counts="count" in own,
        words={**common["words"], **own.get("words", {})},
    )


@cache
def _data() -> Mapping[str, Any]:
    return tomllib.loads(resources.files("bot.options").joinpath("quirks.toml").read_text("utf-8"))


_LIST_FILES: Final = 4  # attachment options that a list of files gets before other inputs are left over


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionLayout:
    """How one command asks for a model's inputs.

    ``fields`` are those that people may set, in the model's order; ``closed`` those that they may not (hidden or
    secret). ``names`` gives each open field the name by which people know it. ``options`` are the slash options in
    Discord's order; fields in ``leftover`` are reached by ``advanced`` alone, at least in part. ``needed`` must be
    given. ``defaults`` are the command's own. ``prompt`` and ``count`` are fields with a meaning of their own.
    ``advanced`` is what ``key=value`` text is called, as an option where something is left over and in forms.
    """

    model: str
    fields: tuple[Field, ...]
    closed: tuple[Field, ...]
    options: tuple[Option, ...]
    names: Mapping[str, str]
    leftover: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    defaults: Mapping[str, Any] = member(default_factory=dict)
    prompt: str | None = None
    count: tuple[str, ...] = ()
    advanced: str = "advanced"

    def option(self, name: str) -> Option | None:
        """Return the slash option of that name."""
        return next((option for option in self.options if option.name == name), None)

    @property
    def picture(self) -> str | None:
        """The key of the input that a picture goes to: a needed one first, and one that names pictures first."""

        def weight(field: Field) -> tuple[bool, bool]:
            return field.name not in self.needed, not field.accepts

        fitting = [field for field in self.fields if field.holds_files and takes_images(field.accepts)]
        return min(fitting, key=weight).name if fitting else None

    def field(self, name: str) -> Field | None:
        """Return the open field of that key."""
        return next((field for field in self.fields if field.name == name), None)

    def known_as(self, word: str) -> Field | None:
        """Return the open field that people mean by this word: its name, the model's key, or an option of it."""
        lowered = word.lower()
        by_name = {name: key for key, name in self.names.items()}
        by_option = {option.name: option.field for option in self.options}
        key = word if word in self.names else by_name.get(lowered, by_option.get(lowered))
        return self.field(key) if key is not None else None


def build_layout(
    fields: Sequence[Field],
    *,
    model: str,
    hidden: Collection[str] = (),
    required: Collection[str] = (),
    defaults: Mapping[str, Any] | None = None,
) -> OptionLayout:
    """Return the plan of a command for these inputs; Discord accepts the command whatever the inputs are.

    ``hidden`` inputs are not asked for. ``required`` ones are, beside those that the model needs. ``defaults`` apply
    where a person gives nothing, to hidden inputs too.
    """
    given = {**_lowered_defaults(fields), **(defaults or {})}
    known = find_quirks(model)
    open_fields = [field for field in fields if not field.secret and field.name not in hidden]
    needs = {*required, *known.require, *(field.name for field in open_fields if field.required)} - given.keys()
    names = _names(open_fields)
    taken = UniqueNames()
    for name in names.values():
        taken.take(name)
    prompt = _prompt(open_fields, known)
    layout = _Layout(open_fields, names, taken, prompt=prompt, needs=needs, defaults=given, known=known)
    return OptionLayout(
        model=model,
        fields=tuple(open_fields),
        closed=tuple(field for field in fields if field.name not in names),
        options=fit_to_limits(layout.options()),
        names=names,
        leftover=layout.leftover,
        needed=tuple(field.name for field in open_fields if field.name in needs),
        defaults=given,
        prompt=prompt,
        count=_count(open_fields, known),
        advanced=layout.advanced,
    )


def _lowered_defaults(fields: Sequence[Field]) -> dict[str, Any]:
    """Return defaults for inputs whose maximum was set below the model's own default, which would apply otherwise."""
    lowered: dict[str, Any] = {}
    for field in fields:
        most, default = field.maximum, field.default
        if most is None or isinstance(default, bool) or not isinstance(default, int | float) or default <= most:
            continue
        own = flatten(field.schema).get("maximum")
        if not isinstance(own, int | float) or default <= own:
            lowered[field.name] = most
    return lowered


def _names(fields: Sequence[Field]) -> dict[str, str]:
    """Give each field a name; a key that is a legal name keeps it, whoever else would like it."""
    names = UniqueNames()
    ordered = sorted(fields, key=lambda field: not is_valid_name(field.name))
    given = {field.name: names.take(field.name) for field in ordered}
    return {field.name: given[field.name] for field in fields}


def _prompt(fields: Sequence[Field], known: Quirks) -> str | None:
    """Return the field that holds what the person asks for: by its name, else the first free text."""
    texts = [field for field in fields if field.kind is FieldKind.STRING and (not field.choices or field.suggested)]
    by_name = {field.name.lower(): field.name for field in reversed(texts)}
    named = next((by_name[name] for name in known.prompt if name in by_name), None)
    if named is not None:
        return named
    needed = [field for field in texts if field.required]
    return (needed or texts)[0].name if needed or len(texts) == 1 else None


def _count(fields: Sequence[Field], known: Quirks) -> tuple[str, ...]:
    """Return the fields whose product is the number of outputs."""
    keys = {field.name.lower(): field.name for field in fields if field.kind is FieldKind.INTEGER}
    found = tuple(keys[name] for name in known.count if name in keys)
    return found if known.all_counts else found[:1]


class _Layout:
    """Decides which options a command has, and in which order."""

    def __init__(
        self,
        fields: Sequence[Field],
        names: Mapping[str, str],
        taken: UniqueNames,
        *,
        prompt: str | None,
        needs: Collection[str],
        defaults: Mapping[str, Any],
        known: Quirks,
    ) -> None:
        self._prompt = prompt
        self._needs = needs
        self._blocks = [
            make_group(
                field,
                names[field.name],
                taken,
                needed=field.name in needs,
                default=defaults.get(field.name, field.default),
                known=known.word(field.name),
            )
            for field in fields
        ]
        self._widths = self._choose()
        self.advanced = taken.take("advanced")

    @property
    def leftover(self) -> tuple[str, ...]:
        """The fields that no slash option reaches wholly."""
        return tuple(part.field.name for part, width in self._pairs() if width < part.whole)

    def options(self) -> list[Option]:
        """Return the options as Discord wants them, required ones first, then what matters most."""
        options = [option for part, width in sorted(self._pairs(), key=self._place) for option in part.take(width)]
        if not self.leftover:
            return options
        rest = self._rest()
        after = sum(option.required for option in options) if rest.required else len(options)
        return [*options[:after], rest, *options[after:]]

    def _pairs(self) -> list[tuple[OptionGroup, int]]:
        return list(zip(self._blocks, self._widths, strict=True))

    def _choose(self) -> list[int]:
        """Return how many options each block gets."""
        modest = [min(part.widest, max(part.whole, _LIST_FILES + 1)) for part in self._blocks]
        if sum(modest) <= OPTIONS_PER_COMMAND:
            return self._widen(modest, OPTIONS_PER_COMMAND - sum(modest))
        if sum(part.whole for part in self._blocks) <= OPTIONS_PER_COMMAND:
            least = [part.whole for part in self._blocks]
            return self._widen(least, OPTIONS_PER_COMMAND - sum(least))
        room = OPTIONS_PER_COMMAND - 1  # one is for ``advanced``
        widths = [0] * len(self._blocks)
        for number in sorted(range(len(self._blocks)), key=self._rank):
            widths[number] = min(modest[number], room)
            room -= widths[number]
        return widths

    def _widen(self, widths: list[int], room: int) -> list[int]:
        """Share what room there is among the lists of files, one option each in turn."""
        while room:
            growing = [n for n, part in enumerate(self._blocks) if widths[n] < min(part.widest, MODAL_FILES + 1)]
            if not growing:
                break
            for number in growing[:room]:
                widths[number] += 1
            room -= min(room, len(growing))
        return widths

    def _rank(self, number: int) -> int:
        """Return how early a block is placed: needed values, the prompt, needed files, files, the rest."""
        field = self._blocks[number].field
        if field.name in self._needs:
            return 2 if field.holds_files else 0
        if field.name == self._prompt:
            return 1
        return 3 if field.holds_files else 4

    def _place(self, pair: tuple[OptionGroup, int]) -> int:
        """Return how early a block stands: required values, the prompt, needed files, then the model's own order."""
        field = pair[0].field
        if field.name in self._needs:
            return 2 if field.holds_files else 0
        return 1 if field.name == self._prompt else 3

    def _rest(self) -> Option:
        names = {part.field.name: part.name for part in self._blocks}
        keys = ", ".join(names[name] for name in self.leftover)
        unmet = any(width == 0 and part.field.name in self._needs for part, width in self._pairs())
        return Option(
            name=self.advanced,
            field=None,
            role=OptionRole.ADVANCED,
            type=OptionType.STRING,
            text=truncate(f'More inputs, as key=value key2="two words": {keys}', 100),
            required=unmet,
            autocomplete=True,
        )
