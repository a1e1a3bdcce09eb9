"""Messages over the bot's own token."""

from typing import Any

from bot.limits import NONCE_CHARS
from sandbox.discord.errors import CANNOT_MESSAGE_USER, INVALID_FORM, MISSING_PERMISSIONS, NOT_YOUR_MESSAGE, ApiError
from sandbox.discord.gateway.events import may_read
from sandbox.discord.rest import access
from sandbox.discord.rest.ask import NO_CONTENT, Answer, Ask, Route
from sandbox.discord.rest.buckets import DELETE, EDIT, READ, SEND
from sandbox.discord.rules.files import Sent
from sandbox.discord.rules.mentions import check_allowed, read_mentions, replied
from sandbox.discord.rules.messages import compose
from sandbox.discord.rules.problems import Problems
from sandbox.discord.site import Site
from sandbox.discord.wire import messages as wire
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.message import Message
from sandbox.discord.world.permissions import Permission, sending_in

Json = dict[str, Any]
P = Permission
NONCE_KEPT = 300.0  # seconds; “within the past few minutes” (resources/message#create-message)
NO_REPLY_TARGET = {
    "message_reference": {"_errors": [{"code": "REPLIES_UNKNOWN_MESSAGE", "message": "Unknown message"}]}
}


async def list_messages(site: Site, ask: Ask) -> Answer:
    """Answer the newest messages, or those around, before or after one; newest first."""
    channel = access.channel_of(site, ask)
    if not site.world.permissions(channel) & P.READ_MESSAGE_HISTORY:
        return Answer([])
    found = [message for message in channel.messages.values() if not message.ephemeral]
    limit = min(ask.number("limit") or 50, 100)
    around, before, after = (ask.number(key) for key in ("around", "before", "after"))
    if around is not None:
        older = [message for message in found if message.id <= around][-(limit // 2 + 1) :]
        chosen = older + [message for message in found if message.id > around][: limit - len(older)]
    elif after is not None:
        chosen = [message for message in found if message.id > after][:limit]
    else:
        chosen = [message for message in found if before is None or message.id < before][-limit:]
    return Answer([_told(site, message) for message in reversed(chosen)])


async def get_message(site: Site, ask: Ask) -> Answer:
    """Answer one message."""
    return Answer(_told(site, access.message_of(site, ask, P.READ_MESSAGE_HISTORY)))


async def create_message(site: Site, ask: Ask) -> Answer:
    """Write a message as the bot."""
    channel = access.channel_of(site, ask)
    if channel.guild is None and not any(not who.bot for who in channel.recipients):
        raise ApiError(CANNOT_MESSAGE_USER)
    sent = ask.sent()
    check_may_send(site, channel, sent)
    again = _same_nonce(site, channel, sent.payload)
    if again is not None:
        return Answer(_told(site, again))
    allowed = sent.payload.get("allowed_mentions")
    check_allowed(allowed)
    origin = _origin(site, channel, sent.payload)
    body = compose(sent, None, limit=channel.file_bytes, keep=site.post.keeper(channel))
    site.post.check_words(channel, body)
    mentions = replied(read_mentions(body, channel, site.world.bot, allowed), origin, allowed)
    about = {"type": 19 if origin else 0, "reference": origin, "nonce": sent.payload.get("nonce")}
    return Answer(_told(site, site.post.create(channel, site.world.bot, body, mentions, **about)))


async def edit_message(site: Site, ask: Ask) -> Answer:
    """Change a message of the bot."""
    message = access.message_of(site, ask)
    sent = ask.sent()
    if message.author is not site.world.bot:
        raise ApiError(NOT_YOUR_MESSAGE)
    _check_may_show(site, message.channel, sent)
    check_allowed(sent.payload.get("allowed_mentions"))
    body = compose(sent, message.body, limit=message.channel.file_bytes, keep=site.post.keeper(message.channel))
    site.old_edits.take(message)
    site.post.check_words(message.channel, body)
    mentions = read_mentions(body, message.channel, site.world.bot, sent.payload.get("allowed_mentions"))
    return Answer(_told(site, site.post.edit(message, body, mentions)))


async def delete_message(site: Site, ask: Ask) -> Answer:
    """Take a message away: the bot's own, or anyone's with the right to."""
    message = access.message_of(site, ask)
    rights = site.world.permissions(message.channel)
    if message.author is not site.world.bot and not rights & P.MANAGE_MESSAGES:
        raise ApiError(MISSING_PERMISSIONS)
    site.post.delete(message)
    return NO_CONTENT


def check_may_send(site: Site, channel: Channel, sent: Sent) -> None:
    """Raise unless the bot may send this in ``channel``."""
    if sending_in(channel) & ~site.world.permissions(channel):
        raise ApiError(MISSING_PERMISSIONS)
    _check_may_show(site, channel, sent)


def _check_may_show(site: Site, channel: Channel, sent: Sent) -> None:
    held = site.world.permissions(channel)
    if sent.files and not held & P.ATTACH_FILES:
        raise ApiError(MISSING_PERMISSIONS)
    if sent.payload.get("embeds") and not held & P.EMBED_LINKS:
        raise ApiError(MISSING_PERMISSIONS)


def _same_nonce(site: Site, channel: Channel, payload: Json) -> Message | None:
    nonce = payload.get("nonce")
    problems = Problems()
    problems.text(None if nonce is None else str(nonce), 0, NONCE_CHARS, "nonce")
    problems.check()
    if nonce is None or not payload.get("enforce_nonce"):
        return None
    for message in channel.messages.values():
        if message.nonce is None or str(message.nonce) != str(nonce) or message.author is not site.world.bot:
            continue
        if (site.world.now() - message.created_at).total_seconds() < NONCE_KEPT:
            return message
    return None


def _origin(site: Site, channel: Channel, payload: Json) -> Message | None:
    problems = Problems()
    reference = problems.object(payload.get("message_reference"), "message_reference")
    if not reference:
        problems.check()
        return None
    wanted = problems.snowflake(reference.get("message_id"), "message_reference", "message_id")
    problems.check()
    if not site.world.permissions(channel) & P.READ_MESSAGE_HISTORY:
        raise ApiError(MISSING_PERMISSIONS)
    origin = channel.messages.get(wanted)
    if (origin is None or origin.ephemeral) and reference.get("fail_if_not_exists", True):
        raise ApiError(INVALID_FORM, errors=NO_REPLY_TARGET)
    return origin


def _told(site: Site, message: Message) -> Json:
    data = wire.message(message, site.cdn, site.world.bot)
    readable = may_read(message, site.world.application.privileged, site.world)
    return data if readable else wire.without_content(data)


PATH = "/channels/{channel_id}/messages"
ONE = f"{PATH}/{{message_id}}"
ROUTES = (
    Route("GET", PATH, list_messages, READ),
    Route("POST", PATH, create_message, SEND),
    Route("GET", ONE, get_message, READ),
    Route("PATCH", ONE, edit_message, EDIT),
    Route("DELETE", ONE, delete_message, DELETE),
)
