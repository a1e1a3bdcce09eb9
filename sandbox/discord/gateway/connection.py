"""One WebSocket of the gateway: hello, identify or resume, heartbeats, events (topics/gateway).

Frames go out as zlib-stream when the client asks for it, else as text; zstd-stream is not spoken, text is allowed then.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections import deque
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from sandbox.discord.gateway.events import ALL_INTENTS, PRIVILEGED
from sandbox.discord.wire import people

if TYPE_CHECKING:
    from sandbox.discord.gateway.hub import Hub
    from sandbox.discord.gateway.session import Session

Json = dict[str, Any]

HEARTBEAT, IDENTIFY, PRESENCE, VOICE, RESUME = 1, 2, 3, 4, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, ACK = 7, 8, 9, 10, 11
MAX_PAYLOAD = 4096
MAX_SENDS, SENDS_SECONDS = 120, 60.0


class Closed(Exception):
    """The gateway ends the connection with ``code`` (topics/opcodes-and-status-codes)."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Connection:
    """Speaks with one client until either side ends it; the session outlives it unless the client says goodbye.

    ``silent`` makes it a zombie: it takes everything and says nothing.
    """

    def __init__(self, hub: Hub, request: web.Request, socket: web.WebSocketResponse) -> None:
        self._hub = hub
        self._request = request
        self._socket = socket
        self._version = request.query.get("v", "")
        self.silent = False
        self._zlib = zlib.compressobj() if request.query.get("compress") == "zlib-stream" else None
        self._ended_here = False
        self._session: Session | None = None
        self._outgoing: asyncio.Queue[Json | Closed] = asyncio.Queue()
        self._received: deque[float] = deque()

    def push(self, frame: Json) -> None:
        """Send a frame after those before it; a zombie sends none."""
        if not self.silent:
            self._outgoing.put_nowait(frame)

    def close(self, code: int, reason: str = "") -> None:
        """End the connection after what was pushed before."""
        self._outgoing.put_nowait(Closed(code, reason))

    def abort(self) -> None:
        """Cut the wire with no goodbye."""
        if self._request.transport is not None:
            self._request.transport.abort()

    def forget(self, session: Session) -> None:
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
        except Closed as end:
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
                if isinstance(item, Closed):
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
        self._hub.tell()

    def _take(self, raw: str | bytes) -> None:
        if len(raw) > MAX_PAYLOAD:
            raise Closed(4002, "Error while decoding payload.")
        try:
            frame = json.loads(raw)
            op, data = frame["op"], frame.get("d")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Closed(4002, "Error while decoding payload.") from None
        self._count()
        if op == HEARTBEAT:
            self.push({"op": ACK, "s": None, "t": None, "d": None})
        elif op == IDENTIFY:
            self._identify(data)
        elif op == RESUME:
            self._resume(data)
        elif op not in {PRESENCE, VOICE, REQUEST_MEMBERS}:
            raise Closed(4001, "Unknown opcode.")
        elif self._session is None:
            raise Closed(4003, "Not authenticated.")
        elif op == REQUEST_MEMBERS:
            self._send_members(self._session, data)

    def _count(self) -> None:
        now = self._hub.world.clock.monotonic()
        self._received.append(now)
        while now - self._received[0] > SENDS_SECONDS:
            self._received.popleft()
        if len(self._received) > MAX_SENDS:
            raise Closed(4008, "You are being rate limited.")

    def _identify(self, data: Any) -> None:
        if self._session is not None:
            raise Closed(4005, "Already authenticated.")
        if self._version not in {"10", ""}:
            raise Closed(4012, "Invalid API version.")
        self._check_token(data)
        intents = data.get("intents")
        if not isinstance(intents, int) or not 0 <= intents <= ALL_INTENTS:
            raise Closed(4013, "Invalid intent(s).")
        if intents & PRIVILEGED & ~self._hub.world.application.privileged:
            raise Closed(4014, "Disallowed intent(s).")
        shard, shards = data.get("shard") or (0, 1)
        if not 0 <= shard < shards:
            raise Closed(4010, "Invalid shard.")
        self._session = self._hub.begin(self, intents, (shard, shards))

    def _resume(self, data: Any) -> None:
        if self._session is not None:
            raise Closed(4005, "Already authenticated.")
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
        self._hub.tell()

    def _check_token(self, data: Any) -> None:
        token = data.get("token") if isinstance(data, dict) else None
        if str(token).removeprefix("Bot ") != self._hub.world.application.token:
            raise Closed(4004, "Authentication failed.")

    def _send_members(self, session: Session, data: Json) -> None:
        guild = self._hub.world.guilds.get(int(data.get("guild_id") or 0))
        if guild is None:
            return
        wanted = {int(id_) for id_ in data.get("user_ids") or ()}
        prefix = str(data.get("query") or "")
        members = [
            people.member(one)
            for one in guild.members.values()
            if (not wanted or one.user.id in wanted) and one.user.username.startswith(prefix)
        ]
        chunk = {"guild_id": str(guild.id), "members": members, "chunk_index": 0, "chunk_count": 1, "not_found": []}
        if data.get("nonce") is not None:
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", chunk)
