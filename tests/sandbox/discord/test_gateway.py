"""The gateway: plain sockets for its protocol, discord.py for interruptions."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest
from discord.http import Route

from sandbox.discord import DiscordStandIn, Permission
from sandbox.discord.gateway import shard_of
from tests.sandbox.discord.discord_py import INTENTS, Bot, point_library_at, running_bot

Json = dict[str, Any]
GUILDS, MESSAGES, REACTIONS, CONTENT = 1, 1 << 9, 1 << 10, 1 << 15


class GatewayClient:
    """A gateway client that sends exactly the given frames."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, standin: DiscordStandIn) -> None:
        self.socket = socket
        self.standin = standin
        self.frames: list[Json] = []

    async def send(self, op: int, data: Any) -> None:
        await self.socket.send_bytes(json.dumps({"op": op, "d": data}).encode())

    async def receive(self) -> Json:
        frame: Json = await self.socket.receive_json(timeout=5)
        self.frames.append(frame)
        return frame

    async def receive_event(self, event: str) -> Json:
        while (frame := await self.receive())["t"] != event:
            pass
        return frame

    async def close_code(self) -> int | None:
        while not self.socket.closed:
            await self.socket.receive(timeout=5)
        return self.socket.close_code

    async def identify(self, intents: int = GUILDS, **more: Any) -> Json:
        await self.receive()
        token = more.pop("token", self.standin.bot_token)
        await self.send(2, {"token": token, "intents": intents, "properties": {}, **more})
        return await self.receive_event("READY")


@asynccontextmanager
async def connect(standin: DiscordStandIn, query: str = "?v=10&encoding=json") -> AsyncIterator[GatewayClient]:
    async with aiohttp.ClientSession() as session, session.ws_connect(standin.gateway_url + query) as socket:
        yield GatewayClient(socket, standin)


async def test_hello_identify_ready_guilds_and_heartbeats(standin: DiscordStandIn) -> None:
    async with connect(standin) as client:
        hello = await client.receive()
        assert (hello["op"], hello["d"]["heartbeat_interval"]) == (10, 41_250)
        await client.send(1, None)
        assert (await client.receive())["op"] == 11
        await client.send(2, {"token": f"Bot {standin.bot_token}", "intents": GUILDS, "properties": {}})
        ready = (await client.receive_event("READY"))["d"]
        assert ready["guilds"] == [{"id": str(standin.state.guild("Sandbox").id), "unavailable": True}]
        assert ready["resume_gateway_url"] == standin.gateway_url
        guild = (await client.receive_event("GUILD_CREATE"))["d"]
        assert guild["name"] == "Sandbox"
        assert {one["name"] for one in guild["channels"]} == {"general", "pictures", "quiet", "hidden"}
        assert [one["name"] for one in guild["threads"]] == ["ideas"]
        assert [frame["s"] for frame in client.frames if frame["op"] == 0] == [1, 2]


@pytest.mark.parametrize(
    ("identify", "code"),
    [
        ({"token": "wrong"}, 4004),
        ({"shard": [2, 2]}, 4010),
        ({"intents": -1}, 4013),
        ({"intents": CONTENT}, 4014),
    ],
)
async def test_an_invalid_identify_closes_with_its_code(standin: DiscordStandIn, identify: Json, code: int) -> None:
    async with connect(standin) as client:
        await client.receive()
        await client.send(2, {"token": standin.bot_token, "intents": 0, "properties": {}, **identify})
        assert await client.close_code() == code


async def test_invalid_frames_close_with_their_codes(standin: DiscordStandIn) -> None:
    async with connect(standin) as client:
        await client.socket.send_str("not json")
        assert await client.close_code() == 4002
    async with connect(standin) as client:
        await client.send(1, "x" * 4096)
        assert await client.close_code() == 4002
    async with connect(standin) as client:
        await client.send(99, None)
        assert await client.close_code() == 4001
    async with connect(standin) as client:
        await client.send(3, {})
        assert await client.close_code() == 4003
    async with connect(standin) as client:
        await client.identify()
        await client.send(2, {"token": standin.bot_token, "intents": 0})
        assert await client.close_code() == 4005
    async with connect(standin, "?v=9") as client:
        await client.send(2, {"token": standin.bot_token, "intents": 0})
        assert await client.close_code() == 4012


async def test_more_than_120_frames_a_minute_close_the_connection(standin: DiscordStandIn) -> None:
    async with connect(standin) as client:
        for _ in range(120):
            await client.send(1, None)
        standin.skip(61)
        for _ in range(121):
            await client.send(1, None)
        assert await client.close_code() == 4008


async def test_events_and_content_follow_the_intents(
    standin: DiscordStandIn,
) -> None:
    mia, general = standin.person("mia"), standin.state.channel("general")
    async with (
        connect(standin) as without_messages,
        connect(standin) as without_content,
        connect(standin) as with_content,
    ):
        await without_messages.identify(GUILDS)
        await without_content.identify(MESSAGES | REACTIONS)
        standin.state.application.privileged_intents = CONTENT
        await with_content.identify(MESSAGES | CONTENT)
        sent = await mia.send_message(general, "between us")
        await mia.react(sent, "👍")
        hidden = await without_content.receive_event("MESSAGE_CREATE")
        assert (hidden["d"]["content"], hidden["d"]["member"]["nick"]) == ("", None)
        assert (await without_content.receive_event("MESSAGE_REACTION_ADD"))["d"]["emoji"] == {"id": None, "name": "👍"}
        assert (await with_content.receive_event("MESSAGE_CREATE"))["d"]["content"] == "between us"
        await without_messages.send(1, None)
        while (await without_messages.receive())["op"] != 11:
            pass
        assert {frame["t"] for frame in without_messages.frames} == {None, "READY", "GUILD_CREATE"}


async def test_an_invisible_channel_sends_no_events(standin: DiscordStandIn) -> None:
    mia = standin.person("mia")
    async with connect(standin) as client:
        await client.identify(MESSAGES)
        await mia.send_message(standin.state.channel("hidden"), "unheard")
        await mia.send_message(standin.state.channel("lobby"), "unheard")
        await mia.send_message(standin.state.channel("general"), "received")
        assert (await client.receive())["d"]["channel_id"] == str(standin.state.channel("general").id)


async def test_a_resumed_session_replays_only_missed_events(standin: DiscordStandIn) -> None:
    mia, general = standin.person("mia"), standin.state.channel("general")
    async with connect(standin) as client:
        ready = await client.identify(MESSAGES)
        await mia.send_message(general, "one")
        seen = await client.receive_event("MESSAGE_CREATE")
        await client.socket.close(code=4000)
    await standin.state.wait_for(lambda: not standin.gateway.connected)
    await mia.send_message(general, "two")
    resume = {"token": standin.bot_token, "session_id": ready["d"]["session_id"], "seq": seen["s"]}
    async with connect(standin) as client:
        assert (await client.receive())["op"] == 10
        await client.send(6, resume)
        frames = [await client.receive() for _ in range(2)]
        assert [(frame["t"], frame["s"]) for frame in frames] == [("MESSAGE_CREATE", 3), ("RESUMED", 4)]


async def test_close_code_1000_ends_the_session(standin: DiscordStandIn) -> None:
    async with connect(standin) as client:
        ready = await client.identify()
        await client.socket.close(code=1000)
    await standin.state.wait_for(lambda: not standin.gateway.sessions)
    async with connect(standin) as client:
        await client.receive()
        await client.send(6, {"token": standin.bot_token, "session_id": ready["d"]["session_id"], "seq": 1})
        assert await client.receive() == {"op": 9, "s": None, "t": None, "d": False}
        await client.send(2, {"token": standin.bot_token, "intents": GUILDS, "properties": {}})
        assert (await client.receive_event("READY"))["d"]["session_id"] != ready["d"]["session_id"]


async def test_members_are_sent_on_request(standin: DiscordStandIn) -> None:
    mia = standin.state.user("mia")
    async with connect(standin) as client:
        await client.identify()
        guild_id = str(standin.state.guild().id)
        await client.send(8, {"guild_id": guild_id, "user_ids": [str(mia.id)], "limit": 0, "nonce": "n"})
        chunk = (await client.receive_event("GUILD_MEMBERS_CHUNK"))["d"]
        assert ([one["user"]["username"] for one in chunk["members"]], chunk["nonce"]) == (["mia"], "n")


async def test_a_guild_has_one_shard_and_dms_have_shard_0(standin: DiscordStandIn) -> None:
    guild = standin.state.guild()
    mine = shard_of(guild.id, 2)
    async with connect(standin) as first, connect(standin) as second:
        readies = [
            await client.identify(MESSAGES | 1 << 12, shard=[number, 2])
            for number, client in enumerate((first, second))
        ]
        assert [len(ready["d"]["guilds"]) for ready in readies] == [int(mine == 0), int(mine == 1)]
        await standin.person("mia").send_message(standin.state.dm("mia"), "private")
        assert (await first.receive())["d"]["channel_id"] == str(standin.state.dm("mia").id)
        await standin.person("mia").send_message(standin.state.channel("general"), "public")
        assert (await (first, second)[mine].receive())["d"]["guild_id"] == str(guild.id)


async def test_discord_py_sees_guild_members_and_permissions(standin: DiscordStandIn) -> None:
    async with running_bot(Bot(), standin) as bot:
        (guild,) = bot.guilds
        assert (guild.name, guild.member_count) == ("Sandbox", 5)
        quiet = discord.utils.get(guild.text_channels, name="quiet")
        assert quiet is not None
        permissions = quiet.permissions_for(guild.me)
        assert (permissions.send_messages, permissions.add_reactions, permissions.attach_files) == (True, False, False)
        assert bot.application_id == standin.application_id
        standin.state.deny(standin.state.channel("general"), Permission.SEND_MESSAGES)
        _, after = await bot.wait_for_event("guild_channel_update")
        assert not after.permissions_for(guild.me).send_messages


async def test_an_auto_sharded_client_finds_the_gateway(standin: DiscordStandIn) -> None:
    point_library_at(standin)
    ready = asyncio.Event()

    class Sharded(discord.AutoShardedClient):
        async def on_ready(self) -> None:
            ready.set()

    client = Sharded(intents=INTENTS)
    client._connection.guild_ready_timeout = 0.01
    async with client:
        await client.login(standin.bot_token)
        task = asyncio.create_task(client.connect())
        async with asyncio.timeout(10):
            await ready.wait()
        assert (client.shard_count, len(client.guilds)) == (1, 1)
        await client.close()
        await task
    assert standin.api_url == Route.BASE


@pytest.mark.parametrize("fault", ["drop", "reconnect", "close"])
async def test_discord_py_resumes_without_losing_events(standin: DiscordStandIn, fault: str) -> None:
    async with running_bot(Bot(), standin) as bot:
        message = await standin.person("mia").send_message(standin.state.channel("general"), "x")
        trigger = {
            "drop": standin.faults.drop_gateway,
            "reconnect": standin.faults.request_reconnect,
            "close": standin.faults.close_gateway,
        }[fault]
        trigger()
        await standin.state.wait_for(lambda: not standin.gateway.connected)
        await standin.person("mia").react(message, "❌")
        await bot.wait_for_event("resumed")
        (event,) = await bot.wait_for_event("raw_reaction_add")
        assert event.message_id == message.id
        assert standin.state.identifies == 1


@pytest.mark.parametrize("fault", ["invalidate", "forget"])
async def test_discord_py_identifies_again_without_a_session(standin: DiscordStandIn, fault: str) -> None:
    async with running_bot(Bot(), standin) as bot:
        if fault == "invalidate":
            standin.faults.invalidate_session()
        else:
            standin.faults.drop_gateway(resumable=False)
        await standin.state.wait_for(lambda: standin.state.identifies == 2 and standin.gateway.connected, 20)
        message = await standin.person("mia").send_message(standin.state.channel("general"), "x")
        await standin.person("mia").react(message, "❌")
        await bot.wait_for_event("raw_reaction_add")


async def test_discord_py_leaves_a_zombie_and_resumes(standin: DiscordStandIn) -> None:
    async with running_bot(Bot(heartbeat_timeout=1.0), standin) as bot:
        standin.gateway.heartbeat_ms = 500
        standin.faults.close_gateway()
        await bot.wait_for_event("resumed", 1)
        standin.faults.silence_gateway()
        message = await standin.person("mia").send_message(standin.state.channel("general"), "x")
        await standin.person("mia").react(message, "❌")
        await bot.wait_for_event("resumed", 2)
        await bot.wait_for_event("raw_reaction_add")


async def test_second_identify_of_a_bucket_is_refused(standin: DiscordStandIn) -> None:
    standin.gateway.identify_interval = 5.0
    standin.state.max_concurrency = 2
    async with connect(standin) as first, connect(standin) as second, connect(standin) as third:
        await first.identify(shard=[0, 4])
        await second.identify(shard=[1, 4])
        await third.receive()
        await third.send(2, {"token": standin.bot_token, "intents": GUILDS, "properties": {}, "shard": [2, 4]})
        assert await third.receive() == {"op": 9, "d": False, "s": None, "t": None}
        standin.skip(5.1)
        await third.send(2, {"token": standin.bot_token, "intents": GUILDS, "properties": {}, "shard": [2, 4]})
        await third.receive_event("READY")
    assert [(one.shard, one.refused) for one in standin.gateway.identifies] == [
        (0, False), (1, False), (2, True), (2, False)
    ]  # fmt: skip


async def test_resume_url_leads_where_the_client_came_from(standin: DiscordStandIn) -> None:
    async with aiohttp.ClientSession() as session:
        url = standin.gateway_url.replace("127.0.0.1", "localhost")
        async with session.ws_connect(url + "?v=10&encoding=json") as socket:
            ready = await GatewayClient(socket, standin).identify()
    assert ready["d"]["resume_gateway_url"] == url
    assert standin.gateway.identifies[0].host == f"localhost:{standin.port}"
