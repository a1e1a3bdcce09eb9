"""Guilds, channels, members and roles, as clients fetch them."""

from typing import TYPE_CHECKING

from sandbox.discord.errors import INVALID_FORM, UNKNOWN_MEMBER, UNKNOWN_ROLE, ApiError
from sandbox.discord.rest import access
from sandbox.discord.rest.ask import NO_CONTENT, Answer, Ask, Route
from sandbox.discord.rest.buckets import READ
from sandbox.discord.site import Site
from sandbox.discord.wire import people, places
from sandbox.discord.world.permissions import Permission, sending_in

if TYPE_CHECKING:
    from sandbox.discord.world.channel import Channel

NO_RECIPIENT = {"recipient_id": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "Unknown recipient"}]}}


async def get_guild(site: Site, ask: Ask) -> Answer:
    """Answer a guild."""
    guild = access.guild_of(site, ask)
    counts = {"approximate_member_count": len(guild.members), "approximate_presence_count": 0}
    return Answer({**places.guild(guild), **(counts if ask.query.get("with_counts") in {"1", "true"} else {})})


async def get_channels(site: Site, ask: Ask) -> Answer:
    """Answer a guild's channels, threads not among them."""
    guild = access.guild_of(site, ask)
    return Answer([places.channel(one, site.world.bot) for one in guild.channels.values()])


async def get_threads(site: Site, ask: Ask) -> Answer:
    """Answer a guild's threads that the bot sees."""
    guild = access.guild_of(site, ask)
    found = [one for one in site.world.channels.values() if one.guild is guild and one.is_thread and not one.archived]
    seen = [one for one in found if site.world.permissions(one) & Permission.VIEW_CHANNEL]
    return Answer({"threads": [places.channel(one, site.world.bot) for one in seen], "members": [], "has_more": False})


async def get_channel(site: Site, ask: Ask) -> Answer:
    """Answer a channel, thread or private conversation."""
    return Answer(places.channel(access.channel_of(site, ask), site.world.bot))


async def get_roles(site: Site, ask: Ask) -> Answer:
    """Answer a guild's roles."""
    return Answer([people.role(one) for one in access.guild_of(site, ask).roles.values()])


async def get_role(site: Site, ask: Ask) -> Answer:
    """Answer one role."""
    role = access.guild_of(site, ask).roles.get(ask.id("role_id"))
    if role is None:
        raise ApiError(UNKNOWN_ROLE)
    return Answer(people.role(role))


async def get_member(site: Site, ask: Ask) -> Answer:
    """Answer one member."""
    guild = access.guild_of(site, ask)
    member = guild.members.get(ask.id("user_id"))
    if member is None:
        raise ApiError(UNKNOWN_MEMBER)
    return Answer(people.member(member))


async def list_members(site: Site, ask: Ask) -> Answer:
    """Answer members by their ids upwards."""
    guild = access.guild_of(site, ask)
    after, limit = ask.number("after") or 0, min(ask.number("limit") or 1, 1000)
    members = [guild.members[id_] for id_ in sorted(guild.members) if id_ > after]
    return Answer([people.member(one) for one in members[:limit]])


async def type_in(site: Site, ask: Ask) -> Answer:
    """Show that the bot is typing."""
    channel: Channel = access.channel_of(site, ask)
    access.channel_of(site, ask, sending_in(channel))
    data = {
        "channel_id": str(channel.id),
        "user_id": str(site.world.bot.id),
        "timestamp": int(site.world.now().timestamp()),
        **({"guild_id": str(channel.guild.id)} if channel.guild else {}),
    }
    site.world.tell("TYPING_START", data, channel=channel, user=site.world.bot)
    return NO_CONTENT


async def open_private(site: Site, ask: Ask) -> Answer:
    """Answer the conversation between the bot and one person."""
    wanted = str(ask.object().get("recipient_id") or "")
    user = site.world.users.get(int(wanted)) if wanted.isdigit() else None
    if user is None or user.bot:
        raise ApiError(INVALID_FORM, errors=NO_RECIPIENT)
    return Answer(places.channel(site.world.open_dm({user, site.world.bot}), site.world.bot))


GUILD = "/guilds/{guild_id}"
ROUTES = (
    Route("GET", GUILD, get_guild, READ),
    Route("GET", f"{GUILD}/channels", get_channels, READ),
    Route("GET", f"{GUILD}/threads/active", get_threads, READ),
    Route("GET", f"{GUILD}/roles", get_roles, READ),
    Route("GET", f"{GUILD}/roles/{{role_id}}", get_role, READ),
    Route("GET", f"{GUILD}/members", list_members, READ),
    Route("GET", f"{GUILD}/members/{{user_id}}", get_member, READ),
    Route("GET", "/channels/{channel_id}", get_channel, READ),
    Route("POST", "/channels/{channel_id}/typing", type_in, READ),
    Route("POST", "/users/@me/channels", open_private, READ),
)
