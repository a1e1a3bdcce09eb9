"""The hub: all sessions of the bot, fed from the world's changes."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.gateway.connection import Connection
from sandbox.discord.gateway.events import Intent, is_heard, payload, shard_of
from sandbox.discord.gateway.session import Session
from sandbox.discord.wire import people, places
from sandbox.discord.world.feed import Change
from sandbox.discord.world.guild import Guild
from sandbox.discord.world.interaction import Interaction
from sandbox.discord.world.permissions import Permission
from sandbox.discord.world.world import World

Json = dict[str, Any]
HEARTBEAT_MS = 41_250
IDENTIFIES_A_DAY = 1000


class Hub:
    """Begins and ends sessions, and tells each what it may hear."""

    def __init__(self, world: World, cdn: Cdn) -> None:
        self.world = world
        self.cdn = cdn
        self.url = "ws://127.0.0.1/gateway"
        self.heartbeat_ms = HEARTBEAT_MS
        self.identifies = 0
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the world for as long as the context is open."""
        with self.world.feed.heard(self.hear):
            yield

    @property
    def connected(self) -> tuple[Session, ...]:
        """The sessions that have a connection now."""
        return tuple(session for session in self.sessions.values() if session.connection is not None)

    def hear(self, change: Change) -> None:
        """Tell every session that may know of ``change``."""
        guild_id = change.guild.id if change.guild else None
        for session in self._of_shard(guild_id):
            if is_heard(change, session.intents, self.world):
                session.dispatch(change.kind, payload(change, session.intents, self.world, self.cdn))

    def dispatch_interaction(self, interaction: Interaction, data: Json) -> None:
        """Bring an interaction to the shard of its guild."""
        guild = interaction.channel.guild
        for session in self._of_shard(guild.id if guild else None):
            session.dispatch("INTERACTION_CREATE", data)

    def begin(self, connection: Connection, intents: int, shard: tuple[int, int]) -> Session:
        """Begin a session: READY, then the guilds of its shard."""
        self.identifies += 1
        session = Session(secrets.token_hex(16), intents, *shard, connection=connection)
        self.sessions[session.id] = session
        self.tell()
        guilds = [guild for guild in self._guilds() if shard_of(guild.id, session.shards) == session.shard]
        session.dispatch("READY", self._ready(session, guilds))
        if intents & Intent.GUILDS:
            for guild in guilds:
                session.dispatch("GUILD_CREATE", self.guild_create(guild))
        return session

    def end(self, session: Session) -> None:
        """Forget a session; it cannot be resumed."""
        session.resumable = False
        if session.connection is not None:
            session.connection.forget(session)
        self.sessions.pop(session.id, None)

    def tell(self) -> None:
        """Tell the people who look on how many sessions are connected."""
        self.world.tell("SESSION_UPDATE", {"connected": len(self.connected)})

    def guild_create(self, guild: Guild) -> Json:
        """Return a guild with its members, channels and the threads that the bot sees."""
        threads = [
            channel
            for channel in self.world.channels.values()
            if channel.guild is guild
            and channel.is_thread
            and self.world.permissions(channel) & Permission.VIEW_CHANNEL
        ]
        return places.guild_create(guild, threads, self.world.bot)

    def _of_shard(self, guild_id: int | None) -> list[Session]:
        return [one for one in self.sessions.values() if shard_of(guild_id, one.shards) == one.shard]

    def _guilds(self) -> list[Guild]:
        return [guild for guild in self.world.guilds.values() if self.world.bot.id in guild.members]

    def _ready(self, session: Session, guilds: list[Guild]) -> Json:
        return {
            "v": 10,
            "user": people.self_user(self.world.bot),
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
            "application": {"id": str(self.world.application.id), "flags": 0},
            "shard": [session.shard, session.shards],
            "_trace": ["sandbox"],
        }
