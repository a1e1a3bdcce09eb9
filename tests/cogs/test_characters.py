"""Characters: saved from photos, messages and results, used by @name, shared and deleted."""

import base64
import io
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio
from PIL import Image

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, over, reached, words
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, choice_values, open_menu, private_text
from tests.discord_spec import check_discord_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Upload("me.png", draw_portrait())
AGREED = {"Consent": ["agreed"]}
SETTINGS = {
    "COMMANDS": "generate=fofr/consistent-character,draw=black-forest-labs/flux-schnell,"
    "upscale=sandbox/upscaler,story=sandbox/story"
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    folder = tmp_path_factory.mktemp("characters")
    async with open_environment(folder, timings=PACE, settings=SETTINGS) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)


async def save_character(person: Person, channel: Channel, name: str, description: str = "") -> InteractionResult:
    form = await person.use_command(channel, "character save", {"name": name, "photo": ME})
    return await person.submit(form, {"Description": description, **AGREED})


async def run(environment: Environment, person: Person, channel: Channel, command: str, **values: object) -> Message:
    message = answered(await person.use_command(channel, command, values))
    await reached(environment, lambda: over(message))
    return message


def last_input(environment: Environment) -> dict[str, object]:
    *_, prediction = environment.replicate.predictions.values()
    return dict(prediction.input)


def is_picture(value: object) -> bool:
    data = base64.b64decode(str(value).partition(",")[2])
    return Image.open(io.BytesIO(data)).format == "JPEG"


def execute(environment: Environment, statement: str) -> None:
    with closing(sqlite3.connect(environment.database_path)) as database:
        database.execute(statement)
        database.commit()


async def test_a_name_in_a_prompt_becomes_description_and_picture(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    await private_text(await save_character(mia, pictures, "Mia", "a woman with red hair"), "Saved @Mia")
    message = await run(
        environment, mia, pictures, "generate", prompt="@mia, on a beach with @nobody", number_of_outputs=1
    )
    used = last_input(environment)
    assert used["prompt"] == "a woman with red hair, on a beach with @nobody"
    assert is_picture(used["subject"])
    assert "@mia, on a beach" in words(message)
    assert "Not one of your characters, so just words: @nobody" in words(message)
    assert "input.webp" in [file.filename for file in message.attachments]

    form = await mia.press(message, "Edit")
    assert "@mia, on a beach" in json.dumps(form.modal, ensure_ascii=False)
    again = answered(await mia.submit(form, {}))
    await reached(environment, lambda: over(again))
    assert last_input(environment) == used

    execute(environment, "DELETE FROM run_files")
    repeated = answered(await mia.press(message, "Again"))
    await reached(environment, lambda: over(repeated))
    assert last_input(environment)["prompt"] == used["prompt"]
    assert is_picture(last_input(environment)["subject"])

    own = await run(environment, mia, pictures, "generate", prompt="@mia at home", visibility="private")
    execute(environment, "DELETE FROM run_files")
    result = await mia.press(own, "Again")
    # The response is the new card itself, or an update of the old one while that may still need the press's token.
    own_again = await result.wait_for(
        lambda shown: next((one for one in (shown.message, *shown.followups) if one and one.id != own.id), None)
    )
    assert own.ephemeral
    assert own_again.ephemeral
    await reached(environment, lambda: over(own_again))

    question = answered(await mia.use_command(pictures, "character delete", {"name": "mia"}))
    await private_text(await mia.press(question, "Delete"), "Deleted @Mia and its pictures.")
    refused = await mia.press(repeated, "Again")
    await private_text(refused, "Attach an image as `subject`", "so just words: @mia, @nobody")


async def test_a_missing_picture_of_an_unknown_name_is_explained(mia: Person, pictures: Channel) -> None:
    refused = await mia.use_command(pictures, "generate", {"prompt": "@stranger on a beach"})
    await private_text(refused, "Attach an image as `subject`", "Not one of your characters, so just words: @stranger")


async def test_a_model_without_pictures_is_told_the_description(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    await private_text(await save_character(mia, pictures, "bob", "a man with a beard"), "Saved")
    message = await run(environment, mia, pictures, "draw", prompt="@bob as a knight")
    assert last_input(environment)["prompt"] == "a man with a beard as a knight"
    assert "This model takes no pictures, so @bob is in words only." in words(message)


async def test_a_name_stands_for_the_address_of_a_picture(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    await private_text(await save_character(mia, pictures, "zoe"), "Saved")
    offered = await mia.autocomplete(pictures, "upscale", {"image_url": "@z"}, "image_url")
    assert choice_values(offered) == ["@zoe"]
    message = await run(environment, mia, pictures, "upscale", image_url="@zoe")
    assert is_picture(last_input(environment)["image"])
    assert "@zoe" in words(message)
    refused = await mia.use_command(pictures, "upscale", {"image_url": "@stranger"})
    await private_text(refused, "you have no character @stranger")


async def test_last_prompts_are_completed_for_their_author_only(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    long = "a castle " * 15
    await run(environment, mia, pictures, "draw", prompt=long)
    offered = await mia.autocomplete(pictures, "draw", {"prompt": "castle"}, "prompt")
    assert choice_values(offered)[0] == "castle"
    value = choice_values(offered)[1]
    noah = environment.discord.person("noah")
    assert choice_values(await noah.autocomplete(pictures, "draw", {"prompt": ""}, "prompt")) == []
    refused = await noah.use_command(pictures, "draw", {"prompt": value})
    await private_text(refused, "that prompt was deleted")
    message = await run(environment, mia, pictures, "draw", prompt=value)
    assert last_input(environment)["prompt"] == long
    assert "a castle" in words(message)


async def test_a_character_is_saved_from_a_result_and_replaced(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    made = await run(environment, mia, pictures, "draw", prompt="a hero", num_outputs=2)
    form = await mia.press(await open_menu(environment, mia, made), "Save as character")
    saved = await mia.submit(form, {"Name": "Hero", **AGREED})
    await private_text(saved, "Saved @Hero")
    taken = await save_character(mia, pictures, "hero", "a new hero")
    await private_text(taken, "You already have @Hero. Replace it?")
    replaced = await mia.press(answered(taken), "Replace")
    await private_text(replaced, "Replaced @hero.")
    shown = await mia.use_command(pictures, "character show", {"name": "@hero"})
    await private_text(shown, "a new hero", "1 picture")
    listed = await mia.use_command(pictures, "character list")
    await private_text(listed, "@hero")
    assert answered(listed).attachments


async def test_what_is_no_picture_or_no_name_is_refused(mia: Person, pictures: Channel) -> None:
    for name in ("everyone", "two words"):
        await private_text(await mia.use_command(pictures, "character save", {"name": name, "photo": ME}), name)
    text = await mia.use_command(pictures, "character save", {"name": "note", "photo": Upload("notes.txt", b"words")})
    assert text.modal is None
    await private_text(text, "“notes.txt” isn't an image.")
    note = Upload("notes.png", b"just words")
    form = await mia.use_command(pictures, "character save", {"name": "note", "photo": note})
    await private_text(await mia.submit(form, AGREED), "“notes.png” can't be used", "isn't an image")
    message = await mia.send_message(pictures, "no picture")
    await private_text(await mia.use_context_menu(message, "Save as character"), "There is no picture")


async def test_a_shared_character_is_used_and_removed_by_others(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    noah, ada = environment.discord.person("noah"), environment.discord.person("ada")
    await private_text(await save_character(mia, pictures, "mascot", "a green fox"), "Saved")
    form = await mia.use_command(pictures, "character share", {"name": "mascot"})
    await private_text(await mia.submit(form, AGREED), "Everybody in Sandbox can use @mascot now")
    message = await run(environment, noah, pictures, "generate", prompt="@mascot jumps", number_of_outputs=1)
    assert last_input(environment)["prompt"] == "a green fox jumps"
    await private_text(await mia.press(message, "Again"), "This run used")
    await private_text(await noah.use_command(pictures, "character delete", {"name": "mascot"}), "who manages")
    removed = await ada.use_command(pictures, "character delete", {"name": "mascot"})
    await private_text(removed, "@mascot isn't shared with Sandbox any more.")
    await private_text(await noah.use_command(pictures, "character show", {"name": "mascot"}), "no character")
    await private_text(await mia.use_command(pictures, "character show", {"name": "mascot"}), "a green fox")


async def test_the_choices_of_me_hold_for_new_runs(environment: Environment, pictures: Channel) -> None:
    olga = environment.discord.person("olga")
    form = await olga.use_command(pictures, "me")
    chosen = {"Aspect ratio": ["16:9"], "Visibility": ["spoiler"], "Command for pictures": ["upscale"]}
    await private_text(await olga.submit(form, chosen), "Saved")
    message = await run(environment, olga, pictures, "draw", prompt="a wide field")
    assert last_input(environment)["aspect_ratio"] == "16:9"
    assert '"spoiler": true' in json.dumps(message.components)
    photo = await olga.send_message(pictures, "look", files=[ME])
    asked = await olga.use_context_menu(photo, "Use as subject")
    assert "/upscale" in str(asked.modal)
