"""Results and lists lead on: Try it on me, samples in one press, Try it and Add, the runs of a person page by page."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.discord.client_checks import ClientRefused
from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.components import iter_texts
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from sandbox.replicate.prediction import Prediction
from tests.app.conftest import answered, over, reached, words
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Upload("me.png", draw_portrait())
OTHER = Upload("other.png", draw_portrait())
SETTINGS = {"RUNS_PER_USER": "20", "RUN_ANY": "editors"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    """A bot with a command for every role, shared by the tests."""
    folder = tmp_path_factory.mktemp("lists")
    async with open_environment(folder, timings=PACE, settings=SETTINGS, roles=True) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
def noah(environment: Environment) -> Person:
    return environment.discord.person("noah")


async def result_of(environment: Environment, person: Person, channel: Channel, name: str, **values: object) -> Message:
    """Return the finished result of a command."""
    message = answered(await person.use_command(channel, name, values))
    await reached(environment, lambda: over(message))
    return message


def newest(environment: Environment) -> Prediction:
    return list(environment.replicate.predictions.values())[-1]


def filled_in(opened: InteractionResult) -> dict[str, object]:
    """Return label → what a form starts with, for each of its fields."""
    assert opened.modal is not None
    labels = [part for part in opened.modal["components"] if "label" in part]
    return {part["label"]: part["component"].get("value") for part in labels}


async def test_anybody_tries_a_result_on_themselves(
    environment: Environment, mia: Person, noah: Person, pictures: Channel
) -> None:
    prompt = "an astronaut on a horse"
    result = await result_of(
        environment, mia, pictures, "generate", prompt=prompt, subject=ME, number_of_outputs=1, seed=7
    )
    opened = await noah.press(result, "Try it on me")
    assert filled_in(opened) == {"Your picture": None, "Prompt": prompt}
    with pytest.raises(ClientRefused):
        await noah.submit(opened, {"Prompt": prompt})  # without a picture
    tried = answered(await noah.submit(opened, {"Your picture": [OTHER]}))
    await reached(environment, lambda: over(tried))
    assert "from [Mia's run]" in words(tried)
    given = newest(environment).input
    assert (given["prompt"], given["seed"], given["number_of_outputs"]) == (prompt, 7, 1)


async def test_a_result_without_a_picture_is_tried_with_edit(
    environment: Environment, mia: Person, noah: Person, pictures: Channel
) -> None:
    result = await result_of(environment, mia, pictures, "draw", prompt="a hat of glass")
    opened = await noah.press(result, "Try it on me")
    assert filled_in(opened)["Prompt"] == "a hat of glass"
    tried = answered(await noah.submit(opened, {"Your picture": [OTHER]}))
    await reached(environment, lambda: over(tried))
    assert "/retouch" in words(tried)
    text = await result_of(environment, mia, pictures, "talk", prompt="tea")
    assert "Try it on me" not in text.buttons


async def test_a_private_result_is_tried_in_private(environment: Environment, mia: Person, pictures: Channel) -> None:
    result = await result_of(environment, mia, pictures, "draw", prompt="my secret hat", visibility="private")
    opened = await mia.press(result, "Try it on me")
    assert filled_in(opened)["Prompt"] == "my secret hat"
    tried = answered(await mia.submit(opened, {"Your picture": [ME]}))
    await reached(environment, lambda: over(tried))
    assert tried.ephemeral
    assert all("secret" not in message.text for message in pictures.messages.values() if not message.ephemeral)


async def test_one_rule_says_who_may_repeat_what(
    environment: Environment, mia: Person, noah: Person, pictures: Channel
) -> None:
    own = await result_of(environment, mia, pictures, "generate", prompt="me", subject=ME, number_of_outputs=1)
    for button in ("Again", "Edit", "Details"):
        pressed = await noah.press(own, button)
        assert pressed.modal is None
        assert await private_text(pressed) == "This run used Mia's files. Run /generate with your own."
    public = await result_of(environment, mia, pictures, "draw", prompt="a public hat")
    assert filled_in(await noah.press(public, "Edit"))["Prompt"] == "a public hat"
    details = await private_text(await noah.press(public, "Details"), "prompt: a public hat")
    assert "Prediction" not in details
    used = await noah.use_context_menu(own, "Use as subject")
    await private_text(used, "Which command should get the image?")


async def test_sentences_name_commands_to_click(
    environment: Environment, mia: Person, noah: Person, pictures: Channel
) -> None:
    own = await result_of(environment, mia, pictures, "generate", prompt="me", subject=ME, number_of_outputs=1)
    pressed = await noah.press(own, "Again")
    await private_text(pressed, "/generate")
    generate = environment.discord.commands.find("generate", 1, None)
    runs = environment.discord.commands.find("runs", 1, None)
    assert generate is not None
    assert runs is not None
    assert f"</generate:{generate.id}>" in answered(pressed).body.content
    about = "\n".join(iter_texts(answered(await noah.use_command(pictures, "about")).components))
    assert f"</generate:{generate.id}>" in about
    assert f"</runs list:{runs.id}>" in about


async def test_a_tile_runs_its_sample_once(environment: Environment, noah: Person, pictures: Channel) -> None:
    about = answered(await noah.use_command(pictures, "about"))
    assert about.ephemeral
    before = len(environment.replicate.predictions)
    first, second = await noah.press(about, "sample:draw"), await noah.press(about, "sample:draw")
    message = answered(first)
    await reached(environment, lambda: over(message))
    assert not message.ephemeral
    assert "a lighthouse in a storm" in words(message)
    await private_text(second, "has just started")
    assert len(environment.replicate.predictions) == before + 1


async def test_models_that_are_found_are_tried_and_added(
    environment: Environment, olga: Person, noah: Person, pictures: Channel
) -> None:
    found = answered(await olga.use_command(pictures, "models search", {"words": "caption"}))
    await reached(environment, lambda: "sandbox/captions" in found.text)
    tried = await olga.choose(found, "Try one", ["sandbox/captions"])
    assert tried.modal is not None
    added = await olga.choose(found, "Add one as a command", ["sandbox/captions"])
    await private_text(added, "Added /captions")
    looked_up = await noah.use_command(pictures, "models info", {"model": "sandbox/captions"})
    await private_text(looked_up, "/captions")
    assert answered(looked_up).buttons == ("Try it", "View on Replicate")
    assert (await noah.press(answered(looked_up), "Try it")).modal is not None
    other = await olga.use_command(pictures, "models info", {"model": "sandbox/score"})
    await private_text(other, "sandbox/score")
    await private_text(await olga.press(answered(other), "Add"), "Added /score")
    for_nobody = await noah.use_command(pictures, "models info", {"model": "sandbox/story"})
    await private_text(for_nobody, "sandbox/story")
    assert answered(for_nobody).buttons == ("View on Replicate",)


async def test_the_command_run_says_whom_it_is_for(environment: Environment) -> None:
    run = environment.discord.commands.find("run", 1, None)
    assert run is not None
    assert "editors" in run.data["description"]


async def test_runs_are_paged_repeated_and_jumped_to(environment: Environment, pictures: Channel) -> None:
    ada = environment.discord.person("ada")
    for number in range(6):
        await result_of(environment, ada, pictures, "talk", prompt=f"story {number}")
    listed = await ada.use_command(pictures, "runs list")
    text = await private_text(listed, "story 5", "story 1")
    assert "story 0" not in text
    card = answered(listed)
    assert card.buttons == (*("Again", "Jump") * 5, "◀ Newer", "Older ▶")
    await ada.press(card, "Older ▶")
    await reached(environment, lambda: "story 0" in card.text)
    assert "story 1" not in card.text
    again = answered(await ada.press(card, "Again"))
    await reached(environment, lambda: over(again))
    assert "story 0" in words(again)
    await ada.press(card, "◀ Newer")
    await reached(environment, lambda: re.search("story 5", card.text))
