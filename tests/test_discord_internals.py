"""Each use of discord.py's internals still works; a failure says what discord.py changed."""

import asyncio
import inspect
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import discord
import pytest
from aiohttp import web
from discord import app_commands

from bot.discord_internals import (
    DEFAULT_API,
    DEFAULT_GATEWAY,
    GatewayLimits,
    InteractionWebhook,
    KeptAttachment,
    PrebuiltLayout,
    add_context_menu,
    command_payloads,
    disable_voice_warnings,
    download_from_cdn,
    error_fields,
    get_gateway,
    ignore_messages,
    is_malformed_response,
    mark_responded,
    register_view,
    release_locks_of_cancelled_requests,
    reset_http_session,
    run_before_interactions,
    set_api_urls,
    shorten_connection_logs,
    upsert_commands,
)
from sandbox.discord import DiscordStandIn

MESSAGE: dict[str, Any] = {
    "id": "7",
    "channel_id": "5",
    "author": {"id": "8", "username": "replicord", "discriminator": "0", "avatar": None, "global_name": None},
    "content": "",
    "timestamp": "2026-01-01T00:00:00+00:00",
    "edited_timestamp": None,
    "tts": False,
    "mention_everyone": False,
    "mentions": [],
    "mention_roles": [],
    "attachments": [],
    "embeds": [],
    "components": [],
    "pinned": False,
    "type": 0,
    "flags": 0,
    "a_key_that_discord_py_does_not_know": True,
}
TEXT = {"type": 10, "content": "words"}


@dataclass
class Server:
    """Gives one response to every request, and keeps what was sent."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = field(default_factory=lambda: MESSAGE)
    text: str | None = None
    requests: list[tuple[str, str, Any]] = field(default_factory=list)

    async def respond(self, request: web.Request) -> web.Response:
        sent: Any = None
        if request.content_type == "multipart/form-data":
            sent = json.loads(str((await request.post())["payload_json"]))
        elif request.can_read_body:
            sent = await request.json()
        self.requests.append((request.method, request.path, sent))
        headers = {"Content-Type": "application/json", **self.headers}
        return web.Response(body=(self.text or json.dumps(self.body)).encode(), status=self.status, headers=headers)


class Client(discord.Client):
    def __init__(self, intents: discord.Intents | None = None) -> None:
        disable_voice_warnings()
        super().__init__(intents=intents or discord.Intents(guilds=True), guild_ready_timeout=0.05)
        self.tree = app_commands.CommandTree(self)


@pytest.fixture(autouse=True)
async def default_urls() -> AsyncIterator[None]:
    yield
    set_api_urls(DEFAULT_API, DEFAULT_GATEWAY)


@pytest.fixture
async def standin() -> AsyncIterator[DiscordStandIn]:
    standin = DiscordStandIn()
    await standin.start()
    set_api_urls(standin.api_url, standin.gateway_url)
    yield standin
    await standin.stop()


@pytest.fixture
async def client(standin: DiscordStandIn) -> AsyncIterator[Client]:
    async with Client() as client:
        await client.login(standin.bot_token)
        yield client


@pytest.fixture
async def server(client: Client) -> AsyncIterator[Server]:  # noqa: ARG001  # logged in before the URLs change
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.respond)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    set_api_urls(f"http://127.0.0.1:{runner.addresses[0][1]}/api/v10", DEFAULT_GATEWAY)
    yield server
    await runner.cleanup()


def test_default_urls_are_those_of_discord_py() -> None:
    sentence = "discord.py keeps its URLs elsewhere or changed them: see set_api_urls and its two defaults."
    # Of the source, because other tests set the attributes.
    assert repr(DEFAULT_API) in inspect.getsource(discord.http.Route), sentence
    source = inspect.getsource(discord.gateway.DiscordWebSocket)
    assert repr(DEFAULT_GATEWAY) in source, sentence


async def test_client_connects_to_the_given_urls(client: Client) -> None:
    connection = asyncio.create_task(client.connect())
    async with asyncio.timeout(10):
        await client.wait_until_ready()
    assert client.guilds, "discord.py read its URLs from elsewhere than set_api_urls writes them."
    await client.close()
    await asyncio.wait({connection})


def test_voice_warnings_are_off(caplog: pytest.LogCaptureFixture) -> None:
    Client()
    assert "voice" not in caplog.text, "discord.py warns about voice libraries by another flag."


async def test_messages_are_not_read(standin: DiscordStandIn) -> None:
    sentence = "discord.py reads events by another table than the one that ignore_messages changes."
    seen: list[str] = []
    async with Client(discord.Intents(guilds=True, guild_messages=True)) as client:
        ignore_messages(client)

        async def on_message(_message: discord.Message) -> None:
            seen.append("message")

        async def on_raw_message_edit(_event: discord.RawMessageUpdateEvent) -> None:
            seen.append("edit")

        async def on_raw_message_delete(_event: discord.RawMessageDeleteEvent) -> None:
            seen.append("delete")

        for listener in (on_message, on_raw_message_edit, on_raw_message_delete):
            client.event(listener)
        await client.login(standin.bot_token)
        connection = asyncio.create_task(client.connect())
        async with asyncio.timeout(10):
            await client.wait_until_ready()
            mia = standin.person("mia")
            message = await mia.send_message(standin.state.channel("general"), "hello")
            await mia.edit(message, "hello again")
            await mia.delete(message)
            while "delete" not in seen:
                await asyncio.sleep(0.01)
        assert seen == ["delete"], sentence
        await client.close()
        await asyncio.wait({connection})


async def test_interactions_are_prepared_in_their_context(standin: DiscordStandIn) -> None:
    sentence = "discord.py handles interactions in another context than the one that run_before_interactions prepares."
    prepared: ContextVar[str] = ContextVar("prepared", default="nothing")
    seen: list[str] = []
    async with Client(discord.Intents(guilds=True)) as client:
        run_before_interactions(client, lambda interaction: prepared.set(interaction["id"]) and None)

        async def on_interaction(interaction: discord.Interaction) -> None:
            seen.append("same" if prepared.get() == str(interaction.id) else "other")

        client.event(on_interaction)
        await client.login(standin.bot_token)
        connection = asyncio.create_task(client.connect())
        async with asyncio.timeout(10):
            await client.wait_until_ready()
            await upsert_commands(client, [{"name": "ping", "description": "a command", "type": 1}], guild_id=None)
            mia = standin.person("mia")
            for _ in range(2):
                await mia.use_command(standin.state.channel("general"), "ping", wait=False)
            while len(seen) < 2:
                await asyncio.sleep(0.01)
        assert seen == ["same", "same"], sentence
        assert prepared.get() == "nothing"
        await client.close()
        await asyncio.wait({connection})


async def test_login_works_after_a_failed_one(standin: DiscordStandIn) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        closed_port = probe.getsockname()[1]
    async with Client() as client:
        set_api_urls(f"http://127.0.0.1:{closed_port}/api/v10", standin.gateway_url)
        with pytest.raises(aiohttp.ClientError):
            await client.login(standin.bot_token)
        await reset_http_session(client)
        set_api_urls(standin.api_url, standin.gateway_url)
        await client.login(standin.bot_token)
        assert client.user is not None, "discord.py opens its HTTP session in another way: see reset_http_session."


async def test_a_file_of_the_cdn_is_downloaded(client: Client, server: Server, tmp_path: Path) -> None:
    url, path = discord.http.Route("GET", "/attachments/1/2/cat.png").url, tmp_path / "cat.png"
    size = await download_from_cdn(client, url, path, limit=100_000, seconds=60)
    data = path.read_bytes()
    assert json.loads(data) == server.body, "discord.py's HTTP session has another name, or reads files differently."
    assert size == len(data)


async def test_a_download_stops_beyond_its_limit(client: Client, server: Server, tmp_path: Path) -> None:
    server.text = "x" * 3_000_000
    url = discord.http.Route("GET", "/attachments/1/2/cat.png").url
    size = await download_from_cdn(client, url, tmp_path / "cat.png", limit=100_000, seconds=60)
    assert 100_000 < size < 1_000_000


async def test_a_missing_file_of_the_cdn_is_an_error(client: Client, server: Server, tmp_path: Path) -> None:
    server.status, url = 404, discord.http.Route("GET", "/attachments/1/2/cat.png").url
    with pytest.raises(discord.HTTPException):
        await download_from_cdn(client, url, tmp_path / "cat.png", limit=100_000, seconds=60)


@pytest.mark.parametrize("in_guild", [False, True])
async def test_commands_are_replaced(client: Client, server: Server, *, in_guild: bool) -> None:
    async def greet(interaction: discord.Interaction) -> None:
        raise NotImplementedError

    client.tree.add_command(app_commands.Command(name="greet", description="Greet", callback=greet))
    server.body = []
    payload = await command_payloads(client.tree)
    await upsert_commands(client, payload, guild_id=3 if in_guild else None)
    ((method, path, sent),) = server.requests
    assert method == "PUT"
    assert path.endswith("/guilds/3/commands" if in_guild else f"/applications/{client.application_id}/commands")
    assert sent == payload, "discord.py's bulk upsert sends something else than the given payload."
    assert [command["name"] for command in payload] == ["greet"]


def webhook(client: Client) -> InteractionWebhook:
    return InteractionWebhook.create(client, 1, "token")


async def edit(client: Client, transport: str, **changes: Any) -> None:
    changes = changes or {"content": "words"}
    if transport == "webhook":
        await webhook(client).edit_message(7, **changes)
    else:
        await client.get_partial_messageable(5).get_partial_message(7).edit(**changes)


def test_fifteen_entries_fit_into_a_message_menu(client: Client) -> None:
    async def use(_interaction: discord.Interaction, _message: discord.Message) -> None: ...

    entries = [app_commands.ContextMenu(name=f"Entry {number}", callback=use) for number in range(16)]
    for entry in (*entries[:15], entries[0]):
        add_context_menu(client.tree, entry)
    assert client.tree.get_commands(type=discord.AppCommandType.message) == entries[:15]
    with pytest.raises(app_commands.CommandLimitReached):
        add_context_menu(client.tree, entries[15])


@pytest.mark.parametrize("transport", ["webhook", "bot"])
async def test_layout_is_sent_as_it_is_and_not_stored(client: Client, server: Server, transport: str) -> None:
    await edit(client, transport, view=PrebuiltLayout([TEXT]))
    ((_, _, sent),) = server.requests
    sentence = "discord.py reads a layout by other methods than PrebuiltLayout overrides."
    assert sent["components"] == [TEXT], sentence
    assert sent["flags"] & discord.MessageFlags(components_v2=True).value, sentence
    assert not client.persistent_views, "discord.py stores layouts that no button belongs to."


async def test_edit_keeps_an_attachment_by_name_and_id(client: Client, server: Server) -> None:
    kept: Any = KeptAttachment("cat.png", 9)
    await webhook(client).edit_message(7, attachments=[kept])
    ((_, _, sent),) = server.requests
    sentence = "discord.py reads more of a kept attachment than its to_dict."
    assert sent["attachments"] == [{"id": "9", "filename": "cat.png"}], sentence


@pytest.mark.parametrize("method", ["edit", "send", "fetch"])
async def test_webhook_returns_the_payload(client: Client, server: Server, method: str) -> None:
    made = webhook(client)
    response: Any = None
    match method:
        case "edit":
            response = await made.edit_message(7, content="words")
        case "send":
            response = await made.send("words", wait=True, ephemeral=True)
        case _:
            response = await made.fetch_message(7)
    sentence = "discord.py no longer builds webhook messages in Webhook._create_message; every edit costs a tenth more."
    assert response == server.body, sentence


@pytest.mark.parametrize("body", [{"code": 30046}, None])
@pytest.mark.parametrize("transport", ["webhook", "bot"])
async def test_429_without_retry_after_is_recognised(client: Client, server: Server, transport: str, body: Any) -> None:
    server.status, server.headers, server.body = 429, {"Via": "1.1 google"}, body
    with pytest.raises((KeyError, TypeError)) as failure:
        await edit(client, transport)
    sentence = "discord.py handles a 429 without retry_after differently: see is_malformed_response and who calls it."
    assert is_malformed_response(failure.value), sentence


@pytest.mark.parametrize("transport", ["webhook", "bot"])
async def test_body_that_is_no_json_is_recognised(client: Client, server: Server, transport: str) -> None:
    server.text = "{"
    with pytest.raises(json.JSONDecodeError) as failure:
        await edit(client, transport)
    sentence = "discord.py handles a body that is no JSON differently: see is_malformed_response and who calls it."
    assert is_malformed_response(failure.value), sentence


def test_errors_of_other_code_are_no_malformed_response() -> None:
    bodies: list[Any] = [{}, None]
    for body in bodies:
        with pytest.raises((KeyError, TypeError)) as failure:
            _ = body["retry_after"]
        assert not is_malformed_response(failure.value)
    assert not is_malformed_response(KeyError("retry_after"))


async def test_component_that_is_no_json_is_no_malformed_response(client: Client, server: Server) -> None:
    for transport in ("webhook", "bot"):
        with pytest.raises(TypeError) as failure:
            await edit(client, transport, view=PrebuiltLayout([{"type": 10, "content": object()}]))
        assert not is_malformed_response(failure.value)
    assert server.requests == []


async def test_response_with_a_lost_answer_is_recorded(standin: DiscordStandIn, client: Client) -> None:
    received: asyncio.Queue[discord.Interaction[Any]] = asyncio.Queue()
    client.on_interaction = received.put  # type: ignore[attr-defined]  # discord.py's own way to set an event
    modal = discord.ui.Modal(title="Form", custom_id="form")
    modal.add_item(discord.ui.TextInput(label="Name", custom_id="name"))
    submitted: asyncio.Queue[discord.Interaction[Any]] = asyncio.Queue()
    modal.on_submit = submitted.put  # type: ignore[method-assign]

    async def ask(interaction: discord.Interaction) -> None:
        raise NotImplementedError

    client.tree.add_command(app_commands.Command(name="ask", description="Ask", callback=ask))
    await client.tree.sync()
    client.tree.clear_commands(guild=None)  # the test itself responds
    connection = asyncio.create_task(client.connect())
    mia, channel = standin.person("mia"), standin.state.channel("general")
    async with asyncio.timeout(10):
        await client.wait_until_ready()
        result = await mia.use_command(channel, "ask", wait=False)
        interaction = await received.get()
        standin.faults.cut_after("POST /interactions/*")
        with pytest.raises(aiohttp.ClientError):
            await interaction.response.send_modal(modal)
        assert not interaction.response.is_done(), "discord.py records responses earlier: see mark_responded."
        mark_responded(interaction, discord.InteractionResponseType.modal)
        assert interaction.response.is_done(), "discord.py keeps the type of a response elsewhere: see mark_responded."
        register_view(interaction, modal)
        await mia.submit(result, {"name": "Mia"}, wait=False)
        assert await submitted.get(), "discord.py stores modals elsewhere: see register_view."
    await client.close()
    await asyncio.wait({connection})


async def test_refused_fields_are_named(client: Client, server: Server) -> None:
    refused = [{"code": "URL_TYPE_INVALID_URL", "message": "Not a well formed URL."}]
    media = {"media": {"url": {"_errors": refused}}, "description": {"_errors": refused}}
    server.status, server.body = (
        400,
        {"code": 50035, "message": "Invalid Form Body", "errors": {"components": {"0": media}}},
    )
    with pytest.raises(discord.HTTPException) as raised:
        await client.get_partial_messageable(5).send("words")
    sentence = "discord.py keeps the errors of fields elsewhere: see error_fields."
    path = ("components", "0")
    assert error_fields(raised.value) == ((*path, "media", "url"), (*path, "description")), sentence
    server.body = {"code": 50035, "message": "Invalid Form Body"}
    with pytest.raises(discord.HTTPException) as raised:
        await client.get_partial_messageable(5).send("words")
    assert error_fields(raised.value) == ()


async def test_a_cancelled_request_frees_its_token(client: Client, server: Server) -> None:
    release_locks_of_cancelled_requests()
    server.headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "3600"}
    webhook = InteractionWebhook.create(client, 1, "token")
    request = asyncio.create_task(webhook.edit_message(7, content="words"))
    async with asyncio.timeout(10):
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.wait({request}, timeout=0.2)  # the response has arrived, and the request waits for the limit
        request.cancel()
        await asyncio.wait({request})
        server.headers = {}
        await webhook.edit_message(7, content="words")  # hangs if discord.py keeps the lock elsewhere


def test_a_lost_connection_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    shorten_connection_logs()
    logger = logging.getLogger("discord.shard")
    for error in (ConnectionRefusedError("refused"), RuntimeError("a fault in code")):
        try:
            raise error
        except (OSError, RuntimeError):
            logger.exception("Failed to connect for shard_id: %s. Retrying...", 0)
    lost, fault = caplog.records[-2:]
    assert lost.getMessage() == "Failed to connect for shard_id: 0. Retrying... (refused)"
    assert lost.exc_info is None
    assert fault.exc_info is not None, "faults in code keep their traceback"


async def test_the_gateways_limits_are_returned(client: Client, server: Server) -> None:
    server.body = {
        "url": "wss://x",
        "shards": 2,
        "session_start_limit": {"total": 9, "remaining": 7, "reset_after": 1500},
    }
    assert await get_gateway(client) == GatewayLimits(2, 9, 7, 1.5, 1), (
        "discord.py returns something else from get_bot_gateway."
    )
