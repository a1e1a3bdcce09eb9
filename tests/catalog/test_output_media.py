"""The kind of file that a model makes follows from what its command is for, and from its inputs."""

from typing import Any

import pytest

from bot.catalog.output_media import note_media
from bot.options.fields import read_fields
from bot.settings.commands import CommandRole

FILE = {"type": "string", "format": "uri"}
FILES = {"type": "array", "items": FILE}
TEXT = {"type": "string"}


def kind_of(schema: dict[str, Any], role: CommandRole | None = None, /, **inputs: Any) -> str | None:
    properties = {name: {"type": "string", **one} for name, one in inputs.items()}
    document = {"components": {"schemas": {"Input": {"type": "object", "properties": properties}}}}
    noted: str | None = note_media(schema, read_fields(document), role).get("contentMediaType")
    return noted


@pytest.mark.parametrize(
    ("inputs", "kind"),
    [
        ({"output_format": {"enum": ["webp", "jpg", "png"]}}, "image/*"),
        ({"output_format": {"default": "mp3"}}, "audio/*"),
        ({"output_format": {"enum": ["mp4", "png"]}, "width": {}}, None),
        ({"aspect_ratio": {}}, "image/*"),
        ({"aspect_ratio": {}, "duration": {}}, "video/*"),
        ({"width": {"type": "integer"}, "height": {"type": "integer"}}, "image/*"),
        ({"prompt": {}}, None),
    ],
)
def test_the_inputs_tell_the_kind_of_file(inputs: dict[str, Any], kind: str | None) -> None:
    assert kind_of(FILE, **inputs) == kind
    assert kind_of(FILES, **inputs) == kind
    assert kind_of(TEXT, **inputs) is None


def test_the_role_of_a_command_tells_more() -> None:
    assert kind_of(FILE, CommandRole.UPSCALE, image={}) == "image/*"
    assert kind_of(FILE, CommandRole.ANIMATE, aspect_ratio={}) == "video/*"


def test_what_a_schema_says_itself_stays() -> None:
    assert kind_of({**FILE, "contentMediaType": "model/gltf-binary"}, aspect_ratio={}) == "model/gltf-binary"
