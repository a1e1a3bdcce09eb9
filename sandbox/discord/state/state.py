"""All users, guilds, channels and messages by id, the source of new ids, and the events about them."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

from bot.limits import INTERACTION_ACK
from sandbox.discord.state.models import Application, Channel, ChannelType, Guild, Message, Overwrite, User
from sandbox.discord.state.permissions import Permission, permissions_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from bot.clock import Clock


T = TypeVar("T")

EPOCH_MS = 1_420_070_400_000  # the start of 2015 (reference#snowflakes)
WAIT_LIMIT = 90.0  # seconds; whoever waits is woken by the event, so this only ends a wait in vain


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``kind`` is the name of Discord's gateway event, ``data`` its payload.

    ``audience`` is the one person who may see it, or None for everyone who sees the channel.
    Kinds that Discord's gateway does not have: ``INTERACTION_UPDATE`` (an interaction was responded to, or timed out),
    ``COMMANDS_UPDATE`` (the application registered commands), ``SESSION_UPDATE`` (the bot connected or disconnected)
    and ``API_CALL`` (the stand-in answered an HTTP request).
    """

    kind: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    channel: Channel | None = None
    guild: Guild | None = None
    message: Message | None = None
    user: User | None = None
    audience: User | None = None


class EventStream:
    """An endless iterator over the events from the moment it was created."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def add(self, event: Event) -> None:
        self._queue.put_nowait(event)

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        return await self._queue.get()


class EventBus:
    """Delivers every event to every listener at once, in order."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._streams: WeakSet[EventStream] = WeakSet()

    def publish(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)
        for stream in self._streams:
            stream.add(event)

    @contextmanager
    def listen(self, listener: Callable[[Event], None]) -> Iterator[None]:
        """Call ``listener`` with every event while the context is open."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def subscribe(self) -> EventStream:
        """Return a stream of all events from now on; it ends its subscription when it is garbage-collected."""
        stream = EventStream()
        self._streams.add(stream)
        return stream

    async def wait_for(self, check: Callable[[], T | None], timeout: float = WAIT_LIMIT) -> T:  # noqa: ASYNC109 - raises a sentence
        """Return the first truthy result of ``check``, which is called now and after every event.

        Raises TimeoutError after ``timeout`` seconds.
        """
        changed = asyncio.Event()
        with self.listen(lambda _: changed.set()):
            try:
                async with asyncio.timeout(timeout):
                    while not (found := check()):
                        changed.clear()
                        await changed.wait()
                    return found
            except TimeoutError:
                raise TimeoutError(f"The expected change did not happen within {timeout:g} s.") from None


class SnowflakeGenerator:
    """Generates ids that carry their creation time in milliseconds; each is greater than all before."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._newest = 0

    def next(self, shard: tuple[int, int] | None = None) -> int:
        """Return a new id for the current millisecond, or the next one that belongs to ``shard`` (number, how many)."""
        elapsed = int(self._clock.now().timestamp() * 1000) - EPOCH_MS
        self._newest = max(self._newest + 1, elapsed << 22)
        if shard is not None:
            number, count = shard
            self._newest += ((number - (self._newest >> 22)) % count) << 22
        return self._newest


class DiscordState:
    """Guilds, channels, users and messages by id, with look-ups by name and the events about them.

    ``gateway_url`` is where clients find the gateway, ``identifies`` how many sessions were started. GET /gateway/bot
    recommends ``recommended_shards``, of which ``max_concurrency`` may identify at the same time.
    """

    application: Application

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.ids = SnowflakeGenerator(clock)
        self.events = EventBus()
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.gateway_url = "ws://127.0.0.1/gateway"
        self.identifies = 0
        self.recommended_shards = 1
        self.max_concurrency = 1
        self.ack_seconds = INTERACTION_ACK.total_seconds()  # Discord waits so long for the first response

    @property
    def bot(self) -> User:
        """The application's user."""
        return self.application.bot

    def now(self) -> datetime:
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
        """Return the DM of the bot and one person, or the group DM of exactly ``names``; create it if necessary."""
        users = {self.user(name) for name in names}
        if len(names) == 1:
            users.add(self.bot)
        return self.open_dm(users)

    def open_dm(self, users: set[User]) -> Channel:
        """Return the DM of exactly ``users``; create it if necessary."""
        for channel in self.channels.values():
            if channel.is_private and set(channel.recipients) == users:
                return channel
        kind = ChannelType.DM if len(users) == 2 else ChannelType.GROUP_DM
        recipients = sorted(users, key=lambda user: user.id)
        channel = Channel(self.ids.next(), kind, self.now(), recipients=recipients)
        self.channels[channel.id] = channel
        return channel

    def create_thread(self, parent: Channel, name: str, owner: User, *, private: bool = False) -> Channel:
        """Start a thread of a channel that its owner is in."""
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        thread = Channel(self.ids.next(), kind, self.now(), name, parent.guild, parent, owner.id)
        thread.recipients.append(owner)
        self.channels[thread.id] = thread
        self.publish("THREAD_CREATE", channel=thread)
        return thread

    def message(self, channel_id: int, message_id: int) -> Message | None:
        """Return that message, or None if it was deleted."""
        channel = self.channels.get(channel_id)
        return channel.messages.get(message_id) if channel else None

    def permissions(self, channel: Channel, user: User | None = None) -> Permission:
        """Return what ``user`` (by default the bot) may do in ``channel``."""
        return permissions_in(channel, user or self.bot)

    def deny(self, channel: Channel, permission: Permission, user: User | None = None) -> None:
        """Deny ``permission`` to ``user`` (by default the bot) in ``channel``."""
        self._overwrite(channel, user or self.bot, deny=permission)

    def allow(self, channel: Channel, permission: Permission, user: User | None = None) -> None:
        """Allow ``permission`` to ``user`` (by default the bot) in ``channel``."""
        self._overwrite(channel, user or self.bot, allow=permission)

    def _overwrite(self, channel: Channel, user: User, *, allow: int = 0, deny: int = 0) -> None:
        target = channel.parent if channel.is_thread and channel.parent else channel
        visible_before = bool(self.permissions(target) & Permission.VIEW_CHANNEL)
        overwrite = target.overwrites.setdefault(user.id, Overwrite(1))
        overwrite.allow = (overwrite.allow | allow) & ~deny
        overwrite.deny = (overwrite.deny | deny) & ~allow
        visible_after = bool(self.permissions(target) & Permission.VIEW_CHANNEL)
        if visible_before or visible_after:
            self.publish("CHANNEL_UPDATE", channel=target)

    def remove_member(self, guild: Guild, user: User) -> None:
        """Let ``user`` leave ``guild``. The bot is told of its own leaving (topics/gateway-events#guild-delete)."""
        del guild.members[user.id]
        self.publish("GUILD_DELETE" if user is self.bot else "GUILD_MEMBER_REMOVE", {"id": str(guild.id)}, guild=guild)

    def set_outage(self, guild: Guild, *, on: bool) -> None:
        """Make ``guild`` unavailable or available again; during an outage nobody leaves it."""
        if on:
            self.publish("GUILD_DELETE", {"id": str(guild.id), "unavailable": True}, guild=guild)
        else:
            self.publish("GUILD_CREATE", guild=guild)

    def publish(self, kind: str, data: dict[str, Any] | None = None, **fields: Any) -> None:
        """Publish an event; ``fields`` are further fields of ``Event``."""
        channel: Channel | None = fields.get("channel")
        fields.setdefault("guild", channel.guild if channel else None)
        self.events.publish(Event(kind, self.now(), data or {}, **fields))

    def subscribe(self) -> EventStream:
        """Return a stream of all events from now on."""
        return self.events.subscribe()

    async def wait_for(self, check: Callable[[], T | None], timeout: float = WAIT_LIMIT) -> T:  # noqa: ASYNC109 - passed on
        """Return the first truthy result of ``check``, which is called now and after every event."""
        return await self.events.wait_for(check, timeout)
