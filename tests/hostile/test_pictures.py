"""Pictures that cost much more than they weigh, and more files than anybody may use."""

import asyncio
import io
import random
import struct
import zlib

import pytest
from PIL import Image

from bot.limits import MIB, REFUSED_FILE_BYTES_PER_PERSON
from sandbox.discord.person import InteractionResult
from sandbox.discord.state.models import Upload
from tests.faults.environment import BotUnderTest, eventually
from tests.hostile.conftest import OpenBot
from tests.hostile.measure import HEAVY, assert_bounded, measure

pytestmark = pytest.mark.timeout(HEAVY + 60)

# A child with a decoded picture of 64 million pixels of one byte, and what is made of it.
DECODING_MEMORY = 330 * MIB


def jpeg_of_many_scans() -> bytes:
    """Return a progressive JPEG of 1 MB whose last scan is there many thousand times; each costs as much as a photo."""
    out = io.BytesIO()
    Image.new("L", (2000, 2000), 128).save(out, "JPEG", progressive=True)
    photo = out.getvalue()
    scan = photo[photo.rindex(b"\xff\xda") : -2]
    return photo[:-2] + scan * (MIB // len(scan)) + photo[-2:]


def large_png() -> bytes:
    """Return a PNG of a few kB whose 64 million pixels take a second to decode."""
    side = 8100
    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    packer = zlib.compressobj(9)
    rows = b"".join(packer.compress(bytes(side + 1) * 100) for _ in range(side // 100)) + packer.flush()
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def long_animation() -> bytes:
    """Return a GIF of 30,000 frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    frame = b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + frame * 30_000 + b"\x3b"


def many_pages() -> bytes:
    """Return a TIFF of 20,000 pages, each an entry of a long chain."""
    data = bytearray(b"II*\0" + struct.pack("<I", 8))
    entries = ((256, 3, 1), (257, 3, 1), (258, 3, 8), (259, 3, 1), (262, 3, 1), (273, 4, 4), (278, 3, 1), (279, 4, 1))
    for number in range(20_000):
        size = 2 + 12 * len(entries) + 4
        following = 8 + size * (number + 1) if number < 19_999 else 0
        data += struct.pack("<H", len(entries))
        for entry in entries:
            data += struct.pack("<HHII", *entry[:2], 1, entry[2])
        data += struct.pack("<I", following)
    return bytes(data)


async def send(bot: BotUnderTest, who: str, upload: Upload, number: int) -> InteractionResult:
    given = {"prompt": f"{who} {number}", "subject": upload, "number_of_outputs": 1}
    return await bot.discord.person(who).use_command(bot.channel(), "generate", given)


async def test_costly_pictures_of_one_hold_up_nobody(open_bot: OpenBot) -> None:
    costly = (jpeg_of_many_scans(), large_png(), long_animation(), many_pages())
    async with open_bot(RUNS_PER_USER="20") as bot, measure(bot) as figures:
        attack = [
            asyncio.create_task(send(bot, "noah", Upload("me.png", costly[number % len(costly)]), number))
            for number in range(20)
        ]
        results = await asyncio.gather(*attack)
        run = await bot.generate("mia", images=1)
        await run.wait_until_delivered(HEAVY)
        await eventually(lambda: all(one.text or one.message for one in results), HEAVY)
    assert_bounded(figures, memory=DECODING_MEMORY)


async def test_a_picture_of_many_scans_is_refused_unpaid(open_bot: OpenBot) -> None:
    async with open_bot() as bot, measure(bot) as figures:
        result = await send(bot, "noah", Upload("me.jpg", jpeg_of_many_scans()), 1)
        await result.wait_for(lambda shown: "unusual way" in shown.text, timeout=HEAVY)
        assert not bot.replicate.predictions
    assert_bounded(figures)


async def test_files_beyond_the_places_of_one_are_not_read(open_bot: OpenBot) -> None:
    photo = Image.frombytes("RGB", (1850, 1850), random.Random(2).randbytes(1850 * 1850 * 3))  # noqa: S311  # an image
    out = io.BytesIO()
    photo.save(out, "PNG", compress_level=0)
    upload = Upload("me.png", out.getvalue())
    assert len(upload.data) > 10_000_000
    async with open_bot(RUNS_PER_USER="3") as bot:
        bot.replicate.faults.add("never-ends", times=None)
        async with measure(bot) as figures:
            results = await asyncio.gather(*(send(bot, "noah", upload, number) for number in range(60)))
            await eventually(lambda: len(bot.replicate.predictions) == 3, HEAVY)
            await eventually(lambda: sum("runs in progress" in one.text for one in results) == 57, HEAVY)
        assert len(bot.replicate.uploads) == 3
    # What the refused runs were given is kept for a while, within a person's share; a few are on their way at once.
    kept = REFUSED_FILE_BYTES_PER_PERSON
    assert_bounded(figures, memory=200 * MIB, disk=3 * len(upload.data) * 3 + kept)


async def test_costly_outputs_of_one_hold_up_nobody(open_bot: OpenBot) -> None:
    noise = Image.frombytes("RGB", (2300, 2300), random.Random(3).randbytes(2300 * 2300 * 3))  # noqa: S311  # an image
    out = io.BytesIO()
    noise.save(out, "PNG", compress_level=0)
    async with open_bot(RUNS_PER_USER="20") as bot, measure(bot) as figures:
        bot.replicate.faults.add("file-replaced", content=out.getvalue(), times=4)
        attack = await bot.generate("noah", images=4)
        await eventually(lambda: not bot.replicate.faults.active, HEAVY)
        run = await bot.generate("mia", images=1)
        await run.wait_until_delivered(HEAVY)
        await attack.wait_until_delivered(HEAVY)
        assert len(attack.images) == 4
        assert "reduced to fit here" in attack.card_text
    assert_bounded(figures, memory=DECODING_MEMORY, disk=200 * MIB)


async def test_costly_thumbnails_delay_no_cancel_after_a_restart(open_bot: OpenBot) -> None:
    picture = Upload("me.png", large_png())
    async with open_bot(RUNS_PER_USER="20") as bot:
        bot.replicate.faults.add("never-ends", times=None)
        await asyncio.gather(*(send(bot, "noah", picture, number) for number in range(8)))
        run = await bot.generate("mia", images=2)
        await eventually(lambda: len(bot.replicate.predictions) == 9, HEAVY)
        await run.wait_for(lambda: "Cancel" in run.message.buttons)
        await bot.restart()
        async with measure(bot) as figures:
            await bot.mia.press(run.message, "Cancel")
            await run.wait_until_delivered(HEAVY)
            assert run.state == "canceled"
    assert_bounded(figures, memory=DECODING_MEMORY)
