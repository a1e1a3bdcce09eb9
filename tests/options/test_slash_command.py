"""Commands of discord.py, as Discord receives them."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from discord import app_commands

from bot.options.slash_command import build_command
from tests.options.discord_client import command_payload, ignore
from tests.options.discord_rules import broken_rules, spec_problems
from tests.options.samples import default_layout, each_model, layout_of, needs_discord_spec, real_layout


def test_default_model_has_ten_options_and_visibility() -> None:
    options = command_payload(default_layout())["options"]
    assert [option["name"] for option in options] == [
        "prompt",
        "subject",
        "subject_url",
        "negative_prompt",
        "number_of_outputs",
        "number_of_images_per_pose",
        "randomise_poses",
        "output_format",
        "output_quality",
        "seed",
        "visibility",
    ]
    assert [option["type"] for option in options] == [3, 11, 3, 3, 4, 4, 5, 3, 4, 4, 3]
    assert not any(option["required"] for option in options)
    assert (options[4]["min_value"], options[4]["max_value"]) == (1, 20)
    assert [choice["value"] for choice in options[7]["choices"]] == ["webp", "jpg", "png"]
    assert options[4]["description"] == "The number of images to generate · 1–20, default: 3"


@each_model
def test_real_model_becomes_a_valid_command(path: Path) -> None:
    assert broken_rules(command_payload(real_layout(path))) == []


@needs_discord_spec
@each_model
def test_real_command_is_valid_by_discords_openapi(path: Path) -> None:
    assert spec_problems(command_payload(real_layout(path))) == []


def test_required_input_is_a_required_option() -> None:
    options = command_payload(
        layout_of({"a": {"type": "string"}, "n": {"type": "integer", "minimum": 1}}, required=("n",))
    )["options"]
    assert [(option["name"], option["required"]) for option in options] == [
        ("n", True),
        ("a", False),
        ("visibility", False),
    ]


def test_command_can_be_installed_and_used_everywhere() -> None:
    payload = command_payload(default_layout())
    assert payload["contexts"] == [0, 1, 2]
    assert payload["integration_types"] == [0, 1]


@pytest.mark.parametrize("description", ["", "   ", "x" * 300])
def test_any_description_becomes_a_valid_one(description: str) -> None:
    assert broken_rules(command_payload(default_layout(), description)) == []


async def test_callback_receives_values_by_option_name() -> None:
    received: list[dict[str, Any]] = []

    async def record(_: Any, values: dict[str, Any]) -> None:
        received.append(values)

    layout = layout_of({"class": {"type": "string"}, "N": {"type": "integer"}, "other": {"type": "boolean"}})
    command = build_command(name="x", description="x", layout=layout, callback=record)
    callback: Any = command.callback
    await callback(None, p0="cat", p1=0, p2=None)
    assert received == [{"class": "cat", "n": 0}]


class AutocompleteInteraction:
    """The part of an interaction that discord.py's autocomplete uses."""

    def __init__(self) -> None:
        self.response = self
        self.choices: list[app_commands.Choice[str]] = []

    def is_done(self) -> bool:
        return False

    async def autocomplete(self, choices: list[app_commands.Choice[str]]) -> None:
        self.choices = choices


async def test_choices_are_autocompleted_through_discord_py() -> None:
    layout = layout_of({"Size": {"type": "string", "enum": [f"{n}x{n}" for n in range(100, 140)]}})
    command = build_command(name="x", description="x", layout=layout, callback=ignore)
    interaction: Any = AutocompleteInteraction()
    typed: Any = SimpleNamespace(size="107")
    await command._invoke_autocomplete(interaction, "size", typed)
    assert [choice.value for choice in interaction.choices] == ["107x107"]
    assert command_payload(layout)["options"][0]["autocomplete"] is True
