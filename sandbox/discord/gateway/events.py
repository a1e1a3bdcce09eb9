"""Which sessions hear of a change, and in which words (topics/gateway#gateway-intents)."""

from enum import IntFlag
from typing import Any

from sandbox.discord.cdn import Cdn
from sandbox.discord.wire import messages, places
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.feed import Change
from sandbox.discord.world.message import Message
from sandbox.discord.world.permissions import Permission
from sandbox.discord.world.world import World

Json = dict[str, Any]


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


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT
ALL_INTENTS = (1 << 26) - 1
NEEDED = {
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


def is_heard(change: Change, intents: int, world: World) -> bool:
    """Return whether the bot's session with ``intents`` is told of ``change``."""
    needed = NEEDED.get(change.kind)
    if needed is None or change.audience is not None:
        return False
    intent = needed[0] if change.guild is not None else needed[1]
    if intent is None or not intents & intent:
        return False
    if change.channel is None:
        return change.guild is not None and world.bot.id in change.guild.members
    sees = world.permissions(change.channel) & Permission.VIEW_CHANNEL
    return bool(sees) or (change.kind == "CHANNEL_UPDATE" and _is_member(change.channel, world))


def payload(change: Change, intents: int, world: World, cdn: Cdn) -> Json:
    """Return the event's data as the bot gets it."""
    if change.kind in {"CHANNEL_UPDATE", "THREAD_CREATE"} and change.channel is not None:
        return places.channel(change.channel, world.bot)
    if change.kind == "GUILD_UPDATE" and change.guild is not None:
        return places.guild(change.guild)
    if change.message is None or not change.kind.startswith(("MESSAGE_CREATE", "MESSAGE_UPDATE")):
        return change.data
    data = messages.event(change.message, cdn, world.bot)
    return data if may_read(change.message, intents, world) else messages.without_content(data)


def may_read(message: Message, intents: int, world: World) -> bool:
    """Return whether the bot gets the message's content: by intent, or because it concerns the bot."""
    return bool(
        intents & Intent.MESSAGE_CONTENT
        or message.author is world.bot
        or message.channel.guild is None
        or world.bot in message.mentions
    )


def _is_member(channel: Channel, world: World) -> bool:
    return channel.guild is not None and world.bot.id in channel.guild.members
