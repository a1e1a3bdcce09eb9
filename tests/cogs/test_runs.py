"""/runs list: what it shows of runs that have ended."""

from collections.abc import Mapping

import pytest

from sandbox.discord.person import Person
from sandbox.discord.state.components import ComponentType, iter_components
from sandbox.discord.state.models import Channel, Message
from sandbox.environment import Environment
from tests.app.conftest import answered, over, reached
from tests.cogs.conftest import private_text


@pytest.fixture
def settings() -> Mapping[str, str]:
    return {"COMMANDS": "draw=black-forest-labs/flux-schnell,clip=sandbox/clip,talk=meta/meta-llama-3-8b-instruct"}


def thumbnails(message: Message) -> list[str]:
    """Return the names of the files that are shown as small images."""
    found = (item for item in iter_components(message.components) if item["type"] == ComponentType.THUMBNAIL)
    return [item["media"]["url"].partition("?")[0].rpartition("/")[2] for item in found]


async def test_a_list_shows_images_and_no_videos(environment: Environment, mia: Person, pictures: Channel) -> None:
    for command in ("draw", "clip", "talk"):
        message = answered(await mia.use_command(pictures, command, {"prompt": f"a {command}"}))
        await reached(environment, lambda message=message: over(message))  # type: ignore[misc]
    listed = await mia.use_command(pictures, "runs list")
    await private_text(listed, "a draw", "a clip", "a talk")
    assert listed.message is not None
    (shown,) = thumbnails(listed.message)
    assert shown.startswith("draw-")
