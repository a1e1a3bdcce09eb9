"""What was entered for a run, as it can be given back."""

from typing import Any

import pytest

from bot.options.entered import EnteredValues, collect_entered, find_remarked
from bot.visibility import Visibility
from tests.options.samples import TEXT, URI, default_layout, layout_of
from tests.options.test_form import PHOTO


def test_values_are_by_the_models_keys_as_they_were_typed() -> None:
    given = {"prompt": "a fox", "subject": PHOTO, "subject_url": "@mia", "seed": None, "number_of_outputs": "99"}
    entered = collect_entered(default_layout(), given)
    assert entered == EnteredValues(
        {"prompt": "a fox", "subject": [PHOTO, "@mia"], "number_of_outputs": "99"}, "", None
    )


@pytest.mark.parametrize(
    ("text", "values", "left"),
    [
        ("seed=x", {"seed": "x"}, ""),
        ("no pairs", {}, "no pairs"),
        ("seed=1\nsed=2", {"seed": "1"}, "sed=2"),
        ("seed=1\nseed=2", {"seed": "1"}, "seed=2"),
        ("visibility=nobody", {}, "visibility=nobody"),
    ],
)
def test_text_is_spread_over_inputs_and_the_rest_kept(text: str, values: dict[str, Any], left: str) -> None:
    entered = collect_entered(default_layout(), {"advanced": text})
    assert (dict(entered.values), entered.text) == (values, left)


def test_a_chosen_visibility_is_no_input() -> None:
    entered = collect_entered(default_layout(), {"visibility": "private", "prompt": "x"})
    assert (entered.values, entered.visibility) == ({"prompt": "x"}, Visibility.PRIVATE)


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("subject_url", "subject"),
        ("number_of_outputs", "number_of_outputs"),
        ("advanced", "advanced"),
        ("visibility", "advanced"),
        ("nothing", None),
    ],
)
def test_an_error_is_about_an_input_or_the_text(option: str, key: str | None) -> None:
    assert find_remarked(default_layout(), option) == key


def test_a_name_in_another_case_is_the_input() -> None:
    layout = layout_of({"Prompt": TEXT, "Image": URI})
    assert find_remarked(layout, "image") == "Image"
