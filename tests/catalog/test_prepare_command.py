"""Commands prepared from their settings and their model's schema."""

from typing import Any

import pytest

from bot.backends.replicate.types import ModelRef
from bot.catalog.catalog import prepare_command
from bot.catalog.resolve import ResolvedModel
from bot.settings import CommandSpec
from bot.settings.commands import CommandRole
from tests.options.samples import DEFAULT_SCHEMA

TARGET = ModelRef("fofr", "consistent-character", "a" * 64)
RESOLVED = ResolvedModel(target=TARGET, description="Make a character", schema=DEFAULT_SCHEMA)


def spec(**settings: Any) -> CommandSpec:
    return CommandSpec(name="generate", target=ModelRef("fofr", "consistent-character"), **settings)


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        (
            {
                "required": ("subject",),
                "hidden": ("seed",),
                "defaults": {"seed": 1},
                "limits": {"number_of_outputs": 5},
            },
            (),
        ),
        ({"required": ("sed",)}, ("required: the model has no input sed. Did you mean seed?",)),
        ({"hidden": ("sed",)}, ("hidden: the model has no input sed. Did you mean seed?",)),
        ({"role": CommandRole.EDIT}, ()),
        ({"role": CommandRole.DESCRIBE}, ("role: describe needs a model that returns text.",)),
        (
            {"role": CommandRole.EDIT, "hidden": ("prompt", "negative_prompt")},
            ("role: edit needs an input for a prompt, and the model has none that people may set.",),
        ),
        (
            {"role": CommandRole.UPSCALE, "hidden": ("subject",)},
            ("role: upscale needs an input for an image, and the model has none that people may set.",),
        ),
        ({"defaults": {"seed": "x"}}, ("defaults: `seed` must be a whole number (you entered “x”).",)),
    ],
)
def test_settings_that_do_not_fit_are_problems(settings: dict[str, Any], problems: tuple[str, ...]) -> None:
    assert prepare_command(spec(**settings), RESOLVED).problems == problems


def test_problem_lists_the_inputs_if_none_is_similar() -> None:
    (problem,) = prepare_command(spec(limits={"zzz": 1}), RESOLVED).problems
    assert problem.startswith("limits: the model has no input zzz. Its inputs are prompt, negative_prompt, subject, ")


def test_inputs_hidden_in_all_commands_are_no_problem() -> None:
    command = prepare_command(spec(), RESOLVED, hidden=("seed", "nsfw"))
    assert command.problems == ()
    assert command.layout.field("seed") is None


def test_description_is_the_specs_else_the_models() -> None:
    assert prepare_command(spec(description="Draw"), RESOLVED).description == "Draw"
    assert prepare_command(spec(), RESOLVED).description == "Make a character"
    bare = ResolvedModel(target=TARGET, description="", schema=DEFAULT_SCHEMA)
    assert prepare_command(spec(), bare).description == "Run fofr/consistent-character"


def test_a_role_that_the_model_cannot_have_is_left_out() -> None:
    assert prepare_command(spec(role=CommandRole.UPSCALE), RESOLVED).role is CommandRole.UPSCALE
    assert prepare_command(spec(role=CommandRole.DESCRIBE), RESOLVED).role is None
