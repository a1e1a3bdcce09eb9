"""The token road: answering an interaction and changing what was answered, for fifteen minutes."""

from typing import Any

from sandbox.discord.errors import BAD_REQUEST, NOT_FOUND, ApiError
from sandbox.discord.rest.ask import NO_CONTENT, Answer, Ask, Route
from sandbox.discord.rest.buckets import WEBHOOK
from sandbox.discord.rules.files import Sent
from sandbox.discord.site import Site
from sandbox.discord.wire import interactions as wire_interactions
from sandbox.discord.wire import messages as wire
from sandbox.discord.world.interaction import Interaction
from sandbox.discord.world.message import Message

Json = dict[str, Any]
TRUE = frozenset({"1", "true", "True"})


async def callback(site: Site, ask: Ask) -> Answer:
    """Take the first answer to an interaction."""
    body = ask.object()
    data = body.get("data") or {}
    if not isinstance(data, dict):
        raise ApiError(BAD_REQUEST)
    sent = Sent(data, ask.files)
    found = site.interactions.answer(ask.id("interaction_id"), ask.params["interaction_token"], body.get("type"), sent)
    if ask.query.get("with_response") not in TRUE:
        return NO_CONTENT
    return Answer(wire_interactions.callback(found, site.cdn, site.world.bot))


async def follow_up(site: Site, ask: Ask) -> Answer:
    """Write a further message."""
    return Answer(_told(site, site.interactions.follow_up(_interaction(site, ask), ask.sent())))


async def get_message(site: Site, ask: Ask) -> Answer:
    """Answer one of the interaction's messages."""
    return Answer(_told(site, _message(site, ask)))


async def edit_message(site: Site, ask: Ask) -> Answer:
    """Change one of the interaction's messages."""
    limit = _interaction(site, ask).file_limit
    return Answer(_told(site, site.interactions.edit(_message(site, ask), ask.sent(), limit)))


async def delete_message(site: Site, ask: Ask) -> Answer:
    """Take one of the interaction's messages away."""
    site.post.delete(_message(site, ask))
    return NO_CONTENT


def _interaction(site: Site, ask: Ask) -> Interaction:
    if not ask.params["webhook_id"].isdigit():
        raise ApiError(NOT_FOUND)
    return site.interactions.by_token(int(ask.params["webhook_id"]), ask.params["webhook_token"])


def _message(site: Site, ask: Ask) -> Message:
    return site.interactions.message_of(_interaction(site, ask), ask.params.get("message_id", "@original"))


def _told(site: Site, message: Message) -> Json:
    return wire.message(message, site.cdn, site.world.bot)


PATH = "/webhooks/{webhook_id}/{webhook_token}"
ORIGINAL = f"{PATH}/messages/@original"
ONE = f"{PATH}/messages/{{message_id}}"
ROUTES = (
    Route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", callback, None, bot=False),
    Route("POST", PATH, follow_up, WEBHOOK, bot=False),
    Route("GET", ORIGINAL, get_message, WEBHOOK, bot=False),
    Route("PATCH", ORIGINAL, edit_message, WEBHOOK, bot=False),
    Route("DELETE", ORIGINAL, delete_message, WEBHOOK, bot=False),
    Route("GET", ONE, get_message, WEBHOOK, bot=False),
    Route("PATCH", ONE, edit_message, WEBHOOK, bot=False),
    Route("DELETE", ONE, delete_message, WEBHOOK, bot=False),
)
