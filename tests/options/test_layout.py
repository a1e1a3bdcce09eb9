"""Which inputs become slash options, and how the others are reached."""

from typing import Any

import pytest

from bot.options.layout import OptionLayout
from bot.options.options import Option, OptionRole, OptionType
from tests.options.samples import TEXT, URI, default_layout, layout_of

FILES = {"type": "array", "items": URI}


def names(layout: OptionLayout) -> list[str]:
    return [option.name for option in layout.options]


def get_option(layout: OptionLayout, name: str) -> Option:
    option = layout.option(name)
    assert option is not None
    return option


def texts(count: int, **more: Any) -> dict[str, Any]:
    return {f"t{number:02}": {"type": "string", "x-order": number, **more} for number in range(count)}


def test_required_inputs_then_prompt_then_required_files() -> None:
    layout = layout_of(
        {"a": TEXT, "photo": URI, "prompt": TEXT, "style": TEXT, "other": URI}, required=("style", "photo")
    )
    assert names(layout) == ["style", "prompt", "photo", "photo_url", "a", "other", "other_url"]
    assert [option.required for option in layout.options] == [True, *[False] * 6]


def test_every_file_input_has_an_address_option() -> None:
    layout = layout_of({"image": URI})
    assert [(option.name, option.role) for option in layout.options] == [
        ("image", OptionRole.FILE),
        ("image_url", OptionRole.URL),
    ]


def test_list_of_files_has_as_many_attachments_as_fit() -> None:
    assert names(layout_of({"images": FILES})) == [
        *["image", *(f"image_{n}" for n in range(2, 11))],
        "images_url",
    ]
    assert names(layout_of({"input": {**FILES, "maxItems": 2}})) == ["input", "input_2", "input_url"]


def test_lists_of_files_share_the_free_options() -> None:
    layout = layout_of({"cats": FILES, "dogs": FILES, **texts(10)})
    slots = {key: sum(option.field == key for option in layout.options) for key in ("cats", "dogs")}
    assert (len(layout.options), layout.overflow) == (25, ())
    assert abs(slots["cats"] - slots["dogs"]) <= 1


def test_twenty_five_inputs_need_no_advanced_option() -> None:
    layout = layout_of(texts(25))
    assert (len(layout.options), layout.overflow) == (25, ())
    assert "advanced" not in names(layout)


def test_inputs_that_do_not_fit_move_to_advanced() -> None:
    layout = layout_of({**texts(30), "image": {**URI, "x-order": 99}}, required=("t29",))
    assert len(layout.options) == 25
    assert names(layout)[0] == "t29"
    assert names(layout)[-1] == "advanced"
    assert {"image", "image_url"} <= set(names(layout))
    assert list(layout.overflow) == [f"t{number:02}" for number in range(21, 29)]
    assert "t21, t22" in get_option(layout, "advanced").description


def test_advanced_is_required_if_required_inputs_overflow() -> None:
    layout = layout_of(texts(30), required=tuple(texts(30)))
    assert [option.required for option in layout.options] == [True] * 25
    assert names(layout)[-1] == "advanced"


def test_addresses_overflow_before_attachments() -> None:
    layout = layout_of({f"file{number:02}": URI for number in range(20)})
    attachments = [option for option in layout.options if option.role is OptionRole.FILE]
    assert len(layout.options) == 25
    assert len(attachments) == 12
    assert set(layout.overflow) >= {f"file{number:02}" for number in range(12, 20)}


def test_hidden_and_secret_inputs_have_no_option() -> None:
    layout = layout_of({"key": {**TEXT, "format": "password"}, "nsfw": TEXT, "a": TEXT}, hidden=("nsfw",))
    assert names(layout) == ["a"]
    assert [field.name for field in layout.hidden] == ["key", "nsfw"]


def test_key_that_is_a_valid_name_keeps_it() -> None:
    layout = layout_of({"Image": TEXT, "image": URI, "image_url": TEXT, "advanced": TEXT})
    assert layout.names == {"Image": "image_2", "image": "image", "image_url": "image_url", "advanced": "advanced"}
    assert layout.advanced == "advanced_2"
    assert len(set(names(layout))) == len(layout.options)
    for field in layout.fields:
        assert layout.find_field(layout.names[field.name]) == field
        assert layout.find_field(field.name) == field


def test_more_than_25_choices_are_autocompleted() -> None:
    few, many = layout_of({"it": {"enum": list(range(25))}}), layout_of({"it": {"enum": list(range(26))}})
    assert (len(get_option(few, "it").static_choices), get_option(few, "it").type) == (25, OptionType.INTEGER)
    assert (get_option(many, "it").autocomplete, get_option(many, "it").type) == (True, OptionType.STRING)


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
def test_value_beyond_discords_types_is_typed_as_text(schema: dict[str, Any], expected: OptionType) -> None:
    assert get_option(layout_of({"it": schema}), "it").type is expected


def test_range_and_length_are_part_of_the_command() -> None:
    layout = layout_of(
        {
            "n": {"type": "number", "minimum": 0, "maximum": 1.5},
            "t": {**TEXT, "maxLength": 7000},
            "u": {**TEXT, "maxLength": 9},
        }
    )
    assert (get_option(layout, "n").minimum, get_option(layout, "n").maximum) == (0, 1.5)
    assert (get_option(layout, "t").max_length, get_option(layout, "u").max_length) == (None, 9)


@pytest.mark.parametrize(
    ("schema", "description"),
    [
        (
            {"type": "integer", "minimum": 1, "maximum": 20, "default": 3, "description": "How many."},
            "How many · 1–20, default: 3",
        ),
        ({"type": "number", "minimum": -1, "maximum": 1, "description": "Tilt"}, "Tilt · -1 to 1"),
        ({"type": "integer", "minimum": 1}, "It · at least 1"),
        ({"type": "boolean", "default": True, "description": "Go `fast`"}, "Go fast · default: on"),
        ({"type": "string", "default": "A photo", "description": ""}, "It · default: “A photo”"),
        ({"type": "string", "default": "", "description": " . "}, "It"),
        ({"type": "array", "items": {"type": "string"}, "description": "Tags"}, "Tags · separated by commas"),
        ({"type": "object", "description": "Options, see [here](https://x.example)"}, "Options, see here · JSON"),
    ],
)
def test_description_keeps_the_range_and_the_default(schema: dict[str, Any], description: str) -> None:
    assert get_option(layout_of({"it": schema}), "it").description == description


def test_long_description_is_cut_at_a_word() -> None:
    schema = {"type": "integer", "minimum": 0, "maximum": 9, "default": 5, "description": "Seven words that go on " * 9}
    description = get_option(layout_of({"it": schema}), "it").description
    assert len(description) <= 100
    assert description.endswith("… · 0–9, default: 5")
    assert description.split("…")[0].split()[-1] in {"Seven", "words", "that", "go", "on"}


def test_undescribed_inputs_get_a_common_description() -> None:
    assert get_option(layout_of({"prompt": TEXT}), "prompt").description == "What you want, in words"
    assert (
        get_option(layout_of({"custom_sd_model": {**TEXT, "title": "Custom Sd Model"}}), "custom_sd_model").text
        == "Custom sd model"
    )


def test_too_large_command_shortens_all_descriptions() -> None:
    choices = [f"{number:02} {'x' * 22}" for number in range(25)]
    layout = layout_of({f"i{n}": {"enum": choices, "description": "Words to cut " * 20} for n in range(6)})
    lengths = {option.description_chars for option in layout.options}
    assert len(lengths) == 1
    assert sum(option.size for option in layout.options) <= 8000 - 132
    assert not any(option.autocomplete for option in layout.options)
    assert lengths.pop() < 100


def test_then_the_longest_choices_are_autocompleted() -> None:
    long = [f"{number:02} {'x' * 90}" for number in range(25)]
    layout = layout_of(
        {"long": {"enum": long}, **{f"i{n}": {"enum": long[:20], "description": "y" * 300} for n in range(2)}}
    )
    assert [option.name for option in layout.options if option.autocomplete] == ["long"]
    assert {option.description_chars for option in layout.options} == {100}
    assert len(layout.options) == 3


def test_subject_is_required_though_not_by_its_schema() -> None:
    layout = default_layout()
    assert layout.required == ("subject",)
    assert "required, here or as subject_url" in get_option(layout, "subject").description
    assert (layout.prompt_field, layout.count_fields) == ("prompt", ("number_of_outputs", "number_of_images_per_pose"))


def test_configured_requirements_and_defaults_apply() -> None:
    layout = layout_of({"a": TEXT, "b": TEXT}, required=("b",))
    assert [option.required for option in layout.options] == [True, False]
    configured = layout_of({"a": TEXT, "b": {**TEXT, "default": "x"}}, required=("b",), defaults={"b": "y"})
    assert [option.required for option in configured.options] == [False, False]
    assert "default: y" in get_option(configured, "b").description


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
def test_prompt_is_found_by_name_or_as_the_only_text(properties: dict[str, Any], prompt: str | None) -> None:
    assert layout_of(properties).prompt_field == prompt


@pytest.mark.parametrize(
    ("properties", "required", "expected"),
    [
        ({"mask": {**URI, "description": "mask"}, "image": {**URI, "description": "image"}}, ("image",), "image"),
        ({"thing": URI, "photo": {**URI, "description": "A photo"}}, (), "photo"),
        ({"voice": {**URI, "description": "audio"}}, ("voice",), None),
        ({"prompt": TEXT}, (), None),
    ],
)
def test_input_for_an_image_is_found(
    properties: dict[str, Any], required: tuple[str, ...], expected: str | None
) -> None:
    assert layout_of(properties, required=required).image_field == expected
