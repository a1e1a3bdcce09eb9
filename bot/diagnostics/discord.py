"""Check the Discord token, the application's settings, its commands, and the bot's permissions in each server."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import aiohttp
import discord

from bot.client import Replicord
from bot.diagnostics.result import CheckResult, Report, failed, join_names, passed
from bot.discord_internals import get_gateway
from bot.invites import missing_permissions, server_invite
from bot.settings import Settings
from bot.start_failures import describe_error
from bot.ui.requests import REQUEST_ERRORS

CommandOptions = Mapping[str, tuple[str, ...]]
"""Commands by name, each with the names of its options."""

_GUILDS_CHECKED = 50
_CHANNELS_SHOWN = 5
_PORTAL = "discord.com/developers/applications"
_GATEWAY_TIMEOUT = aiohttp.ClientTimeout(total=20.0)
_HELLO_TIMEOUT = 10.0
_HELLO_OPCODE = 10


async def check_login(client: Replicord, settings: Settings, report: Report) -> bool:
    """Log in without connecting to the gateway; False if Discord rejects the token or cannot be reached."""
    try:
        await client.login(settings.discord_token.get_secret_value())
    except discord.LoginFailure:
        report(
            failed(f"Discord rejects DISCORD_TOKEN. Copy it again from the Bot page of your application at {_PORTAL}.")
        )
        return False
    except REQUEST_ERRORS as error:
        report(
            failed(
                f"Discord cannot be reached at {settings.discord_api_url} ({describe_error(error)}). "
                "Check this machine's network and proxy, and DISCORD_API_URL."
            )
        )
        return False
    report(passed(f"Discord: the token belongs to {client.user}."))
    return True


async def check_application(client: Replicord, report: Report) -> None:
    """Check the application's settings in the developer portal."""
    application = await client.application_info()
    page = f"{_PORTAL}/{application.id}"
    problems = []
    if application.interactions_endpoint_url:
        problems.append(
            f"Commands are sent to {application.interactions_endpoint_url}, not to the bot. "
            f"Clear “Interactions Endpoint URL” at {page}."
        )
    if application.bot_require_code_grant:
        problems.append(
            f"Nobody can invite the bot. Switch off “Requires OAuth2 Code Grant” on the Bot page at {page}."
        )
    for problem in problems:
        report(failed(problem))
    if not problems:
        report(passed(f"Application “{application.name}” is set up correctly; no privileged intents are needed."))


async def check_gateway(client: Replicord, url: str, report: Report) -> None:
    """Check that the gateway responds, and that logins are left today."""
    limits = await get_gateway(client)
    if limits.logins_left < 1:
        report(
            failed(
                f"The bot has used all of its {limits.logins} logins for today. "
                f"Wait {limits.reset_after / 3600:.0f} h, and find out why it keeps restarting."
            )
        )
    try:
        async with (
            aiohttp.ClientSession(timeout=_GATEWAY_TIMEOUT) as session,
            session.ws_connect(f"{url.rstrip('/')}/?v=10&encoding=json") as socket,
        ):
            hello = await socket.receive_json(timeout=_HELLO_TIMEOUT)
    except (*REQUEST_ERRORS, TypeError, ValueError) as error:
        report(
            failed(f"The gateway {url} cannot be reached ({describe_error(error)}). Allow WebSocket connections to it.")
        )
        return
    if hello.get("op") != _HELLO_OPCODE:
        report(failed(f"{url} does not look like Discord's gateway. Check DISCORD_GATEWAY_URL."))
        return
    report(passed(f"Gateway responds; {limits.logins_left} of {limits.logins} logins are left today."))


async def check_commands(client: Replicord, expected: CommandOptions, guild_id: int | None, report: Report) -> None:
    """Say how the commands registered with Discord differ from the bot's; the next start updates them."""
    guild = discord.Object(guild_id) if guild_id else None
    try:
        commands = await client.tree.fetch_commands(guild=guild)
    except (discord.Forbidden, discord.NotFound):
        report(failed(f"The bot is not in server {guild_id} (COMMAND_GUILD). Invite it there, or unset COMMAND_GUILD."))
        return
    registered = read_options(command.to_dict() for command in commands)
    common = expected.keys() & registered.keys()
    changes = [
        f"{verb} {join_names([f'/{name}' for name in names])}"
        for verb, names in (
            ("adds", sorted(expected.keys() - registered.keys())),
            ("changes", sorted(name for name in common if expected[name] != registered[name])),
            ("removes", sorted(registered.keys() - expected.keys())),
        )
        if names
    ]
    if changes:
        report(passed(f"Commands: {len(registered)} registered with Discord; the next start {', '.join(changes)}."))
    else:
        names = join_names([f"/{name}" for name in sorted(expected)])
        report(passed(f"Commands: {names} are registered with Discord and up to date."))


async def check_guilds(client: Replicord, report: Report) -> None:
    """Check the bot's permissions in each server."""
    guilds = [guild async for guild in client.fetch_guilds(limit=_GUILDS_CHECKED + 1)]
    if not guilds and client.application_id:
        report(failed(f"The bot is in no server yet. Invite it: {server_invite(client.application_id)}"))
    for guild in guilds[:_GUILDS_CHECKED]:
        async for result in _check_guild(client, guild):
            report(result)
    if len(guilds) > _GUILDS_CHECKED:
        report(passed(f"The bot is in more servers; only the first {_GUILDS_CHECKED} were checked."))


async def _check_guild(client: Replicord, partial_guild: discord.Guild) -> AsyncIterator[CheckResult]:
    guild = await client.fetch_guild(partial_guild.id, with_counts=False)
    me = await guild.fetch_member(client.user.id if client.user else 0)
    if me.is_timed_out():
        yield failed(f"“{guild.name}”: the bot is timed out. Remove the timeout.")
    missing = missing_permissions(me.guild_permissions)
    if missing:
        yield failed(
            f"“{guild.name}”: the bot lacks {join_names(missing)}. Allow them for its role (Server Settings → Roles), "
            f"or invite it again: {server_invite(client.application_id or 0)}"
        )
        return
    channels = [channel for channel in await guild.fetch_channels() if isinstance(channel, discord.TextChannel)]
    restricted = [(channel, lacking) for channel in channels if (lacking := _missing_in_channel(channel, me))]
    if not restricted:
        hidden = [f"#{channel.name}" for channel in channels if not channel.permissions_for(me).view_channel]
        suffix = f"; it cannot see {join_names(hidden, limit=_CHANNELS_SHOWN)}" if hidden else ""
        yield passed(f"“{guild.name}”: the bot has all permissions it needs{suffix}.")
    for channel, lacking in restricted[:_CHANNELS_SHOWN]:
        yield failed(
            f"“{guild.name}”, #{channel.name}: the bot lacks {join_names(lacking)}. "
            "Allow them for its role there (Edit Channel → Permissions)."
        )
    if len(restricted) > _CHANNELS_SHOWN:
        more = len(restricted) - _CHANNELS_SHOWN
        yield failed(f"“{guild.name}”: the bot lacks permissions in {more} more channels.")


def _missing_in_channel(channel: discord.TextChannel, me: discord.Member) -> tuple[str, ...]:
    """Return the bot's missing permissions in a channel that it sees and everyone writes in.

    In other channels they are taken to be missing on purpose.
    """
    own, everyone = channel.permissions_for(me), channel.permissions_for(channel.guild.default_role)
    if own.view_channel and everyone.view_channel and everyone.send_messages:
        return missing_permissions(own)
    return ()


def read_options(payloads: Iterable[Mapping[str, Any]]) -> CommandOptions:
    """Return the names of commands and of their options, from command payloads of the bot's or of Discord's."""
    return {str(payload["name"]): _option_names(payload.get("options") or ()) for payload in payloads}


def _option_names(options: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(str(option["name"]) for option in options))
