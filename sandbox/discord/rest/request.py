"""Requests and responses of route handlers, and the access checks that routes share."""

import json
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, MultipartReader, web

from sandbox.discord.errors import (
    BAD_REQUEST,
    INVALID_FORM,
    MISSING_ACCESS,
    MISSING_PERMISSIONS,
    UNKNOWN_CHANNEL,
    UNKNOWN_GUILD,
    UNKNOWN_MESSAGE,
    ApiError,
    ErrorKind,
)
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import RateLimit
from sandbox.discord.state.models import Channel, Guild, Message, Upload
from sandbox.discord.state.permissions import NO_PERMISSIONS, Permission
from sandbox.discord.validation.messages import MessagePayload

Json = dict[str, Any]

INVALID_JSON = ErrorKind(400, 50109, "The request body contains invalid JSON.")
NOT_A_SNOWFLAKE = {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": "Value is not snowflake."}]}
FILE_FIELD = re.compile(r"files?\[(\d+)\]$")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request: its path parameters, query, JSON body and uploaded files."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    body: Any = None
    files: Mapping[int, Upload] = field(default_factory=dict)

    def id(self, name: str) -> int:
        """Return a path parameter as a snowflake, or raise ApiError."""
        value = self.params[name]
        if not value.isdigit():
            raise ApiError(INVALID_FORM, errors={name: NOT_A_SNOWFLAKE})
        return int(value)

    def query_number(self, name: str) -> int | None:
        """Return a query parameter as a number, or None."""
        value = self.query.get(name, "")
        return int(value) if value.isdigit() else None

    def json_object(self) -> Json:
        """Return the body, which must be an object; an absent one is empty."""
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise ApiError(BAD_REQUEST)
        return self.body

    def message_payload(self) -> MessagePayload:
        """Return the body and files as the payload of a message."""
        return MessagePayload(self.json_object(), self.files)


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What a handler returns; ``body`` is JSON, or None for an empty response."""

    body: Any = None
    status: int = 200


NO_CONTENT = ApiResponse(None, 204)
Handler = Callable[[Services, ApiRequest], Awaitable[ApiResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path with its handler and rate limit.

    ``bot`` routes need the bot's token and count against the global limit; the others have a token in their path.
    """

    method: str
    path: str
    handler: Handler
    rate_limit: RateLimit | None = None
    bot: bool = True

    @property
    def pattern(self) -> re.Pattern[str]:
        """The pattern that matches the path, with its parameters as groups."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path) + "/?$")


def require_channel(services: Services, request: ApiRequest, permission: Permission = NO_PERMISSIONS) -> Channel:
    """Return the channel in the path; raise ApiError unless the bot sees it and has ``permission`` there."""
    channel = services.state.channels.get(request.id("channel_id"))
    if channel is None:
        raise ApiError(UNKNOWN_CHANNEL)
    permissions = services.state.permissions(channel)
    if not permissions & Permission.VIEW_CHANNEL:
        raise ApiError(MISSING_ACCESS)
    if permission & ~permissions:
        raise ApiError(MISSING_PERMISSIONS)
    return channel


def require_message(services: Services, request: ApiRequest, permission: Permission = NO_PERMISSIONS) -> Message:
    """Return the message in the path, or raise ApiError; ephemeral ones do not exist for the bot's token."""
    channel = require_channel(services, request, permission)
    message = channel.messages.get(request.id("message_id"))
    if message is None or message.ephemeral:
        raise ApiError(UNKNOWN_MESSAGE)
    return message


def require_guild(services: Services, request: ApiRequest) -> Guild:
    """Return the guild in the path; raise ApiError unless the bot is a member."""
    guild = services.state.guilds.get(request.id("guild_id"))
    if guild is None:
        raise ApiError(UNKNOWN_GUILD)
    if services.state.bot.id not in guild.members:
        raise ApiError(MISSING_ACCESS)
    return guild


async def read_body(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    """Return the JSON and the files of a request; raise ApiError for invalid JSON."""
    if request.content_type.startswith("multipart/"):
        return await _read_multipart(await request.multipart())
    raw = await request.read()
    return (_parse_json(raw) if raw else None), {}


async def _read_multipart(reader: MultipartReader) -> tuple[Any, dict[int, Upload]]:
    body: Any = None
    files: dict[int, Upload] = {}
    fields: Json = {}
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise ApiError(BAD_REQUEST)
        data = bytes(await part.read(decode=True))
        name = part.name or ""
        if name == "payload_json":
            body = _parse_json(data)
        elif part.filename is not None:
            found = FILE_FIELD.match(name)
            number = int(found[1]) if found else len(files)
            files[number] = Upload(part.filename, data, part.headers.get("Content-Type"))
        else:
            fields[name] = data.decode("utf-8", "replace")
    return body if body is not None else fields or None, files


def _parse_json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise ApiError(INVALID_JSON) from None
