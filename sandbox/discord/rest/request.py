"""A request as a route's handler receives it, the answer, and the access checks that routes share."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
    Refusal,
)
from sandbox.discord.services import Services
from sandbox.discord.state.models import Channel, Guild, Message, Upload
from sandbox.discord.state.permissions import NO_PERMISSIONS, Permission
from sandbox.discord.validation.messages import MessagePayload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.discord.services import Services
    from sandbox.discord.services.rate_limits import RateLimit


Json = dict[str, Any]
INVALID_JSON = Refusal(400, 50109, "The request body contains invalid JSON.")
NOT_A_SNOWFLAKE = {"_errors": [{"code": "NUMBER_TYPE_COERCE", "message": "Value is not snowflake."}]}
FILE_FIELD = re.compile(r"files?\[(\d+)\]$")


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """A request: the parameters of its path, its query and its body."""

    params: Mapping[str, str]
    query: Mapping[str, str]
    payload: Any = None
    files: Mapping[int, Upload] = field(default_factory=dict)

    def id(self, name: str) -> int:
        """Return a parameter of the path as a number."""
        value = self.params[name]
        if not value.isdigit():
            raise ApiError(INVALID_FORM, errors={name: NOT_A_SNOWFLAKE})
        return int(value)

    def number(self, name: str) -> int | None:
        """Return a number from the query."""
        value = self.query.get(name, "")
        return int(value) if value.isdigit() else None

    def object(self) -> Json:
        """Return the body, which must be an object; an absent one is empty."""
        if self.payload is None:
            return {}
        if not isinstance(self.payload, dict):
            raise ApiError(BAD_REQUEST)
        return self.payload

    def sent(self) -> MessagePayload:
        """Return the body as what a message is made of."""
        return MessagePayload(self.object(), self.files)


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What the client gets; without a body the status says all."""

    body: Any = None
    status: int = 200


NO_CONTENT = ApiResponse(None, 204)
Handler = Callable[["Services", ApiRequest], Awaitable[ApiResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path, who may use it, how often, and what answers.

    ``bot`` routes need the bot's token and count against the global limit; the others carry a token in their path.
    """

    method: str
    path: str
    handler: Handler
    rule: RateLimit | None = None
    bot: bool = True

    @property
    def pattern(self) -> re.Pattern[str]:
        """What matches the path and names its parameters."""
        return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", self.path) + "/?$")


async def read_body(request: web.Request) -> tuple[Any, dict[int, Upload]]:
    """Return the JSON and the files of a request."""
    if request.content_type.startswith("multipart/"):
        return await _read_multipart(await request.multipart())
    raw = await request.read()
    if not raw:
        return None, {}
    return _parse(raw), {}


async def _read_multipart(reader: MultipartReader) -> tuple[Any, dict[int, Upload]]:
    payload: Any = None
    files: dict[int, Upload] = {}
    fields: Json = {}
    async for part in reader:
        if not isinstance(part, BodyPartReader):
            raise ApiError(BAD_REQUEST)
        data = bytes(await part.read(decode=True))
        name = part.name or ""
        if name == "payload_json":
            payload = _parse(data)
        elif part.filename is not None:
            found = FILE_FIELD.match(name)
            number = int(found[1]) if found else len(files)
            files[number] = Upload(part.filename, data, part.headers.get("Content-Type"))
        else:
            fields[name] = data.decode("utf-8", "replace")
    return payload if payload is not None else fields or None, files


def _parse(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        raise ApiError(INVALID_JSON) from None


def require_channel(services: Services, request: ApiRequest, needed: Permission = NO_PERMISSIONS) -> Channel:
    """Return the channel of the path, which the bot must see and have ``needed`` in."""
    channel = services.state.channels.get(request.id("channel_id"))
    if channel is None:
        raise ApiError(UNKNOWN_CHANNEL)
    held = services.state.permissions(channel)
    if not held & Permission.VIEW_CHANNEL:
        raise ApiError(MISSING_ACCESS)
    if needed & ~held:
        raise ApiError(MISSING_PERMISSIONS)
    return channel


def require_message(services: Services, request: ApiRequest, needed: Permission = NO_PERMISSIONS) -> Message:
    """Return the message of the path; an ephemeral one does not exist on this road."""
    channel = require_channel(services, request, needed)
    message = channel.messages.get(request.id("message_id"))
    if message is None or message.ephemeral:
        raise ApiError(UNKNOWN_MESSAGE)
    return message


def require_guild(services: Services, request: ApiRequest) -> Guild:
    """Return the guild of the path, of which the bot must be a member."""
    guild = services.state.guilds.get(request.id("guild_id"))
    if guild is None:
        raise ApiError(UNKNOWN_GUILD)
    if services.state.bot.id not in guild.members:
        raise ApiError(MISSING_ACCESS)
    return guild
