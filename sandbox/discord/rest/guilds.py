"""Routes of users, the application, the gateway, guilds, channels, members and roles."""

from sandbox.discord.errors import (
    INVALID_FORM,
    UNKNOWN_APPLICATION,
    UNKNOWN_MEMBER,
    UNKNOWN_ROLE,
    UNKNOWN_USER,
    WRONG_CHANNEL_TYPE,
    ApiError,
    FormErrors,
)
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
from sandbox.discord.state.models import ChannelType
from sandbox.discord.state.permissions import Permission, send_permission

SESSION_STARTS_PER_DAY = 1000
DAY_MS = 86_400_000
THREAD_NAME_CHARS = 100
ARCHIVE_MINUTES = (60, 1440, 4320, 10080)
NO_RECIPIENT = {"recipient_id": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "Unknown recipient"}]}}


# -- the bot itself


async def get_current_user(services: Services, _request: ApiRequest) -> ApiResponse:
    return ApiResponse(serialize_self_user(services.state.bot))


async def get_current_user_guilds(services: Services, _request: ApiRequest) -> ApiResponse:
    """Return the guilds of the bot, in the short form."""
    guilds = [guild for guild in services.state.guilds.values() if services.state.bot.id in guild.members]
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
            for guild in guilds
        ]
    )


async def get_application(services: Services, request: ApiRequest) -> ApiResponse:
    state = services.state
    if "application_id" in request.params and request.id("application_id") != state.application.id:
        raise ApiError(UNKNOWN_APPLICATION)
    guilds = sum(state.bot.id in guild.members for guild in state.guilds.values())
    return ApiResponse(serialize_application(state.application, guilds=guilds))


async def get_gateway(services: Services, _request: ApiRequest) -> ApiResponse:
    return ApiResponse({"url": services.state.gateway_url})


async def get_gateway_bot(services: Services, _request: ApiRequest) -> ApiResponse:
    """Return the gateway's URL and how many sessions may still be started."""
    limit = {
        "total": SESSION_STARTS_PER_DAY,
        "remaining": max(SESSION_STARTS_PER_DAY - services.state.identifies, 0),
        "reset_after": DAY_MS,
        "max_concurrency": services.state.max_concurrency,
    }
    shards = services.state.recommended_shards
    return ApiResponse({"url": services.state.gateway_url, "shards": shards, "session_start_limit": limit})


# -- users, guilds, channels


async def get_user(services: Services, request: ApiRequest) -> ApiResponse:
    user = services.state.users.get(request.id("user_id"))
    if user is None:
        raise ApiError(UNKNOWN_USER)
    return ApiResponse(serialize_user(user))


async def get_guild(services: Services, request: ApiRequest) -> ApiResponse:
    guild = require_guild(services, request)
    data = serialize_guild(guild)
    if request.query.get("with_counts") in {"1", "true"}:
        data |= {"approximate_member_count": len(guild.members), "approximate_presence_count": 0}
    return ApiResponse(data)


async def get_guild_channels(services: Services, request: ApiRequest) -> ApiResponse:
    """Return a guild's channels without threads."""
    guild = require_guild(services, request)
    return ApiResponse([serialize_channel(channel, services.state.bot) for channel in guild.channels.values()])


async def get_active_threads(services: Services, request: ApiRequest) -> ApiResponse:
    """Return a guild's threads that the bot sees."""
    guild, state = require_guild(services, request), services.state
    threads = [
        channel
        for channel in state.channels.values()
        if channel.guild is guild
        and channel.is_thread
        and not channel.archived
        and state.permissions(channel) & Permission.VIEW_CHANNEL
    ]
    data = {"threads": [serialize_channel(one, state.bot) for one in threads], "members": [], "has_more": False}
    return ApiResponse(data)


async def get_guild_roles(services: Services, request: ApiRequest) -> ApiResponse:
    return ApiResponse([serialize_role(role) for role in require_guild(services, request).roles.values()])


async def get_guild_role(services: Services, request: ApiRequest) -> ApiResponse:
    role = require_guild(services, request).roles.get(request.id("role_id"))
    if role is None:
        raise ApiError(UNKNOWN_ROLE)
    return ApiResponse(serialize_role(role))


async def get_guild_member(services: Services, request: ApiRequest) -> ApiResponse:
    member = require_guild(services, request).members.get(request.id("user_id"))
    if member is None:
        raise ApiError(UNKNOWN_MEMBER)
    return ApiResponse(serialize_member(member))


async def list_guild_members(services: Services, request: ApiRequest) -> ApiResponse:
    """Return members in order of their ids."""
    guild = require_guild(services, request)
    after, limit = request.query_number("after") or 0, min(request.query_number("limit") or 1, 1000)
    members = [guild.members[id_] for id_ in sorted(guild.members) if id_ > after]
    return ApiResponse([serialize_member(member) for member in members[:limit]])


async def get_channel(services: Services, request: ApiRequest) -> ApiResponse:
    return ApiResponse(serialize_channel(require_channel(services, request), services.state.bot))


async def start_thread(services: Services, request: ApiRequest) -> ApiResponse:
    """Start a thread in a text channel, by default a private one (channel#start-thread-without-message)."""
    channel = require_channel(services, request)
    fields, errors = request.json_object(), FormErrors()
    errors.check_text(fields.get("name"), 1, THREAD_NAME_CHARS, "name")
    kind = fields.get("type", int(ChannelType.PRIVATE_THREAD))
    errors.check_one_of(kind, (int(ChannelType.PUBLIC_THREAD), int(ChannelType.PRIVATE_THREAD)), "type")
    if fields.get("auto_archive_duration") is not None:
        errors.check_one_of(fields["auto_archive_duration"], ARCHIVE_MINUTES, "auto_archive_duration")
    errors.raise_if_any()
    if channel.guild is None or channel.is_thread:
        raise ApiError(WRONG_CHANNEL_TYPE)
    private = kind == ChannelType.PRIVATE_THREAD
    needed = Permission.CREATE_PRIVATE_THREADS if private else Permission.CREATE_PUBLIC_THREADS
    require_channel(services, request, needed)
    thread = services.state.create_thread(channel, str(fields["name"]), services.state.bot, private=private)
    return ApiResponse(serialize_channel(thread, services.state.bot), 201)


async def add_thread_member(services: Services, request: ApiRequest) -> ApiResponse:
    """Add somebody to a thread (channel#add-thread-member)."""
    thread = require_channel(services, request)
    require_channel(services, request, send_permission(thread))
    user = services.state.users.get(request.id("user_id"))
    if not thread.is_thread:
        raise ApiError(WRONG_CHANNEL_TYPE)
    if user is None or thread.guild is None or user.id not in thread.guild.members:
        raise ApiError(UNKNOWN_USER)
    if user not in thread.recipients:
        thread.recipients.append(user)
    return NO_CONTENT


async def trigger_typing(services: Services, request: ApiRequest) -> ApiResponse:
    channel = require_channel(services, request)
    require_channel(services, request, send_permission(channel))
    state = services.state
    data = {
        "channel_id": str(channel.id),
        "user_id": str(state.bot.id),
        "timestamp": int(state.now().timestamp()),
        **({"guild_id": str(channel.guild.id)} if channel.guild else {}),
    }
    state.publish("TYPING_START", data, channel=channel, user=state.bot)
    return NO_CONTENT


async def create_dm(services: Services, request: ApiRequest) -> ApiResponse:
    """Return the DM of the bot and one person."""
    state = services.state
    recipient_id = str(request.json_object().get("recipient_id") or "")
    user = state.users.get(int(recipient_id)) if recipient_id.isdigit() else None
    if user is None or user.bot:
        raise ApiError(INVALID_FORM, errors=NO_RECIPIENT)
    return ApiResponse(serialize_channel(state.open_dm({user, state.bot}), state.bot))


GUILD_PATH = "/guilds/{guild_id}"
ROUTES = (
    Route("GET", "/users/@me", get_current_user, READ),
    Route("GET", "/users/@me/guilds", get_current_user_guilds, READ),
    Route("GET", "/users/{user_id}", get_user, READ),
    Route("GET", "/oauth2/applications/@me", get_application, READ),
    Route("GET", "/applications/@me", get_application, READ),
    Route("GET", "/applications/{application_id}", get_application, READ),
    Route("GET", "/gateway", get_gateway, None, bot=False),
    Route("GET", "/gateway/bot", get_gateway_bot, READ),
    Route("GET", GUILD_PATH, get_guild, READ),
    Route("GET", f"{GUILD_PATH}/channels", get_guild_channels, READ),
    Route("GET", f"{GUILD_PATH}/threads/active", get_active_threads, READ),
    Route("GET", f"{GUILD_PATH}/roles", get_guild_roles, READ),
    Route("GET", f"{GUILD_PATH}/roles/{{role_id}}", get_guild_role, READ),
    Route("GET", f"{GUILD_PATH}/members", list_guild_members, READ),
    Route("GET", f"{GUILD_PATH}/members/{{user_id}}", get_guild_member, READ),
    Route("GET", "/channels/{channel_id}", get_channel, READ),
    Route("POST", "/channels/{channel_id}/threads", start_thread, READ),
    Route("PUT", "/channels/{channel_id}/thread-members/{user_id}", add_thread_member, READ),
    Route("POST", "/channels/{channel_id}/typing", trigger_typing, READ),
    Route("POST", "/users/@me/channels", create_dm, READ),
)
