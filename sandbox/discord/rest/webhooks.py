"""The token road: answering an interaction and changing what was answered, for fifteen minutes."""

from typing import Any

from sandbox.discord.errors import BAD_REQUEST, NOT_FOUND, ApiError
from sandbox.discord.rest.request import NO_CONTENT, ApiRequest, ApiResponse, Route
from sandbox.discord.serializers import serialize_callback_response, serialize_message
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import WEBHOOK
from sandbox.discord.state.models import Interaction, Message
from sandbox.discord.validation.messages import MessagePayload

Json = dict[str, Any]
TRUE = frozenset({"1", "true", "True"})


async def create_callback(services: Services, request: ApiRequest) -> ApiResponse:
    """Take the first answer to an interaction."""
    body = request.object()
    data = body.get("data") or {}
    if not isinstance(data, dict):
        raise ApiError(BAD_REQUEST)
    sent = MessagePayload(data, request.files)
    found = services.interactions.answer(
        request.id("interaction_id"), request.params["interaction_token"], body.get("type"), sent
    )
    if request.query.get("with_response") not in TRUE:
        return NO_CONTENT
    return ApiResponse(serialize_callback_response(found, services.cdn, services.state.bot))


async def create_followup(services: Services, request: ApiRequest) -> ApiResponse:
    """Write a further message."""
    return ApiResponse(
        _serialize(services, services.interactions.follow_up(_interaction(services, request), request.sent()))
    )


async def get_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer one of the interaction's messages."""
    return ApiResponse(_serialize(services, _message(services, request)))


async def edit_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Change one of the interaction's messages."""
    limit = _interaction(services, request).file_limit
    return ApiResponse(
        _serialize(services, services.interactions.edit(_message(services, request), request.sent(), limit))
    )


async def delete_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Take one of the interaction's messages away."""
    services.messages.delete(_message(services, request))
    return NO_CONTENT


def _interaction(services: Services, request: ApiRequest) -> Interaction:
    if not request.params["webhook_id"].isdigit():
        raise ApiError(NOT_FOUND)
    return services.interactions.by_token(int(request.params["webhook_id"]), request.params["webhook_token"])


def _message(services: Services, request: ApiRequest) -> Message:
    return services.interactions.message_of(
        _interaction(services, request), request.params.get("message_id", "@original")
    )


def _serialize(services: Services, message: Message) -> Json:
    return serialize_message(message, services.cdn, services.state.bot)


WEBHOOK_PATH = "/webhooks/{webhook_id}/{webhook_token}"
ORIGINAL_PATH = f"{WEBHOOK_PATH}/messages/@original"
MESSAGE_PATH = f"{WEBHOOK_PATH}/messages/{{message_id}}"
ROUTES = (
    Route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", create_callback, None, bot=False),
    Route("POST", WEBHOOK_PATH, create_followup, WEBHOOK, bot=False),
    Route("GET", ORIGINAL_PATH, get_message, WEBHOOK, bot=False),
    Route("PATCH", ORIGINAL_PATH, edit_message, WEBHOOK, bot=False),
    Route("DELETE", ORIGINAL_PATH, delete_message, WEBHOOK, bot=False),
    Route("GET", MESSAGE_PATH, get_message, WEBHOOK, bot=False),
    Route("PATCH", MESSAGE_PATH, edit_message, WEBHOOK, bot=False),
    Route("DELETE", MESSAGE_PATH, delete_message, WEBHOOK, bot=False),
)
