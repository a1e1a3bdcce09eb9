"""Who does something in Discord, as far as rules and rights depend on it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person behind an interaction, at the moment of the interaction.

    ``roles`` are ids, ``permissions`` Discord's bits in the channel, ``locale`` is the language of their client.
    """

    user_id: int
    name: str
    guild_id: int | None
    channel_id: int | None
    roles: frozenset[int]
    permissions: int
    locale: str
