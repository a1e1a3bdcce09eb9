"""A model's own server, its neighbours on the network, and people who would like to name another one."""

import base64
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from bot.limits import MIB
from sandbox.cog.server import CogServer, is_cog_installed
from sandbox.loopback import find_free_port
from tests.faults.conftest import running_bot
from tests.faults.environment import BotUnderTest, StartedRun, eventually
from tests.hostile.measure import assert_bounded, measure

pytestmark = pytest.mark.skipif(not is_cog_installed(), reason="the packages cog and coglet are not installed")

BODY_FILES = 4
FILE_BYTES = 18 * MIB  # four of them are a body of 96 MiB


@asynccontextmanager
async def attacked(folder: Path, **settings: str) -> AsyncIterator[BotUnderTest]:
    port = find_free_port()
    async with CogServer("pictures", folder=folder) as server:
        own = {"COMMANDS": f"paint=cog+{server.url},talk=meta/meta-llama-3-8b-instruct", "HTTP_PORT": str(port)}
        async with running_bot(folder, own | settings) as bot:
            bot.port = port
            yield bot


async def paint(bot: BotUnderTest, **values: object) -> StartedRun:
    given = {"prompt": "owl", "number_of_outputs": 20, "seconds": 1} | values
    exchange = await bot.mia.use_command(bot.channel(), "paint", given)
    assert exchange.message is not None, exchange.text
    run = StartedRun(bot, exchange.message, "owl")
    await eventually(lambda: run.row.get("prediction_id"))
    return run


async def post(url: str, body: bytes) -> int:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), MIB):
            yield body[start : start + MIB]

    async with aiohttp.ClientSession() as http, http.post(url, data=chunks()) as response:
        return response.status


async def test_a_body_of_100_megabytes_holds_nobody_up(tmp_path: Path) -> None:
    files = [f"data:image/png;base64,{base64.b64encode(os.urandom(FILE_BYTES)).decode()}" for _ in range(BODY_FILES)]
    async with attacked(tmp_path) as bot:
        run = await paint(bot)
        body = json.dumps({"id": run.row["id"], "status": "succeeded", "output": files}).encode()
        assert len(body) > 95 * MIB
        async with measure(bot) as figures:
            assert await post(run.row["webhook"], body) == 204
            await run.wait_until_delivered()
    assert run.state == "succeeded"
    # The process that takes the files out holds the body as text and as values; it is not the one that answers.
    assert_bounded(figures, memory=450 * MIB, disk=400 * MIB)


async def test_a_neighbour_neither_ends_nor_feeds_a_run(tmp_path: Path) -> None:
    async with attacked(tmp_path) as bot:
        run = await paint(bot)
        row = run.row
        end = json.dumps({"id": row["id"], "status": "succeeded", "output": ["data:text/plain;base64,YQ=="]}).encode()
        base, _, code = row["webhook"].rpartition("/")
        uploads = f"http://127.0.0.1:{bot.port}/uploads/cog"
        async with measure(bot) as figures, aiohttp.ClientSession() as http:
            for n in range(50):
                assert await post(f"{base}/{n:032x}", end) == 401
                headers = {"x-prediction-id": row["id"]}
                async with http.put(f"{uploads}/{n:032x}/a.png", data=b"x", headers=headers) as response:
                    assert response.status == 401
            assert await post(f"{uploads}/{code}/a.png", b"x") == 405
            assert await post(row["webhook"].replace(row["id"], "another"), end) == 401
        assert not run.is_over
        kept = [path.read_bytes() for path in (bot.folder / "spool").rglob("*") if path.is_file()]
        assert not {b"x", b"a"} & set(kept)  # the neighbour's; pictures of its own may have arrived
        await bot.mia.react(run.message, "❌")
        await run.wait_until_delivered()
    assert run.state == "canceled"
    assert_bounded(figures)


async def test_only_the_configuration_names_a_server(tmp_path: Path) -> None:
    asked: list[str] = []
    trap = aiohttp.web.Application()

    async def remember(request: aiohttp.web.Request) -> aiohttp.web.Response:
        asked.append(request.path)
        return aiohttp.web.json_response({"openapi": "3.0.2"})

    trap.router.add_route("*", "/{path:.*}", remember)
    runner = aiohttp.web.AppRunner(trap)
    await runner.setup()
    site = aiohttp.web.TCPSite(runner, "127.0.0.1", find_free_port())
    await site.start()
    address = f"cog+{site.name}"
    try:
        async with attacked(tmp_path, RUN_ANY="everyone") as bot:
            olga = bot.discord.person("olga")
            for command, values in (
                ("models add", {"model": address}),
                ("models info", {"model": address}),
                ("run", {"model": address}),
                ("run", {"model": f"x/y|{address}"}),
                ("models search", {"words": address}),
            ):
                exchange = await olga.use_command(bot.channel(), command, values)
                assert "own model" not in exchange.text
            assert bot.query("SELECT count(*) AS n FROM runs") == [{"n": 0}]
            assert bot.query("SELECT count(*) AS n FROM commands") == [{"n": 0}]
    finally:
        await runner.cleanup()
    assert asked == []
