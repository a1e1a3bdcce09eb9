"""discord.js, from npm, against the stand-in; skipped if npm cannot install it."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.discord import DiscordStandIn, Upload
from tests.discord_spec import check_discord_calls, needs_spec
from tests.sandbox.discord.http_client import make_image

SCRIPT = Path(__file__).with_name("client.cjs")


class Node:
    """The running script and its events."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    async def wait_for_event(self, event: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while line := await self.process.stdout.readline():
                data: dict[str, Any] = json.loads(line)
                if data["event"] == event:
                    return data
        raise AssertionError(f"the script ended without “{event}”")


@pytest.fixture
async def node(standin: DiscordStandIn, npm_folder: Path) -> AsyncIterator[Node]:
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(npm_folder / "node_modules"),
        "STANDIN_API": standin.api_url.removesuffix("/v10"),
        "STANDIN_TOKEN": standin.bot_token,
    }
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec("node", str(SCRIPT), env=environment, stdin=pipe, stdout=pipe)
    yield Node(process)
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


@needs_spec
async def test_discord_js_uses_commands_reactions_and_resume(standin: DiscordStandIn, node: Node) -> None:
    assert (await node.wait_for_event("ready"))["user"] == "replicord"
    mia = standin.person("mia")
    values = {"prompt": "a fox", "subject": Upload("me.png", make_image())}
    result = await mia.use_command(standin.state.channel("general"), "go", values)
    message = result.message
    assert message is not None
    assert (await node.wait_for_event("responded"))["id"] == str(message.id)
    assert (message.content, [item.data for item in message.images]) == ("a fox", [make_image()])
    await mia.react(message, "❌")
    assert await node.wait_for_event("reacted") == {"event": "reacted", "emoji": "❌", "user": str(mia.user.id)}
    standin.faults.request_reconnect()
    await node.wait_for_event("resumed")
    assert standin.state.identifies == 1
    check_discord_calls(standin.calls)
