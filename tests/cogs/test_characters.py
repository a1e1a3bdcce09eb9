"""Characters: saved from photos, used by @name, shared and deleted."""

import base64
import io
from collections.abc import Mapping

import pytest
from PIL import Image

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, over, reached, words
from tests.cogs.conftest import private_text

ME = Upload("me.png", draw_portrait())
AGREED = {"Consent": ["agreed"]}


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {
        "COMMANDS": "generate=fofr/consistent-character,draw=black-forest-labs/flux-schnell,"
        "upscale=sandbox/upscaler,story=sandbox/story"
    }


async def save_character(person: Person, channel: Channel, name: str, description: str = "") -> InteractionResult:
    form = await person.use_command(channel, "character save", {"name": name, "photo": ME})
    return await person.submit(form, {"Description": description, **AGREED})


async def test_a_name_in_a_prompt_becomes_description_and_picture(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    await private_text(await save_character(mia, pictures, "Mia", "a woman with red hair"), "Saved @Mia")
    used = {"prompt": "@mia, on a beach with @nobody", "number_of_outputs": 1}
    message = answered(await mia.use_command(pictures, "generate", used))
    await reached(environment, lambda: over(message))
    [prediction] = environment.replicate.predictions.values()
    assert prediction.input["prompt"] == "a woman with red hair, on a beach with @nobody"
    data = base64.b64decode(prediction.input["subject"].partition(",")[2])
    assert Image.open(io.BytesIO(data)).format == "JPEG"
    text = words(message)
    assert "@mia, on a beach" in text
    assert "Not one of your characters, so just words: @nobody" in text
