"""Every shape of output, and every real model, run end to end: shown completely, within Discord's limits."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from sandbox.discord.person import Person
from sandbox.discord.state.components import ComponentType, iter_components
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from sandbox.replicate.prediction import Prediction
from tests.app.conftest import answered, over, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, delivered
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

MODELS = sorted((Path(__file__).resolve().parents[3] / "shared" / "models").glob("*.json"))
ME = Upload("me.png", draw_portrait())
SOUND = Upload(
    "me.wav",
    b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x40\x1f\x00\x00\x40\x1f\x00\x00" + bytes(64),
)
STRING, INTEGER, BOOLEAN, NUMBER, ATTACHMENT = 3, 4, 5, 10, 11
SHAPES: Mapping[str, tuple[ComponentType, ...]] = {
    "story": (),
    "talker": (),
    "lines": (),
    "score": (),
    "judge": (),
    "nothing": (),
    "anything": (),
    "embeddings": (),
    "picture": (ComponentType.MEDIA_GALLERY,),
    "sketchbook": (ComponentType.MEDIA_GALLERY,),
    "frames": (ComponentType.MEDIA_GALLERY,),
    "clip": (ComponentType.MEDIA_GALLERY,),
    "film": (ComponentType.MEDIA_GALLERY, ComponentType.FILE),
    "captions": (ComponentType.MEDIA_GALLERY,),
    "singer": (),  # an ordinary message
    "packer": (ComponentType.FILE,),
    "sculptor": (ComponentType.FILE,),
    "transcriber": (ComponentType.FILE,),
}


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {
        "COMMANDS": ",".join(f"{name}=sandbox/{name}" for name in SHAPES),
        "RUNS_PER_USER": str(len(SHAPES)),
    }


def values_for(options: list[dict[str, Any]]) -> dict[str, Any]:
    """Return values for the required options of a command, and a file wherever one fits."""
    given: dict[str, Any] = {}
    for option in options:
        name, kind = option["name"], option["type"]
        if kind == ATTACHMENT and (option.get("required") or name in ("subject", "image", "audio", "input_audio")):
            given[name] = SOUND if {"audio", "speaker"} & set(name.split("_")) else ME
        elif kind == ATTACHMENT and name.endswith(("_image", "speaker")):
            given[name] = SOUND if name == "speaker" else ME
        elif option.get("required"):
            plain: dict[int, Any] = {STRING: "tea", INTEGER: 1, NUMBER: 1.0, BOOLEAN: True}
            given[name] = option["choices"][0]["value"] if option.get("choices") else plain[kind]
    return given


def leaves(output: Any) -> Iterator[str]:
    """Yield every text and number of an output as it must appear in the reply."""
    if isinstance(output, Mapping):
        output = list(output.values())
    if isinstance(output, list):
        for item in output:
            yield from leaves(item)
    elif output is not None:
        yield output if isinstance(output, str) else json.dumps(output)


def check_shown(messages: list[Message], prediction: Prediction) -> None:
    """Assert that the reply shows the whole output: files as files, texts and numbers as they are."""
    found = [*leaves(prediction.output)]
    files = [leaf for leaf in found if leaf.startswith("http")]
    attached = [one for message in messages for one in message.attachments if one.filename != "input.webp"]
    assert len(attached) == len(files), [one.filename for one in attached]
    assert all(one.size > 0 for one in attached)
    shown = "".join("".join(message.text for message in messages).split())
    for leaf in found:
        if not leaf.startswith("http"):
            assert "".join(leaf.split()) in shown, leaf


def messages_of(channel: Channel, first: Message) -> list[Message]:
    mine = [message for message in channel.messages.values() if message.author is first.author]
    return mine[mine.index(first) :]


async def run(
    environment: Environment, person: Person, channel: Channel, name: str
) -> tuple[list[Message], Prediction]:
    spec = next(command for command in environment.discord.commands.all() if command.name == name)
    before = set(environment.replicate.predictions)
    message = answered(await person.use_command(channel, name, values_for(spec.data.get("options", []))))
    await reached(environment, lambda: over(message))
    await delivered(environment, message)
    [new] = environment.replicate.predictions.keys() - before
    return messages_of(channel, message), environment.replicate.predictions[new]


async def test_every_shape_of_output_is_shown_completely(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    for name, kinds in SHAPES.items():
        messages, prediction = await run(environment, mia, pictures, name)
        assert "Done" in messages[0].text, name
        check_shown(messages, prediction)
        types = {item["type"] for message in messages for item in iter_components(message.components)}
        assert {kind for kind in types if kind in (ComponentType.MEDIA_GALLERY, ComponentType.FILE)} == set(kinds), name


async def test_lines_of_a_model_stay_lines(environment: Environment, mia: Person, pictures: Channel) -> None:
    [message], prediction = await run(environment, mia, pictures, "lines")
    assert "\n".join(prediction.output) in message.text


@pytest.mark.skipif(not MODELS, reason="no real payloads in ../shared/models beside the checkout")
async def test_every_real_model_is_a_command_that_runs(tmp_path: Path) -> None:
    payloads = [json.loads(path.read_text("utf-8")) for path in MODELS]
    names = {payload["name"].replace(".", "-")[:32]: payload for payload in payloads}
    commands = ",".join(f"{name}={payload['owner']}/{payload['name']}" for name, payload in names.items())
    async with open_environment(tmp_path, timings=PACE, settings={"COMMANDS": commands}) as environment:
        for payload in payloads:
            environment.replicate.add_model(payload)
        await environment.start_bot()
        mia, pictures = environment.discord.person("mia"), environment.discord.state.channel("pictures")
        assert {command.name for command in environment.discord.commands.all()} > set(names)
        for name in names:
            messages, prediction = await run(environment, mia, pictures, name)
            assert prediction.status == "succeeded", f"{name}: {prediction.error}"
            check_shown(messages, prediction)
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)
