"""Routes of users, the application, the gateway, guilds, channels, members and roles."""

from typing import TYPE_CHECKING

from sandbox.discord.errors import (
    INVALID_FORM,
    UNKNOWN_APPLICATION,
    UNKNOWN_MEMBER,
    UNKNOWN_ROLE,
    UNKNOWN_USER,
    ApiError,
)
from sandbox.discord.gateway import SESSION_STARTS_PER_DAY
from sandbox.discord.rest.request import NO_CONTENT, ApiRequest, ApiResponse, Route, require_channel, require_guild
from sandbox.discord.serializers import (
    serialize_application,
    serialize_channel,
    serialize_guild,
    serialize_member,
    serialize_role,
    serialize_self_user,
    serialize_user,
)
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import READ
from sandbox.discord.state.permissions import Permission, send_permission

if TYPE_CHECKING:
    from sandbox.discord.state.models import Channel


DAY_MS = 86_400_000


async def get_current_user(services: Services, _request: ApiRequest) -> ApiResponse:
    """Answer the bot's user."""
    return ApiResponse(serialize_self_user(services.state.bot))


async def get_user(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer any user."""
    user = services.state.users.get(request.id("user_id"))
    if user is None:
        raise ApiError(UNKNOWN_USER)
    return ApiResponse(serialize_user(user))


async def get_current_user_guilds(services: Services, _request: ApiRequest) -> ApiResponse:
    """Answer the guilds that the bot is in."""
    mine = [guild for guild in services.state.guilds.values() if services.state.bot.id in guild.members]
    return ApiResponse(
        [
            {
                "id": str(guild.id),
                "name": guild.name,
                "icon": None,
                "banner": None,
                "owner": False,
                "permissions": str(int(guild.everyone.permissions)),
                "features": [],
            }
            for guild in mine
        ]
    )


async def get_application(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer the application."""
    if "application_id" in request.params and request.id("application_id") != services.state.application.id:
        raise ApiError(UNKNOWN_APPLICATION)
    guilds = sum(services.state.bot.id in guild.members for guild in services.state.guilds.values())
    return ApiResponse(serialize_application(services.state.application, guilds=guilds))


async def get_gateway(services: Services, _request: ApiRequest) -> ApiResponse:
    """Answer where the gateway is."""
    return ApiResponse({"url": services.gateway.url})


async def get_gateway_bot(services: Services, _request: ApiRequest) -> ApiResponse:
    """Answer where the gateway is and how many sessions may still begin."""
    limit = {
        "total": SESSION_STARTS_PER_DAY,
        "remaining": max(SESSION_STARTS_PER_DAY - services.gateway.identifies, 0),
        "reset_after": DAY_MS,
        "max_concurrency": 1,
    }
    return ApiResponse({"url": services.gateway.url, "shards": 1, "session_start_limit": limit})


USER_ROUTES = (
    Route("GET", "/users/@me", get_current_user, READ),
    Route("GET", "/users/@me/guilds", get_current_user_guilds, READ),
    Route("GET", "/users/{user_id}", get_user, READ),
    Route("GET", "/oauth2/applications/@me", get_application, READ),
    Route("GET", "/applications/@me", get_application, READ),
    Route("GET", "/applications/{application_id}", get_application, READ),
    Route("GET", "/gateway", get_gateway, None, bot=False),
    Route("GET", "/gateway/bot", get_gateway_bot, READ),
)


NO_RECIPIENT = {"recipient_id": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "Unknown recipient"}]}}


async def get_guild(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer a guild."""
    guild = require_guild(services, request)
    counts = {"approximate_member_count": len(guild.members), "approximate_presence_count": 0}
    return ApiResponse(
        {**serialize_guild(guild), **(counts if request.query.get("with_counts") in {"1", "true"} else {})}
    )


async def get_guild_channels(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer a guild's channels, threads not among them."""
    guild = require_guild(services, request)
    return ApiResponse([serialize_channel(one, services.state.bot) for one in guild.channels.values()])


async def get_active_threads(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer a guild's threads that the bot sees."""
    guild = require_guild(services, request)
    found = [
        one for one in services.state.channels.values() if one.guild is guild and one.is_thread and not one.archived
    ]
    seen = [one for one in found if services.state.permissions(one) & Permission.VIEW_CHANNEL]
    return ApiResponse(
        {
            "threads": [serialize_channel(one, services.state.bot) for one in seen],
            "members": [],
            "has_more": False,
        }
    )


async def get_channel(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer a channel, thread or private conversation."""
    return ApiResponse(serialize_channel(require_channel(services, request), services.state.bot))


async def get_guild_roles(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer a guild's roles."""
    return ApiResponse([serialize_role(one) for one in require_guild(services, request).roles.values()])


async def get_guild_role(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer one role."""
    role = require_guild(services, request).roles.get(request.id("role_id"))
    if role is None:
        raise ApiError(UNKNOWN_ROLE)
    return ApiResponse(serialize_role(role))


async def get_guild_member(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer one member."""
    guild = require_guild(services, request)
    member = guild.members.get(request.id("user_id"))
    if member is None:
        raise ApiError(UNKNOWN_MEMBER)
    return ApiResponse(serialize_member(member))


async def list_guild_members(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer members by their ids upwards."""
    guild = require_guild(services, request)
    after, limit = request.number("after") or 0, min(request.number("limit") or 1, 1000)
    members = [guild.members[id_] for id_ in sorted(guild.members) if id_ > after]
    return ApiResponse([serialize_member(one) for one in members[:limit]])


async def trigger_typing(services: Services, request: ApiRequest) -> ApiResponse:
    """Show that the bot is typing."""
    channel: Channel = require_channel(services, request)
    require_channel(services, request, send_permission(channel))
    data = {
        "channel_id": str(channel.id),
        "user_id": str(services.state.bot.id),
        "timestamp": int(services.state.now().timestamp()),
        **({"guild_id": str(channel.guild.id)} if channel.guild else {}),
    }
    services.state.publish("TYPING_START", data, channel=channel, user=services.state.bot)
    return NO_CONTENT


async def create_dm(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer the conversation between the bot and one person."""
    wanted = str(request.object().get("recipient_id") or "")
    user = services.state.users.get(int(wanted)) if wanted.isdigit() else None
    if user is None or user.bot:
        raise ApiError(INVALID_FORM, errors=NO_RECIPIENT)
    return ApiResponse(serialize_channel(services.state.open_dm({user, services.state.bot}), services.state.bot))


GUILD = "/guilds/{guild_id}"
GUILD_ROUTES = (
    Route("GET", GUILD, get_guild, READ),
    Route("GET", f"{GUILD}/channels", get_guild_channels, READ),
    Route("GET", f"{GUILD}/threads/active", get_active_threads, READ),
    Route("GET", f"{GUILD}/roles", get_guild_roles, READ),
    Route("GET", f"{GUILD}/roles/{{role_id}}", get_guild_role, READ),
    Route("GET", f"{GUILD}/members", list_guild_members, READ),
    Route("GET", f"{GUILD}/members/{{user_id}}", get_guild_member, READ),
    Route("GET", "/channels/{channel_id}", get_channel, READ),
    Route("POST", "/channels/{channel_id}/typing", trigger_typing, READ),
    Route("POST", "/users/@me/channels", create_dm, READ),
)
