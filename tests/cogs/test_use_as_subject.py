"""“Use as subject” in the menu of a message."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.discord.people.person import Person
from sandbox.discord.world.attachment import Upload
from sandbox.discord.world.channel import Channel
from sandbox.house import House
from sandbox.portrait import portrait
from tests.app.conftest import answered, images, over, reached
from tests.cogs.conftest import PACE, said

ME = Upload("me.png", portrait())
MENU = "Use as subject"


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {"COMMANDS": "generate=fofr/consistent-character,talk=meta/meta-llama-3-8b-instruct,story=sandbox/story"}


def labels(modal: dict[str, object] | None) -> list[str]:
    assert modal is not None
    components = modal["components"]
    assert isinstance(components, list)
    return [item["label"] for item in components if "label" in item]


async def test_a_photo_in_a_message_becomes_the_subject(house: House, mia: Person, pictures: Channel) -> None:
    photo = await house.discord.person("noah").say(pictures, "look", files=[ME])
    exchange = await mia.context_menu(photo, MENU)
    assert "Subject" not in labels(exchange.modal)
    assert "me.png" in str(exchange.modal)
    message = answered(await mia.submit(exchange, {"prompt": "a hat", "number_of_outputs": "1"}))
    await reached(house, lambda: over(message))
    [prediction] = house.replicate.predictions.values()
    assert prediction.input["prompt"] == "a hat"
    assert prediction.input["subject"].startswith("data:image/png;base64,")


async def test_an_image_that_the_bot_made_can_be_used_again(house: House, mia: Person, pictures: Channel) -> None:
    made = answered(await mia.slash(pictures, "generate", {"subject": ME, "number_of_outputs": 2}))
    await reached(house, lambda: over(made))
    exchange = await mia.context_menu(made, MENU)
    assert labels(exchange.modal)[0] == "Image"
    second = images(made)[1]
    message = answered(await mia.submit(exchange, {"Image": f"2: {second}", "number_of_outputs": "1"}))
    await reached(house, lambda: over(message))
    *_, last = house.replicate.predictions.values()
    assert last.input["subject"].startswith("data:image/webp;base64,")


async def test_a_message_without_an_image_gets_a_private_sentence(mia: Person, pictures: Channel) -> None:
    note = await mia.say(pictures, "no image here", files=[Upload("notes.txt", b"words")])
    await said(await mia.context_menu(note, MENU), "There is no image in this message")


async def test_an_image_that_is_gone_at_submit_gets_a_private_sentence(
    house: House, mia: Person, pictures: Channel
) -> None:
    photo = await mia.say(pictures, "look", files=[ME])
    house.discord.cdn.life = timedelta()
    exchange = await mia.context_menu(photo, MENU)
    refused = await mia.submit(exchange, {"number_of_outputs": "1"})
    await said(refused, "Discord did not hand over")
    assert not house.replicate.predictions


async def test_with_several_commands_that_take_an_image_there_is_a_choice(
    house: House, olga: Person, mia: Person, pictures: Channel
) -> None:
    await said(await olga.slash(pictures, "models add", {"model": "sandbox/upscaler"}), "/upscaler is there")
    photo = await mia.say(pictures, "look", files=[ME])
    asked = await mia.context_menu(photo, MENU)
    assert asked.ephemeral
    assert asked.message is not None
    chosen = await mia.choose(asked.message, "Choose a command", ["/upscaler"])
    assert "/upscaler" in str(chosen.modal)
    message = answered(await mia.submit(chosen, {}))
    await reached(house, lambda: over(message))
    [prediction] = house.replicate.predictions.values()
    assert prediction.model.full_name == "sandbox/upscaler"
    assert prediction.input["image"].startswith("data:image/png")


async def test_where_no_command_takes_an_image_it_says_so(tmp_path: Path) -> None:
    async with House(tmp_path, pace=PACE, settings={"COMMANDS": "story=sandbox/story"}) as house:
        await house.start_bot()
        mia, pictures = house.discord.person("mia"), house.discord.world.channel("pictures")
        photo = await mia.say(pictures, "look", files=[ME])
        await said(await mia.context_menu(photo, MENU), "No command here takes an image")


async def test_an_embeds_image_is_read_from_discords_copy_and_never_from_its_address(
    house: House, mia: Person, pictures: Channel
) -> None:
    kept = await mia.say(pictures, "look", files=[ME])
    copy = house.discord.cdn.url(kept.attachments[0])
    elsewhere = "http://127.0.0.1:9/secret.png"
    noah = house.discord.person("noah")
    for image, found in (({"url": elsewhere, "proxy_url": copy}, True), ({"url": elsewhere}, False)):
        message = await noah.say(pictures, "a page")
        message.body = replace(message.body, embeds=({"title": "A page", "image": image},))
        exchange = await mia.context_menu(message, MENU)
        assert (exchange.modal is not None) is found
        if found:
            reply = answered(await mia.submit(exchange, {"number_of_outputs": "1"}))
            await reached(house, lambda: over(reply))  # noqa: B023 - looked at before the next turn
    [prediction] = house.replicate.predictions.values()
    assert base64.b64decode(prediction.input["subject"].partition(",")[2]) == ME.data
