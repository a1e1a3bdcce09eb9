"""Who does something in Discord, as far as rules and rights depend on it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

ADMINISTRATOR: Final = 1 << 3  # Discord's permission that includes all others


class Context(StrEnum):
    """Where in Discord something is done, as Discord tells commands apart by it."""

    SERVER = "server"
    BOT_DM = "bot_dm"
    PRIVATE_CHANNEL = "private_channel"  # other direct messages and groups


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """The person behind an interaction, at the moment of the interaction.

    ``roles`` are ids, ``permissions`` Discord's bits in the channel, ``locale`` is the language of their client.
    ``parent_channel_id`` is the channel of a thread. ``is_bot_member``: the bot is in this server, or the chat is its
    own direct messages; otherwise the person brings it along. ``in_age_restricted``: Discord shows the channel to
    adults only.
    """

    user_id: int
    name: str
    guild_id: int | None
    channel_id: int | None
    roles: frozenset[int]
    permissions: int
    locale: str
    parent_channel_id: int | None = None
    is_bot_member: bool = True
    in_age_restricted: bool = False

    @property
    def context(self) -> Context:
        """Where this is."""
        if self.guild_id is not None:
            return Context.SERVER
        return Context.BOT_DM if self.is_bot_member else Context.PRIVATE_CHANNEL
