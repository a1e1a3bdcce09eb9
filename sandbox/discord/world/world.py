"""The world behind the stand-in: who and what there is, and what happens in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.discord.ids import Snowflakes
from sandbox.discord.world.channel import Channel, ChannelType, Overwrite
from sandbox.discord.world.feed import Change, Changes, Feed
from sandbox.discord.world.permissions import Permission, permissions_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sandbox.discord.clock import Clock
    from sandbox.discord.people.person import Person
    from sandbox.discord.world.application import Application
    from sandbox.discord.world.guild import Guild
    from sandbox.discord.world.message import Message
    from sandbox.discord.world.user import User

T = TypeVar("T")


class World:
    """Guilds, channels, users and messages by id; things with a name are also found by it.

    ``people`` act: see ``Person``.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ids = Snowflakes(clock)
        self.feed = Feed()
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.people: dict[str, Person] = {}
        self.application: Application

    @property
    def bot(self) -> User:
        """The application's user."""
        return self.application.bot

    def now(self) -> datetime:
        """Return the world's time."""
        return self.clock.now()

    def user(self, name: str) -> User:
        """Return the user called ``name``."""
        return next(user for user in self.users.values() if user.username == name)

    def guild(self, name: str | None = None) -> Guild:
        """Return the guild called ``name``, or the first."""
        return next(guild for guild in self.guilds.values() if name in {None, guild.name})

    def channel(self, name: str) -> Channel:
        """Return the guild channel or thread called ``name``, with or without its ``#``."""
        return next(channel for channel in self.channels.values() if channel.name == name.removeprefix("#"))

    def dm(self, *names: str) -> Channel:
        """Return the private conversation between the bot and the first, or among exactly ``names``; made at need."""
        wanted = {self.user(name) for name in names}
        if len(names) == 1:
            wanted.add(self.bot)
        return self.open_dm(wanted)

    def open_dm(self, people: set[User]) -> Channel:
        """Return the private conversation among exactly ``people``; made at need."""
        for channel in self.channels.values():
            if channel.is_private and set(channel.recipients) == people:
                return channel
        kind = ChannelType.DM if len(people) == 2 else ChannelType.GROUP_DM
        members = sorted(people, key=lambda user: user.id)
        channel = Channel(self.ids.next(), kind, self.now(), recipients=members)
        self.channels[channel.id] = channel
        return channel

    def message(self, channel_id: int, message_id: int) -> Message | None:
        """Return that message, unless it was deleted."""
        channel = self.channels.get(channel_id)
        return channel.messages.get(message_id) if channel else None

    def permissions(self, channel: Channel, user: User | None = None) -> Permission:
        """Return what ``user`` (else the bot) may do in ``channel``."""
        return permissions_in(channel, user or self.bot)

    def deny(self, channel: Channel, permission: Permission, user: User | None = None) -> None:
        """Take ``permission`` from ``user`` (else the bot) in ``channel``."""
        self._overwrite(channel, user or self.bot, deny=permission)

    def allow(self, channel: Channel, permission: Permission, user: User | None = None) -> None:
        """Give ``permission`` to ``user`` (else the bot) in ``channel``."""
        self._overwrite(channel, user or self.bot, allow=permission)

    def _overwrite(self, channel: Channel, user: User, *, allow: int = 0, deny: int = 0) -> None:
        target = channel.parent if channel.is_thread and channel.parent else channel
        saw = bool(self.permissions(target) & Permission.VIEW_CHANNEL)
        overwrite = target.overwrites.setdefault(user.id, Overwrite(1))
        overwrite.allow = (overwrite.allow | allow) & ~deny
        overwrite.deny = (overwrite.deny | deny) & ~allow
        sees = bool(self.permissions(target) & Permission.VIEW_CHANNEL)
        if saw or sees:
            self.tell("CHANNEL_UPDATE", channel=target)

    def tell(self, kind: str, data: dict[str, Any] | None = None, **about: Any) -> None:
        """Tell everyone who listens that something happened."""
        channel: Channel | None = about.get("channel")
        about.setdefault("guild", channel.guild if channel else None)
        self.feed.tell(Change(kind, self.now(), data or {}, **about))

    def changes(self) -> Changes:
        """Return an iterator over everything that a client would see, from now on and without end."""
        return self.feed.changes()

    async def wait_for(self, look: Callable[[], T | None], timeout: float = 5.0) -> T:  # noqa: ASYNC109 - handed on
        """Return what ``look`` returns as soon as that is true; it is asked now and after every change."""
        return await self.feed.wait_for(look, timeout)
