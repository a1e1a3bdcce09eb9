"""A guild (a “server”), its roles and its members."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.limits import DEFAULT_FILE_BYTES, MIB

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.discord.world.channel import Channel
    from sandbox.discord.world.user import User

FILE_BYTES_OF_TIER = (DEFAULT_FILE_BYTES, DEFAULT_FILE_BYTES, 50 * MIB, 100 * MIB)


@dataclass(slots=True, eq=False)
class Role:
    """A role: a name and what it allows, as Discord's permission bits."""

    id: int
    name: str
    permissions: int
    position: int = 0
    colour: int = 0
    mentionable: bool = False
    managed: bool = False
    bot_id: int | None = None


@dataclass(slots=True, eq=False)
class Member:
    """A user as one guild knows them."""

    user: User
    joined_at: datetime
    roles: list[Role] = field(default_factory=list)
    nick: str | None = None


@dataclass(slots=True, eq=False)
class Guild:
    """A guild; ``tier`` is its boost level, ``blocked_words`` what its AutoMod refuses."""

    id: int
    name: str
    owner_id: int
    made_at: datetime
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    tier: int = 0
    blocked_words: set[str] = field(default_factory=set)

    @property
    def everyone(self) -> Role:
        """The role that every member has; its id is the guild's."""
        return self.roles[self.id]

    @property
    def file_bytes(self) -> int:
        """How large one file of a message may be here."""
        return FILE_BYTES_OF_TIER[self.tier]
