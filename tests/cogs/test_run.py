"""/run: any model, through a form."""

from collections.abc import Mapping

import pytest

from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, over, reached, words
from tests.cogs.conftest import choice_values, offered, private_text

ME = Upload("me.png", draw_portrait())


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {"RUN_ANY": "everyone"}


async def test_the_form_of_any_model_opens_and_runs_it(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    result = await mia.use_command(pictures, "run", {"model": "sandbox/upscaler"})
    assert result.modal is not None
    assert "upscaler" in result.modal["title"]
    message = answered(await mia.submit(result, {"image": ME}))
    await reached(environment, lambda: over(message))
    assert "/run" in words(message)
    assert "sandbox/upscaler" in message.text
    assert [one.filename for one in message.images if one.filename.startswith("upscaler-")]
    [prediction] = environment.replicate.predictions.values()
    assert prediction.input["image"].startswith("data:image/png")


async def test_advanced_inputs_can_be_edited_again(environment: Environment, mia: Person, pictures: Channel) -> None:
    result = await mia.use_command(pictures, "run", {"model": "fofr/consistent-character"})
    message = answered(
        await mia.submit(result, {"subject": ME, "number_of_outputs": "1", "advanced": "seed=7 output_format=png"})
    )
    await reached(environment, lambda: over(message))
    edited = await mia.press(message, "Edit")
    assert edited.modal is not None
    again = answered(await mia.submit(edited, {"prompt": "a hat"}))
    await reached(environment, lambda: over(again))
    first, second = environment.replicate.predictions.values()
    assert first.input["seed"] == second.input["seed"] == 7
    assert first.input["subject"] == second.input["subject"]
    assert second.input["prompt"] == "a hat"


async def test_a_slow_model_lookup_shows_a_button_for_the_form(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    environment.replicate.faults.add("delay", on="GET /v1/models/*", times=None, seconds=3.0)
    result = await mia.use_command(pictures, "run", {"model": "sandbox/story"})
    assert result.ephemeral
    assert result.message is not None
    await result.wait_for(lambda shown: shown.message and "Open the form" in shown.message.buttons)
    opened = await mia.press(result.message, "Open the form")
    assert opened.modal is not None
    environment.replicate.faults.clear()
    message = answered(await mia.submit(opened, {"prompt": "tea"}))
    await reached(environment, lambda: over(message))


async def test_an_unknown_model_is_explained(mia: Person, pictures: Channel) -> None:
    for model, sentence in (
        ("flux", "is not a model"),
        ("sandbox/nowhere", "Couldn't find sandbox/nowhere on Replicate"),
    ):
        assert "\n" not in await private_text(await mia.use_command(pictures, "run", {"model": model}), sentence)


async def test_autocomplete_answers_every_key_press(environment: Environment, mia: Person, pictures: Channel) -> None:
    first = await mia.autocomplete(pictures, "run", {}, "model")
    assert "fofr/consistent-character" in choice_values(first)
    for typed in ("up", "upsc"):
        assert (await mia.autocomplete(pictures, "run", {"model": typed}, "model")).choices is not None
    assert await offered(mia, pictures, "run", "upscale", "sandbox/upscaler") == ["sandbox/upscaler"]
    before = len(environment.replicate.calls)
    await mia.autocomplete(pictures, "run", {"model": "Upscale "}, "model")
    assert len(environment.replicate.calls) == before, "the same words are searched once"


async def test_user_install_works_in_a_server_without_the_bot(environment: Environment, mia: Person) -> None:
    mia.user.installed = True
    lobby = environment.discord.state.channel("lobby")
    result = await mia.use_command(lobby, "run", {"model": "sandbox/story"})
    submitted = await mia.submit(result, {"prompt": "tea"})
    message = answered(submitted)
    await reached(environment, lambda: over(message))
