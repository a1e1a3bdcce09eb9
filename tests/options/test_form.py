"""Forms prefilled with a run's input, and their answers."""

import json
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import BadOption
from bot.media.types import Media, MediaKind, MediaType
from bot.options.entered import collect_entered
from bot.options.form import FormField, FormKind, OptionForm, build_form, restore_values
from bot.options.key_value_text import parse_pairs
from bot.options.parse import parse_options
from tests.options.samples import TEXT, URI, default_layout, layout_of, media_of

PHOTO = Media(name="me.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"1")
OTHER = Media(name="other.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"2")


def part(form: OptionForm, key: str) -> FormField:
    (found,) = (field for field in form.fields if field.key == key)
    return found


def unchanged_answers(form: OptionForm) -> dict[str, Any]:
    return {field.key: field.value for field in form.fields if field.kind is not FormKind.FILES}


def test_a_part_that_has_to_be_filled_in_is_not_blank() -> None:
    form = build_form(default_layout())
    required = replace(form, fields=tuple(replace(part, required=part.key == "prompt") for part in form.fields))
    assert form.parse_answers({"prompt": " "}) == {"prompt": " "}
    with pytest.raises(BadOption, match="`prompt` is required"):
        required.parse_answers({"prompt": " "})


def test_form_has_important_inputs_and_one_paragraph() -> None:
    form = build_form(default_layout())
    assert [(field.key, field.kind) for field in form.fields] == [
        ("prompt", FormKind.PARAGRAPH),
        ("subject", FormKind.FILES),
        ("negative_prompt", FormKind.LINE),
        ("number_of_outputs", FormKind.LINE),
        ("advanced", FormKind.PARAGRAPH),
    ]
    assert part(form, "number_of_outputs").label == "Number of outputs"
    assert part(form, "number_of_outputs").description == "The number of images to generate · 1–20, default: 3"


def test_few_inputs_without_files_need_no_paragraph() -> None:
    form = build_form(layout_of({"prompt": TEXT, "style": {"enum": ["a", "b"]}, "fast": {"type": "boolean"}}))
    assert [field.key for field in form.fields] == ["prompt", "style", "fast"]
    assert [choice.label for choice in part(form, "fast").choices] == ["On", "Off"]


def test_paragraph_names_only_what_has_no_field() -> None:
    few = build_form(layout_of({"prompt": TEXT, "image": URI}))
    assert [field.key for field in few.fields] == ["prompt", "image"]
    many = build_form(layout_of({"prompt": TEXT, "image": URI, "a": TEXT, "b": TEXT, "c": TEXT, "d": TEXT}))
    assert [field.key for field in many.fields] == ["prompt", "image", "a", "b", "advanced"]
    assert part(many, "advanced").description == "Any of: c, d"
    assert many.parse_answers({"advanced": "image=https://a.example/x"}) == {"image": "https://a.example/x"}


def test_unchanged_form_gives_the_same_run() -> None:
    layout = default_layout()
    first = parse_options(layout, {"prompt": "A knight", "subject": PHOTO, "seed": 7, "output_format": "png"})
    form = build_form(layout, restore_values(layout, first.input, media_of(first)))
    assert part(form, "prompt").value == "A knight"
    assert part(form, "advanced").value == "output_format=png\nseed=7"
    again = parse_options(layout, form.parse_answers(unchanged_answers(form)))
    assert (again.input, again.files) == (first.input, first.files)


def test_answer_replaces_the_kept_value() -> None:
    layout = default_layout()
    form = build_form(layout, {"subject": PHOTO, "seed": 7})
    values = form.parse_answers({"prompt": "New", "subject": [OTHER], "advanced": ""})
    again = parse_options(layout, values)
    assert (again.input, again.files) == ({"prompt": "New", "subject": "file:0"}, (OTHER,))
    by_address = form.parse_answers({"advanced": "subject=https://a.example/x"})
    assert parse_options(layout, by_address).input == {"subject": "https://a.example/x"}


def test_smaller_form_moves_inputs_to_the_paragraph() -> None:
    form = build_form(default_layout(), max_components=3)
    assert [field.key for field in form.fields] == ["prompt", "subject", "advanced"]


def test_excluded_image_is_not_asked_for_and_kept() -> None:
    layout = default_layout()
    form = build_form(layout, {"subject": PHOTO}, exclude=("subject",))
    assert "subject" not in {field.key for field in form.fields}
    assert parse_options(layout, form.parse_answers({"prompt": "x"})).files == (PHOTO,)


def test_too_long_text_is_kept() -> None:
    layout = layout_of({"prompt": TEXT, "a": TEXT})
    long = "word " * 1000
    form = build_form(layout, {"prompt": long})
    assert "prompt" not in {field.key for field in form.fields if field.value}
    assert parse_options(layout, form.parse_answers(unchanged_answers(form))).input == {"prompt": long}


def test_texts_beyond_the_paragraph_are_kept() -> None:
    layout = layout_of({f"t{number}": TEXT for number in range(9)})
    long = {f"t{number}": f"{number} " * 900 for number in range(9)}
    form = build_form(layout, long)
    assert len(part(form, "advanced").value) <= 4000
    assert parse_options(layout, form.parse_answers(unchanged_answers(form))).input == long


def test_empty_text_stays_empty() -> None:
    layout = layout_of({"prompt": TEXT, "negative": {**TEXT, "default": "ugly"}})
    form = build_form(layout, {"prompt": "x", "negative": ""})
    assert parse_options(layout, form.parse_answers(unchanged_answers(form))).input == {"prompt": "x", "negative": ""}


def test_only_required_text_has_a_minimum_length() -> None:
    layout = layout_of({"a": {**TEXT, "minLength": 3}, "b": {**TEXT, "minLength": 3, "maxLength": 9}}, required=("a",))
    form = build_form(layout, {"b": "longer than nine"})
    assert (part(form, "a").minimum, part(form, "b").minimum) == (3, 0)
    assert part(form, "b").maximum == len("longer than nine")


def test_file_is_not_required_as_a_kept_one_will_do() -> None:
    form = build_form(layout_of({"image": URI, "prompt": TEXT}, required=("image", "prompt")))
    assert (part(form, "image").required, part(form, "prompt").required) == (False, True)


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({"advanced": "prompt=a\nprompt=b"}, "`advanced` sets `prompt` again. Keep only one."),
        ({"prompt": "x", "advanced": "prompt=b"}, "`advanced` sets `prompt` again. Keep only one."),
        ({"advanced": "nothing"}, "`advanced` expects key=value, but there is no = after “nothing”."),
    ],
)
def test_malformed_answers_are_explained(answers: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadOption) as caught:
        build_form(default_layout()).parse_answers(answers)
    assert caught.value.sentence == sentence


def test_file_and_address_for_one_input_are_rejected() -> None:
    layout = default_layout()
    values = build_form(layout).parse_answers({"subject": [PHOTO], "advanced": "subject=https://a.example/x"})
    with pytest.raises(BadOption, match=r"accepts one file \(you added 2\)"):
        parse_options(layout, values)


def test_paragraph_omits_files_and_secrets_and_reads_back() -> None:
    layout = layout_of(
        {
            "text": TEXT,
            "image": URI,
            "hf_token": TEXT,
            "o": {"type": "object"},
            "tags": {"type": "array", "items": TEXT},
            "fast": {"type": "boolean"},
        }
    )
    run_input = {
        "text": 'a "b"\nc',
        "image": "file:0",
        "hf_token": "k",
        "o": {"a": 1},
        "tags": ["x", "y, z"],
        "fast": False,
    }
    form = build_form(layout, restore_values(layout, run_input, (PHOTO,)), max_components=1)
    pairs = {pair.key: pair.value for pair in parse_pairs(part(form, "advanced").value, "x")}
    assert pairs.keys() == {"text", "o", "tags", "fast"}
    assert (pairs["text"], pairs["fast"]) == ('a "b"\nc', "off")
    assert json.loads(pairs["tags"]) == ["x", "y, z"]
    assert parse_options(layout, form.parse_answers(unchanged_answers(form))).input == run_input


def test_secrets_are_kept_without_being_shown() -> None:
    layout = layout_of({"prompt": TEXT, "hf_token": TEXT})
    form = build_form(layout, {"prompt": "a fox", "hf_token": "hush"})
    assert "hush" not in repr(form.fields)
    assert form.parse_answers({"prompt": "a hare"}) == {"prompt": "a hare", "hf_token": "hush"}
    assert form.parse_answers({"prompt": "a hare", "advanced": "hf_token=new"})["hf_token"] == "new"


def test_deleted_files_are_not_restored() -> None:
    layout = layout_of({"image": URI, "images": {"type": "array", "items": URI}})
    values = restore_values(layout, {"image": "file:3", "images": ["file:0", "file:9", "https://a.example"]}, (PHOTO,))
    assert values == {"images": [PHOTO, "https://a.example"]}


def test_the_wrong_input_comes_first_and_says_why() -> None:
    values = {"prompt": "A knight", "subject": PHOTO, "seed": "many"}
    remark = "`seed` must be a whole number (you entered many)."
    form = build_form(default_layout(), values, remarks={"seed": remark})
    first = form.fields[0]
    assert (first.key, first.label, first.value) == ("seed", "⚠ Seed", "many")
    assert first.description == "seed must be a whole number (you entered many)."
    assert part(form, "prompt").value == "A knight"
    assert form.kept == {"subject": PHOTO}
    assert len(form.fields) == 5


def test_malformed_text_is_given_back_as_it_was() -> None:
    form = build_form(default_layout(), {"prompt": "x"}, remarks={"advanced": "no ="}, text="nothing")
    assert (form.fields[0].key, form.fields[0].value) == ("advanced", "nothing")
    assert len(form.fields) <= 5


def test_a_wrong_address_can_be_mended_or_replaced_by_a_file() -> None:
    layout = layout_of({"prompt": TEXT, "image": URI})
    form = build_form(layout, {"image": ["@nobody"]}, remarks={"image": "no such character"})
    typed, upload, _ = form.fields
    assert (typed.kind, typed.value, upload.kind) == (FormKind.LINE, "@nobody", FormKind.FILES)
    assert form.parse_answers({typed.key: "@mia"}) == {"image": "@mia"}
    assert form.parse_answers({typed.key: "@nobody", upload.key: [PHOTO]}) == {"image": [PHOTO]}
    assert form.parse_answers({}) == {}


def test_files_are_added_to_those_that_were_good() -> None:
    layout = layout_of({"images": {"type": "array", "items": URI}})
    values = {"images": [PHOTO, OTHER]}
    form = build_form(layout, values, remarks={"images": "“c.png” can't be used."})
    assert form.fields[0].description == "“c.png” can't be used. 2 other files stay."
    assert form.parse_answers({"images": [PHOTO]}) == {"images": [PHOTO, OTHER, PHOTO]}
    assert form.parse_answers({}) == values
    assert build_form(layout, values).parse_answers({"images": [PHOTO]}) == {"images": [PHOTO]}


def test_a_wrong_secret_is_asked_for_anew() -> None:
    layout = layout_of({"prompt": TEXT, "api_key": TEXT})
    form = build_form(layout, {"api_key": "hush"}, remarks={"api_key": "`api_key` is wrong."})
    assert (form.fields[0].key, form.fields[0].value) == ("api_key", "")
    assert "hush" not in str(build_form(layout, {"api_key": "hush"}).fields)


def test_a_filled_form_gives_values_or_what_was_entered() -> None:
    layout = default_layout()
    form = build_form(layout, {"subject": PHOTO, "seed": 7})
    filled = form.fill({"prompt": "x", "advanced": "nothing"}, known={"output_format": "png"})
    with pytest.raises(BadOption):
        filled.parse()
    entered = {"subject": PHOTO, "prompt": "x", "advanced": "nothing", "output_format": "png"}
    assert filled.collect() == entered
    good = form.fill({"prompt": "x", "advanced": "seed=8"}, known={"output_format": "png"})
    assert good.parse() == {"subject": PHOTO, "prompt": "x", "seed": "8", "output_format": "png"}


@pytest.mark.parametrize(
    "typed",
    [
        "one two three " * 420,
        "x" * 6000,
        "line\n" * 1500,
        "a" * 4000 + " " + "b" * 1999,
        "one two three " * 800,
    ],
    ids=["words", "one word", "lines", "exactly one part", "three parts"],
)
def test_a_long_text_that_is_wrong_goes_on_in_the_next_part(typed: str) -> None:
    layout = layout_of({"prompt": TEXT, "seed": {"type": "integer"}})
    form = build_form(layout, {"prompt": typed, "seed": 7}, remarks={"prompt": "a word in it is not allowed here"})
    assert all(len(field.value) <= 4000 for field in form.fields)
    assert len(form.fields) <= 5
    assert form.fields[0].label == "⚠ Prompt"
    assert form.fields[1].label == "Prompt (continued)"
    answers = unchanged_answers(form)
    assert form.parse_answers(answers) == {"prompt": typed, "seed": "7"}
    assert collect_entered(layout, form.collect_answers(answers)).values["prompt"] == typed
    assert form.parse_answers({**answers, "prompt": "short", form.fields[1].key: ""})["prompt"].startswith("short")


def test_a_long_text_in_advanced_goes_on_in_the_next_part() -> None:
    layout = default_layout()
    typed = "no pair here " * 450
    form = build_form(layout, {"prompt": "x"}, remarks={"advanced": "expects key=value"}, text=typed)
    assert [field.key for field in form.fields[:2]] == ["advanced", "advanced:rest1"]
    assert len(form.fields) <= 5
    assert collect_entered(layout, form.collect_answers(unchanged_answers(form))).text == typed
