"""Inputs as a form, filled with what a run had, and back."""

import json
from typing import Any

import pytest

from bot.errors import BadOption
from bot.media.types import Media, MediaKind, MediaType
from bot.options.attachments import UploadedFile
from bot.options.form import FormField, FormKind, OptionForm, build_form, edit_text, restore_values
from bot.options.parse import parse_options, parse_pairs
from tests.options.samples import default_plan, plan_of

PHOTO = Media(name="me.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"1")
OTHER = Media(name="other.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"2")
URI = {"type": "string", "format": "uri"}
TEXT = {"type": "string"}


def part(asked: OptionForm, key: str) -> FormField:
    (found,) = (field for field in asked.fields if field.key == key)
    return found


def untouched(asked: OptionForm) -> dict[str, Any]:
    return {field.key: field.value for field in asked.fields if field.kind is not FormKind.FILES}


def test_a_form_holds_what_matters_most_and_one_paragraph_for_the_rest() -> None:
    asked = build_form(default_plan())
    assert [(field.key, field.kind) for field in asked.fields] == [
        ("prompt", FormKind.PARAGRAPH),
        ("subject", FormKind.FILES),
        ("negative_prompt", FormKind.LINE),
        ("number_of_outputs", FormKind.LINE),
        ("advanced", FormKind.PARAGRAPH),
    ]
    assert part(asked, "number_of_outputs").label == "Number of outputs"
    assert part(asked, "number_of_outputs").description == "The number of images to generate · 1–20, default 3"


def test_a_model_with_few_inputs_and_no_files_needs_no_paragraph() -> None:
    asked = build_form(plan_of({"prompt": TEXT, "style": {"enum": ["a", "b"]}, "fast": {"type": "boolean"}}))
    assert [field.key for field in asked.fields] == ["prompt", "style", "fast"]
    assert [choice.label for choice in part(asked, "fast").choices] == ["True", "False"]


def test_a_form_filled_with_a_run_gives_the_same_run_again() -> None:
    plan = default_plan()
    first = parse_options(plan, {"prompt": "A knight", "subject": PHOTO, "seed": 7, "output_format": "png"})
    asked = build_form(plan, restore_values(plan, first.input, first.files))
    assert part(asked, "prompt").value == "A knight"
    assert part(asked, "advanced").value == "output_format=png\nseed=7"
    again = parse_options(plan, asked.values(untouched(asked)))
    assert (again.input, again.files) == (first.input, first.files)


def test_an_answer_replaces_what_was_kept() -> None:
    plan = default_plan()
    asked = build_form(plan, {"subject": PHOTO, "seed": 7})
    values = asked.values({"prompt": "New", "subject": [UploadedFile(OTHER)], "advanced": ""})
    again = parse_options(plan, values)
    assert (again.input, again.files) == ({"prompt": "New", "subject": "file:0"}, (OTHER,))
    by_address = asked.values({"advanced": "subject=https://a.example/x"})
    assert parse_options(plan, by_address).input == {"subject": "https://a.example/x"}


def test_a_form_with_less_room_puts_more_into_its_paragraph() -> None:
    asked = build_form(default_plan(), room=3)
    assert [field.key for field in asked.fields] == ["prompt", "subject", "advanced"]


def test_a_picture_that_is_given_already_is_not_asked_for_and_kept() -> None:
    plan = default_plan()
    asked = build_form(plan, {"subject": PHOTO}, filled=("subject",))
    assert "subject" not in {field.key for field in asked.fields}
    assert parse_options(plan, asked.values({"prompt": "x"})).files == (PHOTO,)


def test_a_text_longer_than_discords_field_is_kept_as_it_was() -> None:
    plan = plan_of({"prompt": TEXT, "a": TEXT})
    long = "word " * 1000
    asked = build_form(plan, {"prompt": long})
    assert "prompt" not in {field.key for field in asked.fields if field.value}
    assert parse_options(plan, asked.values(untouched(asked))).input == {"prompt": long}


def test_texts_that_do_not_fit_the_paragraph_together_are_kept_too() -> None:
    plan = plan_of({f"t{number}": TEXT for number in range(9)})
    long = {f"t{number}": f"{number} " * 900 for number in range(9)}
    asked = build_form(plan, long)
    assert len(part(asked, "advanced").value) <= 4000
    assert parse_options(plan, asked.values(untouched(asked))).input == long


def test_a_text_that_was_left_empty_on_purpose_stays_empty() -> None:
    plan = plan_of({"prompt": TEXT, "negative": {**TEXT, "default": "ugly"}})
    asked = build_form(plan, {"prompt": "x", "negative": ""})
    assert parse_options(plan, asked.values(untouched(asked))).input == {"prompt": "x", "negative": ""}


def test_only_a_required_text_has_a_shortest_length() -> None:
    plan = plan_of({"a": {**TEXT, "minLength": 3}, "b": {**TEXT, "minLength": 3, "maxLength": 9}}, required=("a",))
    asked = build_form(plan, {"b": "longer than nine"})
    assert (part(asked, "a").least, part(asked, "b").least) == (3, 0)
    assert part(asked, "b").most == len("longer than nine")


def test_a_file_is_never_required_by_the_form_because_its_address_will_do() -> None:
    asked = build_form(plan_of({"image": URI, "prompt": TEXT}, required=("image", "prompt")))
    assert (part(asked, "image").required, part(asked, "prompt").required) == (False, True)
    assert part(asked, "advanced").placeholder == "image=https://…"


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"advanced": "prompt=a\nprompt=b"}, "`advanced` gives `prompt` again; keep one."),
        ({"prompt": "x", "advanced": "prompt=b"}, "`advanced` gives `prompt` again; keep one."),
        ({"advanced": "nothing"}, "`advanced` takes key=value; “nothing” has no = behind it."),
    ],
)
def test_a_form_that_cannot_be_read_gets_its_sentence(answers: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadOption) as caught:
        build_form(default_plan()).values(answers)
    assert caught.value.sentence == sentence


def test_a_file_and_an_address_for_one_input_are_one_too_many() -> None:
    plan = default_plan()
    values = build_form(plan).values({"subject": [PHOTO], "advanced": "subject=https://a.example/x"})
    with pytest.raises(BadOption, match="takes one file; you gave 2"):
        parse_options(plan, values)


def test_a_run_as_text_reads_back_and_leaves_files_and_keys_out() -> None:
    plan = plan_of(
        {
            "prompt": TEXT,
            "image": URI,
            "hf_token": TEXT,
            "o": {"type": "object"},
            "tags": {"type": "array", "items": TEXT},
        }
    )
    text = edit_text(
        plan, {"prompt": 'a "b"\nc', "image": "file:0", "hf_token": "k", "o": {"a": 1}, "tags": ["x", "y, z"]}
    )
    pairs = {pair.key: pair.value for pair in parse_pairs(text, "x")}
    assert pairs.keys() == {"prompt", "o", "tags"}
    assert pairs["prompt"] == 'a "b"\nc'
    assert json.loads(pairs["tags"]) == ["x", "y, z"]


def test_files_that_are_no_more_are_not_given_again() -> None:
    plan = plan_of({"image": URI, "images": {"type": "array", "items": URI}})
    before = restore_values(plan, {"image": "file:3", "images": ["file:0", "file:9", "https://a.example"]}, (PHOTO,))
    assert before == {"images": [PHOTO, "https://a.example"]}
