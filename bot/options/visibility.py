"""The bot's own option ``visibility``: offered beside a model's inputs where there is room, else set in ``advanced``.

A model's own input of this name keeps it; then the command's default applies to every run.
"""

from collections.abc import Mapping
from typing import Any, Final

from bot.errors import BadOption
from bot.formatting import single_line, truncate
from bot.language import ENGLISH, _, use_language
from bot.limits import OPTIONS_PER_COMMAND
from bot.options.key_value_text import format_pairs, parse_pairs
from bot.options.layout import OptionLayout
from bot.options.options import MAX_OPTIONS_CHARS, OptionRole
from bot.visibility import Visibility

VISIBILITY: Final = "visibility"
VISIBILITY_TRANSLATED_CHARS: Final = 160  # of the option at most, in the longest of all languages

_QUOTED_CHARS: Final = 40  # of a wrong value that a message repeats


def visibility_choices() -> tuple[tuple[str, Visibility], ...]:
    """Return the choices of the option, each as its label and value."""
    return (
        (_("everyone here"), Visibility.PUBLIC),
        (_("behind a spoiler"), Visibility.SPOILER),
        (_("only you"), Visibility.PRIVATE),
    )


def visibility_description() -> str:
    return _("Who sees the result")


def is_visibility(layout: OptionLayout, name: str) -> bool:
    """Return whether a name means the bot's own option, and not an input of the model."""
    return name.lower() == VISIBILITY and layout.find_field(name) is None and layout.option(name) is None


@use_language(ENGLISH)
def has_room_for_visibility(layout: OptionLayout, *, translated: bool = False) -> bool:
    """Return whether a command of this layout can have the option: Discord bounds their number and characters.

    Of texts in several languages Discord counts the longest: ``translated`` is whether there is room for that.
    """
    size = len(VISIBILITY) + len(visibility_description())
    size += sum(len(label) + len(value) for label, value in visibility_choices())
    size = max(size, VISIBILITY_TRANSLATED_CHARS) if translated else size
    fits = sum(option.size for option in layout.options) + size <= MAX_OPTIONS_CHARS
    return fits and len(layout.options) < OPTIONS_PER_COMMAND and is_visibility(layout, VISIBILITY)


def take_visibility(layout: OptionLayout, values: Mapping[str, Any]) -> tuple[dict[str, Any], Visibility | None]:
    """Return the values for the model and the chosen visibility, None if none was; raise BadOption for a wrong one.

    It may stand in a value of its own, or as ``visibility=private`` in ``advanced``.
    """
    left = dict(values)
    if not is_visibility(layout, VISIBILITY):
        return left, None
    chosen = left.pop(VISIBILITY, None)
    for option in layout.options:
        text = left.get(option.name)
        if option.role is not OptionRole.ADVANCED or not isinstance(text, str) or VISIBILITY not in text.lower():
            continue
        pairs = parse_pairs(text, option.name)
        own = [pair for pair in pairs if is_visibility(layout, pair.key)]
        if not own:
            continue
        left[option.name] = format_pairs((pair.key, pair.value) for pair in pairs if pair not in own) or None
        chosen = own[-1].value
    return left, None if chosen is None else _parse(str(chosen))


def _parse(value: str) -> Visibility:
    try:
        return Visibility(value.strip().lower())
    except ValueError:
        entered = truncate(single_line(value), _QUOTED_CHARS).replace("`", "")
        raise BadOption(
            VISIBILITY,
            _("`visibility` must be public, spoiler or private (you entered {value}).").format(value=entered),
        ) from None
