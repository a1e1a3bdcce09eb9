"""Who sees the result of a run."""

from enum import StrEnum


class Visibility(StrEnum):
    """Everybody in the channel, those who lift its cover, or its author alone; each shows less than the one before."""

    PUBLIC = "public"
    SPOILER = "spoiler"
    PRIVATE = "private"


def stricter_visibility(*visibilities: Visibility) -> Visibility:
    """Return the one that shows the least, as a run inherits it from another; PUBLIC for none."""
    return max(visibilities, key=list(Visibility).index, default=Visibility.PUBLIC)
