"""Every use of discord.py's internals, each with its reason and the public way that is missing.

``tests/test_discord_internals.py`` fails with a sentence when a version of discord.py changes one of them.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, ClassVar, cast

import aiohttp
import discord
import yarl
from discord import app_commands, ui
from discord.webhook.async_ import AsyncDeferredLock

from bot.limits import CONTEXT_MENUS, INTERACTION_TOKEN_LIFE

DEFAULT_API = "https://discord.com/api/v10"
DEFAULT_GATEWAY = "wss://gateway.discord.gg/"

_CDN_CHUNK = 256 * 1024  # bytes

# The functions in which discord.py sends a request and reads a 429.
_REQUEST_FUNCTIONS = {("discord.http", "request"), ("discord.webhook.async_", "request")}


def set_api_urls(api_url: str, gateway_url: str) -> None:
    """Make discord.py talk to another server than Discord's own.

    Both URLs are class attributes; ``Client`` has no parameter for either.
    """
    discord.http.Route.BASE = api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


def disable_voice_warnings() -> None:
    """Do not log that the voice libraries are missing: the bot never joins a voice channel.

    Both flags are undocumented class attributes; ``Client`` has no parameter for them.
    """
    discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False


def ignore_messages(client: discord.Client) -> None:
    """Read nothing of messages that are written or changed: Discord sends them with those that are deleted.

    In busy servers they are most of what the gateway brings, and discord.py would build an object from each. It has no
    setting that leaves out an event of an intent.
    """
    parsers = client._connection.parsers  # noqa: SLF001  # see above
    for event in ("MESSAGE_CREATE", "MESSAGE_UPDATE"):
        parsers[event] = _ignore_event


def run_before_interactions(
    client: discord.Client, prepare: Callable[[Mapping[str, Any]], Coroutine[Any, Any, None] | None]
) -> None:
    """Call ``prepare`` with the payload of every interaction, in the context that the tasks handling it begin with.

    What it returns is awaited before the interaction is handled.

    Commands, buttons, forms and listeners are each handled in a task of their own, created while the event is parsed.
    Their public hooks are five, one of them for each card and form, and listeners have none.
    """
    parsers = client._connection.parsers  # noqa: SLF001  # see above
    parse = parsers["INTERACTION_CREATE"]

    waiting: set[asyncio.Task[None]] = set()  # the event loop keeps none

    async def parse_later(first: Coroutine[Any, Any, None], data: Any) -> None:
        await first
        parse(data)

    def parse_prepared(data: Any) -> None:
        first = prepare(data)
        if first is None:
            parse(data)
            return
        task = asyncio.create_task(parse_later(first, data))
        waiting.add(task)
        task.add_done_callback(waiting.discard)

    parsers["INTERACTION_CREATE"] = lambda data: copy_context().run(parse_prepared, data)


def _ignore_event(_data: object) -> None:
    """Do nothing."""


class _DeferredLock(AsyncDeferredLock):
    sleep: ClassVar[Callable[[float], Awaitable[None]]]

    async def __aexit__(self, *exception: object) -> None:
        try:
            if self.delta:
                await _DeferredLock.sleep(self.delta)
        finally:
            self.lock.release()


def release_locks_of_cancelled_requests(sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Let a request with an interaction's token be cancelled at any moment. ``sleep`` waits for the rate limit.

    discord.py holds the lock of a token while it waits for the rate limit after a response. A request that is cancelled
    then never releases it, and every later request with the token waits for ever. There is no public way around it.
    """
    _DeferredLock.sleep = sleep
    discord.webhook.async_.AsyncDeferredLock = _DeferredLock  # type: ignore[misc]


async def reset_http_session(client: discord.Client) -> None:
    """Close the HTTP session of a failed login, so that ``login`` can be called again.

    ``login`` opens a session without closing the one before it, and reuses a connector that is closed by then.
    ``Client.clear`` resets neither.
    """
    await client.http.close()
    client.http.connector = discord.utils.MISSING


async def download_from_cdn(client: discord.Client, url: str, path: Path, *, limit: int, seconds: float) -> int:
    """Write the file at a URL of Discord's CDN to ``path``; return its size in bytes.

    Reading stops as soon as there are more than ``limit`` bytes, so the size may be larger than that, and after so many
    seconds (TimeoutError). Raises discord.HTTPException and aiohttp.ClientError. ``Attachment.save`` reads all of a
    file into memory first, and cannot be had for the URL in a component; the session has no public name.
    """
    session = client.http._HTTPClient__session  # type: ignore[attr-defined]  # noqa: SLF001
    size = 0
    async with asyncio.timeout(seconds), session.get(url) as response:
        if response.status != HTTPStatus.OK:
            raise discord.HTTPException(response, "The CDN did not return the file.")
        file = await asyncio.to_thread(path.open, "wb")
        try:
            async for chunk in response.content.iter_chunked(_CDN_CHUNK):
                await asyncio.to_thread(file.write, chunk)
                size += len(chunk)
                if size > limit:
                    break
        finally:
            await asyncio.to_thread(file.close)
    return size


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """What Discord says before a bot connects to the gateway.

    ``shards`` is the number that it recommends, ``logins`` how many sessions may be started in a day, ``logins_left``
    how many still today, ``reset_after`` the seconds until the next day, and ``max_concurrency`` how many at a time.
    """

    shards: int
    logins: int
    logins_left: int
    reset_after: float
    max_concurrency: int


async def get_gateway(client: discord.Client) -> GatewayLimits:
    """Return Discord's limits of sessions.

    ``connect`` asks for the number of shards itself, and does not say what failed when it gets no answer.
    """
    shards, _, limit = await client.http.get_bot_gateway()
    return GatewayLimits(
        shards=int(shards),
        logins=int(limit["total"]),
        logins_left=int(limit["remaining"]),
        reset_after=int(limit["reset_after"]) / 1000,
        max_concurrency=max(int(limit.get("max_concurrency", 1)), 1),
    )


async def launch_shard(client: discord.AutoShardedClient, shard_id: int, *, shard_ids: Collection[int]) -> None:
    """Start the session of one shard; ``shard_ids`` are all that this process then has, or is about to have.

    ``connect`` launches a fixed list of shards; there is no public way to add one later.
    """
    state = client._connection  # noqa: SLF001  # see above
    if client.shard_count is not None:
        state.shard_count = client.shard_count
    state.shard_ids = list(shard_ids)
    await client.launch_shard(discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY, shard_id)


def remove_shard(client: discord.AutoShardedClient, shard_id: int) -> Callable[[], Coroutine[Any, Any, None]] | None:
    """Forget a shard and its servers; return what closes its connection, or None if there is no such shard.

    ``ShardInfo.disconnect`` only closes the connection: the shard stays in the list, is connected again by an event
    that it had queued before, and its servers stay in the cache, where they would grow old.
    """
    shards: dict[int, Any] = client._AutoShardedClient__shards  # type: ignore[attr-defined]  # noqa: SLF001
    shard = shards.pop(shard_id, None)
    state = client._connection  # noqa: SLF001  # see above
    state.shard_ids = [one for one in state.shard_ids if one != shard_id]
    if (ready := state._ready_tasks.pop(shard_id, None)) is not None:  # noqa: SLF001  # see above
        ready.cancel()
    for guild in client.guilds:
        if guild.shard_id == shard_id:
            state._remove_guild(guild)  # noqa: SLF001  # see above
    if shard is None:
        return None

    async def do_nothing(*_: object) -> None:
        pass

    # A reconnect that is under way ends with ``launch``.
    shard.reidentify = shard.reconnect = do_nothing
    shard.launch = lambda: shard._client.loop.create_task(shard.ws.close())  # noqa: SLF001  # see above
    return cast("Callable[[], Coroutine[Any, Any, None]]", shard.disconnect)


def shorten_connection_logs() -> None:
    """Log a lost or refused gateway connection in one line: discord.py writes a traceback at each of its attempts.

    No setting changes that. Calling it twice is harmless.
    """
    for name in ("discord.client", "discord.shard"):
        logging.getLogger(name).addFilter(_shorten_connection_error)


_CONNECTION_ERRORS = (OSError, aiohttp.ClientError, discord.GatewayNotFound, discord.ConnectionClosed)


def _shorten_connection_error(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, _CONNECTION_ERRORS):
        record.msg = f"{record.getMessage()} ({str(error) or type(error).__name__})"
        record.args, record.exc_info = (), None
    return True


def add_context_menu(tree: app_commands.CommandTree[Any], menu: app_commands.ContextMenu) -> None:
    """Add a global entry to the menu of messages or of people, of which Discord accepts fifteen.

    ``CommandTree.add_command`` of discord.py 2.7.1 refuses the sixth.
    """
    key = (menu.name, None, menu.type.value)
    others = [one for one in tree._context_menus if one[1:] == key[1:] and one != key]  # noqa: SLF001  # see above
    if len(others) >= CONTEXT_MENUS:
        raise app_commands.CommandLimitReached(guild_id=None, limit=CONTEXT_MENUS, type=menu.type)
    tree._context_menus[key] = menu  # noqa: SLF001  # see above


async def command_payloads(tree: app_commands.CommandTree[Any], *, guild_id: int | None = None) -> list[dict[str, Any]]:
    """Return the global commands of a tree, or those of one guild, as Discord receives them, translated.

    ``CommandTree.sync`` builds the same payload and sends it at once; it cannot be compared with the last one first.
    """
    commands = tree.get_commands(guild=None if guild_id is None else discord.Object(guild_id))
    if tree.translator is None:
        return [command.to_dict(tree) for command in commands]
    return [await command.get_translated_payload(tree, tree.translator) for command in commands]


async def upsert_commands(
    client: discord.Client, payload: Sequence[Any], *, guild_id: int | None
) -> Sequence[Mapping[str, Any]]:
    """Replace the global commands, or those of one guild; return them as Discord has them, with their ids.

    ``CommandTree.sync`` sends a guild the keys that only global commands have, and Discord refuses them.
    """
    if client.application_id is None:
        raise discord.MissingApplicationID
    if guild_id is None:
        answer = await client.http.bulk_upsert_global_commands(client.application_id, payload=list(payload))
    else:
        answer = await client.http.bulk_upsert_guild_commands(client.application_id, guild_id, payload=list(payload))
    return _check_commands(answer)


async def fetch_commands(client: discord.Client, *, guild_id: int | None) -> Sequence[Mapping[str, Any]]:
    """Return the global commands, or those of one guild, as Discord has them.

    ``CommandTree.fetch_commands`` raises for a type of an option that this version of discord.py does not know.
    """
    if client.application_id is None:
        raise discord.MissingApplicationID
    if guild_id is None:
        return _check_commands(await client.http.get_global_commands(client.application_id))
    return _check_commands(await client.http.get_guild_commands(client.application_id, guild_id))


def _check_commands(answer: object) -> Sequence[Mapping[str, Any]]:
    if not isinstance(answer, list):  # discord.py returns the text of a page that came in place of JSON
        raise discord.DiscordException("What answers is not Discord.")
    return answer


class PrebuiltLayout(ui.LayoutView):
    """A layout whose components are payloads already; building them from ``discord.ui`` costs five times as much.

    Overrides the methods by which discord.py reads a layout. Its buttons are dynamic items, registered once with the
    client, so there is no item to store here.
    """

    def __init__(self, components: list[dict[str, Any]]) -> None:
        super().__init__(timeout=None)
        self.components = components

    def to_components(self) -> list[dict[str, Any]]:
        return self.components

    def has_components_v2(self) -> bool:
        return True

    def is_dispatchable(self) -> bool:
        return False


def mark_responded(interaction: discord.Interaction[Any], type_: discord.InteractionResponseType) -> None:
    """Record that Discord has the first response although its answer was lost.

    Only the answer sets the type of a response, and without it ``is_done`` says that there was none.
    """
    interaction.response._response_type = type_  # noqa: SLF001  # see above


def register_view(interaction: discord.Interaction[Any], view: ui.LayoutView | ui.Modal) -> None:
    """Let a card or form receive what people do with it, although the answer to the request that sent it was lost.

    discord.py does so only after the answer, which tells the id of the message, and no public method does it alone.
    """
    if view.timeout is None:
        view.timeout = INTERACTION_TOKEN_LIFE.total_seconds()
    interaction._state.store_view(view)  # noqa: SLF001  # see above


@dataclass(frozen=True, slots=True)
class KeptAttachment:
    """An attachment that an edit keeps; Discord deletes those that an edit does not name.

    Stands in for ``discord.Attachment``, of which an edit calls nothing but ``to_dict``. A real one cannot be created
    from a name and an id, and does not say ``is_spoiler``. ``spoiler`` covers or uncovers it; None leaves it as it is.
    """

    name: str
    id: int
    spoiler: bool | None = None

    def to_dict(self) -> dict[str, Any]:
        kept = {"id": str(self.id), "filename": self.name}
        return kept if self.spoiler is None else {**kept, "is_spoiler": self.spoiler}


class CoveredFile(discord.File):
    """A new file behind a spoiler.

    ``discord.File`` says so by a prefix of its name alone, by which the reply would no longer know it. Overrides the
    method by which discord.py describes a file in a request.
    """

    __slots__ = ()

    def to_dict(self, index: int) -> dict[str, Any]:
        return {**super().to_dict(index), "is_spoiler": True}


class InteractionWebhook(discord.Webhook):
    """The webhook of an interaction, whose responses are the payloads that Discord sent.

    ``discord.Webhook`` builds a message from each response. That costs a tenth of an edit and 10 kB a run, and all that
    is read of it are the ids of its attachments. No public method returns the payload.
    """

    __slots__ = ()

    @classmethod
    def create(cls, client: discord.Client, application_id: int, token: str) -> "InteractionWebhook":
        webhook = cls.partial(application_id, token, client=client)
        # Only a webhook of this type may send ephemeral messages; ``partial`` has no parameter for it.
        webhook.type = discord.WebhookType.application
        return webhook

    def _create_message(self, data: Mapping[str, Any], *, thread: object = None) -> Any:  # noqa: ARG002  # as called
        return data


def is_malformed_response(error: BaseException) -> bool:
    """Whether discord.py failed to read a response: a 429 without ``retry_after``, or a body that is no JSON.

    discord.py lets ``KeyError``, ``TypeError`` and ``JSONDecodeError`` escape then. Discord leaves ``retry_after`` out
    for some limits, such as edits of messages older than an hour (30046). The same errors from anywhere else are
    faults in code.
    """
    if isinstance(error, json.JSONDecodeError):
        return True
    if not isinstance(error, (KeyError, TypeError)) or error.__traceback__ is None:
        return False
    last = error.__traceback__
    while last.tb_next is not None:
        last = last.tb_next
    return (last.tb_frame.f_globals.get("__name__"), last.tb_frame.f_code.co_name) in _REQUEST_FUNCTIONS


def error_fields(error: discord.HTTPException) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the fields that Discord refused, as ``("components", "0", "media", "url")``; () for none.

    ``HTTPException.text`` lists them for people; a path cannot be read back from it, for keys may contain dots.
    """
    errors = getattr(error, "_errors", None)
    return tuple(_walk_errors(errors, ())) if isinstance(errors, dict) else ()


def _walk_errors(node: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for key, value in node.items():
        if key == "_errors":
            yield path
        elif isinstance(value, dict):
            yield from _walk_errors(value, (*path, str(key)))
