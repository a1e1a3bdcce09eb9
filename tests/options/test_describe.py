"""Inputs as lines to read, configurations held against a model, and what is known of models."""

from pathlib import Path
from typing import Any

import pytest

from bot.options import layout as quirks_module
from bot.options.config_validation import config_problems
from bot.options.describe import describe_inputs, input_violations
from bot.options.fields import read_fields
from bot.options.layout import find_quirks
from tests.options.samples import DEFAULT_SCHEMA, MODELS, default_plan, model_name, openapi, payload, plan_of

ROOM = Path(quirks_module.__file__).parent


def test_each_input_is_one_line() -> None:
    assert describe_inputs(default_plan()) == (
        "`prompt` · text · default “A headshot photo”",
        "`negative_prompt` · text",
        "`subject` · an image · needed",
        "`number_of_outputs` · whole number · 1–20 · default 3",
        "`number_of_images_per_pose` · whole number · 1–4 · default 1",
        "`randomise_poses` · yes or no · default True",
        "`output_format` · webp, jpg, png · default webp",
        "`output_quality` · whole number · 0–100 · default 80",
        "`seed` · whole number",
    )


def test_long_lists_are_counted_and_far_inputs_are_marked() -> None:
    plan = plan_of({f"t{n:02}": {"enum": [f"c{m}" for m in range(30)], "x-order": n} for n in range(30)})
    lines = describe_inputs(plan)
    assert lines[0] == "`t00` · one of 30: c0, c1, c2, c3, c4, c5, c6, c7, …"
    assert lines[-1].endswith("only through `advanced`")


def test_a_ready_input_is_held_against_its_model() -> None:
    fields = read_fields(DEFAULT_SCHEMA)
    assert input_violations(fields, {"prompt": "x", "subject": "https://a.example"}) == ()
    assert input_violations(fields, {"seed": "7", "nope": 1, "output_quality": 101}) == (
        "There is no input `nope`.",
        "`output_quality` must be at most 100.",
        "`seed` must be a whole number.",
    )
    assert input_violations(plan_of({"a": {"type": "string"}}, required=("a",)).fields, {}) == ("`a` is needed.",)


@pytest.mark.parametrize(
    ("settings", "problems"),
    [
        ({"required": ["subject"], "defaults": {"seed": 1}, "limits": {"number_of_outputs": 5}}, ()),
        ({"required": ["sed"]}, ("required names the input sed, which the model does not have. Did you mean seed?",)),
        ({"defaults": {"seed": "x"}}, ("defaults: `seed` is a whole number; you gave “x”.",)),
        ({"limits": {"zzz": 1}}, ("limits names the input zzz, which the model does not have.",)),
    ],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_the_model_is_told(
    settings: dict[str, Any], problems: tuple[str, ...]
) -> None:
    assert config_problems(read_fields(DEFAULT_SCHEMA), **settings) == problems


def test_a_version_or_case_does_not_change_what_is_known_of_a_model() -> None:
    assert find_quirks("Fofr/consistent-character:" + "0" * 64).require == ("subject",)
    assert find_quirks("acme/unknown").require == ()


@pytest.mark.skipif(not MODELS, reason="no real payloads in ../shared/models beside the checkout")
def test_what_is_known_of_a_model_names_inputs_that_it_has() -> None:
    schemas = {model_name(path): openapi(path) for path in MODELS}
    for model, known in quirks_module._data()["models"].items():
        keys = {field.name for field in read_fields(schemas[model])}
        assert {*known.get("require", ()), *known.get("count", ()), *known.get("words", {})} <= keys
        assert known.get("prompt", next(iter(keys))) in keys


@pytest.mark.skipif(not MODELS, reason="no real payloads in ../shared/models beside the checkout")
def test_the_sample_of_the_default_model_is_the_real_one() -> None:
    (path,) = (path for path in MODELS if path.stem == "fofr_consistent-character")
    real, sample = read_fields(openapi(path)), read_fields(DEFAULT_SCHEMA)
    traits = [[(f.name, f.kind, f.default, f.minimum, f.maximum, f.choices) for f in each] for each in (real, sample)]
    assert traits[0] == traits[1]
    assert payload(path)["latest_version"]["openapi_schema"]["components"]["schemas"]["Output"]["type"] == "array"
