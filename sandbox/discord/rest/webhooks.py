"""Routes of interactions, with the interaction's token: the callback, the response and followups, for 15 minutes."""

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
    """Accept the first response to an interaction."""
    body = request.json_object()
    data = body.get("data") or {}
    if not isinstance(data, dict):
        raise ApiError(BAD_REQUEST)
    payload = MessagePayload(data, request.files)
    token = request.params["interaction_token"]
    interaction = services.interactions.respond(request.id("interaction_id"), token, body.get("type"), payload)
    if request.query.get("with_response") not in TRUE:
        return NO_CONTENT
    return ApiResponse(serialize_callback_response(interaction, services.cdn, services.state.bot))


async def create_followup(services: Services, request: ApiRequest) -> ApiResponse:
    interaction = _require_interaction(services, request)
    return ApiResponse(
        _serialize(services, services.interactions.create_followup(interaction, request.message_payload()))
    )


async def get_message(services: Services, request: ApiRequest) -> ApiResponse:
    return ApiResponse(_serialize(services, _require_message(services, request)))


async def edit_message(services: Services, request: ApiRequest) -> ApiResponse:
    limit = _require_interaction(services, request).file_limit
    message = _require_message(services, request)
    return ApiResponse(
        _serialize(services, services.interactions.edit_message(message, request.message_payload(), limit))
    )


async def delete_message(services: Services, request: ApiRequest) -> ApiResponse:
    services.messages.delete(_require_message(services, request))
    return NO_CONTENT


def _require_interaction(services: Services, request: ApiRequest) -> Interaction:
    """Return the interaction whose token is in the path, or raise ApiError."""
    if not request.params["webhook_id"].isdigit():
        raise ApiError(NOT_FOUND)
    return services.interactions.find_by_token(int(request.params["webhook_id"]), request.params["webhook_token"])


def _require_message(services: Services, request: ApiRequest) -> Message:
    """Return the interaction's message in the path, or raise ApiError."""
    interaction = _require_interaction(services, request)
    return services.interactions.find_message(interaction, request.params.get("message_id", "@original"))


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
