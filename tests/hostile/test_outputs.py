"""What a model returns, logs and reports as its error cannot hold up the bot, and nothing that was paid for is lost."""

import base64
import io
import json
import math
import os
import re
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path, PurePath

import pytest

from bot.limits import MIB
from sandbox.request_log import Call
from tests.faults.environment import BotUnderTest, StartedRun, eventually
from tests.hostile.conftest import OpenBot
from tests.hostile.measure import HEAVY, assert_bounded, measure
from tests.hostile.probe import Figures

COMMANDS = "talk=meta/meta-llama-3-8b-instruct,anything=sandbox/anything,picture=sandbox/picture"


async def start(bot: BotUnderTest, command: str = "anything", prompt: str = "tea") -> StartedRun:
    exchange = await bot.mia.use_command(bot.channel("general"), command, {"prompt": prompt})
    assert exchange.message is not None, exchange.text
    return StartedRun(bot, exchange.message, prompt)


@asynccontextmanager
async def attacked(open_bot: OpenBot, **settings: str) -> AsyncIterator[tuple[BotUnderTest, Figures]]:
    async with open_bot(COMMANDS=COMMANDS, WEBHOOK_URL="", **settings) as bot, measure(bot) as figures:
        yield bot, figures


def shows_files(call: Call) -> bool:
    return bool(call.files)


def outputs(spool: Path) -> list[Path]:
    """Return what is on disk of outputs; folders with a dot are other things'."""
    return [path for path in spool.iterdir() if not path.name.startswith(".")]


def files(run: StartedRun) -> Mapping[str, bytes]:
    """Return the files that the run's messages show, by name."""
    messages = (run.message, *run.follow_ups)
    return {one.filename: one.data for message in messages for one in message.attachments}


HOSTILE_ERRORS = {
    "letters": "a" * 60_000,
    "slashes": "/" + "a/" * 30_000,
    "schemes": "http:" * 12_000,
    "colons": "x:" * 30_000 + "//",
    "blanks": "Prediction failed: " * 3_000 + " " * 3_000,
    "tracebacks": "Traceback (most recent call last)\n" + "a.b/c@" * 10_000,
}


@pytest.mark.parametrize("kind", HOSTILE_ERRORS)
async def test_a_hostile_error_text_stalls_nothing(open_bot: OpenBot, kind: str) -> None:
    async with attacked(open_bot) as (bot, figures):
        bot.replicate.faults.add("fails", error=HOSTILE_ERRORS[kind])
        run = await start(bot)
        await run.wait_until_delivered()
    assert run.state == "failed"
    assert_bounded(figures)


HOSTILE_LOGS = {
    "count": "9" * 5000 + "/" + "9" * 5000 + "\n",
    "bar": f" 50%|#####     | {'1' * 5000}/{'2' * 5000} [00:01<00:01, 1it/s]\n",
    "colors": "\x1b[" + "0;" * 30_000 + "m 7/ \n" + "1/" * 50_000,
    "long": " 50%|#####     | 1/2 [" * 500_000,
}


@pytest.mark.parametrize("kind", HOSTILE_LOGS)
async def test_hostile_logs_end_no_run(open_bot: OpenBot, kind: str) -> None:
    async with attacked(open_bot) as (bot, figures):
        bot.replicate.faults.add("other-logs", logs=HOSTILE_LOGS[kind])
        bot.replicate.faults.add("no-stream-url")
        run = await start(bot)
        await run.wait_until_delivered()
    assert run.state == "succeeded", run.card_text
    assert run.row["cancel_requested_at"] is None
    assert not bot.replicate.calls.cancels
    assert "run_failed_unexpectedly" not in bot.log_text()
    assert_bounded(figures)


NUMBER = "7" * 4400
DEEP = "[" * 3000 + '"the bottom"' + "]" * 3000


UNUSUAL = {
    "number": (NUMBER, NUMBER),
    "inner": (f'{{"score": [1, -{NUMBER}]}}', f"-{NUMBER}"),
    "depth": (DEEP, "thebottom"),
    "overflow": ("[1e999, -1e999]", "Inf"),
}


@pytest.mark.parametrize("kind", UNUSUAL)
async def test_json_that_python_cannot_hold_is_shown(open_bot: OpenBot, kind: str) -> None:
    raw, shown = UNUSUAL[kind]
    async with attacked(open_bot) as (bot, figures):
        bot.replicate.faults.add("other-output", raw=raw)
        run = await start(bot)
        await run.wait_until_delivered()
    assert run.state == "succeeded", run.card_text
    texts = "".join(re.sub(r"```\w*|-# \S+", "", message.text) for message in (run.message, *run.follow_ups))
    everything = texts + "".join(data.decode() for data in files(run).values())
    assert shown in "".join(everything.split())
    assert "can't be reached" not in "".join(state.body.text for state in run.message.history)
    assert_bounded(figures)


def embedding(size: int) -> str:
    """Return a list of numbers as JSON text of about ``size`` bytes."""
    return "[" + ", ".join(f"{math.sin(n):.17f}" for n in range(size // 22)) + "]"


LARGE_OUTPUTS = {
    "numbers": lambda: embedding(20_000_000),
    "nested": lambda: "[" + ",".join(f"[{n},[{n},{{}}],true]" for n in range(500_000)) + "]",
    "keys": lambda: json.dumps(
        {f"key {n}": "a text that is long enough to be prose, " * 2 + str(n) for n in range(10_000)}
    ),
    "texts": lambda: json.dumps({f"key {n}": {"inner": [f"a text {n}"]} for n in range(10_000)}),
}


@pytest.mark.timeout(HEAVY + 60)
@pytest.mark.parametrize("kind", LARGE_OUTPUTS)
async def test_a_large_output_stalls_nothing(open_bot: OpenBot, kind: str) -> None:
    raw = LARGE_OUTPUTS[kind]()
    async with attacked(open_bot) as (bot, figures):
        bot.replicate.faults.add("other-output", raw=raw)
        bot.replicate.faults.add("no-events")
        run = await start(bot)
        await run.wait_until_delivered(HEAVY)
    assert run.state == "succeeded", run.card_text
    assert len(run.follow_ups) <= 5
    assert len(run.row["output"]) <= MIB
    assert_bounded(figures, memory=400 * MIB)
    [(name, data)] = files(run).items()
    if name.endswith(".zip"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            data = archive.read("anything-01.json")
    assert json.loads(data) == json.loads(raw)


@pytest.mark.timeout(HEAVY + 60)
async def test_a_file_of_30_mb_inside_the_output_stalls_nothing(open_bot: OpenBot) -> None:
    data = os.urandom(30_000_000)
    async with attacked(open_bot) as (bot, figures):
        bot.replicate.faults.add(
            "other-output", output=f"data:model/gltf-binary;base64,{base64.b64encode(data).decode()}"
        )
        run = await start(bot, "picture")
        await run.wait_until_delivered(HEAVY)
    assert run.state == "succeeded"
    assert "Too large to upload here: 28.6 MB" in run.card_text
    assert len(run.row["output"]) <= MIB
    assert_bounded(figures, memory=400 * MIB, disk=120 * MIB)


async def test_a_large_output_is_delivered_after_a_kill(open_bot: OpenBot) -> None:
    output = {"text": "What matters. " * 20, "vector": [n / 7 for n in range(60_000)]}
    async with open_bot(COMMANDS=COMMANDS) as bot:
        bot.replicate.faults.add("other-output", output=output)
        bot.discord.faults.hang_before("PATCH *", when=shows_files, times=None)
        run = await start(bot)
        await eventually(lambda: run.state == "succeeded")
        await bot.kill()
        assert len(run.row["output"]) < 200_000
        bot.replicate.faults.add("not-found", on="GET /v1/predictions/*", times=None)
        await bot.start()
        await run.wait_until_delivered()
        assert "What matters." in run.card_text
        [data] = files(run).values()
        assert json.loads(data)["vector"] == output["vector"]
        await eventually(lambda: not outputs(bot.folder / "spool"))


async def test_the_disk_quota_of_outputs_holds(open_bot: OpenBot) -> None:
    pictures = {f"out-{n}.bin": os.urandom(900_000) for n in range(4)}
    async with attacked(open_bot, OUTPUT_DISK_MB="2") as (bot, figures):
        bot.discord.faults.hang_before("PATCH *", when=shows_files, times=None)
        bot.replicate.faults.add("other-output", files=pictures)
        run = await start(bot, "picture")
        await eventually(lambda: run.state == "succeeded")
        bot.discord.faults.clear()
        await run.wait_until_delivered()
        assert "no room for this file" in run.card_text
        assert len(files(run)) == 2
        again = await start(bot, "picture")  # the room is there again once they are delivered
        await again.wait_until_delivered()
        assert "no room" not in again.card_text
    assert_bounded(figures, disk=8 * MIB)


async def test_output_files_are_private_and_deleted_at_delivery(open_bot: OpenBot) -> None:
    async with open_bot(COMMANDS=COMMANDS) as bot:
        bot.replicate.faults.add("other-output", files={"a.bin": b"\0" * 5000})
        bot.discord.faults.hang_before("PATCH *", when=shows_files, times=None)
        run = await start(bot, "picture")
        spool = bot.folder / "spool"
        await eventually(lambda: spool.is_dir() and [path for path in spool.rglob("*") if path.is_file()])
        modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in [spool, *spool.rglob("*")]}
        assert modes == {True: 0o700, False: 0o600}
        bot.discord.faults.clear()
        await run.wait_until_delivered()
        await eventually(lambda: not outputs(spool))


NAMES = [
    "setup.exe",
    "run.bat",
    "a.png.js",
    "link.lnk",
    "x.sh",
    "evil.ps1. ",
    "\u202egpj.scr",
    "notes.txt",
    "captions.srt",
]


async def test_no_file_has_an_ending_that_runs(open_bot: OpenBot) -> None:
    async with open_bot(COMMANDS=COMMANDS) as bot:
        contents = {name: f"echo {number}\n".encode() for number, name in enumerate(NAMES)}
        bot.replicate.faults.add("other-output", files=contents)
        run = await start(bot, "picture")
        await run.wait_until_delivered()
        assert sorted(files(run).values()) == sorted(contents.values())
        assert {PurePath(name).suffix for name in files(run)} == {".txt", ".srt"}
        assert all(name.count(".") == 1 for name in files(run))


async def test_a_file_that_may_run_is_not_linked(open_bot: OpenBot) -> None:
    async with open_bot(COMMANDS=COMMANDS) as bot:
        large = os.urandom(11_000_000)
        bot.replicate.faults.add("other-output", files={"setup.exe": large, "weights.npz": large})
        run = await start(bot, "picture")
        await run.wait_until_delivered()
        assert "weights.npz" in run.message.text
        assert "setup.exe" not in run.message.text
        assert "can run programs" in run.card_text
