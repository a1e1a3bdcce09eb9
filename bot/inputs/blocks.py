"""Blocks: the options that belong to one input and stand together."""

from dataclasses import dataclass
from typing import Any

from bot.inputs.accepts import spoken
from bot.inputs.fields import Field, FieldKind
from bot.inputs.names import Names
from bot.inputs.option import Option, OptionType, Role, value_option
from bot.inputs.words import own_words, tail
from bot.limits import MODAL_FILES


@dataclass(frozen=True, slots=True)
class Block:
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


def block(field: Field, name: str, taken: Names, *, needed: bool, default: Any, known: str | None) -> Block:
    """Return the options of one input; names beside its own are taken from ``taken``."""
    text = own_words(field, known)
    if field.holds_files:
        return _file_block(field, name, taken, text=text, needed=needed)
    option = value_option(field, name, text=text, tail=tail(field, default), required=needed)
    return Block(field, name, (option,), whole=1)


def _file_block(field: Field, name: str, taken: Names, *, text: str, needed: bool) -> Block:
    many = field.kind is FieldKind.FILES
    first = _single(name, taken) if many else name
    most = max(1, min(field.max_items or MODAL_FILES, MODAL_FILES)) if many else 1
    others = [taken.take(f"{first}_{number}") for number in range(2, most + 1)]
    url = taken.take(f"{name}_url")
    need = f"needed, here or as {url}" if needed else ""
    files = [
        Option(name=each, field=field.name, role=Role.FILE, type=OptionType.ATTACHMENT, text=text, tail=need)
        for each in (first, *others)
    ]
    what = spoken(field.accepts)
    lead = (
        "Web addresses instead of attachments, separated by spaces" if many else f"The web address of {what}, instead"
    )
    address = Option(name=url, field=field.name, role=Role.URL, type=OptionType.STRING, text=lead)
    return Block(field, name, (*files, address), whole=2)


def _single(name: str, taken: Names) -> str:
    """Return the name of one of many: “images” become “image”, “image_2”, where that name is free."""
    single = name[:-1] if name.endswith("s") and not name.endswith("ss") else name
    return taken.take(single) if single != name and len(single) > 2 and taken.free(single) else name
