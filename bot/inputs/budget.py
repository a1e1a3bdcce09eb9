"""Budget: a command's characters, kept within what Discord takes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from bot.inputs.option import Option, searched
from bot.limits import COMMAND_CHARS, COMMAND_NAME_CHARS, DESCRIPTION_CHARS

_OWN: Final = COMMAND_NAME_CHARS + DESCRIPTION_CHARS  # the command's own name and description
_SHORTEST: Final = 40  # characters below which a description says nothing
_STEP: Final = 5


def fit(options: Sequence[Option], *, limit: int = COMMAND_CHARS - _OWN) -> tuple[Option, ...]:
    """Return the options in at most ``limit`` characters.

    Descriptions get shorter, all alike. When they say nothing any more, the longest list of choices is searched
    while typing instead of listed, and the descriptions get their room back. Nothing is dropped.
    """
    fitted = tuple(options)
    while True:
        for room in range(DESCRIPTION_CHARS, _SHORTEST - 1, -_STEP):
            fitted = tuple(replace(option, room=room) for option in fitted)
            if sum(option.chars for option in fitted) <= limit:
                return fitted
        heaviest = max(fitted, key=lambda option: sum(len(choice.label) * 2 for choice in option.listed))
        if not heaviest.listed:
            return fitted
        fitted = tuple(searched(option) if option is heaviest else option for option in fitted)
