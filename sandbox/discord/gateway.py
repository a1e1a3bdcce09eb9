"""The gateway: WebSocket connections, sessions, and which events each session receives (topics/gateway)."""

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
    from sandbox.discord.state.events import Event
    from sandbox.discord.state.models import Channel, Guild, Interaction, Message
    from sandbox.discord.state.state import DiscordState

Json = dict[str, Any]
REPLAY_BUFFER_SIZE = 1000


@dataclass(slots=True, eq=False)
class GatewaySession:
    """What identify began; ``connection`` is None while the client is away and events wait to be replayed."""

    id: str
    intents: int
    shard: int
    shards: int
    sequence: int = 0
    connection: GatewayConnection | None = None
    resumable: bool = True
    events: deque[Json] = field(default_factory=lambda: deque(maxlen=REPLAY_BUFFER_SIZE), repr=False)

    def dispatch(self, event: str, data: Json) -> None:
        """Give an event its number, keep it for a resume, and send it when there is a connection."""
        self.sequence += 1
        frame = {"op": 0, "t": event, "s": self.sequence, "d": data}
        self.events.append(frame)
        if self.connection is not None:
            self.connection.push(frame)

    def missed(self, sequence: int) -> list[Json] | None:
        """Return the events after ``sequence``, or None when they cannot all be told again."""
        if sequence > self.sequence or (self.events and sequence < self.events[0]["s"] - 1):
            return None
        return [frame for frame in self.events if frame["s"] > sequence]


class Intent(IntFlag):
    """Gateway intents, with Discord's bits."""

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


PRIVILEGED_INTENTS = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
ALL_INTENTS = (1 << 26) - 1
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
    "GUILD_UPDATE": (Intent.GUILDS, None),
}


def shard_of(guild_id: int | None, shards: int) -> int:
    """Return the shard that hears of a guild; private conversations belong to shard 0."""
    return (guild_id >> 22) % shards if guild_id is not None else 0


def should_receive(change: Event, intents: int, state: DiscordState) -> bool:
    """Return whether the bot's session with ``intents`` is told of ``change``."""
    needed = REQUIRED_INTENTS.get(change.kind)
    if needed is None or change.audience is not None:
        return False
    intent = needed[0] if change.guild is not None else needed[1]
    if intent is None or not intents & intent:
        return False
    if change.channel is None:
        return change.guild is not None and state.bot.id in change.guild.members
    sees = state.permissions(change.channel) & Permission.VIEW_CHANNEL
    return bool(sees) or (change.kind == "CHANNEL_UPDATE" and _is_member(change.channel, state))


def serialize_event_data(change: Event, intents: int, state: DiscordState, cdn: Cdn) -> Json:
    """Return the event's data as the bot gets it."""
    if change.kind in {"CHANNEL_UPDATE", "THREAD_CREATE"} and change.channel is not None:
        return serialize_channel(change.channel, state.bot)
    if change.kind == "GUILD_UPDATE" and change.guild is not None:
        return serialize_guild(change.guild)
    if change.message is None or not change.kind.startswith(("MESSAGE_CREATE", "MESSAGE_UPDATE")):
        return change.data
    data = serialize_message_event(change.message, cdn, state.bot)
    return data if can_read_content(change.message, intents, state) else strip_content(data)


def can_read_content(message: Message, intents: int, state: DiscordState) -> bool:
    """Return whether the bot gets the message's content: by intent, or because it concerns the bot."""
    return bool(
        intents & Intent.MESSAGE_CONTENT
        or message.author is state.bot
        or message.channel.guild is None
        or state.bot in message.mentions
    )


def _is_member(channel: Channel, state: DiscordState) -> bool:
    return channel.guild is not None and state.bot.id in channel.guild.members


HEARTBEAT, IDENTIFY, PRESENCE_UPDATE, VOICE_STATE_UPDATE, RESUME = 1, 2, 3, 4, 6
RECONNECT, REQUEST_GUILD_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11
MAX_PAYLOAD = 4096
MAX_SENDS_PER_WINDOW, SEND_WINDOW = 120, 60.0


class ConnectionClosed(Exception):
    """The gateway ends the connection with ``code`` (topics/opcodes-and-status-codes)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class GatewayConnection:
    """Speaks with one client until either side ends it; the session outlives it unless the client says goodbye.

    ``silent`` makes it a zombie: it takes everything and says nothing.
    """

    def __init__(self, gateway: Gateway, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._hub = gateway
        self._request = request
        self._socket = socket
        self._version = request.query.get("v", "")
        self.silent = False
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._ended_here = False
        self._session: GatewaySession | None = None
        self._outgoing: asyncio.Queue[Json | ConnectionClosed] = asyncio.Queue()
        self._received: deque[float] = deque()

    def push(self, frame: Json) -> None:
        """Send a frame after those before it; a zombie sends none."""
        if not self.silent:
            self._outgoing.put_nowait(frame)

    def close(self, code: int, reason: str = "") -> None:
        """End the connection after what was pushed before."""
        self._outgoing.put_nowait(ConnectionClosed(code, reason))

    def abort(self) -> None:
        """Cut the wire with no goodbye."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def forget(self, session: GatewaySession) -> None:
        """Let go of an ended session; the client may identify anew."""
        if self._session is session:
            self._session = session.connection = None

    async def run(self) -> None:
        """Serve the client; return when the connection is over."""
        self._hub.connections.add(self)
        self.push({"op": HELLO, "s": None, "t": None, "d": {"heartbeat_interval": self._hub.heartbeat_ms}})
        writer = asyncio.create_task(self._write(), name="sandbox gateway writer")
        try:
            await self._read()
        except ConnectionClosed as end:
            self.close(end.code, str(end))
            await asyncio.wait([writer])
        finally:
            writer.cancel()
            self._hub.connections.discard(self)
            self._leave()

    async def _read(self) -> None:
        async for message in self._socket:
            if message.type in {WSMsgType.TEXT, WSMsgType.BINARY}:
                self._take(message.data)

    async def _write(self) -> None:
        while True:
            item = await self._outgoing.get()
            try:
                if isinstance(item, ConnectionClosed):
                    self._ended_here = True
                    await self._socket.close(code=item.code, message=str(item).encode())
                    return
                await self._send(json.dumps(item, separators=(",", ":")))
            except (ConnectionError, RuntimeError):
                return

    async def _send(self, frame: str) -> None:
        if self._zlib is None:
            await self._socket.send_str(frame)
        else:
            squeezed = self._zlib.compress(frame.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
            await self._socket.send_bytes(squeezed)

    def _leave(self) -> None:
        session = self._session
        if session is None or session.connection is not self:
            return
        session.connection = None
        if self._socket.close_code in {1000, 1001} and not self._ended_here:
            self._hub.end(session)
        self._hub.publish()

    def _take(self, raw: str | bytes) -> None:
        if len(raw) > MAX_PAYLOAD:
            raise ConnectionClosed(4002, "Error while decoding payload.")
        try:
            frame = json.loads(raw)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConnectionClosed(4002, "Error while decoding payload.") from None
        self._count()
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

    def _count(self) -> None:
        now = self._hub.state.clock.monotonic()
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
        if intents & PRIVILEGED_INTENTS & ~self._hub.state.application.privileged:
            raise ConnectionClosed(4014, "Disallowed intent(s).")
        shard, shards = data.get("shard") or (0, 1)
        if not 0 <= shard < shards:
            raise ConnectionClosed(4010, "Invalid shard.")
        self._session = self._hub.begin(self, intents, (shard, shards))

    def _resume(self, data: Any) -> None:
        if self._session is not None:
            raise ConnectionClosed(4005, "Already authenticated.")
        self._check_token(data)
        session = self._hub.sessions.get(str(data.get("session_id")))
        missed = session.missed(int(data.get("seq") or 0)) if session and session.resumable else None
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
        self._hub.publish()

    def _check_token(self, data: Any) -> None:
        token = data.get("token") if isinstance(data, dict) else None
        if str(token).removeprefix("Bot ") != self._hub.state.application.token:
            raise ConnectionClosed(4004, "Authentication failed.")

    def _send_members(self, session: GatewaySession, data: Json) -> None:
        guild = self._hub.state.guilds.get(int(data.get("guild_id") or 0))
        if guild is None:
            return
        wanted = {int(id_) for id_ in data.get("user_ids") or ()}
        prefix = str(data.get("query") or "")
        members = [
            serialize_member(one)
            for one in guild.members.values()
            if (not wanted or one.user.id in wanted) and one.user.username.startswith(prefix)
        ]
        chunk = {"guild_id": str(guild.id), "members": members, "chunk_index": 0, "chunk_count": 1, "not_found": []}
        if data.get("nonce") is not None:
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)


HEARTBEAT_MS = 41_250
SESSION_STARTS_PER_DAY = 1000


class Gateway:
    """Begins and ends sessions, and tells each what it may hear."""

    def __init__(self, state: DiscordState, cdn: Cdn) -> None:
        self.state = state
        self.cdn = cdn
        self.url = "ws://127.0.0.1/gateway"
        self.heartbeat_ms = HEARTBEAT_MS
        self.identifies = 0
        self.sessions: dict[str, GatewaySession] = {}
        self.connections: set[GatewayConnection] = set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the state for as long as the context is open."""
        with self.state.events.listen(self.hear):
            yield

    @property
    def connected(self) -> tuple[GatewaySession, ...]:
        """The sessions that have a connection now."""
        return tuple(session for session in self.sessions.values() if session.connection is not None)

    def hear(self, change: Event) -> None:
        """Tell every session that may know of ``change``."""
        guild_id = change.guild.id if change.guild else None
        for session in self._of_shard(guild_id):
            if should_receive(change, session.intents, self.state):
                session.dispatch(change.kind, serialize_event_data(change, session.intents, self.state, self.cdn))

    def dispatch_interaction(self, interaction: Interaction, data: Json) -> None:
        """Bring an interaction to the shard of its guild."""
        guild = interaction.channel.guild
        for session in self._of_shard(guild.id if guild else None):
            session.dispatch("INTERACTION_CREATE", data)

    def begin(self, connection: GatewayConnection, intents: int, shard: tuple[int, int]) -> GatewaySession:
        """Begin a session: READY, then the guilds of its shard."""
        self.identifies += 1
        session = GatewaySession(secrets.token_hex(16), intents, *shard, connection=connection)
        self.sessions[session.id] = session
        self.publish()
        guilds = [guild for guild in self._guilds() if shard_of(guild.id, session.shards) == session.shard]
        session.dispatch("READY", self._ready(session, guilds))
        if intents & Intent.GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", self.guild_create(guild))
        return session

    def end(self, session: GatewaySession) -> None:
        """Forget a session; it cannot be resumed."""
        session.resumable = False
        if session.connection is not None:
            session.connection.forget(session)
        self.sessions.pop(session.id, None)

    def publish(self) -> None:
        """Tell the people who look on how many sessions are connected."""
        self.state.publish("SESSION_UPDATE", {"connected": len(self.connected)})

    def guild_create(self, guild: Guild) -> Json:
        """Return a guild with its members, channels and the threads that the bot sees."""
        threads = [
            channel
            for channel in self.state.channels.values()
            if channel.guild is guild
            and channel.is_thread
            and self.state.permissions(channel) & Permission.VIEW_CHANNEL
        ]
        return serialize_guild_create(guild, threads, self.state.bot)

    def _of_shard(self, guild_id: int | None) -> list[GatewaySession]:
        return [one for one in self.sessions.values() if shard_of(guild_id, one.shards) == one.shard]

    def _guilds(self) -> list[Guild]:
        return [guild for guild in self.state.guilds.values() if self.state.bot.id in guild.members]

    def _ready(self, session: GatewaySession, guilds: list[Guild]) -> Json:
        return {
            "v": 10,
            "user": serialize_self_user(self.state.bot),
            "user_settings": {},
            "session_type": "normal",
            "session_id": session.id,
            "resume_gateway_url": self.url,
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
