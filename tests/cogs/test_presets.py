"""Presets: saved from a run, used with new words, shared, and published as commands of a server."""

import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing

import pytest
import pytest_asyncio

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, eventually, over, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, choice_values, open_menu, private_text
from tests.discord_spec import check_discord_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Upload("me.png", draw_portrait())
SETTINGS = {"COMMANDS": "generate=fofr/consistent-character,draw=black-forest-labs/flux-schnell"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    folder = tmp_path_factory.mktemp("presets")
    async with open_environment(folder, timings=PACE, settings=SETTINGS) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)


async def finished(environment: Environment, result: InteractionResult) -> Message:
    message = answered(result)
    await reached(environment, lambda: over(message))
    return message


async def save_preset(
    environment: Environment, person: Person, result: Message, name: str, **answers: object
) -> InteractionResult:
    form = await person.press(await open_menu(environment, person, result), "Save as preset")
    return await person.submit(form, {"Name": name, **answers})


def last_input(environment: Environment) -> dict[str, object]:
    *_, prediction = environment.replicate.predictions.values()
    return dict(prediction.input)


async def test_a_preset_keeps_inputs_and_takes_new_words(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    used = {"prompt": "a cat, watercolor", "aspect_ratio": "16:9", "seed": 7}
    made = await finished(environment, await mia.use_command(pictures, "draw", used))
    saved = await save_preset(environment, mia, made, "water", Prompt="{prompt}, watercolor")
    await private_text(saved, "Saved water")
    offered = await mia.autocomplete(pictures, "preset use", {"name": "wat"}, "name")
    [preset] = choice_values(offered)
    await finished(environment, await mia.use_command(pictures, "preset use", {"name": preset, "prompt": "a dog"}))
    assert last_input(environment)["prompt"] == "a dog, watercolor"
    assert last_input(environment)["aspect_ratio"] == "16:9"
    assert last_input(environment)["seed"] == 7
    form = await mia.use_command(pictures, "preset use", {"name": "water"})
    refused = await mia.submit(form, {"Prompt": " "})
    await private_text(refused, "is required")
    assert refused.message is not None
    given_back = await mia.press(refused.message, "Fix it")
    assert "16:9" in json.dumps(given_back.modal), "what the preset keeps is there, too"
    await finished(environment, await mia.submit(form, {"Prompt": "a bird"}))
    assert last_input(environment)["prompt"] == "a bird, watercolor"
    shown = await mia.use_command(pictures, "preset show", {"name": "Water"})
    await private_text(shown, "16:9", "Asks for")
    await private_text(
        await save_preset(environment, mia, made, "WATER"), "You already have a preset WATER. Replace it?"
    )
    noah = environment.discord.person("noah")
    await private_text(await noah.use_command(pictures, "preset use", {"name": preset}), "There is no preset")


async def test_files_of_a_run_are_asked_for(environment: Environment, mia: Person, pictures: Channel) -> None:
    used = {"prompt": "a knight", "subject": ME, "number_of_outputs": 1}
    made = await finished(environment, await mia.use_command(pictures, "generate", used))
    await private_text(await save_preset(environment, mia, made, "knight"), "Saved knight")
    form = await mia.use_command(pictures, "preset use", {"name": "knight"})
    assert "Subject" in json.dumps(form.modal)
    result = await mia.use_command(pictures, "preset use", {"name": "knight", "image": ME})
    await finished(environment, result)
    assert last_input(environment)["prompt"] == "a knight"
    assert str(last_input(environment)["subject"]).startswith("data:image/png")


async def test_a_published_preset_is_a_command_of_its_server(environment: Environment, pictures: Channel) -> None:
    ada, noah = environment.discord.person("ada"), environment.discord.person("noah")
    made = await finished(environment, await ada.use_command(pictures, "draw", {"prompt": "a fox", "seed": 3}))
    await private_text(await save_preset(environment, ada, made, "logo", Prompt="a logo of {prompt}"), "Saved logo")
    shared = {"name": "logo", "to": "server", "command": True}
    await private_text(await ada.use_command(pictures, "preset share", shared), "/logo")
    guild = pictures.guild
    assert guild is not None
    await finished(environment, await noah.use_command(pictures, "logo", {"prompt": "a tree"}))
    assert last_input(environment)["prompt"] == "a logo of a tree"
    assert last_input(environment)["seed"] == 3
    assert environment.discord.commands.find("logo", 1, None) is None

    await environment.bot.kill()
    await environment.start_bot()
    await finished(environment, await noah.use_command(pictures, "logo", {"prompt": "a house"}))
    assert last_input(environment)["prompt"] == "a logo of a house"

    await private_text(await noah.use_command(pictures, "preset delete", {"name": "logo"}), "manages this server")
    await private_text(await ada.use_command(pictures, "preset share", {"name": "logo", "to": "nobody"}), "Only you")
    await eventually(lambda: environment.discord.commands.find("logo", 1, guild.id) is None)
    await private_text(await noah.use_command(pictures, "preset use", {"name": "logo"}), "There is no preset")

    await private_text(await ada.use_command(pictures, "preset share", shared), "/logo")
    assert environment.discord.commands.find("logo", 1, guild.id) is not None
    asked = answered(await ada.use_command(pictures, "privacy delete"))
    await private_text(await ada.press(asked, "Delete my data"), "Deleted 1 run")
    await eventually(lambda: environment.discord.commands.find("logo", 1, guild.id) is None)


async def test_only_those_who_may_share_widely_do(environment: Environment, mia: Person, pictures: Channel) -> None:
    made = await finished(environment, await mia.use_command(pictures, "draw", {"prompt": "a boat"}))
    await private_text(await save_preset(environment, mia, made, "boat"), "Saved boat")
    published = {"name": "boat", "to": "server", "command": True}
    await private_text(await mia.use_command(pictures, "preset share", published), "Only who manages this server")
    everybody = {"name": "boat", "to": "everybody"}
    await private_text(await mia.use_command(pictures, "preset share", everybody), "editors")
    await private_text(
        await mia.use_command(pictures, "preset share", {"name": "boat", "to": "server"}), "can use boat now"
    )
    noah = environment.discord.person("noah")
    await finished(environment, await noah.use_command(pictures, "preset use", {"name": "boat"}))
    assert last_input(environment)["prompt"] == "a boat"


async def test_what_no_longer_fits_is_shown_before_anything_runs(environment: Environment, pictures: Channel) -> None:
    olga = environment.discord.person("olga")
    added = await olga.use_command(pictures, "models add", {"model": "sandbox/upscaler"})
    await private_text(added, "Added /upscaler")
    made = await finished(environment, await olga.use_command(pictures, "draw", {"prompt": "a hill", "seed": 5}))
    await private_text(await save_preset(environment, olga, made, "hill"), "Saved hill")
    with closing(sqlite3.connect(environment.database_path)) as database:
        database.execute("""UPDATE presets SET fixed = '{"seed": 5, "style": "oil"}' WHERE key = 'hill'""")
        database.commit()
    runs = len(environment.replicate.predictions)
    card = await olga.use_command(pictures, "preset use", {"name": "hill"})
    await private_text(card, "/draw has changed since hill was saved", "`style` is no longer an input here.")
    form = await olga.press(answered(card), "Use the rest")
    assert len(environment.replicate.predictions) == runs
    await finished(environment, await olga.submit(form, {}))
    assert last_input(environment)["prompt"] == "a hill"
    assert last_input(environment)["seed"] == 5

    enlarged = await finished(environment, await olga.use_command(pictures, "upscaler", {"image": ME}))
    await private_text(await save_preset(environment, olga, enlarged, "large"), "Saved large")
    shared = {"name": "large", "to": "everybody"}
    await private_text(await olga.use_command(pictures, "preset share", shared), "Everybody can use large now")
    await private_text(await olga.use_command(pictures, "models remove", {"name": "upscaler"}), "Removed")
    noah = environment.discord.person("noah")
    await private_text(await noah.use_command(pictures, "preset use", {"name": "large"}), "no longer runs")
