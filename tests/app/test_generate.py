"""The main job, as a person in Discord meets it."""

import base64
import sqlite3
from pathlib import Path

import pytest

from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, eventually, images, over, reached, words

ME = Upload("me.png", draw_portrait())


def rows(folder: Path) -> list[tuple[str, str, int]]:
    """Return each run's state, prediction and whether it is delivered."""
    database = sqlite3.connect(folder / "replicord.db")
    try:
        return database.execute("select state, prediction_id, delivered_at is not null from runs").fetchall()
    finally:
        database.close()


async def test_five_images_arrive_one_by_one_in_one_message(
    environment: Environment, mia: Person, pictures: Channel, tmp_path: Path
) -> None:
    before = len(pictures.messages)
    exchange = await mia.use_command(
        pictures, "generate", {"prompt": "a red hat", "subject": ME, "number_of_outputs": 5, "seed": 42}
    )
    message = answered(exchange)
    await reached(environment, lambda: over(message))

    seen = [
        len([one for one in state.body.attachments if one.filename.startswith("generate-")])
        for state in message.history
    ]
    assert seen == sorted(seen)
    assert {1, 5} <= set(seen)
    assert len(set(seen)) >= 4, "the images should appear one by one"
    assert len(pictures.messages) == before + 1
    assert "Done" in message.text
    assert "seed 42" in message.text
    [prediction] = environment.replicate.predictions
    await eventually(lambda: rows(tmp_path) == [("succeeded", prediction, 1)])


async def test_an_uploaded_photo_reaches_the_model_unchanged(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = answered(await mia.use_command(pictures, "generate", {"subject": ME, "number_of_outputs": 1}))
    await reached(environment, lambda: over(message))
    [prediction] = environment.replicate.predictions.values()
    assert prediction.input["subject"].startswith("data:image/png;base64,")
    assert base64.b64decode(prediction.input["subject"].partition(",")[2]) == ME.data


async def test_the_authors_reaction_cancels_and_keeps_the_output(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = answered(await mia.use_command(pictures, "generate", {"subject": ME, "number_of_outputs": 20}))
    await reached(environment, lambda: len(images(message)) >= 1 and message.reaction_users("❌"))
    await mia.react(message, "❌")
    await reached(environment, lambda: over(message))
    assert "Stopped by" in words(message)
    assert 1 <= len(images(message)) < 20
    [prediction] = environment.replicate.predictions.values()
    assert prediction.status == "canceled"


async def test_only_author_and_moderator_reactions_cancel(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = answered(await mia.use_command(pictures, "generate", {"subject": ME, "number_of_outputs": 20}))
    await reached(environment, lambda: message.reaction_users("❌"))
    await environment.discord.person("noah").react(message, "❌")
    shown = len(images(message))
    await reached(environment, lambda: len(images(message)) > shown)
    ada = environment.discord.person("ada")
    await ada.react(message, "❌")
    await reached(environment, lambda: over(message))
    assert f"Stopped by <@{ada.user.id}>" in words(message)


async def test_the_cancel_button_refuses_others_privately(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = answered(await mia.use_command(pictures, "generate", {"subject": ME, "number_of_outputs": 20}))
    await reached(environment, lambda: "Cancel" in message.buttons)
    refused = await environment.discord.person("noah").press(message, "Cancel")
    assert refused.ephemeral
    assert "Only Mia" in refused.text
    assert not over(message)
    pressed = await mia.press(message, "Cancel")
    assert pressed.ephemeral
    await reached(environment, lambda: over(message))
    assert "Stopped by" in words(message)


async def test_text_streams_into_the_message(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = answered(await mia.use_command(pictures, "talk", {"prompt": "Tell me about tea, at length."}))
    await reached(environment, lambda: over(message))
    [prediction] = environment.replicate.predictions.values()
    whole = "".join(prediction.output)
    lengths = [len(state.body.text) for state in message.history]
    assert len(set(lengths)) >= 3, "the text should grow while it streams"
    assert whole.split()[-1].strip("*_`.") in message.text


@pytest.mark.parametrize(
    ("values", "option"),
    [
        ({"prompt": "no subject"}, "subject"),
        ({"subject": Upload("notes.png", b"just some text")}, "subject"),
        ({"subject": Upload("broken.png", ME.data[:200])}, "subject"),
        ({"subject_url": "ftp://example.com/me.png"}, "subject_url"),
        ({"subject": ME, "subject_url": "https://example.com/me.png"}, "subject_url"),
    ],
)
async def test_bad_input_gets_one_private_sentence(
    environment: Environment, mia: Person, pictures: Channel, values: dict[str, object], option: str
) -> None:
    exchange = await mia.use_command(pictures, "generate", values)
    await exchange.wait_for(lambda it: it.text)
    assert f"`{option}`" in exchange.text
    assert exchange.text.count("\n") == 0
    visible = [
        message for message in environment.discord.person("noah").visible_messages(pictures) if not message.deleted
    ]
    assert visible == []
    assert not environment.replicate.predictions


async def test_the_acknowledgement_does_not_wait_for_replicate(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    environment.replicate.faults.add("stuck", times=None)  # no answer ever comes
    exchange = await mia.use_command(pictures, "generate", {"subject": ME, "number_of_outputs": 1})
    assert exchange.acknowledged
    await environment.bot.kill()  # a stop would wait for the answer
