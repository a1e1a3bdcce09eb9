"""Discord: whose token it is, what the application is set to, its commands, and what the bot may do in each server."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import aiohttp
import discord

from bot.client import Replicord
from bot.diagnostics.result import CheckResult, Report, failed, listed, ok
from bot.discord_internals import get_session_limit
from bot.invite import missing_permissions, server_invite
from bot.settings import Settings

_MOST_GUILDS = 50
_MOST_CHANNELS = 5
_PORTAL = "discord.com/developers/applications"
FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError)

Shape = Mapping[str, tuple[str, ...]]
"""Commands by name, each with its options' names."""


async def check_login(client: Replicord, settings: Settings, tell: Report) -> bool:
    """Log in without connecting and tell whose token it is; False when there is nothing to ask Discord with."""
    try:
        await client.login(settings.discord_token.get_secret_value())
    except discord.LoginFailure:
        tell(
            failed(f"Discord does not know DISCORD_TOKEN. Copy it anew from your application's Bot page at {_PORTAL}.")
        )
        return False
    except FAILURES as error:
        tell(
            failed(
                f"Discord was not reached at {settings.discord_api_url} ({error or type(error).__name__}). "
                "Look at this machine's network, its proxy and DISCORD_API_URL."
            )
        )
        return False
    tell(ok(f"Discord: the token is {client.user}'s."))
    return True


async def check_application(client: Replicord, tell: Report) -> None:
    """Tell what the application's owner has to change."""
    about = await client.application_info()
    page = f"{_PORTAL}/{about.id}"
    found = False
    if about.interactions_endpoint_url:
        found = True
        tell(failed(f"Commands go to {about.interactions_endpoint_url}, not to the bot. Clear that field at {page}."))
    if about.bot_require_code_grant:
        found = True
        tell(failed(f"Nobody can invite the bot. Switch off “Requires OAuth2 Code Grant” on its Bot page at {page}."))
    if not found:
        tell(ok(f"Application “{about.name}” is in order; no privileged intent is needed."))


async def check_gateway(client: Replicord, url: str, tell: Report) -> None:
    """Tell whether the gateway answers, and whether the bot may still log in today."""
    limit = await get_session_limit(client)
    if limit["remaining"] < 1:
        hours = limit["reset_after"] / 3_600_000
        tell(
            failed(
                f"The bot has used up its {limit['total']} logins of today. Wait {hours:.0f} h; look why it restarts."
            )
        )
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20.0)) as session,
            session.ws_connect(f"{url.rstrip('/')}/?v=10&encoding=json") as socket,
        ):
            hello = await socket.receive_json(timeout=10.0)
    except (*FAILURES, TypeError, ValueError) as error:
        sentence = (
            f"The gateway {url} was not reached ({error or type(error).__name__}). Let web sockets through to it."
        )
        tell(failed(sentence))
        return
    if hello.get("op") != 10:
        tell(failed(f"{url} does not answer as Discord's gateway does. Look at DISCORD_GATEWAY_URL."))
        return
    tell(ok(f"Gateway: it answers; {limit['remaining']} of {limit['total']} logins are left today."))


async def check_commands(client: Replicord, wanted: Shape, guild: int | None, tell: Report) -> None:
    """Tell how Discord's list of commands differs from ours; the next start makes it equal."""
    place = discord.Object(guild) if guild else None
    try:
        registered = shape(command.to_dict() for command in await client.tree.fetch_commands(guild=place))
    except (discord.Forbidden, discord.NotFound):
        tell(failed(f"COMMAND_GUILD {guild} is no server that the bot is in. Invite it there, or unset COMMAND_GUILD."))
        return
    differences = [
        f"{what} {listed([f'/{name}' for name in names])}"
        for what, names in (
            ("adds", sorted(wanted.keys() - registered.keys())),
            ("changes", sorted(name for name in wanted.keys() & registered.keys() if wanted[name] != registered[name])),
            ("removes", sorted(registered.keys() - wanted.keys())),
        )
        if names
    ]
    if differences:
        tell(ok(f"Commands: Discord has {len(registered)}; the next start {', '.join(differences)}."))
    else:
        tell(ok(f"Commands: Discord has {listed([f'/{name}' for name in sorted(wanted)])}, as it should."))


async def check_guilds(client: Replicord, tell: Report) -> None:
    """Tell for each server what the bot may not do there that it needs."""
    guilds = [guild async for guild in client.fetch_guilds(limit=_MOST_GUILDS + 1)]
    if not guilds and client.application_id:
        tell(failed(f"The bot is in no server. Invite it: {server_invite(client.application_id)}"))
    for guild in guilds[:_MOST_GUILDS]:
        async for finding in _check_guild(client, guild):
            tell(finding)
    if len(guilds) > _MOST_GUILDS:
        tell(ok(f"The bot is in more servers; these are the first {_MOST_GUILDS}."))


async def _check_guild(client: Replicord, listed_guild: discord.Guild) -> AsyncIterator[CheckResult]:
    guild = await client.fetch_guild(listed_guild.id, with_counts=False)
    me = await guild.fetch_member(client.user.id if client.user else 0)
    if me.is_timed_out():
        yield failed(f"“{guild.name}”: somebody gave the bot a time-out. Lift it.")
    lacking = missing_permissions(me.guild_permissions)
    if lacking:
        yield failed(
            f"“{guild.name}”: the bot lacks {listed(lacking)}. Give them to its role (Server Settings → Roles), "
            f"or invite it anew: {server_invite(client.application_id or 0)}"
        )
        return
    channels = [channel for channel in await guild.fetch_channels() if isinstance(channel, discord.TextChannel)]
    unseen = [f"#{channel.name}" for channel in channels if not channel.permissions_for(me).view_channel]
    narrow = [(channel, found) for channel in channels if (found := _narrowed(channel, me))]
    if not narrow:
        except_for = f"; it does not see {listed(unseen, most=_MOST_CHANNELS)}" if unseen else ""
        yield ok(f"“{guild.name}”: the bot may do all that it needs{except_for}.")
    for channel, found in narrow[:_MOST_CHANNELS]:
        yield failed(
            f"“{guild.name}”, #{channel.name}: the bot lacks {listed(found)}. "
            "Allow them to its role there (Edit Channel → Permissions)."
        )
    if len(narrow) > _MOST_CHANNELS:
        yield failed(f"“{guild.name}”: in {len(narrow) - _MOST_CHANNELS} more channels the bot lacks permissions.")


def _narrowed(channel: discord.TextChannel, me: discord.Member) -> tuple[str, ...]:
    """Return what the bot lacks in a channel that it sees and everybody writes in; elsewhere it is meant so."""
    mine, everybodys = channel.permissions_for(me), channel.permissions_for(channel.guild.default_role)
    return (
        missing_permissions(mine) if mine.view_channel and everybodys.view_channel and everybodys.send_messages else ()
    )


def shape(payloads: Iterable[Mapping[str, Any]]) -> Shape:
    """Return what commands are called and what their options are, of ours or of Discord's."""
    return {str(payload["name"]): _options(payload.get("options") or ()) for payload in payloads}


def _options(options: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(sorted(str(option["name"]) for option in options))
