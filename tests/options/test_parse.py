"""What people gave, as the model's input; bad values get one sentence that names the option and the fix."""

from dataclasses import replace
from typing import Any

import pytest

from bot.errors import BadOption, UserError
from bot.media.types import Media, MediaKind, MediaType
from bot.options.attachments import UploadedFile
from bot.options.layout import build_layout
from bot.options.parse import parse_options
from tests.options.samples import default_plan, plan_of

PHOTO = Media(name="me.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"1")
SONG = Media(name="song.mp3", type=MediaType("audio/mpeg", ".mp3", MediaKind.AUDIO), data=b"2")
URI = {"type": "string", "format": "uri"}
TEXT = {"type": "string"}


def sentence(plan: Any, values: dict[str, Any]) -> str:
    with pytest.raises(UserError) as caught:
        parse_options(plan, values)
    if isinstance(caught.value, BadOption):
        assert f"`{caught.value.option}`" in caught.value.sentence
    return caught.value.sentence


def test_only_what_was_given_is_sent() -> None:
    collected = parse_options(
        default_plan(), {"prompt": "A knight", "subject": PHOTO, "seed": None, "number_of_outputs": 5}
    )
    assert collected.input == {"prompt": "A knight", "subject": "file:0", "number_of_outputs": 5}
    assert collected.files == (PHOTO,)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "Attach an image as `subject`, or put its web address in `subject_url`."),
        (
            {"subject": PHOTO, "subject_url": "https://a.example/b.png"},
            "Give either `subject` or `subject_url`, not both.",
        ),
        (
            {"subject_url": "ftp://a.example"},
            "`subject_url` needs a web address that starts with https://; you gave “ftp://a.example”.",
        ),
        ({"subject": PHOTO, "number_of_outputs": 50}, "`number_of_outputs` goes from 1 to 20; you gave 50."),
        ({"subject": PHOTO, "output_format": "gif"}, "`output_format` is one of webp, jpg, png; you gave “gif”."),
        ({"subject": PHOTO, "prompt": "file:0"}, "`prompt` cannot be exactly “file:0”; write it a little differently."),
        ({"subject": PHOTO, "sed": 1}, "There is no input `sed`. Did you mean `seed`?"),
    ],
)
def test_the_default_models_bad_values_get_their_sentence(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadOption) as caught:
        parse_options(default_plan(), values)
    assert caught.value.sentence == expected


VOICES = {"enum": [f"voice {n}" for n in range(40)]}
PAIR = {"type": "object", "required": ["w"], "properties": {"w": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("schema", "given", "expected"),
    [
        ({"type": "integer"}, "4.5", "`it` is a whole number; you gave “4.5”."),
        ({"type": "integer", "minimum": 1}, 0, "`it` is at least 1; you gave 0."),
        ({"type": "integer", "maximum": 2**64}, 2**65, f"`it` is at most {2**64}; you gave {2**65}."),
        ({"type": "integer", "multipleOf": 8}, 9, "`it` must be a multiple of 8."),
        ({"type": "number"}, "1,5", "`it` is a number such as 0.5; you gave “1,5”."),
        ({"type": "number", "exclusiveMinimum": 0}, 0.0, "`it` must be more than 0."),
        ({"type": "number"}, "1e999", "`it` is a number such as 0.5; you gave “1e999”."),
        ({"type": "boolean"}, "maybe", "`it` is True or False; you gave “maybe”."),
        ({"type": "string", "minLength": 3}, "ab", "`it` needs at least 3 characters; you gave 2."),
        ({"type": "string", "maxLength": 3}, "abcd", "`it` takes at most 3 characters; you gave 4."),
        ({"type": "string", "pattern": "^[a-z]+$"}, "A1", "`it` must match the pattern ^[a-z]+$."),
        (VOICES, "voic 7", "`it` has no choice “voic 7”. Did you mean voice 7 or voice 37 or voice 27?"),
        (VOICES, "zzz", "`it` has no choice “zzz”. Start typing and choose one."),
        ({"type": "array", "items": {"type": "integer"}}, "1, x", "`it` is a whole number; you gave “x”."),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, "a, c", "`it` is one of a, b; you gave “c”."),
        ({"type": "array", "items": TEXT, "maxItems": 1}, "a, b", "`it` takes at most 1 of them; you gave 2."),
        ({"type": "object"}, "{", '`it` is not JSON at character 2. Write it like `{"key": "value"}`.'),
        ({"type": "object"}, "[1]", "`it` must be an object {…}."),
        ({"type": "object"}, '{"a": NaN}', '`it` is not JSON. Write it like `{"key": "value"}`.'),
        (PAIR, "{}", "`it` needs “w”."),
        (PAIR, '{"w": "1"}', "`it` (at w) must be a whole number."),
        ({"type": "array", "items": URI, "maxItems": 1}, ["https://a"] * 2, "`it` takes at most one file; you gave 2."),
    ],
)  # fmt: skip
def test_each_bad_value_gets_its_sentence(schema: dict[str, Any], given: Any, expected: str) -> None:
    plan = plan_of({"it": schema})
    key = "it_url" if plan.option("it_url") else "it"
    assert sentence(plan, {key: given}) == expected.replace("`it`", f"`{key}`", 1)


@pytest.mark.parametrize(
    "address",
    [
        "see https://x.example", "http://[::1", "data:image/png;base64,AAAA", "https://", "javascript:alert(1)",
        "file:///etc/passwd", "//x.example/a", "https://x.example:0/", "https://x.example/a b", "",
    ],
)  # fmt: skip
def test_what_is_no_web_address_is_refused(address: str) -> None:
    said = sentence(plan_of({"it": URI}), {"it_url": address})
    assert said == f"`it_url` needs a web address that starts with https://; you gave “{address}”."


@pytest.mark.parametrize(
    ("schema", "given", "expected"),
    [
        ({"type": "integer", "maximum": 2**64}, str(2**63), 2**63),
        ({"type": "integer"}, 4.0, 4),
        ({"type": "integer"}, " 1_000 ", 1000),
        ({"type": "number"}, ".5", 0.5),
        ({"type": "number"}, "2", 2),
        ({"type": "boolean"}, "off", False),
        ({"type": "integer", "nullable": True}, "null", None),
        ({"enum": ["K_EULER", "DDIM"]}, "ddim", "DDIM"),
        ({"enum": [1, "1"]}, 1, 1),
        ({"enum": [1.5, 2]}, 2.0, 2),
        ({"enum": ["a" * 150, "b"]}, "a" * 150, "a" * 150),
        ({"type": "array", "items": TEXT}, 'one, "two, three"', ["one", "two, three"]),
        ({"type": "array", "items": TEXT}, "one\ntwo, three", ["one", "two, three"]),
        ({"type": "array", "items": TEXT}, '["a"]', ["a"]),
        ({"type": "array", "items": {"type": "number"}}, "1, 2.5", [1, 2.5]),
        ({"type": "array", "items": URI}, "https://a.example/x,https://b.example", ["https://a.example/x", "https://b.example"]),
        (URI, "<https://a.example/x>", "https://a.example/x"),
        ({"type": "object"}, '{"a": [1]}', {"a": [1]}),
        ({"anyOf": [{"type": "integer"}, TEXT]}, "seven", "seven"),
        ({"anyOf": [{"type": "integer"}, TEXT]}, "7", 7),
    ],
)  # fmt: skip
def test_values_are_read_as_they_are_meant(schema: dict[str, Any], given: Any, expected: Any) -> None:
    plan = plan_of({"it": schema})
    key = "it_url" if plan.option("it_url") else "it"
    got = parse_options(plan, {key: given}).input["it"]
    assert (got, type(got)) == (expected, type(expected))


def test_the_choice_that_discord_sends_is_the_models_own() -> None:
    plan = plan_of({"it": {"enum": ["", " padded", "x" * 140 + "a", "x" * 140 + "b"]}})
    option = plan.option("it")
    assert option is not None
    got = [parse_options(plan, {"it": choice.sent}).input["it"] for choice in option.choices]
    assert got == ["", " padded", "x" * 140 + "a", "x" * 140 + "b"]


def test_required_text_that_is_empty_is_asked_for() -> None:
    assert sentence(plan_of({"it": TEXT}, required=("it",)), {"it": ""}) == "`it` is needed."


def test_advanced_text_sets_what_it_names() -> None:
    plan = plan_of({f"t{n:02}": TEXT for n in range(29)} | {"n": {"type": "integer", "x-order": 99, "maximum": 9}})
    values = {"t00": "x", "advanced": 't25="two words" t26=a b n=7'}
    assert parse_options(plan, values).input == {"n": 7, "t00": "x", "t25": "two words", "t26": "a b"}
    assert sentence(plan, {"advanced": "n=70"}) == "`n` is at most 9; you gave 70."
    assert sentence(plan, {"advanced": "n="}) == "`advanced`: `n` needs a value, as in `n=…`."
    assert sentence(plan, {"advanced": "t1=1"}).startswith("`advanced`: there is no input `t1`. Did you mean `t")
    assert sentence(plan, {"t00": "x", "advanced": "t00=y"}) == "`advanced` gives `t00` again; keep one of them."


def test_a_file_can_be_given_by_its_address_in_advanced_text() -> None:
    plan = plan_of({"image": URI, **{f"t{n:02}": TEXT for n in range(29)}})
    assert parse_options(plan, {"advanced": "image=https://a.example/b.png?c=d&e=f"}).input == {
        "image": "https://a.example/b.png?c=d&e=f"
    }
    both = {"image": PHOTO, "advanced": "image_url=https://a.example"}
    assert sentence(plan, both) == "Give either `image` or `image_url`, not both.".replace("image_url", "image")


def test_attachments_come_before_addresses_and_are_counted() -> None:
    plan = plan_of({"mask": URI, "images": {"type": "array", "items": URI}})
    values = {"images_url": "https://a.example/1 https://a.example/2", "image": PHOTO, "image_3": SONG, "mask": PHOTO}
    collected = parse_options(plan, values)
    assert collected.input == {
        "mask": "file:0",
        "images": ["file:1", "file:2", "https://a.example/1", "https://a.example/2"],
    }
    assert collected.files == (PHOTO, PHOTO, SONG)


def test_a_commands_own_defaults_apply_to_hidden_inputs_too() -> None:
    plan = default_plan(defaults={"disable_safety_checker": False, "number_of_outputs": 2, "seed": 7})
    assert parse_options(plan, {"subject": PHOTO, "seed": 8}).input == {
        "subject": "file:0",
        "number_of_outputs": 2,
        "seed": 8,
        "disable_safety_checker": False,
    }


def test_a_configured_default_is_the_choice_of_its_own_type() -> None:
    plan = plan_of({"it": {"enum": [1, True, "1"]}}, defaults={"it": True})
    assert parse_options(plan, {}).input["it"] is True


def test_a_default_that_the_model_does_not_take_is_not_the_persons_fault() -> None:
    plan = plan_of({"it": {"type": "integer"}}, defaults={"it": "many"})
    assert sentence(plan, {}) == (
        "This command is set up with a `it` that its model does not take. Whoever runs the bot can mend its default."
    )


def test_a_needed_input_that_nobody_is_asked_for_stops_the_command() -> None:
    plan = plan_of({"key": {**TEXT, "format": "password"}}, required=("key",))
    assert sentence(plan, {}).startswith("The model needs `key`, which this bot does not ask for.")
    assert parse_options(plan_of({"key": {**TEXT, "format": "password"}}, defaults={"key": "k"}), {}).input == {
        "key": "k"
    }


def test_notes_of_the_files_come_along_once() -> None:
    turned = UploadedFile(PHOTO, ("Your photo was turned upright.",))
    plan = plan_of({"a": URI, "b": URI})
    assert parse_options(plan, {"a": turned, "b": turned}).notes == ("Your photo was turned upright.",)


@pytest.mark.parametrize(
    ("values", "thumbnail"),
    [
        ({"subject": PHOTO}, PHOTO),
        ({"subject_url": "https://a.example/me"}, "https://a.example/me"),
    ],
)
def test_the_thumbnail_is_the_first_picture(values: dict[str, Any], thumbnail: Any) -> None:
    assert parse_options(default_plan(), values).thumbnail == thumbnail


def test_what_is_no_picture_is_no_thumbnail() -> None:
    plan = plan_of({"voice": URI, "thing": URI})
    values = {"voice": SONG, "thing_url": "https://a.example/x.zip"}
    assert parse_options(plan, values).thumbnail is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, 3),
        ({"number_of_outputs": 5}, 5),
        ({"number_of_outputs": 5, "number_of_images_per_pose": 2}, 10),
    ],
)
def test_the_number_of_outputs_is_expected(values: dict[str, Any], expected: int) -> None:
    assert parse_options(default_plan(), {"subject": PHOTO, **values}).expected == expected


def test_without_a_count_nothing_is_expected() -> None:
    assert parse_options(plan_of({"prompt": TEXT}), {}).expected is None


@pytest.mark.parametrize(
    ("values", "summary"),
    [
        ({}, ""),
        ({"prompt": "a cat", "number_of_outputs": 3, "output_format": "webp"}, ""),
        ({"seed": 42, "number_of_outputs": 5}, "5 outputs · seed 42"),
        ({"number_of_outputs": 1, "number_of_images_per_pose": 2}, "1 output · 2 images per pose"),
        ({"randomise_poses": False, "output_format": "png"}, "randomise poses off · output format png"),
        ({"negative_prompt": "blurry,\n dark"}, "negative prompt “blurry, dark”"),
        ({"negative_prompt": "word " * 99}, "negative prompt “word word word word word word…”"),
    ],
)
def test_the_summary_says_what_differs_from_the_defaults(values: dict[str, Any], summary: str) -> None:
    assert parse_options(default_plan(), {"subject": PHOTO, **values}).summary == summary


def test_the_summary_keeps_keys_to_itself_and_ends() -> None:
    plan = plan_of({"hf_token": TEXT, **{f"some_rather_long_input_{n:02}": TEXT for n in range(20)}})
    collected = parse_options(plan, {option.name: "value" for option in plan.options})
    assert "token" not in collected.summary
    assert len(collected.summary) <= 200
    assert collected.summary.endswith("more")


def test_the_prompt_is_what_was_asked_or_what_the_model_makes_anyway() -> None:
    assert parse_options(default_plan(), {"subject": PHOTO, "prompt": "A knight"}).prompt == "A knight"
    assert parse_options(default_plan(), {"subject": PHOTO}).prompt == "A headshot photo"
    assert parse_options(plan_of({"prompt": TEXT}), {}).prompt is None


def test_a_limit_below_the_models_default_is_sent() -> None:
    (field,) = (field for field in default_plan().fields if field.name == "number_of_outputs")
    plan = build_layout([replace(field, maximum=2.0)], model="acme/model")
    assert parse_options(plan, {}).input == {"number_of_outputs": 2}
    assert sentence(plan, {"number_of_outputs": 3}) == "`number_of_outputs` goes from 1 to 2; you gave 3."
