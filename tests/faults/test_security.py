"""What must never be written, fetched, believed or rung."""

import io
import re
import struct
import zlib
from pathlib import Path

import pytest

from bot.limits import INTERACTION_ACK
from sandbox.discord.state.models import Message, Upload
from tests.faults.conftest import OpenBot, running_bot
from tests.faults.environment import BotUnderTest, eventually
from tests.faults.photos import large_photo

pytestmark = pytest.mark.asyncio(loop_scope="session")

LONG_ENOUGH = 8  # shorter ones stand in any text


def secrets_of(bot: BotUnderTest) -> set[str]:
    """Return everything by which somebody could act as the bot, or read what is not theirs."""
    known = {bot.discord.bot_token, bot.replicate.token, bot.replicate.webhook_secret}
    known |= {interaction.token for interaction in bot.discord.services.interactions.all()}
    known |= {(one.stream_path or "").rpartition("/")[2] for one in bot.replicate.predictions.values()}
    return {secret for secret in known if len(secret) >= LONG_ENOUGH}


def written_by(bot: BotUnderTest) -> dict[str, bytes]:
    """Return everything that the bot wrote: to its log, to Discord, to its database."""
    states = [
        state
        for channel in bot.discord.state.channels.values()
        for message in channel.messages.values()
        for state in message.history
    ]
    return {
        "the log": bot.environment.bot.log.read_bytes(),
        "Discord": "\n".join(state.body.text for state in states).encode(),
        "the database": b"".join(file.read_bytes() for file in bot.folder.glob("replicord.db*")),
    }


async def troubled(bot: BotUnderTest) -> None:
    """Let runs meet every kind of failure that might be told with too many words."""
    bot.replicate.faults.add("stream-cut", after=1)
    bot.replicate.faults.add("error-503", on="GET /v1/predictions/*")
    bot.replicate.faults.add("file-missing")
    bot.discord.faults.fail("PATCH *", status=500)
    bot.discord.faults.cut_after("PATCH *")
    for fault in ("fails", "no-credit", "stream-gone", "garbled", "reset-after"):
        bot.replicate.faults.add(fault)
    runs = [await bot.generate(subject=large_photo(), images=2)]
    runs += [await bot.generate(who, images=1) for who in ("noah", "ada", "olga", "mia", "noah", "ada")]
    bot.discord.faults.expire_tokens()
    for run in runs:
        await run.wait_until_delivered()


async def test_secrets_are_written_nowhere(tmp_path: Path) -> None:
    async with running_bot(tmp_path, {"LOG_LEVEL": "debug"}) as bot:
        await troubled(bot)
        assert await bot.stop() == 0
        written = written_by(bot)
        assert len(secrets_of(bot)) > 10
        found = [
            f"{where}: …{data[max(0, data.index(secret.encode()) - 150) : data.index(secret.encode())]!r}"
            for where, data in written.items()
            for secret in secrets_of(bot)
            if secret.encode() in data
        ]
        assert found == []


async def test_no_prompt_or_output_url_is_logged_at_info(open_bot: OpenBot) -> None:
    async with open_bot(LOG_LEVEL="info") as bot:
        await troubled(bot)
        assert await bot.stop() == 0
        assert "wish number" not in bot.log_text()
        assert "/delivery/" not in bot.log_text()
        assert "Traceback" not in bot.log_text()


@pytest.mark.parametrize("size", [150_000_000])
async def test_a_decompression_bomb_is_refused(shared_bot: BotUnderTest, size: int) -> None:
    shared_bot.replicate.faults.add("file-bomb", bytes=size)
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=1)
    assert "Too large to download here" in run.card_text


async def test_a_pixel_bomb_is_refused_before_decoding(shared_bot: BotUnderTest) -> None:
    before = len(shared_bot.replicate.calls.creates)
    exchange = await shared_bot.mia.use_command(shared_bot.channel(), "generate", {"prompt": "boom", "subject": bomb()})
    await exchange.wait_for(lambda it: "`subject`" in it.text)
    assert len(shared_bot.replicate.calls.creates) == before


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
async def test_a_forged_button_cannot_touch_others_runs(shared_bot: BotUnderTest, custom_id: str) -> None:
    shared_bot.replicate.faults.add("slow-start", seconds=1)
    run = await shared_bot.generate(images=1)
    await eventually(lambda: run.state == "submitted")
    before = len(shared_bot.replicate.calls.creates)
    await forge(shared_bot, run.message, custom_id.format(id=run.row["id"]))
    await run.assert_consistent(images=1)
    assert run.row["cancel_requested_at"] is None
    assert len(shared_bot.replicate.calls.creates) == before


EVIL = "@everyone <@{ada}> <@&1> ```\n**Done** · 5 images\n-# run:cancel [here](https://evil.example) || > # big"


@pytest.mark.parametrize("command", ["generate", "talk"])
async def test_a_prompt_cannot_ping_or_forge_the_card(shared_bot: BotUnderTest, command: str) -> None:
    prompt = EVIL.format(ada=shared_bot.discord.person("ada").user.id)
    run = await (shared_bot.generate(images=1, prompt=prompt) if command == "generate" else shared_bot.talk(prompt))
    await run.wait_until_delivered()
    assert run.state == "succeeded"
    for message in (run.message, *run.follow_ups):
        assert message.pinged <= {shared_bot.mia.user.id}
        assert not message.mention_everyone
    quoted = next(line for line in run.message.text.splitlines() if "evil" in line)
    assert re.search(r"(?<!\\)\]\(|(?<!\\)```|(?<!\\)\*\*|^\*\*", quoted) is None


async def test_sql_in_a_prompt_is_plain_text(shared_bot: BotUnderTest) -> None:
    run = await shared_bot.generate(images=1, prompt="'; DROP TABLE runs; -- \" \\ %s :id ?")
    await run.assert_consistent(images=1)
    assert run.row["prompt"] == run.prompt


async def forge(bot: BotUnderTest, message: Message, custom_id: str) -> None:
    """Press a button that is not there, as a changed client can; most are never answered."""
    control = {"type": 2, "custom_id": custom_id, "id": 1}
    state = bot.discord.state
    patience, state.ack_seconds = state.ack_seconds, INTERACTION_ACK.total_seconds()
    try:
        exchange = await bot.discord.person("noah")._use_control(message, control, {}, wait=False)
        await exchange.wait()
    finally:
        state.ack_seconds = patience


def bomb() -> Upload:
    """Return a PNG of 40,000 × 40,000 pixels in a few kilobytes."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 0, 0, 0, 0)
    data = zlib.compress(bytes(40_001) * 1000)
    parts = io.BytesIO()
    parts.write(b"\x89PNG\r\n\x1a\n")
    for kind, body in ((b"IHDR", header), (b"IDAT", data), (b"IEND", b"")):
        parts.write(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)))
    return Upload("bomb.png", parts.getvalue())
