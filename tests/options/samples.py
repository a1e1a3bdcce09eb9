"""Layouts to test with: of the default model, of any inputs, and of the real models beside the checkout."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bot.errors import BadOption, UserError
from bot.media.types import Media
from bot.options.fields import read_fields
from bot.options.layout import OptionLayout, build_layout
from bot.options.parse import ParsedOptions, parse_options

SHARED = Path(__file__).resolve().parents[3] / "shared"
MODELS = sorted((SHARED / "models").glob("*.json"))
DISCORD_SPEC = SHARED / "specs" / "discord-openapi.json"
HIDDEN = ("disable_safety_checker",)

TEXT = {"type": "string"}
URI = {"type": "string", "format": "uri"}

each_model = pytest.mark.parametrize(
    "path",
    MODELS
    or [pytest.param(None, marks=pytest.mark.skip(reason="no real payloads in ../shared/models beside the checkout"))],
    ids=lambda path: path.stem if path else "none",
)
needs_discord_spec = pytest.mark.skipif(
    not DISCORD_SPEC.exists(), reason="Discord's OpenAPI document is not in ../shared/specs beside the checkout"
)

DEFAULT_MODEL = "fofr/consistent-character"
DEFAULT_SCHEMA: dict[str, Any] = {
    "components": {
        "schemas": {
            "Input": {
                "type": "object",
                "properties": {
                    "prompt": {
                        "type": "string",
                        "default": "A headshot photo",
                        "x-order": 0,
                        "description": "Describe the subject. Include clothes and hairstyle for more consistency.",
                    },
                    "negative_prompt": {
                        "type": "string",
                        "default": "",
                        "x-order": 1,
                        "description": "Things you do not want to see in your image",
                    },
                    "subject": {
                        "type": "string",
                        "format": "uri",
                        "x-order": 2,
                        "description": "An image of a person. Best images are square close ups of a face, but they do "
                        "not have to be.",
                    },
                    "number_of_outputs": {
                        "type": "integer",
                        "default": 3,
                        "minimum": 1,
                        "maximum": 20,
                        "x-order": 3,
                        "description": "The number of images to generate.",
                    },
                    "number_of_images_per_pose": {
                        "type": "integer",
                        "default": 1,
                        "minimum": 1,
                        "maximum": 4,
                        "x-order": 4,
                        "description": "The number of images to generate for each pose.",
                    },
                    "randomise_poses": {
                        "type": "boolean",
                        "default": True,
                        "x-order": 5,
                        "description": "Randomise the poses used.",
                    },
                    "output_format": {
                        "allOf": [{"$ref": "#/components/schemas/output_format"}],
                        "default": "webp",
                        "x-order": 6,
                        "description": "Format of the output images",
                    },
                    "output_quality": {
                        "type": "integer",
                        "default": 80,
                        "minimum": 0,
                        "maximum": 100,
                        "x-order": 7,
                        "description": "Quality of the output images, from 0 to 100.",
                    },
                    "seed": {"type": "integer", "x-order": 8, "description": "Set a seed. Random by default."},
                    "disable_safety_checker": {"type": "boolean", "default": False, "x-order": 9},
                },
            },
            "output_format": {
                "enum": ["webp", "jpg", "png"],
                "type": "string",
                "title": "output_format",
                "description": "An enumeration.",
            },
            "Output": {"type": "array", "items": {"type": "string", "format": "uri"}, "x-cog-array-type": "iterator"},
        }
    }
}


def openapi_with(properties: dict[str, Any], *, required: tuple[str, ...] = (), **components: Any) -> dict[str, Any]:
    """Return an OpenAPI document as Replicate serves it, with these inputs."""
    body: dict[str, Any] = {"type": "object", "title": "Input", "properties": properties}
    if required:
        body["required"] = list(required)
    return {"components": {"schemas": {"Input": body, **components}}}


def layout_of(properties: dict[str, Any], *, required: tuple[str, ...] = (), **settings: Any) -> OptionLayout:
    components = settings.pop("components", {})
    fields = read_fields(openapi_with(properties, required=required, **components))
    return build_layout(fields, model=settings.pop("model", "acme/model"), **settings)


def default_layout(**settings: Any) -> OptionLayout:
    return build_layout(read_fields(DEFAULT_SCHEMA), model=DEFAULT_MODEL, hidden=HIDDEN, **settings)


@cache
def payload(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return loaded


def model_name(path: Path) -> str:
    model = payload(path)
    return f"{model['owner']}/{model['name']}"


def openapi(path: Path) -> dict[str, Any]:
    schema: dict[str, Any] = payload(path)["latest_version"]["openapi_schema"]
    return schema


def error_for(layout: OptionLayout, values: dict[str, Any]) -> str:
    """Return the sentence of the error that these values cause."""
    with pytest.raises(UserError) as caught:
        parse_options(layout, values)
    if isinstance(caught.value, BadOption):
        assert f"`{caught.value.option}`" in caught.value.sentence
    return caught.value.sentence


def real_layout(path: Path) -> OptionLayout:
    return build_layout(read_fields(openapi(path)), model=model_name(path), hidden=HIDDEN)


def for_jsonschema(openapi: dict[str, Any]) -> dict[str, Any]:
    """Return the Input schema with its components as plain JSON Schema, without OpenAPI's ``nullable``."""
    document: dict[str, Any] = _without_nullable({"components": openapi["components"]})
    return {**document, "$ref": "#/components/schemas/Input"}


def _without_nullable(node: Any) -> Any:
    if isinstance(node, list):
        return [_without_nullable(part) for part in node]
    if not isinstance(node, dict):
        return node
    # Real models have an empty anyOf, which JSON Schema does not allow.
    schema = {key: _without_nullable(value) for key, value in node.items() if not (key == "anyOf" and value == [])}
    if schema.pop("nullable", None) is True:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema


def media_of(parsed: ParsedOptions) -> tuple[Media, ...]:
    """Return the files of options; none of them is still to be read."""
    media = tuple(file for file in parsed.files if isinstance(file, Media))
    assert media == parsed.files
    return media
