"""The discord.py client: intents, permissions, login, errors. No features."""

import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import aiohttp
import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.clock import Clock
from bot.discord_internals import (
    disable_voice_warnings,
    get_gateway,
    is_malformed_response,
    release_locks_of_cancelled_requests,
    reset_http_session,
    shorten_connection_logs,
)
from bot.errors import ConfigError
from bot.limits import DISCORD_START_WAIT_MAX
from bot.ui.first_response import note_server_error
from bot.ui.respond import report_error

T = TypeVar("T")

# The bot reads reactions and the channels of its servers; it needs no privileged intent.
INTENTS = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True)

# Discord sends the servers one after another at login; this many seconds without another one mean that all are there.
_GUILD_TIMEOUT = 0.5

# Seconds between attempts to log in and to connect while Discord does not answer.
_START_PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)

_AUTHENTICATION_FAILED: Final = 4004  # the gateway's close code

log = structlog.get_logger(__name__)


class Tree(app_commands.CommandTree["Replicord"]):
    """The command tree; errors of commands are reported to the person."""

    async def on_error(
        self, interaction: discord.Interaction["Replicord"], error: app_commands.AppCommandError, /
    ) -> None:
        await report_error(interaction, error)


class Replicord(commands.AutoShardedBot):
    """The connection to Discord.

    ``on_login`` is awaited once, after Discord accepts the token and before the gateway connects, to add cogs and
    commands. ``shards`` overrides the number that Discord recommends. ``trace`` observes the HTTP session.
    """

    def __init__(
        self,
        *,
        on_login: Callable[["Replicord"], Awaitable[None]],
        shards: int | None = None,
        trace: aiohttp.TraceConfig | None = None,
    ) -> None:
        disable_voice_warnings()
        release_locks_of_cancelled_requests()
        shorten_connection_logs()
        trace = trace or aiohttp.TraceConfig()
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
        self._on_login = on_login
        self._is_set_up = False

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

    async def run_gateway(self, *, clock: Clock) -> None:
        """Connect to the gateway, waiting until Discord answers, and stay connected until the client is closed.

        Raises LoginFailure if the token is no longer valid.
        """

        async def attempt() -> tuple[int, int, float]:
            try:
                return await get_gateway(self)
            except Exception as error:
                raise _StartError from error

        while True:
            shards, logins_left, reset_after = await self._wait_out(attempt, clock=clock)
            self.shard_count = self.shard_count or shards
            if logins_left >= self.shard_count:
                break
            # Discord resets the token of a bot that goes on trying.
            pause = min(reset_after, DISCORD_START_WAIT_MAX.total_seconds())
            log.warning("discord_logins_used_up", left=logins_left, needed=self.shard_count, retry_in=pause)
            await clock.sleep(pause)
        try:
            await self.connect()
        except discord.ConnectionClosed as error:
            if error.code == _AUTHENTICATION_FAILED:
                raise discord.LoginFailure("The gateway rejects the token.") from error
            raise

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
        else:
            log.error("listener_failed", listener=event_method, exc_info=error)


class _StartError(Exception):
    """A request of the start failed; ``__cause__`` says why."""


@dataclass(frozen=True, slots=True)
class StartFailure:
    """A failure of the start that passes: why, and how many seconds Discord says to wait (0.0 if it does not)."""

    reason: str
    retry_after: float = 0.0


def judge_start_failure(error: Exception) -> StartFailure:
    """Return what a failed request of the login or the start means, if it passes by itself.

    Raises LoginFailure if the token is wrong, ConfigError if Discord would refuse the request again, and the error
    itself if it is no failure of a request. What decides is the answer, not the class of the exception: discord.py
    raises a dozen of them here, of which ``GatewayNotFound`` and ``KeyError`` say nothing.
    """
    if isinstance(error, discord.GatewayNotFound) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, discord.LoginFailure):
        raise error
    if isinstance(error, discord.HTTPException):
        return _judge_response(error)
    if isinstance(error, (OSError, aiohttp.ClientError, discord.GatewayNotFound)):  # TimeoutError is an OSError
        return StartFailure(f"Discord cannot be reached ({describe_error(error)})")
    # A page of a proxy or of a network's login in place of Discord's JSON. discord.py takes it apart unchecked.
    if is_malformed_response(error) or isinstance(error, (KeyError, TypeError, ValueError, AttributeError)):
        return StartFailure("What answers is not Discord")
    raise error


def _judge_response(error: discord.HTTPException) -> StartFailure:
    if error.status == 401:
        raise discord.LoginFailure("Discord rejects the token.") from error
    by_proxy = error.status == 403 and not error.code  # Cloudflare's ban; Discord's own refusals have a code
    if not (error.status in (408, 429) or error.status >= 500 or by_proxy):
        raise ConfigError(
            f"Discord refuses the login ({describe_error(error)}). Check DISCORD_API_URL, and the application at "
            "discord.com/developers/applications."
        ) from error
    return StartFailure(f"Discord answers {describe_error(error)}", _retry_after(error))


def describe_error(error: BaseException) -> str:
    """Return a line about a failed request, without the page that a proxy answers with."""
    if isinstance(error, discord.HTTPException):
        said = f": {error.text}" if error.code else ""
        return f"{error.status} {error.response.reason or ''}".rstrip() + said
    return str(error) or type(error).__name__


def _retry_after(error: discord.HTTPException) -> float:
    text = error.response.headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) else 0.0


# The API's name of each permission, and its name in Discord's client.
NEEDED: Final = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "embed_links": "Embed Links",
    "attach_files": "Attach Files",
    "read_message_history": "Read Message History",
    "add_reactions": "Add Reactions",
}
PERMISSIONS: Final = discord.Permissions(**dict.fromkeys(NEEDED, True))

_AUTHORIZE = "https://discord.com/oauth2/authorize"


def server_invite(application_id: int) -> str:
    """Return the URL that adds the bot to a server with the permissions it needs."""
    scope = "bot+applications.commands"
    return f"{_AUTHORIZE}?client_id={application_id}&scope={scope}&permissions={PERMISSIONS.value}"


def user_invite(application_id: int) -> str:
    """Return the URL that installs the commands for one user, in every server and chat."""
    return f"{_AUTHORIZE}?client_id={application_id}&integration_type=1&scope=applications.commands"


def missing_permissions(granted: discord.Permissions) -> tuple[str, ...]:
    """Return the needed permissions that are not granted, by their names in Discord's client."""
    return tuple(label for name, label in NEEDED.items() if not getattr(granted, name))
