"""Routes of messages and reactions, with the bot's token."""

from typing import Any

from bot.limits import NONCE_CHARS
from sandbox.discord.errors import (
    CANNOT_MESSAGE_USER,
    INVALID_FORM,
    MISSING_PERMISSIONS,
    NOT_YOUR_MESSAGE,
    UNKNOWN_EMOJI,
    UNKNOWN_USER,
    ApiError,
    FormErrors,
)
from sandbox.discord.gateway import can_read_content
from sandbox.discord.rest.request import NO_CONTENT, ApiRequest, ApiResponse, Route, require_channel, require_message
from sandbox.discord.serializers import serialize_message, serialize_user, strip_content
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import DELETE, EDIT, REACT, READ, SEND
from sandbox.discord.state.models import Channel, Message
from sandbox.discord.state.permissions import Permission, send_permission
from sandbox.discord.validation.messages import (
    MessagePayload,
    add_reply_mention,
    build_body,
    parse_emoji,
    resolve_mentions,
    validate_allowed_mentions,
)

Json = dict[str, Any]
P = Permission

DEFAULT_TYPE, REPLY_TYPE = 0, 19  # of messages
NONCE_SECONDS = 300.0  # “within the past few minutes” (resources/message#create-message)
UNKNOWN_REFERENCE = {
    "message_reference": {"_errors": [{"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]}
}


# -- messages


async def list_messages(services: Services, request: ApiRequest) -> ApiResponse:
    """Return the newest messages, or those around, before or after one; newest first."""
    channel = require_channel(services, request)
    if not services.state.permissions(channel) & P.READ_MESSAGE_HISTORY:
        return ApiResponse([])
    messages = [message for message in channel.messages.values() if not message.ephemeral]
    limit = min(request.query_number("limit") or 50, 100)
    around, before, after = (request.query_number(key) for key in ("around", "before", "after"))
    if around is not None:
        older = [message for message in messages if message.id <= around][-(limit // 2 + 1) :]
        found = older + [message for message in messages if message.id > around][: limit - len(older)]
    elif after is not None:
        found = [message for message in messages if message.id > after][:limit]
    else:
        found = [message for message in messages if before is None or message.id < before][-limit:]
    return ApiResponse([_serialize(services, message) for message in reversed(found)])


async def get_message(services: Services, request: ApiRequest) -> ApiResponse:
    return ApiResponse(_serialize(services, require_message(services, request, P.READ_MESSAGE_HISTORY)))


async def create_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Create a message of the bot; a repeated nonce returns the existing one."""
    channel, state = require_channel(services, request), services.state
    if channel.guild is None and not any(not user.bot for user in channel.recipients):
        raise ApiError(CANNOT_MESSAGE_USER)
    payload = request.message_payload()
    fields = payload.fields
    if send_permission(channel) & ~state.permissions(channel):
        raise ApiError(MISSING_PERMISSIONS)
    _check_can_attach(services, channel, payload)
    existing = _find_by_nonce(services, channel, fields)
    if existing is not None:
        return ApiResponse(_serialize(services, existing))
    allowed = fields.get("allowed_mentions")
    validate_allowed_mentions(allowed)
    referenced = _find_referenced(services, channel, fields)
    body = build_body(payload, None, limit=channel.max_file_bytes, store=services.messages.file_store(channel))
    services.messages.check_blocked_words(channel, body)
    mentions = add_reply_mention(resolve_mentions(body, channel, state.bot, allowed), referenced, allowed)
    message = services.messages.create(
        channel, state.bot, body, mentions,
        type=REPLY_TYPE if referenced else DEFAULT_TYPE, reference=referenced, nonce=fields.get("nonce"),
    )  # fmt: skip
    return ApiResponse(_serialize(services, message))


async def edit_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Edit a message of the bot."""
    message, bot = require_message(services, request), services.state.bot
    channel, payload = message.channel, request.message_payload()
    if message.author is not bot:
        raise ApiError(NOT_YOUR_MESSAGE)
    _check_can_attach(services, channel, payload)
    allowed = payload.fields.get("allowed_mentions")
    validate_allowed_mentions(allowed)
    store = services.messages.file_store(channel)
    body = build_body(payload, message.body, limit=channel.max_file_bytes, store=store)
    services.old_edits.consume(message)
    services.messages.check_blocked_words(channel, body)
    mentions = resolve_mentions(body, channel, bot, allowed)
    return ApiResponse(_serialize(services, services.messages.edit(message, body, mentions)))


async def delete_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Delete a message: the bot's own, or with MANAGE_MESSAGES anyone's."""
    message = require_message(services, request)
    permissions = services.state.permissions(message.channel)
    if message.author is not services.state.bot and not permissions & P.MANAGE_MESSAGES:
        raise ApiError(MISSING_PERMISSIONS)
    services.messages.delete(message)
    return NO_CONTENT


def _check_can_attach(services: Services, channel: Channel, payload: MessagePayload) -> None:
    permissions = services.state.permissions(channel)
    if payload.files and not permissions & P.ATTACH_FILES:
        raise ApiError(MISSING_PERMISSIONS)
    if payload.fields.get("embeds") and not permissions & P.EMBED_LINKS:
        raise ApiError(MISSING_PERMISSIONS)


def _find_by_nonce(services: Services, channel: Channel, fields: Json) -> Message | None:
    """Return the recent message with the same nonce if the nonce is enforced."""
    nonce = fields.get("nonce")
    errors = FormErrors()
    errors.check_text(None if nonce is None else str(nonce), 0, NONCE_CHARS, "nonce")
    errors.raise_if_any()
    if nonce is None or not fields.get("enforce_nonce"):
        return None
    state = services.state
    for message in channel.messages.values():
        if message.nonce is None or str(message.nonce) != str(nonce) or message.author is not state.bot:
            continue
        if (state.now() - message.created_at).total_seconds() < NONCE_SECONDS:
            return message
    return None


def _find_referenced(services: Services, channel: Channel, fields: Json) -> Message | None:
    """Return the message that is replied to, or raise ApiError."""
    errors = FormErrors()
    reference = errors.check_object(fields.get("message_reference"), "message_reference")
    if not reference:
        errors.raise_if_any()
        return None
    message_id = errors.check_snowflake(reference.get("message_id"), "message_reference", "message_id")
    errors.raise_if_any()
    if not services.state.permissions(channel) & P.READ_MESSAGE_HISTORY:
        raise ApiError(MISSING_PERMISSIONS)
    referenced = channel.messages.get(message_id)
    if (referenced is None or referenced.ephemeral) and reference.get("fail_if_not_exists", True):
        raise ApiError(INVALID_FORM, errors=UNKNOWN_REFERENCE)
    return referenced


def _serialize(services: Services, message: Message) -> Json:
    state = services.state
    data = serialize_message(message, services.cdn, state.bot)
    readable = can_read_content(message, state.application.privileged_intents, state)
    return data if readable else strip_content(data)


# -- reactions


async def create_reaction(services: Services, request: ApiRequest) -> ApiResponse:
    """Add the bot's reaction; ADD_REACTIONS is needed only for an emoji that is not there yet."""
    emoji = parse_emoji(request.params["emoji_name"])
    message = require_message(services, request, P.READ_MESSAGE_HISTORY)
    if emoji.key not in message.reactions:
        require_channel(services, request, P.ADD_REACTIONS)
    services.messages.add_reaction(message, services.state.bot, emoji)
    return NO_CONTENT


async def delete_own_reaction(services: Services, request: ApiRequest) -> ApiResponse:
    message = require_message(services, request, P.READ_MESSAGE_HISTORY)
    services.messages.remove_reaction(message, services.state.bot, parse_emoji(request.params["emoji_name"]))
    return NO_CONTENT


async def delete_user_reaction(services: Services, request: ApiRequest) -> ApiResponse:
    message = require_message(services, request, P.MANAGE_MESSAGES)
    user = services.state.users.get(request.id("user_id"))
    if user is None:
        raise ApiError(UNKNOWN_USER)
    services.messages.remove_reaction(message, user, parse_emoji(request.params["emoji_name"]))
    return NO_CONTENT


async def list_reactions(services: Services, request: ApiRequest) -> ApiResponse:
    """Return who reacted with an emoji, in order of their ids; super reactions (``type=1``) only when asked for.

    ``type`` is 0 by default (resources/message#get-reactions).
    """
    message = require_message(services, request, P.READ_MESSAGE_HISTORY)
    emoji = parse_emoji(request.params["emoji_name"])
    after, limit = request.query_number("after") or 0, min(request.query_number("limit") or 25, 100)
    reacted = message.reaction_users(emoji.key, burst=request.query_number("type") == 1)
    users = sorted((user for user in reacted if user.id > after), key=lambda user: user.id)
    return ApiResponse([serialize_user(user) for user in users[:limit]])


async def delete_emoji_reactions(services: Services, request: ApiRequest) -> ApiResponse:
    """Remove all reactions with one emoji."""
    message = require_message(services, request, P.MANAGE_MESSAGES)
    emoji = parse_emoji(request.params["emoji_name"])
    if emoji.key not in message.reactions:
        raise ApiError(UNKNOWN_EMOJI)
    services.messages.clear_reactions(message, emoji)
    return NO_CONTENT


async def delete_all_reactions(services: Services, request: ApiRequest) -> ApiResponse:
    services.messages.clear_reactions(require_message(services, request, P.MANAGE_MESSAGES))
    return NO_CONTENT


MESSAGES_PATH = "/channels/{channel_id}/messages"
MESSAGE_PATH = f"{MESSAGES_PATH}/{{message_id}}"
REACTIONS_PATH = f"{MESSAGE_PATH}/reactions"
EMOJI_PATH = f"{REACTIONS_PATH}/{{emoji_name}}"
ROUTES = (
    Route("GET", MESSAGES_PATH, list_messages, READ),
    Route("POST", MESSAGES_PATH, create_message, SEND),
    Route("GET", MESSAGE_PATH, get_message, READ),
    Route("PATCH", MESSAGE_PATH, edit_message, EDIT),
    Route("DELETE", MESSAGE_PATH, delete_message, DELETE),
    Route("PUT", f"{EMOJI_PATH}/@me", create_reaction, REACT),
    Route("DELETE", f"{EMOJI_PATH}/@me", delete_own_reaction, REACT),
    Route("DELETE", f"{EMOJI_PATH}/{{user_id}}", delete_user_reaction, REACT),
    Route("GET", EMOJI_PATH, list_reactions, READ),
    Route("DELETE", EMOJI_PATH, delete_emoji_reactions, REACT),
    Route("DELETE", REACTIONS_PATH, delete_all_reactions, REACT),
)
