"""/run: any model, through a form."""

from collections.abc import Mapping

import pytest

from sandbox.discord.people.person import Person
from sandbox.discord.state.models import Channel, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, over, reached, words
from tests.cogs.conftest import offered, said

ME = Upload("me.png", draw_portrait())


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {"RUN_ANY": "everyone"}


async def test_the_form_of_any_model_opens_and_runs_it(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    exchange = await mia.use_command(pictures, "run", {"model": "sandbox/upscaler"})
    assert exchange.modal is not None
    assert "upscaler" in exchange.modal["title"]
    message = answered(await mia.submit(exchange, {"image": ME}))
    await reached(environment, lambda: over(message))
    assert "/run" in words(message)
    assert "sandbox/upscaler" in message.text
    assert [one.filename for one in message.images if one.filename.startswith("upscaler-")]
    [prediction] = environment.replicate.predictions.values()
    assert prediction.input["image"].startswith("data:image/png")


async def test_what_has_no_part_of_the_form_goes_through_advanced_and_is_edited_again(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    exchange = await mia.use_command(pictures, "run", {"model": "fofr/consistent-character"})
    message = answered(
        await mia.submit(exchange, {"subject": ME, "number_of_outputs": "1", "advanced": "seed=7 output_format=png"})
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


async def test_a_slow_replicate_gets_a_button_that_opens_the_form(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    environment.replicate.faults.add("delay", on="GET /v1/models/*", times=None, seconds=3.0)
    exchange = await mia.use_command(pictures, "run", {"model": "sandbox/story"})
    assert exchange.ephemeral
    assert exchange.message is not None
    await exchange.wait_for(lambda it: it.message and "Open the form" in it.message.buttons, timeout=20)
    opened = await mia.press(exchange.message, "Open the form")
    assert opened.modal is not None
    environment.replicate.faults.clear()
    message = answered(await mia.submit(opened, {"prompt": "tea"}))
    await reached(environment, lambda: over(message))


async def test_a_model_that_is_none_gets_a_sentence(mia: Person, pictures: Channel) -> None:
    for model, sentence in (
        ("flux", "is not a model"),
        ("sandbox/nowhere", "Couldn't find sandbox/nowhere on Replicate"),
    ):
        assert "\n" not in await said(await mia.use_command(pictures, "run", {"model": model}), sentence)


async def test_typing_offers_models_and_each_key_press_is_answered_fast(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    first = await mia.autocomplete(pictures, "run", {}, "model")
    assert "fofr/consistent-character" in offered(first)
    for typed in ("up", "upsc", "upscale"):
        last = await mia.autocomplete(pictures, "run", {"model": typed}, "model")
        assert last.latency is not None
        assert last.latency < 1.0
    assert offered(last) == ["sandbox/upscaler"]
    before = len(environment.replicate.calls)
    await mia.autocomplete(pictures, "run", {"model": "Upscale "}, "model")
    assert len(environment.replicate.calls) == before, "the same words are searched once"


async def test_it_works_in_a_server_without_the_bot_by_ones_own_installation(
    environment: Environment, mia: Person
) -> None:
    mia.user.installed = True
    lobby = environment.discord.state.channel("lobby")
    exchange = await mia.use_command(lobby, "run", {"model": "sandbox/story"})
    submitted = await mia.submit(exchange, {"prompt": "tea"})
    message = answered(submitted)
    await reached(environment, lambda: over(message))
