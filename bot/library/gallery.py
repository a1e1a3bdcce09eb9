"""Which results may be copied into a server's gallery. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from bot.visibility import Visibility


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What matters of a channel; of a thread, its parent's. ``is_open``: every member of the server sees it."""

    id: int
    is_age_restricted: bool
    is_open: bool


class CopyRefusal(StrEnum):
    """Why a result is not copied."""

    SAME_CHANNEL = "same_channel"
    AGE_RESTRICTED = "age_restricted"
    MORE_READERS = "more_readers"
    PRIVATE = "private"


def decide_copy(source: ChannelFacts, target: ChannelFacts, visibility: Visibility) -> CopyRefusal | None:
    """Return why a result in ``source`` is not copied into ``target``; None if it may be.

    Nothing leaves an age-restricted channel, not even for another one, and nothing becomes visible to people who do
    not see the channel that it was made in.
    """
    if visibility is Visibility.PRIVATE:
        return CopyRefusal.PRIVATE
    if source.id == target.id:
        return CopyRefusal.SAME_CHANNEL
    if source.is_age_restricted:
        return CopyRefusal.AGE_RESTRICTED
    if target.is_open and not source.is_open:
        return CopyRefusal.MORE_READERS
    return None
