"""The gateway: WebSocket connections, sessions, and which events a session receives (topics/gateway).

Frames are sent as zlib-stream when the client asks for it, else as text; zstd-stream is not supported, and text is
allowed instead.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import zlib
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import IntFlag
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from sandbox.discord.serializers import (
    serialize_channel,
    serialize_guild,
    serialize_guild_create,
    serialize_member,
    serialize_message_event,
    serialize_self_user,
    strip_content,
)
from sandbox.discord.state.permissions import Permission

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox.discord.cdn import Cdn
    from sandbox.discord.state.models import Channel, Guild, Interaction, Message
    from sandbox.discord.state.state import DiscordState, Event

Json = dict[str, Any]

# Opcodes (topics/opcodes-and-status-codes).
HEARTBEAT, IDENTIFY, PRESENCE_UPDATE, VOICE_STATE_UPDATE, RESUME = 1, 2, 3, 4, 6
RECONNECT, REQUEST_GUILD_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11

HEARTBEAT_MS = 41_250
MAX_PAYLOAD = 4096
MAX_SENDS_PER_WINDOW, SEND_WINDOW = 120, 60.0
IDENTIFY_INTERVAL = 5.0  # seconds between two identifies of a bucket (topics/gateway#rate-limiting)
REPLAY_BUFFER_SIZE = 1000


class Intent(IntFlag):
    """Gateway intents, with Discord's bits (topics/gateway#gateway-intents)."""

    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


ALL_INTENTS = (1 << 26) - 1
PRIVILEGED_INTENTS = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
# By event: the intent needed in guilds, and in DMs.
REQUIRED_INTENTS = {
    "MESSAGE_CREATE": (Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES),
    "MESSAGE_UPDATE": (Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES),
    "MESSAGE_DELETE": (Intent.GUILD_MESSAGES, Intent.DIRECT_MESSAGES),
    "MESSAGE_REACTION_ADD": (Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS),
    "MESSAGE_REACTION_REMOVE": (Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS),
    "MESSAGE_REACTION_REMOVE_ALL": (Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS),
    "MESSAGE_REACTION_REMOVE_EMOJI": (Intent.GUILD_MESSAGE_REACTIONS, Intent.DIRECT_MESSAGE_REACTIONS),
    "TYPING_START": (Intent.GUILD_MESSAGE_TYPING, Intent.DIRECT_MESSAGE_TYPING),
    "CHANNEL_UPDATE": (Intent.GUILDS, None),
    "THREAD_CREATE": (Intent.GUILDS, None),
    "GUILD_CREATE": (Intent.GUILDS, None),
    "GUILD_UPDATE": (Intent.GUILDS, None),
    "GUILD_DELETE": (Intent.GUILDS, None),
}


class ConnectionClosed(Exception):
    """Closes the connection with ``code`` (topics/opcodes-and-status-codes)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(slots=True, eq=False)
class GatewaySession:
    """A session: the numbered events of one shard, over one connection after another.

    ``connection`` is None while the client is disconnected; the events are kept to be replayed. ``host`` is the address
    that the client connected to: processes that connect through proxies are told apart by it.
    """

    id: str
    intents: int
    shard: int
    shards: int
    host: str = ""
    sequence: int = 0
    connection: GatewayConnection | None = None
    resumable: bool = True
    events: deque[Json] = field(default_factory=lambda: deque(maxlen=REPLAY_BUFFER_SIZE), repr=False)

    def dispatch(self, event: str, data: Json) -> None:
        """Assign the next sequence number to an event, keep it for a resume, and send it if connected."""
        self.sequence += 1
        frame = {"op": 0, "t": event, "s": self.sequence, "d": data}
        self.events.append(frame)
        if self.connection is not None:
            self.connection.push(frame)

    def events_after(self, sequence: int) -> list[Json] | None:
        """Return the events after ``sequence``, or None if some of them are not kept any more."""
        if sequence > self.sequence or (self.events and sequence < self.events[0]["s"] - 1):
            return None
        return [frame for frame in self.events if frame["s"] > sequence]


@dataclass(frozen=True, slots=True)
class Identify:
    """An identify of a shard, from a host, at a time of the monotonic clock."""

    shard: int
    host: str
    at: float
    refused: bool


class Gateway:
    """Starts and ends sessions, and dispatches the state's events to them.

    Of each bucket of shards, ``shard % max_concurrency``, one session may be started in ``identify_interval`` seconds;
    another one gets op 9 (topics/gateway#sharding-max-concurrency). 0.0 turns that off. ``identifies`` has them all.
    """

    def __init__(self, state: DiscordState, cdn: Cdn) -> None:
        self.state = state
        self.cdn = cdn
        self.heartbeat_ms = HEARTBEAT_MS
        self.identify_interval = IDENTIFY_INTERVAL
        self.identifies: list[Identify] = []
        self._bucket_free_at: dict[int, float] = {}
        self.sessions: dict[str, GatewaySession] = {}
        self.connections: set[GatewayConnection] = set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Dispatch events while the context is open."""
        with self.state.events.listen(self._dispatch_event):
            yield

    @property
    def connected(self) -> tuple[GatewaySession, ...]:
        """The sessions with a connection."""
        return tuple(session for session in self.sessions.values() if session.connection is not None)

    def dispatch_interaction(self, interaction: Interaction, data: Json) -> None:
        """Send an interaction to the shard of its guild."""
        guild = interaction.channel.guild
        for session in self._sessions_of(guild.id if guild else None):
            session.dispatch("INTERACTION_CREATE", data)

    def may_identify(self, shard: int, host: str) -> bool:
        """Record an identify; return False if the bucket of the shard had one less than an interval ago."""
        now = self.state.clock.monotonic()
        bucket = shard % self.state.max_concurrency
        refused = now < self._bucket_free_at.get(bucket, now)
        self.identifies.append(Identify(shard, host, now, refused))
        if not refused:
            self._bucket_free_at[bucket] = now + self.identify_interval
        return not refused

    def begin_session(
        self, connection: GatewayConnection, intents: int, shard: tuple[int, int], host: str = ""
    ) -> GatewaySession:
        """Start a session: send READY, then the guilds of its shard."""
        self.state.identifies += 1
        session = GatewaySession(secrets.token_hex(16), intents, *shard, host, connection=connection)
        self.sessions[session.id] = session
        self.publish_connected()
        bot_guilds = [guild for guild in self.state.guilds.values() if self.state.bot.id in guild.members]
        guilds = [guild for guild in bot_guilds if shard_of(guild.id, session.shards) == session.shard]
        session.dispatch("READY", self._serialize_ready(session, guilds))
        if intents & Intent.GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", self._serialize_guild_create(guild))
        return session

    def end_session(self, session: GatewaySession) -> None:
        """End a session, so that it cannot be resumed."""
        session.resumable = False
        if session.connection is not None:
            session.connection.detach(session)
        self.sessions.pop(session.id, None)

    def publish_connected(self) -> None:
        """Publish how many sessions are connected."""
        self.state.publish("SESSION_UPDATE", {"connected": len(self.connected)})

    def _dispatch_event(self, event: Event) -> None:
        for session in self._sessions_of(event.guild.id if event.guild else None):
            if event.kind == "GUILD_CREATE" and event.guild is not None:
                session.dispatch(event.kind, self._serialize_guild_create(event.guild))
            elif should_receive(event, session.intents, self.state):
                session.dispatch(event.kind, serialize_event_data(event, session.intents, self.state, self.cdn))

    def _sessions_of(self, guild_id: int | None) -> list[GatewaySession]:
        return [one for one in self.sessions.values() if shard_of(guild_id, one.shards) == one.shard]

    def _serialize_guild_create(self, guild: Guild) -> Json:
        """Return a guild with its members, channels and the threads that the bot sees."""
        threads = [
            channel
            for channel in self.state.channels.values()
            if channel.guild is guild
            and channel.is_thread
            and self.state.permissions(channel) & Permission.VIEW_CHANNEL
        ]
        return serialize_guild_create(guild, threads, self.state.bot)

    def _serialize_ready(self, session: GatewaySession, guilds: list[Guild]) -> Json:
        return {
            "v": 10,
            "user": serialize_self_user(self.state.bot),
            "user_settings": {},
            "session_type": "normal",
            "session_id": session.id,
            "resume_gateway_url": f"ws://{session.host}/gateway" if session.host else self.state.gateway_url,
            "relationships": [],
            "private_channels": [],
            "presences": [],
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "guild_join_requests": [],
            "geo_ordered_rtc_regions": [],
            "application": {"id": str(self.state.application.id), "flags": 0},
            "shard": [session.shard, session.shards],
            "_trace": ["sandbox"],
        }


class GatewayConnection:
    """One WebSocket: hello, identify or resume, heartbeats, events.

    The session outlives the connection unless the client closes it with 1000 or 1001. A ``silent`` connection is a
    zombie: it accepts everything and sends nothing.
    """

    def __init__(self, gateway: Gateway, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._gateway = gateway
        self._request = request
        self._socket = socket
        self._version = request.query.get("v", "")
        self.silent = False
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._closed_by_server = False
        self._session: GatewaySession | None = None
        self._outgoing: asyncio.Queue[Json | ConnectionClosed] = asyncio.Queue()
        self._received: deque[float] = deque()

    def push(self, frame: Json) -> None:
        """Queue a frame; a silent connection drops it."""
        if not self.silent:
            self._outgoing.put_nowait(frame)

    def close(self, code: int, reason: str = "") -> None:
        """Close the connection after the queued frames."""
        self._outgoing.put_nowait(ConnectionClosed(code, reason))

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def detach(self, session: GatewaySession) -> None:
        """Forget an ended session; the client may identify again."""
        if self._session is session:
            self._session = session.connection = None

    async def run(self) -> None:
        """Serve the client until the connection ends."""
        self._gateway.connections.add(self)
        self.push({"op": HELLO, "s": None, "t": None, "d": {"heartbeat_interval": self._gateway.heartbeat_ms}})
        writer = asyncio.create_task(self._write(), name="sandbox gateway writer")
        try:
            await self._read()
        except ConnectionClosed as end:
            self.close(end.code, str(end))
            await asyncio.wait([writer])
        finally:
            writer.cancel()
            self._gateway.connections.discard(self)
            self._release_session()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                self._handle_frame(message.data)

    async def _write(self) -> None:
        while True:
            item = await self._outgoing.get()
            try:
                if isinstance(item, ConnectionClosed):
                    self._closed_by_server = True
                    await self._socket.close(code=item.code, message=str(item).encode())
                    return
                await self._send(json.dumps(item, separators=(",", ":")))
            except (ConnectionError, RuntimeError):
                return

    async def _send(self, frame: str) -> None:
        if self._zlib is None:
            await self._socket.send_str(frame)
        else:
            compressed = self._zlib.compress(frame.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            await self._socket.send_bytes(compressed)

    def _release_session(self) -> None:
        session = self._session
        if session is None or session.connection is not self:
            return
        session.connection = None
        if self._socket.close_code in {1000, 1001} and not self._closed_by_server:
            self._gateway.end_session(session)
        self._gateway.publish_connected()

    def _handle_frame(self, raw: str | bytes) -> None:
        if len(raw) > MAX_PAYLOAD:
            raise ConnectionClosed(4002, "Error while decoding payload.")
        try:
            frame = json.loads(raw)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConnectionClosed(4002, "Error while decoding payload.") from None
        self._count_frame()
        if op == HEARTBEAT:
            self.push({"op": HEARTBEAT_ACK, "s": None, "t": None, "d": None})
        elif op == IDENTIFY:
            self._identify(data)
        elif op == RESUME:
            self._resume(data)
        elif op not in {PRESENCE_UPDATE, VOICE_STATE_UPDATE, REQUEST_GUILD_MEMBERS}:
            raise ConnectionClosed(4001, "Unknown opcode.")
        elif self._session is None:
            raise ConnectionClosed(4003, "Not authenticated.")
        elif op == REQUEST_GUILD_MEMBERS:
            self._send_members(self._session, data)

    def _count_frame(self) -> None:
        now = self._gateway.state.clock.monotonic()
        self._received.append(now)
        while now - self._received[0] > SEND_WINDOW:
            self._received.popleft()
        if len(self._received) > MAX_SENDS_PER_WINDOW:
            raise ConnectionClosed(4008, "You are being rate limited.")

    def _identify(self, data: Any) -> None:
        if self._session is not None:
            raise ConnectionClosed(4005, "Already authenticated.")
        if self._version not in {"10", ""}:
            raise ConnectionClosed(4012, "Invalid API version.")
        self._check_token(data)
        intents = data.get("intents")
        if not isinstance(intents, int) or not 0 <= intents <= ALL_INTENTS:
            raise ConnectionClosed(4013, "Invalid intent(s).")
        if intents & PRIVILEGED_INTENTS & ~self._gateway.state.application.privileged_intents:
            raise ConnectionClosed(4014, "Disallowed intent(s).")
        shard, shards = data.get("shard") or (0, 1)
        if not 0 <= shard < shards:
            raise ConnectionClosed(4010, "Invalid shard.")
        host = self._request.host
        if not self._gateway.may_identify(shard, host):
            self.push({"op": INVALID_SESSION, "s": None, "t": None, "d": False})
            return
        self._session = self._gateway.begin_session(self, intents, (shard, shards), host)

    def _resume(self, data: Any) -> None:
        if self._session is not None:
            raise ConnectionClosed(4005, "Already authenticated.")
        self._check_token(data)
        session = self._gateway.sessions.get(str(data.get("session_id")))
        missed = session.events_after(int(data.get("seq") or 0)) if session and session.resumable else None
        if session is None or missed is None:
            self.push({"op": INVALID_SESSION, "s": None, "t": None, "d": False})
            return
        if session.connection is not None:
            session.connection.close(4000, "Session resumed elsewhere.")
        session.connection = self._session = None
        for frame in missed:
            self.push(frame)
        self._session, session.connection = session, self
        session.dispatch("RESUMED", {"_trace": ["sandbox"]})
        self._gateway.publish_connected()

    def _check_token(self, data: Any) -> None:
        token = data.get("token") if isinstance(data, dict) else None
        if str(token).removeprefix("Bot ") != self._gateway.state.application.token:
            raise ConnectionClosed(4004, "Authentication failed.")

    def _send_members(self, session: GatewaySession, data: Json) -> None:
        guild = self._gateway.state.guilds.get(int(data.get("guild_id") or 0))
        if guild is None:
            return
        user_ids = {int(id_) for id_ in data.get("user_ids") or ()}
        prefix = str(data.get("query") or "")
        members = [
            serialize_member(member)
            for member in guild.members.values()
            if (not user_ids or member.user.id in user_ids) and member.user.username.startswith(prefix)
        ]
        chunk = {"guild_id": str(guild.id), "members": members, "chunk_index": 0, "chunk_count": 1, "not_found": []}
        if data.get("nonce") is not None:
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)


def shard_of(guild_id: int | None, shards: int) -> int:
    """Return the shard of a guild; DMs belong to shard 0."""
    return (guild_id >> 22) % shards if guild_id is not None else 0


def should_receive(event: Event, intents: int, state: DiscordState) -> bool:
    """Return whether a session of the bot with ``intents`` receives ``event``."""
    required = REQUIRED_INTENTS.get(event.kind)
    if required is None or event.audience is not None:
        return False
    intent = required[0] if event.guild is not None else required[1]
    if intent is None or not intents & intent:
        return False
    if event.channel is None:  # the bot is no longer a member of a guild that it left
        return event.guild is not None and (state.bot.id in event.guild.members or event.kind == "GUILD_DELETE")
    visible = state.permissions(event.channel) & Permission.VIEW_CHANNEL
    return bool(visible) or (event.kind == "CHANNEL_UPDATE" and _is_member(event.channel, state))


def serialize_event_data(event: Event, intents: int, state: DiscordState, cdn: Cdn) -> Json:
    """Return the event's data as the bot receives it."""
    if event.kind in {"CHANNEL_UPDATE", "THREAD_CREATE"} and event.channel is not None:
        return serialize_channel(event.channel, state.bot)
    if event.kind == "GUILD_UPDATE" and event.guild is not None:
        return serialize_guild(event.guild)
    if event.message is None or not event.kind.startswith(("MESSAGE_CREATE", "MESSAGE_UPDATE")):
        return event.data
    data = serialize_message_event(event.message, cdn, state.bot)
    return data if can_read_content(event.message, intents, state) else strip_content(data)


def can_read_content(message: Message, intents: int, state: DiscordState) -> bool:
    """Return whether the bot receives the message's content: by intent, or because the message concerns it."""
    return bool(
        intents & Intent.MESSAGE_CONTENT
        or message.author is state.bot
        or message.channel.guild is None
        or state.bot in message.mentions
    )


def _is_member(channel: Channel, state: DiscordState) -> bool:
    return channel.guild is not None and state.bot.id in channel.guild.members
