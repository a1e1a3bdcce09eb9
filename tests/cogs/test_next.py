"""Next: what can be done with a result, with the menu of messages, and what refuses it before anything is paid."""

import io
import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.components import ComponentType, iter_components
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from sandbox.replicate.prediction import Prediction
from tests.app.conftest import answered, eventually, over, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text
from tests.cogs.test_results import private_answer
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Upload("me.png", draw_portrait())
PAINTER = {
    "owner": "someone",
    "name": "painter",
    "description": "Paints",
    "latest_version": {
        "openapi_schema": {
            "components": {
                "schemas": {
                    "Input": {
                        "type": "object",
                        "required": ["prompt"],
                        "properties": {"prompt": {"type": "string"}, "seed": {"type": "integer"}},
                    },
                    "Output": {"type": "string", "format": "uri"},
                }
            }
        }
    },
}
SETTINGS = {"RUNS_PER_USER": "20"}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    """A bot with a command for every role, shared by the tests."""
    folder = tmp_path_factory.mktemp("next")
    async with open_environment(folder, timings=PACE, settings=SETTINGS, roles=True) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


def choices(message: Message) -> list[str]:
    """Return the labels of what can be done next with a result."""
    selects = [item for item in iter_components(message.components) if item["type"] == ComponentType.STRING_SELECT]
    return [option["label"] for select in selects for option in select["options"]]


def can_go_on(message: Message) -> bool:
    return over(message) and bool(choices(message))


async def result_of(environment: Environment, person: Person, channel: Channel, name: str, **values: object) -> Message:
    """Return the finished result of a command."""
    message = answered(await person.use_command(channel, name, values))
    await reached(environment, lambda: can_go_on(message))
    return message


def newest(environment: Environment) -> Prediction:
    *_, last = environment.replicate.predictions.values()
    return last


async def card_of(result: InteractionResult, button: str) -> Message:
    """Return the private card of an answer as soon as it has a button."""

    def find(shown: InteractionResult) -> Message | None:
        return next((one for one in (shown.message, *shown.followups) if button in _buttons(one)), None)

    card = await result.wait_for(find)
    assert card.ephemeral
    return card


async def press_new(person: Person, card: Message, button: str) -> InteractionResult:
    """Press a button of a card that has just come: the bot knows its buttons when it has read Discord's answer."""
    while not (result := await person.press(card, button)).acknowledged:
        pass
    return result


async def refusal_of(result: InteractionResult, words: str) -> None:
    """Wait for the private sentence that refuses a choice; nobody else sees anything of it."""
    await result.wait_for(lambda shown: any(words in one.text for one in shown.followups))
    assert all(one.ephemeral or one.deleted for one in result.followups)


async def run_of(result: InteractionResult) -> Message:
    """Return the message of the run that a choice started: the choice itself is answered by the select's reset."""
    return await result.wait_for(lambda shown: shown.followups[0] if shown.followups else None)


def _buttons(message: Message | None) -> tuple[str, ...]:
    return message.buttons if message is not None else ()


async def test_one_image_is_upscaled_at_once(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    assert choices(source) == [
        "Vary", "Upscale", "Edit with words", "Animate", "Describe", "Remove background", "Use in /generate…",
    ]  # fmt: skip
    noah = environment.discord.person("noah")
    larger = await run_of(await noah.choose(source, "Next", ["Upscale"]))
    await reached(environment, lambda: over(larger))
    prediction = newest(environment)
    assert prediction.model.full_name == "sandbox/upscaler"
    assert prediction.input["image"].startswith("data:image/webp;base64,")
    assert not larger.ephemeral
    assert "Noah" in larger.text
    link = f"https://discord.com/channels/{source.channel.guild.id if source.channel.guild else '@me'}"
    assert f"-# from [Mia's run]({link}/{source.channel.id}/{source.id}) · image 1" in larger.text


async def test_a_select_that_discord_does_not_reset_still_works(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    fault = environment.discord.faults.refuse(
        "POST /interactions/*", when=lambda call: '"type": 7' in json.dumps(call.body), times=None
    )
    larger = answered(await mia.choose(source, "Next", ["Upscale"]))
    environment.discord.faults.remove(fault)
    await reached(environment, lambda: larger is not source and over(larger))
    assert fault.hits


async def test_one_of_several_is_chosen_on_a_private_card(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "generate", subject=ME, number_of_outputs=3)
    asked = await mia.choose(source, "Next", ["Remove background"])
    card = await card_of(asked, "3")
    assert "Remove background: which image?" in card.text
    assert card.buttons == ("1", "2", "3", "All 3")
    pressed = await mia.press(card, "2")
    made = await run_of(pressed)
    await reached(environment, lambda: over(made) and card.deleted)
    assert "· image 2" in made.text
    assert [one.content_type for one in made.attachments if one.filename.startswith("cutout-")] == ["image/png"]


async def test_two_presses_on_one_card_start_one_run(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="two foxes", num_outputs=2)
    before = len(environment.replicate.predictions)
    card = await card_of(await mia.choose(source, "Next", ["Upscale"]), "2")
    presses = [await mia.press(card, "1", wait=False) for _ in range(2)]
    await reached(environment, lambda: sum(any(map(over, one.followups)) for one in presses) == 1, 60)
    await reached(environment, lambda: any("This run was started already" in one.text for one in presses))
    assert len(environment.replicate.predictions) == before + 1


async def test_a_double_choice_starts_one_run(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    before = len(environment.replicate.predictions)
    upscale = [await mia.choose(source, "Next", ["Upscale"], wait=False) for _ in range(2)]
    vary = [await mia.choose(source, "Next", ["Vary"], wait=False) for _ in range(2)]
    menu = [await mia.use_context_menu(source, "Upscale", wait=False) for _ in range(2)]

    def is_started_once(both: list[InteractionResult]) -> bool:
        shown = [one for press in both for one in (press.message, *press.followups) if one and one is not source]
        return any("just pressed" in one.text for one in shown) and any(map(over, shown))

    await reached(environment, lambda: all(map(is_started_once, (upscale, vary, menu))))
    assert len(environment.replicate.predictions) == before + 3


async def test_all_images_are_two_presses(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="four foxes", num_outputs=4)
    before = len(environment.replicate.predictions)
    card = await card_of(await mia.choose(source, "Next", ["Upscale"]), "All 4")
    pressed = await mia.press(card, "All 4")
    # One token's requests are paced together, so these take a while.
    await reached(environment, lambda: len(pressed.followups) == 4 and all(map(over, pressed.followups)), 90)
    assert [re.findall(r"image (\d)$", one.text, re.MULTILINE) for one in pressed.followups] == [
        ["1"], ["2"], ["3"], ["4"],
    ]  # fmt: skip
    assert len(environment.replicate.predictions) == before + 4
    await reached(environment, lambda: card.deleted)


async def test_edit_with_words_asks_for_the_words_only(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    form = await mia.choose(source, "Next", ["Edit with words"])
    assert form.modal is not None
    assert [item["label"] for item in form.modal["components"] if "label" in item] == ["Prompt"]
    made = await run_of(await mia.submit(form, {"Prompt": "at night"}))
    await reached(environment, lambda: over(made))
    assert newest(environment).input["prompt"] == "at night"
    assert "> at night" in made.text


async def test_a_video_has_nothing_next(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    moving = await run_of(await mia.choose(source, "Next", ["Animate"]))
    await reached(environment, lambda: over(moving))
    assert [one.content_type for one in moving.attachments if one.filename.startswith("animate-")] == ["video/mp4"]
    assert choices(moving) == []


async def test_a_description_is_private_and_becomes_a_prompt(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    described = await run_of(await mia.choose(source, "Next", ["Describe"]))
    assert described.ephemeral
    await reached(environment, lambda: can_go_on(described))
    assert "a square picture" in described.text
    assert choices(described) == ["Use as prompt in /generate…", "Use as prompt in /draw…"]
    form = await mia.choose(described, "Next", ["Use as prompt in /draw…"])
    assert form.modal is not None
    assert "a square picture" in str(form.modal)
    made = await run_of(await mia.submit(form, {}))
    await reached(environment, lambda: over(made))
    assert newest(environment).input["prompt"].startswith("a square picture")
    assert not made.ephemeral
    assert "from [Mia's run]" in made.text


async def test_vary_draws_a_new_seed_and_keeps_the_rest(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="two foxes", seed=5, num_outputs=2)
    varied = await run_of(await mia.choose(source, "Next", ["Vary"]))  # no image goes in, so none is asked for
    await reached(environment, lambda: over(varied))
    prediction = newest(environment)
    assert (prediction.input["prompt"], prediction.input["num_outputs"]) == ("two foxes", 2)
    assert prediction.input["seed"] != 5
    assert "from [Mia's run]" in varied.text


async def test_vary_does_not_hand_out_others_files(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "generate", subject=ME, number_of_outputs=1)
    before = len(environment.replicate.predictions)
    refused = await environment.discord.person("noah").choose(source, "Next", ["Vary"])
    await refusal_of(refused, "This run used Mia's files")
    assert len(environment.replicate.predictions) == before
    mine = await run_of(await mia.choose(source, "Next", ["Vary"]))
    await reached(environment, lambda: over(mine))
    assert newest(environment).input["subject"].startswith("data:image/png")


async def test_two_people_press_at_once(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    before = len(environment.replicate.predictions)
    noah = environment.discord.person("noah")
    first = await mia.choose(source, "Next", ["Upscale"], wait=False)
    second = await noah.choose(source, "Next", ["Upscale"], wait=False)
    made = [await run_of(one) for one in (first, second)]
    await reached(environment, lambda: all(map(over, made)))
    assert len(environment.replicate.predictions) == before + 2
    assert made[0] is not made[1]


async def test_a_command_that_is_gone_is_refused(
    environment: Environment, mia: Person, olga: Person, pictures: Channel
) -> None:
    await private_text(await olga.use_command(pictures, "models add", {"model": "sandbox/collage"}), "Added /collage")
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    assert choices(source)[-1] == "Use in /collage…"
    await private_text(await olga.use_command(pictures, "models remove", {"name": "collage"}), "Removed")
    before = len(environment.replicate.predictions)
    refused = await mia.choose(source, "Next", ["Use in /collage…"])
    await refusal_of(refused, "/collage can't do this anymore")
    assert len(environment.replicate.predictions) == before


async def test_a_quota_stops_all_in_the_middle(tmp_path: Path) -> None:
    settings = {"RUNS_PER_USER": "2"}
    async with open_environment(tmp_path, timings=PACE, settings=settings, roles=True) as environment:
        await environment.start_bot()
        mia, pictures = environment.discord.person("mia"), environment.discord.state.channel("pictures")
        source = await result_of(environment, mia, pictures, "draw", prompt="four foxes", num_outputs=4)
        environment.replicate.faults.add("slow-start", seconds=600, times=4)
        card = await card_of(await mia.choose(source, "Next", ["Upscale"]), "All 4")
        pressed = await mia.press(card, "All 4")
        await reached(environment, lambda: "Started 2 of 4. You already have 2 runs in progress" in pressed.text)
        assert card.deleted
        assert [one.deleted for one in pressed.followups if "/enhance" in one.text] == [False, False]
        [sentence] = [one for one in pressed.followups if "/enhance" not in one.text and not one.deleted]
        assert sentence.ephemeral
        await eventually(lambda: len(environment.replicate.predictions) == 3)
        again = await press_new(mia, sentence, "Try again")
        await reached(environment, lambda: "Started 2 of 4." in again.text)
        [sentence] = [one for one in again.followups if "Try again" in one.buttons]
        assert len(environment.replicate.predictions) == 3
        running = [one for one in pressed.followups if "/enhance" in one.text]
        for one in running:
            await mia.press(one, "Cancel")
        await reached(environment, lambda: all(map(over, running)))
        presses = [await mia.press(sentence, "Try again", wait=False) for _ in range(2)]

        def started() -> list[str]:
            texts = [one.text for press in presses for one in press.followups]
            return [image for text in texts for image in re.findall(r"image (\d)$", text, re.MULTILINE)]

        await reached(environment, lambda: sentence.deleted and started() == ["3", "4"])
        await eventually(lambda: len(environment.replicate.predictions) == 5)


async def test_a_cost_is_asked_about_for_all_runs_together(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    prices.write_text("date = 2026-11-28\n[commands.enhance]\nrun = 0.02\n")
    settings = {"RUNS_PER_USER": "9", "ASK_ABOVE": "0.03", "PRICES_FILE": str(prices)}
    async with open_environment(tmp_path, timings=PACE, settings=settings, roles=True) as environment:
        await environment.start_bot()
        mia, pictures = environment.discord.person("mia"), environment.discord.state.channel("pictures")
        source = await result_of(environment, mia, pictures, "draw", prompt="two foxes", num_outputs=2)
        card = await card_of(await mia.choose(source, "Next", ["Upscale"]), "All 2")
        question = await card_of(await mia.press(card, "All 2"), "Run it")
        assert "2 runs will cost about $0.04. Start them?" in question.text
        assert len(environment.replicate.predictions) == 1
        card = await card_of(await mia.press(question, "Change it"), "All 2")
        question = await card_of(await mia.press(card, "All 2"), "Run it")
        pressed = await mia.press(question, "Run it")
        await reached(environment, lambda: len(pressed.followups) == 2 and all(map(over, pressed.followups)))
        await eventually(lambda: len(environment.replicate.predictions) == 3)


async def test_more_than_25_choices_go_on_behind_the_last(tmp_path: Path) -> None:
    many = ",".join(f"u{number}=sandbox/upscaler" for number in range(30))
    settings = {"COMMANDS": f"draw=black-forest-labs/flux-schnell,{many}"}
    async with open_environment(tmp_path, timings=PACE, settings=settings) as environment:
        await environment.start_bot()
        mia, pictures = environment.discord.person("mia"), environment.discord.state.channel("pictures")
        source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
        assert len(choices(source)) == 25
        assert choices(source)[-2:] == ["Use in /u22…", "More…"]
        more = await run_of(await mia.choose(source, "Next", ["More…"]))
        assert more.ephemeral
        assert choices(more) == [f"Use in /u{number}…" for number in range(23, 30)]
        form = await mia.choose(more, "Choose what to do", ["Use in /u29…"])
        assert "Scale" in str(form.modal)
        larger = await run_of(await mia.submit(form, {"Scale": "3"}))
        await reached(environment, lambda: over(larger) and more.deleted)
        assert newest(environment).input["scale"] == 3


async def test_images_in_further_messages_are_offered_too(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "generate", subject=ME, number_of_outputs=12)
    asked = await mia.choose(source, "Next", ["Remove background"])
    card = await run_of(asked)
    assert card.ephemeral
    assert choices(card) == [f"Image {number}" for number in range(1, 13)]
    assert card.buttons == ()  # twelve runs are too many for one press
    made = await run_of(await mia.choose(card, "Choose an image", ["Image 12"]))
    await reached(environment, lambda: over(made))
    assert "· image 12" in made.text


async def test_where_only_a_press_reaches_its_images_work(environment: Environment, mia: Person) -> None:
    mia.user.installed = True
    lobby = environment.discord.state.channel("lobby")
    source = await result_of(environment, mia, lobby, "generate", subject=ME, number_of_outputs=2)
    card = await card_of(await mia.choose(source, "Next", ["Upscale"]), "All 2")
    pressed = await mia.press(card, "All 2")
    await reached(environment, lambda: len(pressed.followups) == 2 and all(map(over, pressed.followups)))
    photo = await mia.send_message(lobby, "look", files=[ME])
    larger = answered(await mia.use_context_menu(photo, "Upscale"))
    await reached(environment, lambda: over(larger))


async def test_what_is_made_of_a_spoiler_or_private_result_is_too(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    for visibility in ("spoiler", "private"):
        source = await result_of(environment, mia, pictures, "draw", prompt="a fox", visibility=visibility)
        larger = await run_of(await mia.choose(source, "Next", ["Upscale"]))
        await reached(environment, lambda: over(larger))  # noqa: B023 - looked at before the next turn
        assert larger.ephemeral is (visibility == "private")
        assert any(one.spoiler for one in larger.attachments) is (visibility == "spoiler")
        assert ("](https://discord.com" in larger.text) is (visibility == "spoiler")


async def test_what_is_made_of_a_private_text_is_private(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    for visibility in ("private", "public"):
        text = await result_of(environment, mia, pictures, "describe", image=ME, visibility=visibility)
        form = await mia.choose(text, "Next", ["Use as prompt in /draw…"])
        made = await run_of(await mia.submit(form, {}))
        await reached(environment, lambda: over(made))  # noqa: B023 - looked at before the next turn
        assert made.ephemeral is (visibility == "private")
        assert "from " in made.text


async def test_a_private_image_used_as_subject_stays_private(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox", visibility="private")
    asked = await mia.use_context_menu(source, "Use as subject")
    if asked.modal is None:  # several commands take an image
        asked = await mia.choose(answered(asked), "Choose a command", ["/generate"])
    made = answered(await mia.submit(asked, {"number_of_outputs": "1"}))
    await reached(environment, lambda: over(made))
    assert made.ephemeral


async def test_a_model_without_a_command_can_be_varied(
    environment: Environment, olga: Person, pictures: Channel
) -> None:
    environment.replicate.add_model(PAINTER)
    form = await olga.use_command(pictures, "run", {"model": "someone/painter"})
    source = answered(await olga.submit(form, {"Prompt": "a hat", "Seed": "7"}))
    await reached(environment, lambda: can_go_on(source))
    assert choices(source)[0] == "Vary"
    varied = await run_of(await olga.choose(source, "Next", ["Vary"]))
    await reached(environment, lambda: over(varied))
    prediction = newest(environment)
    assert prediction.model.full_name == "someone/painter"
    assert prediction.input["prompt"] == "a hat"
    assert prediction.input["seed"] != 7


async def test_a_removed_image_is_refused_on_an_open_card(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="two foxes", num_outputs=2)
    card = await card_of(await mia.choose(source, "Next", ["Upscale"]), "2")
    before = len(environment.replicate.predictions)
    opened = await mia.press(source, "⋯")
    menu = await private_answer(opened, "/draw", beside=source)
    menu = await private_answer(await mia.press(menu, "Remove a file…"), "Which one")
    await private_answer(await mia.choose(menu, "Choose a file", ["Image 2"]), "Image 2 is gone")
    await refusal_of(await mia.press(card, "2"), "Image 2 was removed from this result")
    assert len(environment.replicate.predictions) == before


async def test_the_menu_works_on_anybodys_image(environment: Environment, mia: Person, pictures: Channel) -> None:
    photo = await environment.discord.person("noah").send_message(pictures, "look", files=[ME])
    larger = answered(await mia.use_context_menu(photo, "Upscale"))
    await reached(environment, lambda: over(larger))
    assert newest(environment).input["image"].startswith("data:image/png;base64,")
    assert "from " not in larger.text

    form = await mia.use_context_menu(photo, "Edit with words")
    assert "me.png" in str(form.modal)
    edited = answered(await mia.submit(form, {"Prompt": "a hat"}))
    await reached(environment, lambda: over(edited))
    described = answered(await mia.use_context_menu(photo, "Describe"))
    assert described.ephemeral


async def test_the_menu_knows_whose_result_it_is(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "generate", subject=ME, number_of_outputs=2)
    card = await card_of(await environment.discord.person("noah").use_context_menu(source, "Upscale"), "2")
    larger = await run_of(await environment.discord.person("noah").press(card, "2"))
    await reached(environment, lambda: over(larger))
    assert "from [Mia's run]" in larger.text
    assert "· image 2" in larger.text
    details = await mia.use_context_menu(source, "Details")
    await private_text(details, "Details", "fofr/consistent-character")
    await private_text(
        await environment.discord.person("noah").use_context_menu(source, "Details"), "This run used Mia"
    )


async def test_the_menu_refuses_what_has_no_image(mia: Person, pictures: Channel) -> None:
    note = await mia.send_message(pictures, "words")
    await private_text(await mia.use_context_menu(note, "Upscale"), "There is no image in this message")
    await private_text(await mia.use_context_menu(note, "Details"), "isn't a result of mine")


async def test_an_image_with_too_many_pixels_is_refused(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    out = io.BytesIO()
    Image.new("1", (9000, 9000)).save(out, "PNG")
    photo = await mia.send_message(pictures, "large", files=[Upload("large.png", out.getvalue())])
    before = len(environment.replicate.predictions)
    refused = await mia.use_context_menu(photo, "Upscale")
    await private_text(refused, "“large.png” can't be used", "pixels")
    assert len(environment.replicate.predictions) == before
    assert refused.message is None or refused.message.deleted


async def test_a_picture_gone_from_discord_is_refused(environment: Environment, mia: Person, pictures: Channel) -> None:
    source = await result_of(environment, mia, pictures, "draw", prompt="a fox")
    before = len(environment.replicate.predictions)
    cdn = environment.discord.cdn
    kept, cdn.url_lifetime = cdn.url_lifetime, timedelta()
    try:
        form = await mia.choose(source, "Next", ["Edit with words"])
        await refusal_of(await mia.submit(form, {"Prompt": "a hat"}), "couldn't download")
    finally:
        cdn.url_lifetime = kept
    assert len(environment.replicate.predictions) == before
