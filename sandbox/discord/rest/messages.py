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
)
from sandbox.discord.gateway import can_read_content
from sandbox.discord.rest.request import NO_CONTENT, ApiRequest, ApiResponse, Route, require_channel, require_message
from sandbox.discord.serializers import serialize_message, serialize_user, strip_content
from sandbox.discord.services import Services
from sandbox.discord.services.rate_limits import DELETE, EDIT, REACT, READ, SEND
from sandbox.discord.state.models import Channel, Message
from sandbox.discord.state.permissions import Permission, send_permission
from sandbox.discord.validation.form_errors import FormErrors
from sandbox.discord.validation.messages import (
    MessagePayload,
    add_reply_mention,
    build_body,
    parse_emoji,
    resolve_mentions,
    validate_allowed_mentions,
)

P = Permission


async def create_reaction(services: Services, request: ApiRequest) -> ApiResponse:
    """Put the bot's reaction under a message."""
    emoji = parse_emoji(request.params["emoji_name"])
    message = require_message(services, request, P.READ_MESSAGE_HISTORY)
    if emoji.key not in message.reactions:
        require_channel(services, request, P.ADD_REACTIONS)
    services.messages.react(message, services.state.bot, emoji)
    return NO_CONTENT


async def delete_own_reaction(services: Services, request: ApiRequest) -> ApiResponse:
    """Take the bot's reaction away."""
    message = require_message(services, request, P.READ_MESSAGE_HISTORY)
    services.messages.remove_reaction(message, services.state.bot, parse_emoji(request.params["emoji_name"]))
    return NO_CONTENT


async def delete_user_reaction(services: Services, request: ApiRequest) -> ApiResponse:
    """Take someone's reaction away, with the right to."""
    message = require_message(services, request, P.MANAGE_MESSAGES)
    user = services.state.users.get(request.id("user_id"))
    if user is None:
        raise ApiError(UNKNOWN_USER)
    services.messages.remove_reaction(message, user, parse_emoji(request.params["emoji_name"]))
    return NO_CONTENT


async def list_reactions(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer who reacted with an emoji, by their ids upwards."""
    message = require_message(services, request, P.READ_MESSAGE_HISTORY)
    emoji = parse_emoji(request.params["emoji_name"])
    after, limit = request.number("after") or 0, min(request.number("limit") or 25, 100)
    users = sorted((user for user in message.reaction_users(emoji.key) if user.id > after), key=lambda user: user.id)
    return ApiResponse([serialize_user(user) for user in users[:limit]])


async def delete_emoji_reactions(services: Services, request: ApiRequest) -> ApiResponse:
    """Take one emoji of everybody away."""
    message = require_message(services, request, P.MANAGE_MESSAGES)
    emoji = parse_emoji(request.params["emoji_name"])
    if emoji.key not in message.reactions:
        raise ApiError(UNKNOWN_EMOJI)
    services.messages.clear(message, emoji)
    return NO_CONTENT


async def delete_all_reactions(services: Services, request: ApiRequest) -> ApiResponse:
    """Take all reactions away."""
    services.messages.clear(require_message(services, request, P.MANAGE_MESSAGES))
    return NO_CONTENT


REACTIONS_PATH = "/channels/{channel_id}/messages/{message_id}/reactions"
EMOJI_PATH = f"{REACTIONS_PATH}/{{emoji_name}}"
REACTION_ROUTES = (
    Route("PUT", f"{EMOJI_PATH}/@me", create_reaction, REACT),
    Route("DELETE", f"{EMOJI_PATH}/@me", delete_own_reaction, REACT),
    Route("DELETE", f"{EMOJI_PATH}/{{user_id}}", delete_user_reaction, REACT),
    Route("GET", EMOJI_PATH, list_reactions, READ),
    Route("DELETE", EMOJI_PATH, delete_emoji_reactions, REACT),
    Route("DELETE", REACTIONS_PATH, delete_all_reactions, REACT),
)


Json = dict[str, Any]
NONCE_SECONDS = 300.0  # seconds; “within the past few minutes” (resources/message#create-message)
UNKNOWN_REFERENCE = {
    "message_reference": {"_errors": [{"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]}
}


async def list_messages(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer the newest messages, or those around, before or after one; newest first."""
    channel = require_channel(services, request)
    if not services.state.permissions(channel) & P.READ_MESSAGE_HISTORY:
        return ApiResponse([])
    found = [message for message in channel.messages.values() if not message.ephemeral]
    limit = min(request.number("limit") or 50, 100)
    around, before, after = (request.number(key) for key in ("around", "before", "after"))
    if around is not None:
        older = [message for message in found if message.id <= around][-(limit // 2 + 1) :]
        chosen = older + [message for message in found if message.id > around][: limit - len(older)]
    elif after is not None:
        chosen = [message for message in found if message.id > after][:limit]
    else:
        chosen = [message for message in found if before is None or message.id < before][-limit:]
    return ApiResponse([_serialize(services, message) for message in reversed(chosen)])


async def get_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Answer one message."""
    return ApiResponse(_serialize(services, require_message(services, request, P.READ_MESSAGE_HISTORY)))


async def create_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Write a message as the bot."""
    channel = require_channel(services, request)
    if channel.guild is None and not any(not who.bot for who in channel.recipients):
        raise ApiError(CANNOT_MESSAGE_USER)
    sent = request.sent()
    check_can_send(services, channel, sent)
    again = _find_by_nonce(services, channel, sent.payload)
    if again is not None:
        return ApiResponse(_serialize(services, again))
    allowed = sent.payload.get("allowed_mentions")
    validate_allowed_mentions(allowed)
    origin = _find_referenced(services, channel, sent.payload)
    body = build_body(sent, None, limit=channel.max_file_bytes, keep=services.messages.keeper(channel))
    services.messages.check_words(channel, body)
    mentions = add_reply_mention(resolve_mentions(body, channel, services.state.bot, allowed), origin, allowed)
    about = {"type": 19 if origin else 0, "reference": origin, "nonce": sent.payload.get("nonce")}
    return ApiResponse(
        _serialize(services, services.messages.create(channel, services.state.bot, body, mentions, **about))
    )


async def edit_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Change a message of the bot."""
    message = require_message(services, request)
    sent = request.sent()
    if message.author is not services.state.bot:
        raise ApiError(NOT_YOUR_MESSAGE)
    _check_can_attach(services, message.channel, sent)
    validate_allowed_mentions(sent.payload.get("allowed_mentions"))
    body = build_body(
        sent, message.body, limit=message.channel.max_file_bytes, keep=services.messages.keeper(message.channel)
    )
    services.old_edits.take(message)
    services.messages.check_words(message.channel, body)
    mentions = resolve_mentions(body, message.channel, services.state.bot, sent.payload.get("allowed_mentions"))
    return ApiResponse(_serialize(services, services.messages.edit(message, body, mentions)))


async def delete_message(services: Services, request: ApiRequest) -> ApiResponse:
    """Take a message away: the bot's own, or anyone's with the right to."""
    message = require_message(services, request)
    rights = services.state.permissions(message.channel)
    if message.author is not services.state.bot and not rights & P.MANAGE_MESSAGES:
        raise ApiError(MISSING_PERMISSIONS)
    services.messages.delete(message)
    return NO_CONTENT


def check_can_send(services: Services, channel: Channel, sent: MessagePayload) -> None:
    """Raise unless the bot may send this in ``channel``."""
    if send_permission(channel) & ~services.state.permissions(channel):
        raise ApiError(MISSING_PERMISSIONS)
    _check_can_attach(services, channel, sent)


def _check_can_attach(services: Services, channel: Channel, sent: MessagePayload) -> None:
    held = services.state.permissions(channel)
    if sent.files and not held & P.ATTACH_FILES:
        raise ApiError(MISSING_PERMISSIONS)
    if sent.payload.get("embeds") and not held & P.EMBED_LINKS:
        raise ApiError(MISSING_PERMISSIONS)


def _find_by_nonce(services: Services, channel: Channel, payload: Json) -> Message | None:
    nonce = payload.get("nonce")
    problems = FormErrors()
    problems.text(None if nonce is None else str(nonce), 0, NONCE_CHARS, "nonce")
    problems.check()
    if nonce is None or not payload.get("enforce_nonce"):
        return None
    for message in channel.messages.values():
        if message.nonce is None or str(message.nonce) != str(nonce) or message.author is not services.state.bot:
            continue
        if (services.state.now() - message.created_at).total_seconds() < NONCE_SECONDS:
            return message
    return None


def _find_referenced(services: Services, channel: Channel, payload: Json) -> Message | None:
    problems = FormErrors()
    reference = problems.object(payload.get("message_reference"), "message_reference")
    if not reference:
        problems.check()
        return None
    wanted = problems.snowflake(reference.get("message_id"), "message_reference", "message_id")
    problems.check()
    if not services.state.permissions(channel) & P.READ_MESSAGE_HISTORY:
        raise ApiError(MISSING_PERMISSIONS)
    origin = channel.messages.get(wanted)
    if (origin is None or origin.ephemeral) and reference.get("fail_if_not_exists", True):
        raise ApiError(INVALID_FORM, errors=UNKNOWN_REFERENCE)
    return origin


def _serialize(services: Services, message: Message) -> Json:
    data = serialize_message(message, services.cdn, services.state.bot)
    readable = can_read_content(message, services.state.application.privileged, services.state)
    return data if readable else strip_content(data)


MESSAGES_PATH = "/channels/{channel_id}/messages"
MESSAGE_PATH = f"{MESSAGES_PATH}/{{message_id}}"
ROUTES = (
    Route("GET", MESSAGES_PATH, list_messages, READ),
    Route("POST", MESSAGES_PATH, create_message, SEND),
    Route("GET", MESSAGE_PATH, get_message, READ),
    Route("PATCH", MESSAGE_PATH, edit_message, EDIT),
    Route("DELETE", MESSAGE_PATH, delete_message, DELETE),
)
