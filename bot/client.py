"""The discord.py client: intents, permissions, login, errors. No features."""

import itertools
import sys
from collections.abc import Awaitable, Callable
from typing import Final

import aiohttp
import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.clock import Clock
from bot.discord_internals import disable_voice_warnings, release_locks_of_cancelled_requests, reset_http_session
from bot.ui.first_response import note_server_error
from bot.ui.respond import report_error

# The bot reads reactions and the channels of its servers; it needs no privileged intent.
INTENTS = discord.Intents(guilds=True, guild_reactions=True, dm_reactions=True)

# Discord sends the servers one after another at login; this many seconds without another one mean that all are there.
_GUILD_TIMEOUT = 0.5

# Seconds between attempts to log in while Discord does not answer.
_LOGIN_PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)

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

    async def setup_hook(self) -> None:
        await self._on_login(self)

    async def log_in(self, token: str, *, clock: Clock) -> None:
        """Log in, retrying until Discord answers. Raises LoginFailure if Discord rejects the token."""
        for pause in itertools.chain(_LOGIN_PAUSES, itertools.repeat(_LOGIN_PAUSES[-1])):
            try:
                await self.login(token)
            except (OSError, aiohttp.ClientError, discord.DiscordServerError) as error:
                if self.user is not None:  # the login succeeded; this is an error of setup_hook
                    raise
                log.warning("discord_unreachable", error=str(error), retry_in=pause)
            else:
                return
            await reset_http_session(self)
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
