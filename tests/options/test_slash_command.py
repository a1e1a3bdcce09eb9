"""A plan as a command of discord.py, as Discord would get it."""

from types import SimpleNamespace
from typing import Any

import discord
import pytest
from discord import app_commands

from bot.options.layout import OptionLayout
from bot.options.slash_command import build_command
from tests.options.discord_rules import broken_rules, spec_problems
from tests.options.samples import default_plan, each_model, needs_discord_spec, plan_of, real_plan


async def nothing(interaction: Any, values: dict[str, Any]) -> None:
    """A command that does nothing."""


def payload_of(plan: OptionLayout, description: str = "Make something") -> dict[str, Any]:
    command = build_command(name="generate", description=description, plan=plan, callback=nothing)
    client = discord.Client(intents=discord.Intents.none())
    return dict(command.to_dict(app_commands.CommandTree(client)))


def test_the_default_model_has_its_ten_options() -> None:
    options = payload_of(default_plan())["options"]
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
    ]
    assert [option["type"] for option in options] == [3, 11, 3, 3, 4, 4, 5, 3, 4, 4]
    assert not any(option["required"] for option in options)
    assert (options[4]["min_value"], options[4]["max_value"]) == (1, 20)
    assert [choice["value"] for choice in options[7]["choices"]] == ["webp", "jpg", "png"]
    assert options[4]["description"] == "The number of images to generate · 1–20, default 3"


@each_model
def test_a_real_model_becomes_a_command_that_discord_takes(path: Any) -> None:
    assert broken_rules(payload_of(real_plan(path))) == []


@needs_discord_spec
@each_model
def test_a_real_model_becomes_a_command_valid_by_discords_document(path: Any) -> None:
    assert spec_problems(payload_of(real_plan(path))) == []


def test_what_is_needed_is_required_by_the_command() -> None:
    options = payload_of(plan_of({"a": {"type": "string"}, "n": {"type": "integer", "minimum": 1}}, required=("n",)))[
        "options"
    ]
    assert [(option["name"], option["required"]) for option in options] == [("n", True), ("a", False)]


def test_the_command_can_be_installed_and_used_everywhere() -> None:
    payload = payload_of(default_plan())
    assert payload["contexts"] == [0, 1, 2]
    assert payload["integration_types"] == [0, 1]


@pytest.mark.parametrize("description", ["", "   ", "x" * 300])
def test_any_description_becomes_one_that_discord_takes(description: str) -> None:
    assert broken_rules(payload_of(default_plan(), description)) == []


async def test_the_callback_gets_what_was_given_by_option_name() -> None:
    got: list[dict[str, Any]] = []

    async def keep(_: Any, values: dict[str, Any]) -> None:
        got.append(values)

    plan = plan_of({"class": {"type": "string"}, "N": {"type": "integer"}, "other": {"type": "boolean"}})
    command = build_command(name="x", description="x", plan=plan, callback=keep)
    await command.callback(None, p0="cat", p1=0, p2=None)
    assert got == [{"class": "cat", "n": 0}]


class Answer:
    """Where an autocomplete interaction is answered."""

    def __init__(self) -> None:
        self.response = self
        self.choices: list[app_commands.Choice[str]] = []

    def is_done(self) -> bool:
        return False

    async def autocomplete(self, choices: list[app_commands.Choice[str]]) -> None:
        self.choices = choices


async def test_choices_are_completed_by_discords_own_road() -> None:
    plan = plan_of({"Size": {"type": "string", "enum": [f"{n}x{n}" for n in range(100, 140)]}})
    command = build_command(name="x", description="x", plan=plan, callback=nothing)
    answer: Any = Answer()
    typed: Any = SimpleNamespace(size="107")
    await command._invoke_autocomplete(answer, "size", typed)
    assert [choice.value for choice in answer.choices] == ["107x107"]
    assert payload_of(plan)["options"][0]["autocomplete"] is True
