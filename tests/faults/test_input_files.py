"""Files that few models read, or that are damaged beside their pixels: converted or refused before anything is paid."""

import base64
import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from sandbox.discord.state.models import Upload
from tests.faults.conftest import OpenBot
from tests.faults.environment import LONG, BotUnderTest, StartedRun, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

HEIC = (Path(__file__).parents[1] / "media" / "photo.heic").read_bytes()
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' width='8' height='8'/>"


def animation() -> bytes:
    stills = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    out = io.BytesIO()
    stills[0].save(out, "GIF", save_all=True, append_images=stills[1:], duration=80)
    return out.getvalue()


def photo_with_damaged_text() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "green").save(out, "PNG")
    plain = out.getvalue()
    return plain[:33] + struct.pack(">I4s", 5, b"tEXt") + b"a\0bcd" + bytes(4) + plain[33:]


def sent_image(run: StartedRun) -> Image.Image:
    [prediction] = run.predictions
    head, _, data = prediction.input["subject"].partition(",")
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    assert image.format is not None
    assert head == f"data:image/{image.format.lower()};base64"
    return image


async def test_an_iphone_photo_arrives_as_a_jpeg(shared_bot: BotUnderTest) -> None:
    run = await shared_bot.generate(subject=Upload("IMG_1.HEIC", HEIC))
    await run.assert_consistent(images=2)
    assert sent_image(run).format == "JPEG"
    assert "Your HEIC image was converted to JPEG." in run.card_text


async def test_an_animation_arrives_as_its_first_frame(shared_bot: BotUnderTest) -> None:
    run = await shared_bot.generate(subject=Upload("me.gif", animation()))
    await run.assert_consistent(images=2)
    image = sent_image(run)
    assert (image.format, getattr(image, "n_frames", 1)) == ("PNG", 1)
    assert "Only the first frame of your animation is used." in run.card_text


async def test_damaged_metadata_are_no_damaged_image(shared_bot: BotUnderTest) -> None:
    run = await shared_bot.generate(subject=Upload("me.png", photo_with_damaged_text()))
    await run.assert_consistent(images=2)
    image = sent_image(run)
    image.load()
    assert image.format == "PNG"


async def test_a_drawing_is_refused_before_paying(shared_bot: BotUnderTest) -> None:
    before = len(shared_bot.replicate.predictions)
    given = {"prompt": "a drawing", "subject": Upload("me.svg", SVG), "number_of_outputs": 1}
    exchange = await shared_bot.mia.use_command(shared_bot.channel(), "generate", given)
    await exchange.wait_for(lambda shown: "SVG" in shown.text, timeout=LONG)
    assert "which models can't read. Send it as PNG or JPEG." in exchange.text
    assert len(shared_bot.replicate.predictions) == before


async def test_a_small_file_keeps_its_name(open_bot: OpenBot) -> None:
    async with open_bot(RUN_ANY="everyone") as bot:
        form = await bot.mia.use_command(bot.channel(), "run", {"model": "sandbox/transcriber"})
        assert form.modal is not None
        await bot.mia.submit(form, {"audio": Upload("voice.ogg", b"OggS\0\2" + bytes(40_000))})
        await eventually(lambda: bot.replicate.predictions)
        [prediction] = bot.replicate.predictions.values()
        [uploaded] = bot.replicate.uploads
        assert (uploaded.name, len(uploaded.data)) == ("voice.ogg", 40_006)
        assert prediction.input["audio"].endswith(uploaded.id)
