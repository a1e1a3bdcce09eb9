"""An interaction: a person used a command or a control, and the application has three seconds to answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from sandbox.discord.world.channel import Channel
    from sandbox.discord.world.message import Message
    from sandbox.discord.world.user import User

Json = dict[str, Any]


class InteractionType(IntEnum):
    """What the person did."""

    PING = 1
    COMMAND = 2
    COMPONENT = 3
    AUTOCOMPLETE = 4
    MODAL_SUBMIT = 5


class CallbackType(IntEnum):
    """How the application may answer."""

    PONG = 1
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE_MESSAGE = 7
    CHOICES = 8
    MODAL = 9


@dataclass(slots=True, eq=False)
class Interaction:
    """One use of a command or control, with what became of it.

    ``owners`` says by which installations it was possible ("0" a guild's, "1" the user's). ``original`` is the
    message that answers it, ``message`` the one whose control was used.
    """

    id: int
    token: str
    type: InteractionType
    user: User
    channel: Channel
    data: Json
    created_at: datetime
    started: float
    owners: dict[str, str]
    file_limit: int
    command_type: int = 1
    message: Message | None = None
    trigger: Interaction | None = None
    always_ephemeral: bool = False
    answer: CallbackType | None = None
    latency: float | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    choices: list[Json] | None = None
    modal: Json | None = None
    token_expired: bool = False
    settled: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def user_install_only(self) -> bool:
        """Whether only the person's own installation made it possible."""
        return "0" not in self.owners

    @property
    def context(self) -> int:
        """Where it happened: 0 a guild, 1 the bot's own DM, 2 another private conversation."""
        if self.channel.guild is not None:
            return 0
        return 1 if any(who.bot for who in self.channel.recipients) else 2
