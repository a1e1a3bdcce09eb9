"""The two presses of a double press: only the first does something."""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Final

import discord
from cachetools import TTLCache

from bot.clock import Clock
from bot.errors import Refused

_PRESSES_REMEMBERED: Final = 10_000

DOUBLE_PRESS_SECONDS: Final = 2.0  # who wants several runs presses more slowly


class DoublePresses:
    """Remembers for some seconds what was pressed. Both presses arrive here: a channel's events go to one process."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._pressed: TTLCache[tuple[int, int | None, Hashable], bool] = TTLCache(
            _PRESSES_REMEMBERED, seconds, clock.monotonic
        )

    @contextmanager
    def once(self, interaction: discord.Interaction[discord.Client], button: Hashable, refusal: str) -> Iterator[None]:
        """Run the block unless the person has just pressed the button there; raise Refused then, with ``refusal``.

        A press whose block raised did nothing, and is forgotten.
        """
        key = interaction.user.id, interaction.message.id if interaction.message is not None else None, button
        if key in self._pressed:
            raise Refused(refusal)
        self._pressed[key] = True
        try:
            yield
        except BaseException:
            self._pressed.pop(key, None)
            raise
