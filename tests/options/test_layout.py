"""What becomes a slash option, and how everything else stays in reach."""

from typing import Any

import pytest

from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionRole, OptionType, fit_to_limits
from tests.options.samples import default_plan, plan_of

URI = {"type": "string", "format": "uri"}
FILES = {"type": "array", "items": URI}
TEXT = {"type": "string"}


def names(plan: OptionLayout) -> list[str]:
    return [option.name for option in plan.options]


def the(plan: OptionLayout, name: str) -> Option:
    option = plan.option(name)
    assert option is not None
    return option


def texts(count: int, **more: Any) -> dict[str, Any]:
    return {f"t{number:02}": {"type": "string", "x-order": number, **more} for number in range(count)}


def test_required_inputs_come_first_then_the_prompt_then_needed_files() -> None:
    plan = plan_of({"a": TEXT, "photo": URI, "prompt": TEXT, "style": TEXT, "other": URI}, required=("style", "photo"))
    assert names(plan) == ["style", "prompt", "photo", "photo_url", "a", "other", "other_url"]
    assert [option.required for option in plan.options] == [True, *[False] * 6]


def test_every_file_input_has_an_address_beside_it() -> None:
    plan = plan_of({"image": URI})
    assert [(option.name, option.role) for option in plan.options] == [
        ("image", OptionRole.FILE),
        ("image_url", OptionRole.URL),
    ]


def test_a_list_of_files_has_as_many_attachments_as_fit() -> None:
    assert names(plan_of({"images": FILES})) == [
        *["image", *(f"image_{n}" for n in range(2, 11))],
        "images_url",
    ]
    assert names(plan_of({"input": {**FILES, "maxItems": 2}})) == ["input", "input_2", "input_url"]


def test_lists_of_files_share_what_room_there_is() -> None:
    plan = plan_of({"cats": FILES, "dogs": FILES, **texts(10)})
    slots = {key: sum(option.field == key for option in plan.options) for key in ("cats", "dogs")}
    assert (len(plan.options), plan.leftover) == (25, ())
    assert abs(slots["cats"] - slots["dogs"]) <= 1


def test_twenty_five_inputs_need_no_advanced_option() -> None:
    plan = plan_of(texts(25))
    assert (len(plan.options), plan.leftover) == (25, ())
    assert "advanced" not in names(plan)


def test_what_does_not_fit_is_left_to_advanced() -> None:
    plan = plan_of({**texts(30), "image": {**URI, "x-order": 99}}, required=("t29",))
    assert len(plan.options) == 25
    assert names(plan)[0] == "t29"
    assert names(plan)[-1] == "advanced"
    assert {"image", "image_url"} <= set(names(plan))
    assert list(plan.leftover) == [f"t{number:02}" for number in range(21, 29)]
    assert "t21, t22" in the(plan, "advanced").description


def test_when_even_required_inputs_do_not_fit_advanced_is_required() -> None:
    plan = plan_of(texts(30), required=tuple(texts(30)))
    assert [option.required for option in plan.options] == [True] * 25
    assert names(plan)[-1] == "advanced"


def test_the_address_is_left_to_advanced_before_an_attachment_is() -> None:
    plan = plan_of({f"file{number:02}": URI for number in range(20)})
    attachments = [option for option in plan.options if option.role is OptionRole.FILE]
    assert len(plan.options) == 25
    assert len(attachments) == 12
    assert set(plan.leftover) >= {f"file{number:02}" for number in range(12, 20)}


def test_hidden_and_secret_inputs_are_not_asked_for() -> None:
    plan = plan_of({"key": {**TEXT, "format": "password"}, "nsfw": TEXT, "a": TEXT}, hidden=("nsfw",))
    assert names(plan) == ["a"]
    assert [field.name for field in plan.closed] == ["key", "nsfw"]


def test_a_key_that_is_a_legal_name_keeps_it() -> None:
    plan = plan_of({"Image": TEXT, "image": URI, "image_url": TEXT, "advanced": TEXT})
    assert plan.names == {"Image": "image_2", "image": "image", "image_url": "image_url", "advanced": "advanced"}
    assert plan.advanced == "advanced_2"
    assert len(set(names(plan))) == len(plan.options)
    for field in plan.fields:
        assert plan.known_as(plan.names[field.name]) == field
        assert plan.known_as(field.name) == field


def test_up_to_25_choices_are_listed_and_more_are_searched() -> None:
    few, many = plan_of({"it": {"enum": list(range(25))}}), plan_of({"it": {"enum": list(range(26))}})
    assert (len(the(few, "it").listed), the(few, "it").type) == (25, OptionType.INTEGER)
    assert (the(many, "it").autocomplete, the(many, "it").type) == (True, OptionType.STRING)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer", "minimum": 0, "maximum": 2**53 - 1}, OptionType.INTEGER),
        ({"type": "integer", "minimum": 0, "maximum": 2**64 - 1}, OptionType.STRING),
        ({"type": "integer", "minimum": 0, "maximum": 2**53}, OptionType.STRING),
        ({"type": "integer", "default": 2**60}, OptionType.STRING),
        ({"type": "number", "maximum": 1e300}, OptionType.STRING),
        ({"enum": [1, 2**60]}, OptionType.STRING),
        ({"enum": [1, 2.5]}, OptionType.NUMBER),
        ({"type": "boolean", "enum": [True]}, OptionType.BOOLEAN),
        ({"type": "array", "items": {"type": "number"}}, OptionType.STRING),
        ({"type": "object"}, OptionType.STRING),
    ],
)
def test_a_value_that_discords_types_cannot_hold_is_typed_as_text(schema: dict[str, Any], expected: OptionType) -> None:
    assert the(plan_of({"it": schema}), "it").type is expected


def test_a_range_and_a_length_stand_in_the_command() -> None:
    plan = plan_of(
        {
            "n": {"type": "number", "minimum": 0, "maximum": 1.5},
            "t": {**TEXT, "maxLength": 7000},
            "u": {**TEXT, "maxLength": 9},
        }
    )
    assert (the(plan, "n").minimum, the(plan, "n").maximum) == (0, 1.5)
    assert (the(plan, "t").max_length, the(plan, "u").max_length) == (None, 9)


@pytest.mark.parametrize(
    ("schema", "description"),
    [
        (
            {"type": "integer", "minimum": 1, "maximum": 20, "default": 3, "description": "How many."},
            "How many · 1–20, default 3",
        ),
        ({"type": "number", "minimum": -1, "maximum": 1, "description": "Tilt"}, "Tilt · -1 to 1"),
        ({"type": "integer", "minimum": 1}, "It · at least 1"),
        ({"type": "boolean", "default": True, "description": "Go `fast`"}, "Go fast · default True"),
        ({"type": "string", "default": "A photo", "description": ""}, "It · default “A photo”"),
        ({"type": "string", "default": "", "description": " . "}, "It"),
        ({"type": "array", "items": {"type": "string"}, "description": "Tags"}, "Tags · separated by commas"),
        ({"type": "object", "description": "Options, see [here](https://x.example)"}, "Options, see here · JSON"),
    ],
)
def test_a_description_keeps_the_range_and_the_default(schema: dict[str, Any], description: str) -> None:
    assert the(plan_of({"it": schema}), "it").description == description


def test_a_long_description_is_cut_at_a_word_before_its_range() -> None:
    schema = {"type": "integer", "minimum": 0, "maximum": 9, "default": 5, "description": "Seven words that go on " * 9}
    description = the(plan_of({"it": schema}), "it").description
    assert len(description) <= 100
    assert description.endswith("… · 0–9, default 5")
    assert description.split("…")[0].split()[-1] in {"Seven", "words", "that", "go", "on"}


def test_inputs_that_are_known_by_name_are_described_where_the_model_does_not() -> None:
    assert the(plan_of({"prompt": TEXT}), "prompt").description == "What you want, in words"
    assert (
        the(plan_of({"custom_sd_model": {**TEXT, "title": "Custom Sd Model"}}), "custom_sd_model").text
        == "Custom sd model"
    )


def test_a_command_that_is_too_large_shortens_all_descriptions_alike_first() -> None:
    choices = [f"{number:02} {'x' * 22}" for number in range(25)]
    plan = plan_of({f"i{n}": {"enum": choices, "description": "Words to cut " * 20} for n in range(6)})
    rooms = {option.room for option in plan.options}
    assert len(rooms) == 1
    assert sum(option.chars for option in plan.options) <= 8000 - 132
    assert not any(option.autocomplete for option in plan.options)
    assert rooms.pop() < 100


def test_only_then_is_the_longest_list_of_choices_searched_instead() -> None:
    long = [f"{number:02} {'x' * 90}" for number in range(25)]
    plan = plan_of(
        {"long": {"enum": long}, **{f"i{n}": {"enum": long[:20], "description": "y" * 300} for n in range(2)}}
    )
    assert [option.name for option in plan.options if option.autocomplete] == ["long"]
    assert {option.room for option in plan.options} == {100}
    assert len(plan.options) == 3


def test_a_budget_that_cannot_be_met_still_ends() -> None:
    option = Option(name="a", field="a", role=OptionRole.VALUE, type=OptionType.STRING, text="x" * 90)
    assert fit_to_limits([option], limit=1)[0].room == 40


def test_the_default_models_subject_is_needed_though_its_schema_does_not_say_so() -> None:
    plan = default_plan()
    assert plan.needed == ("subject",)
    assert "needed, here or as subject_url" in the(plan, "subject").description
    assert (plan.prompt, plan.count) == ("prompt", ("number_of_outputs", "number_of_images_per_pose"))


def test_what_a_command_requires_or_has_a_default_for() -> None:
    plan = plan_of({"a": TEXT, "b": TEXT}, required=("b",))
    assert [option.required for option in plan.options] == [True, False]
    configured = plan_of({"a": TEXT, "b": {**TEXT, "default": "x"}}, required=("b",), defaults={"b": "y"})
    assert [option.required for option in configured.options] == [False, False]
    assert "default y" in the(configured, "b").description


@pytest.mark.parametrize(
    ("properties", "prompt"),
    [
        ({"text": TEXT, "prompt": TEXT}, "prompt"),
        ({"Text": TEXT, "voice": TEXT}, "Text"),
        ({"a": TEXT, "b": TEXT}, None),
        ({"a": TEXT, "n": {"type": "integer"}}, "a"),
        ({"prompt": {"enum": ["x"]}, "n": {"type": "integer"}}, None),
    ],
)
def test_the_prompt_is_found_by_its_name_or_as_the_only_text(properties: dict[str, Any], prompt: str | None) -> None:
    assert plan_of(properties).prompt == prompt


@pytest.mark.parametrize(
    ("properties", "required", "picture"),
    [
        ({"mask": {**URI, "description": "mask"}, "image": {**URI, "description": "image"}}, ("image",), "image"),
        ({"thing": URI, "photo": {**URI, "description": "A photo"}}, (), "photo"),
        ({"voice": {**URI, "description": "audio"}}, ("voice",), None),
        ({"prompt": TEXT}, (), None),
    ],
)
def test_the_input_for_a_picture_is_found(
    properties: dict[str, Any], required: tuple[str, ...], picture: str | None
) -> None:
    assert plan_of(properties, required=required).picture == picture
