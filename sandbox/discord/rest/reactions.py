"""Reactions over the bot's own token."""

from sandbox.discord.errors import UNKNOWN_EMOJI, UNKNOWN_USER, ApiError
from sandbox.discord.rest import access
from sandbox.discord.rest.ask import NO_CONTENT, Answer, Ask, Route
from sandbox.discord.rest.buckets import REACT, READ
from sandbox.discord.rules.emoji import read_emoji
from sandbox.discord.site import Site
from sandbox.discord.wire import people
from sandbox.discord.world.permissions import Permission

P = Permission


async def add_own(site: Site, ask: Ask) -> Answer:
    """Put the bot's reaction under a message."""
    emoji = read_emoji(ask.params["emoji_name"])
    message = access.message_of(site, ask, P.READ_MESSAGE_HISTORY)
    if emoji.key not in message.reactions:
        access.channel_of(site, ask, P.ADD_REACTIONS)
    site.post.react(message, site.world.bot, emoji)
    return NO_CONTENT


async def remove_own(site: Site, ask: Ask) -> Answer:
    """Take the bot's reaction away."""
    message = access.message_of(site, ask, P.READ_MESSAGE_HISTORY)
    site.post.unreact(message, site.world.bot, read_emoji(ask.params["emoji_name"]))
    return NO_CONTENT


async def remove_of_user(site: Site, ask: Ask) -> Answer:
    """Take someone's reaction away, with the right to."""
    message = access.message_of(site, ask, P.MANAGE_MESSAGES)
    user = site.world.users.get(ask.id("user_id"))
    if user is None:
        raise ApiError(UNKNOWN_USER)
    site.post.unreact(message, user, read_emoji(ask.params["emoji_name"]))
    return NO_CONTENT


async def list_users(site: Site, ask: Ask) -> Answer:
    """Answer who reacted with an emoji, by their ids upwards."""
    message = access.message_of(site, ask, P.READ_MESSAGE_HISTORY)
    emoji = read_emoji(ask.params["emoji_name"])
    after, limit = ask.number("after") or 0, min(ask.number("limit") or 25, 100)
    users = sorted((user for user in message.reacted(emoji.key) if user.id > after), key=lambda user: user.id)
    return Answer([people.user(user) for user in users[:limit]])


async def clear_emoji(site: Site, ask: Ask) -> Answer:
    """Take one emoji of everybody away."""
    message = access.message_of(site, ask, P.MANAGE_MESSAGES)
    emoji = read_emoji(ask.params["emoji_name"])
    if emoji.key not in message.reactions:
        raise ApiError(UNKNOWN_EMOJI)
    site.post.clear(message, emoji)
    return NO_CONTENT


async def clear_all(site: Site, ask: Ask) -> Answer:
    """Take all reactions away."""
    site.post.clear(access.message_of(site, ask, P.MANAGE_MESSAGES))
    return NO_CONTENT


PATH = "/channels/{channel_id}/messages/{message_id}/reactions"
EMOJI = f"{PATH}/{{emoji_name}}"
ROUTES = (
    Route("PUT", f"{EMOJI}/@me", add_own, REACT),
    Route("DELETE", f"{EMOJI}/@me", remove_own, REACT),
    Route("DELETE", f"{EMOJI}/{{user_id}}", remove_of_user, REACT),
    Route("GET", EMOJI, list_users, READ),
    Route("DELETE", EMOJI, clear_emoji, REACT),
    Route("DELETE", PATH, clear_all, REACT),
)
