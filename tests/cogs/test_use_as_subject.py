"""Use as subject, in the menu of a message."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, images, over, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text

ME = Upload("me.png", draw_portrait())
MENU = "Use as subject"


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {"COMMANDS": "generate=fofr/consistent-character,talk=meta/meta-llama-3-8b-instruct,story=sandbox/story"}


def labels(modal: dict[str, object] | None) -> list[str]:
    assert modal is not None
    components = modal["components"]
    assert isinstance(components, list)
    return [item["label"] for item in components if "label" in item]


async def test_a_photo_in_a_message_becomes_the_subject(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    photo = await environment.discord.person("noah").send_message(pictures, "look", files=[ME])
    result = await mia.use_context_menu(photo, MENU)
    assert "Subject" not in labels(result.modal)
    assert "me.png" in str(result.modal)
    message = answered(await mia.submit(result, {"prompt": "a hat", "number_of_outputs": "1"}))
    await reached(environment, lambda: over(message))
    [prediction] = environment.replicate.predictions.values()
    assert prediction.input["prompt"] == "a hat"
    assert prediction.input["subject"].startswith("data:image/png;base64,")


async def test_an_output_image_becomes_the_subject(environment: Environment, mia: Person, pictures: Channel) -> None:
    made = answered(await mia.use_command(pictures, "generate", {"subject": ME, "number_of_outputs": 2}))
    await reached(environment, lambda: over(made))
    result = await mia.use_context_menu(made, MENU)
    assert labels(result.modal)[0] == "Image"
    second = images(made)[1]
    message = answered(await mia.submit(result, {"Image": f"2: {second}", "number_of_outputs": "1"}))
    await reached(environment, lambda: over(message))
    *_, last = environment.replicate.predictions.values()
    assert last.input["subject"].startswith("data:image/webp;base64,")


async def test_a_message_without_an_image_is_refused(mia: Person, pictures: Channel) -> None:
    note = await mia.send_message(pictures, "no image here", files=[Upload("notes.txt", b"words")])
    await private_text(await mia.use_context_menu(note, MENU), "There is no image in this message")


async def test_an_image_deleted_before_submit_is_refused(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    photo = await mia.send_message(pictures, "look", files=[ME])
    environment.discord.cdn.url_lifetime = timedelta()
    result = await mia.use_context_menu(photo, MENU)
    refused = await mia.submit(result, {"number_of_outputs": "1"})
    await private_text(refused, "couldn't download")
    assert not environment.replicate.predictions


async def test_several_image_commands_are_offered(
    environment: Environment, olga: Person, mia: Person, pictures: Channel
) -> None:
    await private_text(await olga.use_command(pictures, "models add", {"model": "sandbox/upscaler"}), "Added /upscaler")
    photo = await mia.send_message(pictures, "look", files=[ME])
    asked = await mia.use_context_menu(photo, MENU)
    assert asked.ephemeral
    assert asked.message is not None
    chosen = await mia.choose(asked.message, "Choose a command", ["/upscaler"])
    assert "/upscaler" in str(chosen.modal)
    message = answered(await mia.submit(chosen, {}))
    await reached(environment, lambda: over(message))
    [prediction] = environment.replicate.predictions.values()
    assert prediction.model.full_name == "sandbox/upscaler"
    assert prediction.input["image"].startswith("data:image/png")


async def test_no_image_command_is_explained(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE, settings={"COMMANDS": "story=sandbox/story"}) as environment:
        await environment.start_bot()
        mia, pictures = environment.discord.person("mia"), environment.discord.state.channel("pictures")
        photo = await mia.send_message(pictures, "look", files=[ME])
        await private_text(await mia.use_context_menu(photo, MENU), "No command here takes an image")


async def test_embed_images_are_read_from_discords_copy_only(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    kept = await mia.send_message(pictures, "look", files=[ME])
    copy = environment.discord.cdn.sign_url(kept.attachments[0])
    elsewhere = "http://127.0.0.1:9/secret.png"
    noah = environment.discord.person("noah")
    for image, found in (({"url": elsewhere, "proxy_url": copy}, True), ({"url": elsewhere}, False)):
        message = await noah.send_message(pictures, "a page")
        message.body = replace(message.body, embeds=({"title": "A page", "image": image},))
        result = await mia.use_context_menu(message, MENU)
        assert (result.modal is not None) is found
        if found:
            reply = answered(await mia.submit(result, {"number_of_outputs": "1"}))
            await reached(environment, lambda: over(reply))  # noqa: B023 - looked at before the next turn
    [prediction] = environment.replicate.predictions.values()
    assert base64.b64decode(prediction.input["subject"].partition(",")[2]) == ME.data
