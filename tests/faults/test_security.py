"""What must never be written, fetched, believed or rung."""

import io
import re
import struct
import zlib
from pathlib import Path

import pytest

from sandbox.discord.people.person import Person
from sandbox.discord.state.models import Message, Upload
from tests.faults.conftest import Open, opened
from tests.faults.environment import Stage, eventually
from tests.faults.photos import large_photo

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG_ENOUGH = 8  # shorter ones stand in any text


def secrets_of(stage: Stage) -> set[str]:
    """Return everything by which somebody could act as the bot, or read what is not theirs."""
    known = {stage.discord.bot_token, stage.replicate.token, stage.replicate.webhook_secret}
    known |= {interaction.token for interaction in stage.discord.services.interactions.all()}
    known |= {(one.stream_path or "").rpartition("/")[2] for one in stage.replicate.predictions.values()}
    return {secret for secret in known if len(secret) >= LONG_ENOUGH}


def written_by(stage: Stage) -> dict[str, bytes]:
    """Return everything that the bot wrote: to its log, to Discord, to its database."""
    states = [
        state
        for channel in stage.discord.state.channels.values()
        for message in channel.messages.values()
        for state in message.history
    ]
    return {
        "the log": stage.environment.bot.log.read_bytes(),
        "Discord": "\n".join(state.body.text for state in states).encode(),
        "the database": b"".join(file.read_bytes() for file in stage.folder.glob("replicord.db*")),
    }


async def troubled(stage: Stage) -> None:
    """Let runs meet every kind of failure that might be told with too many words."""
    stage.replicate.faults.add("stream-cut", after=1)
    stage.replicate.faults.add("error-503", on="GET /v1/predictions/*")
    stage.replicate.faults.add("file-missing")
    stage.discord.faults.fail("PATCH *", status=500)
    stage.discord.faults.cut_after("PATCH *")
    for fault in ("fails", "no-credit", "stream-gone", "garbled", "reset-after"):
        stage.replicate.faults.add(fault)
    runs = [await stage.ask(subject=large_photo(), images=2)]
    runs += [await stage.ask(who, images=1) for who in ("noah", "ada", "olga", "mia", "noah", "ada")]
    stage.discord.faults.expire_tokens()
    for run in runs:
        await run.settled()


async def test_secrets_are_written_nowhere(tmp_path: Path) -> None:
    async with opened(tmp_path, LOG_LEVEL="debug") as stage:
        await troubled(stage)
        assert await stage.environment.bot.stop() == 0
        written = written_by(stage)
        assert len(secrets_of(stage)) > 10
        found = [
            f"{where}: …{data[max(0, data.index(secret.encode()) - 150) : data.index(secret.encode())]!r}"
            for where, data in written.items()
            for secret in secrets_of(stage)
            if secret.encode() in data
        ]
        assert found == []


async def test_no_prompt_or_output_url_is_logged_at_info(house_of: Open) -> None:
    async with house_of(LOG_LEVEL="info") as stage:
        await troubled(stage)
        assert await stage.environment.bot.stop() == 0
        assert "wish number" not in stage.said()
        assert "/delivery/" not in stage.said()
        assert "Traceback" not in stage.said()


@pytest.mark.parametrize("size", [150_000_000])
async def test_a_decompression_bomb_is_refused(shared: Stage, size: int) -> None:
    shared.replicate.faults.add("file-bomb", bytes=size)
    asked = await shared.ask(images=2)
    await asked.sound(images=1)
    assert "larger than what this bot takes" in asked.words


async def test_a_pixel_bomb_is_refused_before_decoding(shared: Stage) -> None:
    before = len(shared.replicate.calls.creates)
    exchange = await shared.mia.use_command(shared.channel(), "generate", {"prompt": "boom", "subject": bomb()})
    await exchange.wait_for(lambda it: "`subject`" in it.text)
    assert len(shared.replicate.calls.creates) == before


@pytest.mark.parametrize(
    "custom_id",
    [
        "run:cancel:{id}",
        "run:details:{id}",
        "run:cancel:{id}'--",
        "run:cancel:",
        "run:explode:{id}",
        "run:cancel:' OR 1=1 --",
        "run:cancel:0123456789ab",
        "run:again:0123456789ab",
        "run:refresh:../../etc",
    ],
)
async def test_a_forged_button_cannot_touch_others_runs(shared: Stage, custom_id: str) -> None:
    shared.replicate.faults.add("slow-start", seconds=1)
    asked = await shared.ask(images=1)
    await eventually(lambda: asked.state == "submitted")
    before = len(shared.replicate.calls.creates)
    await forge(shared.discord.person("noah"), asked.message, custom_id.format(id=asked.row["id"]))
    await asked.sound(images=1)
    assert asked.row["cancel_requested_at"] is None
    assert len(shared.replicate.calls.creates) == before


EVIL = "@everyone <@{ada}> <@&1> ```\n**Done** · 5 images\n-# run:cancel [here](https://evil.example) || > # big"


@pytest.mark.parametrize("command", ["generate", "talk"])
async def test_a_prompt_cannot_ping_or_forge_the_card(shared: Stage, command: str) -> None:
    prompt = EVIL.format(ada=shared.discord.person("ada").user.id)
    asked = await (shared.ask(images=1, prompt=prompt) if command == "generate" else shared.talk(prompt))
    await asked.settled()
    assert asked.state == "succeeded"
    for message in (asked.message, *asked.replies):
        assert message.pinged <= {shared.mia.user.id}
        assert not message.mention_everyone
    quoted = next(line for line in asked.message.text.splitlines() if "evil" in line)
    assert re.search(r"(?<!\\)\]\(|(?<!\\)```|(?<!\\)\*\*|^\*\*", quoted) is None


async def test_sql_in_a_prompt_is_plain_text(shared: Stage) -> None:
    asked = await shared.ask(images=1, prompt="'; DROP TABLE runs; -- \" \\ %s :id ?")
    await asked.sound(images=1)
    assert asked.row["prompt"] == asked.prompt


async def forge(person: Person, message: Message, custom_id: str) -> None:
    """Press a button that is not there, as a changed client can."""
    control = {"type": 2, "custom_id": custom_id, "id": 1}
    exchange = await person._use(message, control, {}, wait=False)
    await exchange.wait()


def bomb() -> Upload:
    """Return a PNG of 40,000 × 40,000 pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(40_001) * 1000)
    parts = io.BytesIO()
    parts.write(b"\x89PNG\r\n\x1a\n")
    for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
        parts.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return Upload("bomb.png", parts.getvalue())
