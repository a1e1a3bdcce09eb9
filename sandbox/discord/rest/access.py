"""What the bot may reach and do over its own token: the checks that the channel routes share."""

from sandbox.discord.errors import (
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    UNKNOWN_CHANNEL,
    UNKNOWN_GUILD,
    UNKNOWN_MESSAGE,
    ApiError,
)
from sandbox.discord.rest.ask import Ask
from sandbox.discord.site import Site
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.guild import Guild
from sandbox.discord.world.message import Message
from sandbox.discord.world.permissions import NOTHING, Permission


def channel_of(site: Site, ask: Ask, needed: Permission = NOTHING) -> Channel:
    """Return the channel of the path, which the bot must see and have ``needed`` in."""
    channel = site.world.channels.get(ask.id("channel_id"))
    if channel is None:
        raise ApiError(UNKNOWN_CHANNEL)
    held = site.world.permissions(channel)
    if not held & Permission.VIEW_CHANNEL:
        raise ApiError(MISSING_ACCESS)
    if needed & ~held:
        raise ApiError(MISSING_PERMISSIONS)
    return channel


def message_of(site: Site, ask: Ask, needed: Permission = NOTHING) -> Message:
    """Return the message of the path; an ephemeral one does not exist on this road."""
    channel = channel_of(site, ask, needed)
    message = channel.messages.get(ask.id("message_id"))
    if message is None or message.ephemeral:
        raise ApiError(UNKNOWN_MESSAGE)
    return message


def guild_of(site: Site, ask: Ask) -> Guild:
    """Return the guild of the path, of which the bot must be a member."""
    guild = site.world.guilds.get(ask.id("guild_id"))
    if guild is None:
        raise ApiError(UNKNOWN_GUILD)
    if site.world.bot.id not in guild.members:
        raise ApiError(MISSING_ACCESS)
    return guild
