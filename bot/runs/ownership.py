"""Which runs this process may act for: all of them, unless several processes share the database."""

import math
from typing import Final, Protocol

from bot.store.models import Place


class Ownership(Protocol):
    """Tells the runs of this process from those of others, by the fence on their rows.

    The database refuses changes by who lost a run. What leaves for Discord or a model's service it cannot refuse, so
    that is sent only while ``seconds_left`` is more than 0, and is given no more time than that.
    """

    def choose_fence(self, place: Place) -> int | None:
        """Return the fence of a new run there; LeaseLost if this process may not take any."""
        ...

    def seconds_left(self, fence: int | None) -> float:
        """Return for how long this process may surely act for a run with this fence; 0.0 if it may not."""
        ...


class SoleOwner:
    """The ownership of a process that has its database to itself."""

    def choose_fence(self, place: Place) -> int | None:  # noqa: ARG002 (wherever it is)
        """Return None."""
        return None

    def seconds_left(self, fence: int | None) -> float:  # noqa: ARG002 (also one of several processes of the past)
        """Return infinity."""
        return math.inf


SOLE_OWNER: Final = SoleOwner()
