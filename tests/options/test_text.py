"""How inputs and values are described."""

import pytest

from bot.options import layout as layout_module
from bot.options.fields import read_fields
from bot.options.layout import find_quirks
from bot.options.text import describe_inputs
from tests.options.samples import DEFAULT_SCHEMA, MODELS, default_layout, layout_of, model_name, openapi, payload


def test_each_input_is_one_line() -> None:
    assert describe_inputs(default_layout()) == (
        "`prompt` · text · default: “A headshot photo”",
        "`negative_prompt` · text",
        "`subject` · an image · required",
        "`number_of_outputs` · integer · 1–20 · default: 3",
        "`number_of_images_per_pose` · integer · 1–4 · default: 1",
        "`randomise_poses` · on/off · default: on",
        "`output_format` · webp, jpg, png · default: webp",
        "`output_quality` · integer · 0–100 · default: 80",
        "`seed` · integer",
    )


def test_long_choices_are_counted_and_overflow_marked() -> None:
    layout = layout_of({f"t{n:02}": {"enum": [f"c{m}" for m in range(30)], "x-order": n} for n in range(30)})
    lines = describe_inputs(layout)
    assert lines[0] == "`t00` · one of 30: c0, c1, c2, c3, c4, c5, c6, c7, …"
    assert lines[-1].endswith("only in `advanced`")


def test_deprecated_input_says_so() -> None:
    assert describe_inputs(layout_of({"a": {"type": "boolean", "default": False, "deprecated": True}})) == (
        "`a` · on/off · default: off · deprecated",
    )


def test_quirks_ignore_version_and_case_of_the_model() -> None:
    assert find_quirks("Fofr/consistent-character:" + "0" * 64).required == ("subject",)
    assert find_quirks("acme/unknown").required == ()


@pytest.mark.skipif(not MODELS, reason="no real payloads in ../shared/models beside the checkout")
def test_quirks_name_inputs_of_the_real_models() -> None:
    schemas = {model_name(path): openapi(path) for path in MODELS}
    for model, quirks in layout_module._load_quirks()["models"].items():
        keys = {field.name for field in read_fields(schemas[model])}
        assert {*quirks.get("required", ()), *quirks.get("counts", ()), *quirks.get("descriptions", {})} <= keys
        assert quirks.get("prompt", next(iter(keys))) in keys


@pytest.mark.skipif(not MODELS, reason="no real payloads in ../shared/models beside the checkout")
def test_default_sample_is_the_real_model() -> None:
    (path,) = (path for path in MODELS if path.stem == "fofr_consistent-character")
    real, sample = read_fields(openapi(path)), read_fields(DEFAULT_SCHEMA)
    traits = [[(f.name, f.kind, f.default, f.minimum, f.maximum, f.choices) for f in each] for each in (real, sample)]
    assert traits[0] == traits[1]
    assert payload(path)["latest_version"]["openapi_schema"]["components"]["schemas"]["Output"]["type"] == "array"
