"""discord.js, from npm, against the stand-in; skipped with a reason where it cannot be had."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.discord import DiscordStandIn, Upload
from tests.discord_spec import check_discord_calls, needs_spec
from tests.sandbox.discord.http_client import make_image

VERSION = "14.28.1"
SCRIPT = Path(__file__).with_name("client.cjs")


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the checkout with discord.js in it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node or npm is not installed")
    folder = tmp_path_factory.mktemp("discord_js")
    install = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(folder), f"discord.js@{VERSION}"]
    done = subprocess.run(install, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode:
        pytest.skip(f"npm cannot get discord.js: {done.stderr.strip()[-200:]}")
    return folder / "node_modules"


class Node:
    """The running script and what it tells."""

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
async def node(standin: DiscordStandIn, modules: Path) -> AsyncIterator[Node]:
    environment = {
        "PATH": os.environ["PATH"],
        "NODE_PATH": str(modules),
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
    assert (await node.wait_for_event("answered"))["id"] == str(message.id)
    assert (message.content, [item.data for item in message.images]) == ("a fox", [make_image()])
    await mia.react(message, "❌")
    assert await node.wait_for_event("reacted") == {"event": "reacted", "emoji": "❌", "user": str(mia.user.id)}
    standin.faults.request_reconnect()
    await node.wait_for_event("resumed")
    assert standin.state.identifies == 1
    check_discord_calls(standin.calls)
