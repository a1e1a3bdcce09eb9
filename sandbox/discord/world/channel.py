"""A place with messages: a guild's channel, a thread, or a private conversation."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING

from bot.limits import DEFAULT_FILE_BYTES

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.discord.world.guild import Guild
    from sandbox.discord.world.message import Message
    from sandbox.discord.world.user import User


class ChannelType(IntEnum):
    """The kinds of channel that the stand-in knows (resources/channel)."""

    TEXT = 0
    DM = 1
    GROUP_DM = 3
    PUBLIC_THREAD = 11
    PRIVATE_THREAD = 12


@dataclass(slots=True)
class Overwrite:
    """What one channel gives to and takes from a role (``type`` 0) or a member (``type`` 1)."""

    type: int
    allow: int = 0
    deny: int = 0


@dataclass(slots=True, eq=False)
class Channel:
    """A channel and everything said in it, oldest first.

    ``recipients`` are the people of a private conversation or the members of a thread.
    """

    id: int
    type: ChannelType
    made_at: datetime
    name: str | None = None
    guild: Guild | None = None
    parent: Channel | None = None
    owner_id: int | None = None
    topic: str | None = None
    position: int = 0
    archived: bool = False
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict, repr=False)

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread of another channel."""
        return self.type in {ChannelType.PUBLIC_THREAD, ChannelType.PRIVATE_THREAD}

    @property
    def is_private(self) -> bool:
        """Whether this is a conversation outside any guild."""
        return self.guild is None

    @property
    def file_bytes(self) -> int:
        """How large one file of a message may be here, whoever sends it."""
        return self.guild.file_bytes if self.guild is not None else DEFAULT_FILE_BYTES

    @property
    def last_message_id(self) -> int | None:
        """The id of the newest message that everybody may see."""
        return next((id_ for id_, message in reversed(self.messages.items()) if message.audience is None), None)
