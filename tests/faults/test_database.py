"""The database is locked or its disk is full: paid runs go on, the card and /readyz tell, nothing is paid for twice."""

import asyncio
import json
import resource
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.conftest import running_bot
from tests.faults.environment import LONG, ME, BotUnderTest, StartedRun, eventually

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="a full disk is made with prlimit"),
]

CREATE = "POST /v1/predictions"
_HOLD = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
"""

Outage = Callable[[BotUnderTest], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def locked(bot: BotUnderTest) -> AsyncIterator[None]:
    """Another process holds an exclusive transaction on the database."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _HOLD, str(bot.environment.database_path),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert await asyncio.wait_for(holder.stdout.readline(), LONG) == b"locked\n"
    try:
        yield
    finally:
        holder.stdin.close()
        await holder.wait()


def log_size(bot: BotUnderTest) -> int:
    return Path(f"{bot.environment.database_path}-wal").stat().st_size


@asynccontextmanager
async def full(bot: BotUnderTest) -> AsyncIterator[None]:
    """No file of the bot's can grow beyond what the database's log has now, as on a full disk.

    An open snapshot keeps SQLite from starting that log anew.
    """
    pid = bot.environment.bot.pid
    assert pid is not None
    with closing(sqlite3.connect(bot.environment.database_path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT COUNT(*) FROM runs").fetchone()
        size = log_size(bot)
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
        try:
            yield
        finally:
            if bot.environment.bot.running:
                resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


OUTAGES: dict[str, Outage] = {"locked": locked, "full": full}


@asynccontextmanager
async def bot_with_port(folder: Path, **settings: str) -> AsyncIterator[BotUnderTest]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    async with running_bot(folder, {"HTTP_PORT": str(port), **settings}) as bot:
        bot.port = port
        yield bot


async def readiness(bot: BotUnderTest) -> tuple[int, dict[str, Any]]:
    url = f"http://127.0.0.1:{bot.port}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, json.loads(await response.text())["parts"]


async def wait_until_ready(bot: BotUnderTest) -> None:
    async with asyncio.timeout(LONG):
        while (await readiness(bot))[0] != 200:
            await asyncio.sleep(0.05)


async def send_create(bot: BotUnderTest, **values: Any) -> StartedRun:
    """Start a run, and return when its create has arrived and is about to be answered, a second later."""
    bot.replicate.faults.add("delay", on=CREATE, seconds=1.5)
    run = await bot.generate(**values)
    await eventually(lambda: run.predictions)
    return run


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_paid_run_outlives_a_database_outage(tmp_path: Path, outage: str) -> None:
    async with bot_with_port(tmp_path) as bot:
        run = await send_create(bot)
        async with OUTAGES[outage](bot):
            await run.wait_for(lambda: len(run.images) == 2)
            await run.wait_for(lambda: "I can't save this run right now" in run.card_text)
            status, parts = await readiness(bot)
            assert (status, parts["database"]) == (503, False)
            assert (run.row["sent_at"] is not None, run.row["prediction_id"]) == (True, None)
            refused = await bot.mia.use_command(bot.channel(), "draw", {"prompt": "a fox"})
            await refused.wait_for(lambda it: "can't reach my database" in it.text)
            assert not run.is_over
        await run.assert_consistent(images=2)
        assert "can't save" not in run.card_text
        await wait_until_ready(bot)
        again = await bot.generate()
        await again.assert_consistent(images=2)


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_cancel_works_in_a_database_outage(tmp_path: Path, outage: str) -> None:
    async with bot_with_port(tmp_path) as bot:
        bot.replicate.faults.add("never-ends", after=1)
        run = await send_create(bot, images=4)
        async with OUTAGES[outage](bot):
            await run.wait_for(lambda: run.images)
            pressed = await bot.mia.press(run.message, "Cancel")
            assert "Stopping" in pressed.text
            await eventually(lambda: run.predictions[0].status == "canceled")
            await run.wait_for(lambda: "Finishing" in run.card_text)
            pressed = await bot.mia.press(run.message, "Details")
            assert pressed.text
        await run.assert_consistent("canceled", images=1)
        assert f"Stopped by <@{bot.mia.user.id}>" in run.card_text


async def test_a_reaction_cancels_in_a_database_outage(tmp_path: Path) -> None:
    async with bot_with_port(tmp_path) as bot:
        bot.replicate.faults.add("never-ends", after=1)
        run = await bot.generate(images=4)
        await run.wait_for(lambda: run.images and run.message.reaction_users("❌"))
        async with locked(bot):
            await bot.mia.react(run.message, "❌")
            await eventually(lambda: run.predictions[0].status == "canceled")
        await run.assert_consistent("canceled", images=1)


@pytest.mark.parametrize("outage", OUTAGES)
async def test_killed_in_a_database_outage(tmp_path: Path, outage: str) -> None:
    async with bot_with_port(tmp_path) as bot:
        run = await send_create(bot)
        async with OUTAGES[outage](bot):
            await run.wait_for(lambda: run.images)
            await bot.kill()
        assert run.row["prediction_id"] is None
        await bot.start()
        await run.wait_until_delivered()
        assert (run.state, len(run.predictions)) == ("succeeded", 1)
        assert sorted(set(run.images)) == sorted(run.images)
        assert len(run.images) == 2


async def test_a_queued_run_is_sent_after_a_database_outage(tmp_path: Path) -> None:
    async with bot_with_port(tmp_path) as bot:
        bot.replicate.faults.add("throttled", on=CREATE, seconds=2)
        run = await bot.generate()
        await eventually(lambda: run.message.text and "busy" in run.card_text)
        async with locked(bot):
            await run.wait_for(lambda: "I can't save this run right now" in run.card_text)
            assert run.predictions == []
        await run.assert_consistent(images=2)


async def test_a_run_refused_in_a_database_outage_is_tried_again(tmp_path: Path) -> None:
    async with running_bot(tmp_path) as bot:
        values = {"prompt": "a hat", "subject": ME, "number_of_outputs": 1}
        async with locked(bot):
            result = await bot.mia.use_command(bot.channel(), "generate", values)
            refused = await result.wait_for(
                lambda shown: next((one for one in shown.followups if "Try again" in one.buttons), None), LONG
            )
        assert bot.query("SELECT id FROM refused_runs") == []
        pressed = await bot.mia.press(refused, "Try again")
        reply = await pressed.wait_for(
            lambda shown: next((one for one in shown.followups if not one.ephemeral), None), LONG
        )
        await pressed.wait_for(lambda _: "Again" in reply.buttons, LONG)
        [prediction] = bot.replicate.predictions.values()
        assert prediction.input["prompt"] == "a hat"
