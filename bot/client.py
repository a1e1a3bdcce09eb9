"""The discord.py client: intents, login, shards, errors. No features."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import aiohttp
import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.aio import cancel_and_wait
from bot.clock import Clock, SystemClock
from bot.discord_internals import (
    GatewayLimits,
    add_context_menu,
    disable_voice_warnings,
    get_gateway,
    ignore_messages,
    launch_shard,
    release_locks_of_cancelled_requests,
    remove_shard,
    reset_http_session,
    shorten_connection_logs,
)
from bot.errors import ConfigError
from bot.limits import DISCORD_START_WAIT_MAX, IDENTIFY_INTERVAL
from bot.start_failures import judge_start_failure
from bot.store.errors import StoreError
from bot.ui.first_response import note_server_error
from bot.ui.requests import check_may_send
from bot.ui.respond import report_error

T = TypeVar("T")

# The bot is told of reactions, of the channels of its servers, and of messages that are deleted; for these, Discord
# sends new messages, too, without their content. It needs no privileged intent.
INTENTS = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True, guild_messages=True, dm_messages=True)

# Discord sends the servers one after another at login; this many seconds without another one mean that all are there.
_GUILD_TIMEOUT = 0.5

# Seconds between attempts to log in and to connect while Discord does not answer.
_START_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)

# Close codes of the gateway after which no attempt can succeed (topics/opcodes-and-status-codes).
_AUTHENTICATION_FAILED: Final = 4004
_DISALLOWED_INTENTS: Final = 4014
_REFUSED_SESSIONS: Final = {
    4010: "Discord refuses a shard. Remove SHARDS from the settings, and start all processes of this bot anew.",
    4011: "This bot is in too many servers for its number of shards. Set SHARDS to auto, or higher.",
    4012: "Discord no longer supports the gateway that this version speaks. Update Replicord.",
    4013: "Discord does not know an intent that this version asks for. Update Replicord.",
    _DISALLOWED_INTENTS: "Discord does not grant this bot an intent that it asks for. Update Replicord.",
}

log = structlog.get_logger(__name__)


class Tree(app_commands.CommandTree["Replicord"]):
    """The command tree; errors of commands are reported to the person. Its menus have all the entries of Discord's."""

    def add_command(self, command: Any, /, **options: Any) -> None:
        """Add a command or an entry of a menu; global entries are not limited to discord.py's five."""
        if isinstance(command, app_commands.ContextMenu) and not options:
            add_context_menu(self, command)
        else:
            super().add_command(command, **options)

    async def on_error(
        self, interaction: discord.Interaction["Replicord"], error: app_commands.AppCommandError, /
    ) -> None:
        await report_error(interaction, error)


class IdentifyPace(Protocol):
    """Spaces the starts of sessions as Discord demands."""

    async def wait(self, bucket: int) -> None:
        """Return when a session of a shard of the bucket may be started."""
        ...


class OwnIdentifyPace:
    """The pace of a process that has all shards."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._free_at: dict[int, float] = {}

    async def wait(self, bucket: int) -> None:
        """Return when a session of a shard of the bucket may be started."""
        now = self._clock.monotonic()
        start = max(self._free_at.get(bucket, now), now)
        self._free_at[bucket] = start + IDENTIFY_INTERVAL.total_seconds()
        await self._clock.sleep(start - now)


class Replicord(commands.AutoShardedBot):
    """The connection to Discord.

    ``on_login`` is awaited once, after Discord accepts the token and before the gateway connects, to add cogs and
    commands. ``shards`` overrides the number that Discord recommends. ``trace`` observes the HTTP session.

    Shards are opened and closed one by one: ``run_gateway`` serves those that ``open_shard`` was called for. So a
    process may have only some of them, and others from one minute to the next.
    """

    def __init__(
        self,
        *,
        on_login: Callable[["Replicord"], Awaitable[None]],
        shards: int | None = None,
        trace: aiohttp.TraceConfig | None = None,
        identify_pace: IdentifyPace | None = None,
    ) -> None:
        disable_voice_warnings()
        release_locks_of_cancelled_requests()
        shorten_connection_logs()
        trace = trace or aiohttp.TraceConfig()
        trace.on_request_start.append(check_may_send)
        trace.on_request_end.append(note_server_error)
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            intents=INTENTS,
            tree_cls=Tree,
            shard_count=shards,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            guild_ready_timeout=_GUILD_TIMEOUT,
            http_trace=trace,
        )
        ignore_messages(self)
        self._on_login = on_login
        self._is_set_up = False
        self._identify_pace = identify_pace or OwnIdentifyPace(SystemClock())
        self._max_concurrency = 1
        self._gateway_opened = asyncio.Event()
        self._open_shards: set[int] = set()
        self._ready_shards: set[int] = set()
        self._connecting: set[int] = set()  # shards whose session may have begun
        self._paced: set[int] = set()  # those of them that have waited for the pace and not identified yet
        self._launching: dict[int, asyncio.Task[None]] = {}
        self._closing: set[asyncio.Task[None]] = set()

    async def setup_hook(self) -> None:
        self._is_set_up = True
        await self._on_login(self)

    async def log_in(self, token: str, *, clock: Clock) -> None:
        """Log in, waiting until Discord answers.

        Raises LoginFailure if Discord rejects the token, ConfigError if it refuses the login for another reason.
        """

        async def attempt() -> None:
            try:
                await self.login(token)
            except Exception as error:
                if self._is_set_up:
                    raise  # an error of our own, not of one of the login's requests
                await reset_http_session(self)
                raise _StartError from error

        await self._wait_out(attempt, clock=clock)

    async def choose_shards(self, *, clock: Clock) -> int:
        """Return the number of shards, waiting until Discord answers and lets so many sessions start today."""

        async def attempt() -> GatewayLimits:
            try:
                return await get_gateway(self)
            except Exception as error:
                raise _StartError from error

        while True:
            limits = await self._wait_out(attempt, clock=clock)
            self.shard_count = count = self.shard_count or limits.shards
            self._max_concurrency = limits.max_concurrency
            if limits.logins_left >= count:
                return count
            # Discord resets the token of a bot that goes on trying.
            pause = min(limits.reset_after, DISCORD_START_WAIT_MAX.total_seconds())
            log.warning("discord_logins_used_up", left=limits.logins_left, needed=count, retry_in=pause)
            await clock.sleep(pause)

    async def run_gateway(self) -> None:
        """Serve the shards that are opened, before or later, until the client is closed.

        Raises LoginFailure if the token is no longer valid, ConfigError if Discord refuses the session for good.
        """
        try:
            await self.connect()
        except discord.PrivilegedIntentsRequired as error:
            raise ConfigError(_REFUSED_SESSIONS[_DISALLOWED_INTENTS]) from error
        except discord.ConnectionClosed as error:
            if error.code == _AUTHENTICATION_FAILED:
                raise discord.LoginFailure("The gateway rejects the token.") from error
            if error.code in _REFUSED_SESSIONS:
                raise ConfigError(_REFUSED_SESSIONS[error.code]) from error
            raise

    def open_shard(self, shard_id: int) -> None:
        """Connect a shard as soon as Discord's pace allows, and keep it connected; it may be open already."""
        self._open_shards.add(shard_id)
        if shard_id not in self._launching and shard_id not in self.shards:
            task = asyncio.create_task(self._launch(shard_id), name=f"shard {shard_id}")
            self._launching[shard_id] = task
            task.add_done_callback(partial(self._on_launched, shard_id))

    def close_shard(self, shard_id: int) -> None:
        """Disconnect a shard and forget its servers. Its last events may be handled still."""
        self._open_shards.discard(shard_id)
        self._ready_shards.discard(shard_id)
        if shard_id in self._launching and shard_id not in self._connecting:
            self._launching[shard_id].cancel()
        disconnect = remove_shard(self, shard_id)
        if disconnect is not None:
            self._keep(disconnect(), name=f"shard {shard_id} disconnects")

    def is_ready(self) -> bool:
        """Return whether every open shard is connected, or was: discord.py reconnects those that were."""
        return self._gateway_opened.is_set() and self._open_shards <= self._ready_shards and not self.is_closed()

    async def launch_shards(self) -> None:
        """Let the shards connect; called by ``connect``, in place of launching all."""
        self._gateway_opened.set()

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:  # noqa: ARG002 (as called)
        """Wait for the pace; a shard's first session has waited before it connected."""
        if shard_id in self._paced:
            self._paced.discard(shard_id)
        else:
            await self._identify_pace.wait((shard_id or 0) % self._max_concurrency)

    async def on_shard_ready(self, shard_id: int) -> None:
        """Note that the servers of a shard are known."""
        if shard_id in self._open_shards:
            self._ready_shards.add(shard_id)

    async def close(self) -> None:
        """Disconnect from everything."""
        self._open_shards.clear()
        await cancel_and_wait([*self._launching.values(), *self._closing])
        await super().close()

    async def _launch(self, shard_id: int) -> None:
        await self._gateway_opened.wait()
        await self._identify_pace.wait(shard_id % self._max_concurrency)
        self._paced.add(shard_id)
        self._connecting.add(shard_id)  # a session that has begun is ended, not left alone
        try:
            await launch_shard(self, shard_id, shard_ids=self._open_shards)
        finally:
            self._connecting.discard(shard_id)
        if shard_id not in self._open_shards:
            disconnect = remove_shard(self, shard_id)
            if disconnect is not None:
                await disconnect()

    def _on_launched(self, shard_id: int, task: asyncio.Task[None]) -> None:
        del self._launching[shard_id]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("shard_not_opened", shard=shard_id, exc_info=error)
        elif shard_id in self._open_shards and not self.is_closed():
            self.open_shard(shard_id)  # does nothing, unless it was closed and opened again meanwhile

    def _keep(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _wait_out(self, request: Callable[[], Awaitable[T]], *, clock: Clock) -> T:
        """Return the result of a request, repeating it after failures that pass."""
        attempts = 0
        while True:
            try:
                return await request()
            except _StartError as wrapper:
                error = wrapper.__cause__
            assert isinstance(error, Exception)  # noqa: S101  # raised from one
            failure = judge_start_failure(error)
            pause = _START_PAUSES[min(attempts, len(_START_PAUSES) - 1)]
            pause = min(max(pause, failure.retry_after), DISCORD_START_WAIT_MAX.total_seconds())
            log.warning("discord_unreachable", reason=failure.reason, retry_in=pause)
            attempts += 1
            await clock.sleep(pause)

    async def on_message(self, message: discord.Message, /) -> None:
        """Ignore messages: the bot has no text commands, and discord.py would look for one in every message."""

    async def on_error(self, event_method: str, /, *args: object, **_: object) -> None:
        """Report the error of a button's listener to the person who pressed it; log any other listener's error."""
        error = sys.exception()
        if error is not None and args and isinstance(args[0], discord.Interaction):
            await report_error(args[0], error)
        elif self.is_closed() and isinstance(error, StoreError):
            # The database closes after the client. What the listener would have done is looked for at the next start.
            log.info("listener_stopped", listener=event_method)
        else:
            log.error("listener_failed", listener=event_method, exc_info=error)


class _StartError(Exception):
    """A request of the start failed; ``__cause__`` says why."""
