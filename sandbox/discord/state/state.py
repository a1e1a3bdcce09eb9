"""All users, guilds, channels and messages by id, and the source of new ids."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from bot.clock import Clock
from sandbox.discord.state.events import Event, EventBus, EventStream
from sandbox.discord.state.models import Channel, ChannelType, Overwrite
from sandbox.discord.state.permissions import Permission, permissions_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.clock import Clock
    from sandbox.discord.state.models import Application, Guild, Message, User


EPOCH_MS = 1_420_070_400_000  # the first second of 2015 (reference#snowflakes)


def snowflake_time(snowflake: int) -> datetime:
    """Return when ``snowflake`` was made, to the millisecond."""
    return datetime.fromtimestamp(((snowflake >> 22) + EPOCH_MS) / 1000, UTC)


class SnowflakeGenerator:
    """A source of ids, each greater than every one before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest = 0

    def next(self) -> int:
        """Return a new id for the present millisecond."""
        elapsed = int(self._clock.now().timestamp() * 1000) - EPOCH_MS
        self._newest = max(self._newest + 1, elapsed << 22)
        return self._newest


T = TypeVar("T")


class DiscordState:
    """Guilds, channels, users and messages by id; things with a name are also found by it.

    ``people`` act: see ``Person``.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ids = SnowflakeGenerator(clock)
        self.events = EventBus()
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.application: Application

    @property
    def bot(self) -> User:
        """The application's user."""
        return self.application.bot

    def now(self) -> datetime:
        """Return the state's time."""
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
            self.publish("CHANNEL_UPDATE", channel=target)

    def publish(self, kind: str, data: dict[str, Any] | None = None, **about: Any) -> None:
        """Tell everyone who listens that something happened."""
        channel: Channel | None = about.get("channel")
        about.setdefault("guild", channel.guild if channel else None)
        self.events.publish(Event(kind, self.now(), data or {}, **about))

    def subscribe(self) -> EventStream:
        """Return an iterator over everything that a client would see, from now on and without end."""
        return self.events.subscribe()

    async def wait_for(self, look: Callable[[], T | None], timeout: float = 5.0) -> T:  # noqa: ASYNC109 - handed on
        """Return what ``look`` returns as soon as that is true; it is asked now and after every change."""
        return await self.events.wait_for(look, timeout)
