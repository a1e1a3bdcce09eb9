"""Values of options as the model's input, and ``key=value`` text."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import BadOption
from bot.media.types import Media, MediaKind, MediaType
from bot.options.files import AttachedFile, UploadedFile
from bot.options.key_value_text import format_pairs, parse_pairs
from bot.options.layout import build_layout
from bot.options.parse import parse_options
from tests.options.samples import TEXT, URI, default_layout, error_for, layout_of, media_of

PHOTO = Media(name="me.png", type=MediaType("image/png", ".png", MediaKind.IMAGE), data=b"1")
SONG = Media(name="song.mp3", type=MediaType("audio/mpeg", ".mp3", MediaKind.AUDIO), data=b"2")
KEYS = st.from_regex(r"[a-z][a-z0-9_-]{0,10}", fullmatch=True)


def test_only_given_values_are_sent() -> None:
    parsed = parse_options(
        default_layout(), {"prompt": "A knight", "subject": PHOTO, "seed": None, "number_of_outputs": 5}
    )
    assert parsed.input == {"prompt": "A knight", "subject": "file:0", "number_of_outputs": 5}
    assert parsed.files == (PHOTO,)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, "Attach an image as `subject`, or put its web address in `subject_url`."),
        (
            {"subject": PHOTO, "subject_url": "https://a.example/b.png"},
            "Use either `subject` or `subject_url`, not both.",
        ),
        (
            {"subject_url": "ftp://a.example"},
            "`subject_url` must be a web address that starts with https:// (you entered “ftp://a.example”).",
        ),
        ({"subject": PHOTO, "number_of_outputs": 50}, "`number_of_outputs` must be 1–20 (you entered 50)."),
        (
            {"subject": PHOTO, "output_format": "gif"},
            "`output_format` must be one of webp, jpg, png (you entered “gif”).",
        ),
        ({"subject": PHOTO, "prompt": "file:0"}, "`prompt` can't be exactly “file:0”. Change it slightly."),
        ({"subject": PHOTO, "sed": 1}, "There is no input `sed`. Did you mean `seed`?"),
    ],
)
def test_bad_values_of_the_default_model_are_explained(values: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadOption) as caught:
        parse_options(default_layout(), values)
    assert caught.value.sentence == expected


@pytest.mark.parametrize("text", ["", "   ", "\n\t \u3000", "\0 "])
def test_blank_required_text_is_rejected(text: str) -> None:
    layout = layout_of({"it": TEXT, "other": TEXT}, required=("it",))
    assert error_for(layout, {"it": text}) == "`it` is required."
    assert parse_options(layout, {"it": " x ", "other": " "}).input == {"it": " x ", "other": " "}


def test_advanced_text_sets_inputs() -> None:
    layout = layout_of({f"t{n:02}": TEXT for n in range(29)} | {"n": {"type": "integer", "x-order": 99, "maximum": 9}})
    values = {"t00": "x", "advanced": 't25="two words" t26=a b n=7'}
    assert parse_options(layout, values).input == {"n": 7, "t00": "x", "t25": "two words", "t26": "a b"}
    assert error_for(layout, {"advanced": "n=70"}) == "`n` must be at most 9 (you entered 70)."
    assert error_for(layout, {"advanced": "n="}) == "`advanced`: `n` needs a value, as in `n=…`."
    assert error_for(layout, {"advanced": "t1=1"}).startswith("`advanced`: there is no input `t1`. Did you mean `t")
    assert error_for(layout, {"t00": "x", "advanced": "t00=y"}) == "`advanced` sets `t00` again. Keep only one."


def test_advanced_text_sets_a_file_by_its_address() -> None:
    layout = layout_of({"image": URI, **{f"t{n:02}": TEXT for n in range(29)}})
    assert parse_options(layout, {"advanced": "image=https://a.example/b.png?c=d&e=f"}).input == {
        "image": "https://a.example/b.png?c=d&e=f"
    }
    both = {"image": PHOTO, "advanced": "image_url=https://a.example"}
    assert error_for(layout, both) == "Use either `image` or `image_url`, not both.".replace("image_url", "image")


def test_attachments_come_before_addresses() -> None:
    layout = layout_of({"mask": URI, "images": {"type": "array", "items": URI}})
    values = {"images_url": "https://a.example/1 https://a.example/2", "image": PHOTO, "image_3": SONG, "mask": PHOTO}
    parsed = parse_options(layout, values)
    assert parsed.input == {
        "mask": "file:0",
        "images": ["file:1", "file:2", "https://a.example/1", "https://a.example/2"],
    }
    assert parsed.files == (PHOTO, PHOTO, SONG)


def test_configured_defaults_apply_to_hidden_inputs() -> None:
    layout = default_layout(defaults={"disable_safety_checker": False, "number_of_outputs": 2, "seed": 7})
    assert parse_options(layout, {"subject": PHOTO, "seed": 8}).input == {
        "subject": "file:0",
        "number_of_outputs": 2,
        "seed": 8,
        "disable_safety_checker": False,
    }


def test_configured_default_is_the_choice_of_its_type() -> None:
    layout = layout_of({"it": {"enum": [1, True, "1"]}}, defaults={"it": True})
    assert parse_options(layout, {}).input["it"] is True


def test_bad_configured_default_blames_the_command() -> None:
    layout = layout_of({"it": {"type": "integer"}}, defaults={"it": "many"})
    assert error_for(layout, {}) == (
        "This command's default for `it` isn't one that its model accepts. Ask the bot's owner to fix this command."
    )


def test_required_hidden_input_without_default_is_an_error() -> None:
    layout = layout_of({"key": {**TEXT, "format": "password"}}, required=("key",))
    assert error_for(layout, {}).startswith("The model requires `key`, which can't be set here.")
    assert parse_options(layout_of({"key": {**TEXT, "format": "password"}}, defaults={"key": "k"}), {}).input == {
        "key": "k"
    }


def test_notes_of_files_are_collected_once() -> None:
    rotated = UploadedFile(PHOTO, ("Your photo was turned upright.",))
    layout = layout_of({"a": URI, "b": URI})
    parsed = parse_options(layout, {"a": PHOTO, "b": PHOTO})
    assert parsed.place_files((rotated, rotated)).notes == ("Your photo was turned upright.",)


@pytest.mark.parametrize(
    ("values", "thumbnail"),
    [
        ({"subject": PHOTO}, PHOTO),
        ({"subject_url": "https://a.example/me"}, "https://a.example/me"),
    ],
)
def test_thumbnail_is_the_first_image(values: dict[str, Any], thumbnail: Any) -> None:
    parsed = parse_options(default_layout(), values)
    assert parsed.place_files([UploadedFile(file, thumbnail=PHOTO) for file in media_of(parsed)]).thumbnail == thumbnail


def test_other_files_are_no_thumbnail() -> None:
    layout = layout_of({"voice": URI, "thing": URI})
    values = {"voice": SONG, "thing_url": "https://a.example/x.zip"}
    parsed = parse_options(layout, values)
    assert parsed.place_files([UploadedFile(file) for file in media_of(parsed)]).thumbnail is None


@dataclass(frozen=True, slots=True)
class FileOnDiscord:
    """An attachment that is not downloaded yet."""

    filename: str
    size: int = 1

    url: str = "https://cdn.discordapp.com/attachments/1/2/me.png"


def test_attached_file_is_checked_before_it_is_read() -> None:
    with pytest.raises(BadOption) as caught:
        parse_options(default_layout(), {"subject": FileOnDiscord("me.png", 150_000_000)})
    assert caught.value.option == "subject"
    assert "files may have up to" in caught.value.sentence


def test_attached_files_are_placed_as_read() -> None:
    layout = layout_of({"voice": {**URI, "x-cog-accept": "audio/*"}, "image": URI})
    song, photo = FileOnDiscord("song.mp3"), FileOnDiscord("me.png")
    parsed = parse_options(layout, {"image": photo, "voice": song})
    assert parsed.input == {"voice": "file:0", "image": "file:1"}
    assert parsed.files == (AttachedFile("voice", song, ("audio/*",)), AttachedFile("image", photo, ("image/*",)))
    small = replace(PHOTO, name="small")
    placed = parsed.place_files((UploadedFile(SONG), UploadedFile(PHOTO, thumbnail=small)))
    assert (placed.media, placed.thumbnail) == ((SONG, PHOTO), small)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, 3),
        ({"number_of_outputs": 5}, 5),
        ({"number_of_outputs": 5, "number_of_images_per_pose": 2}, 10),
    ],
)
def test_expected_outputs_are_the_product_of_the_counts(values: dict[str, Any], expected: int) -> None:
    assert parse_options(default_layout(), {"subject": PHOTO, **values}).expected_outputs == expected


def test_model_without_counts_expects_no_number() -> None:
    assert parse_options(layout_of({"prompt": TEXT}), {}).expected_outputs is None


@pytest.mark.parametrize(
    ("values", "summary"),
    [
        ({}, ""),
        ({"prompt": "a cat", "number_of_outputs": 3, "output_format": "webp"}, ""),
        ({"seed": 42, "number_of_outputs": 5}, "seed 42"),
        ({"number_of_outputs": 1, "number_of_images_per_pose": 2}, ""),
        ({"number_of_outputs": 5, "number_of_images_per_pose": 2}, "5 outputs · 2 images per pose"),
        ({"randomise_poses": False, "output_format": "png"}, "randomise poses off · output format png"),
        ({"negative_prompt": "blurry,\n dark"}, "negative prompt “blurry, dark”"),
        ({"negative_prompt": "word " * 99}, "negative prompt “word word word word word word…”"),
    ],
)
def test_summary_has_values_that_are_not_the_default(values: dict[str, Any], summary: str) -> None:
    assert parse_options(default_layout(), {"subject": PHOTO, **values}).summary == summary


def test_summary_omits_secrets_and_is_limited() -> None:
    layout = layout_of({"hf_token": TEXT, **{f"some_rather_long_input_{n:02}": TEXT for n in range(20)}})
    parsed = parse_options(layout, {option.name: "value" for option in layout.options})
    assert "token" not in parsed.summary
    assert len(parsed.summary) <= 200
    assert parsed.summary.endswith("more")


def test_prompt_is_the_given_one_or_the_models_default() -> None:
    assert parse_options(default_layout(), {"subject": PHOTO, "prompt": "A knight"}).prompt == "A knight"
    assert parse_options(default_layout(), {"subject": PHOTO}).prompt == "A headshot photo"
    assert parse_options(layout_of({"prompt": TEXT}), {}).prompt is None


def test_limit_below_the_models_default_is_sent() -> None:
    (field,) = (field for field in default_layout().fields if field.name == "number_of_outputs")
    layout = build_layout([replace(field, maximum=2.0)], model="acme/model")
    assert parse_options(layout, {}).input == {"number_of_outputs": 2}
    assert error_for(layout, {"number_of_outputs": 3}) == "`number_of_outputs` must be 1–2 (you entered 3)."


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("seed=42", [("seed", "42")]),
        ("  a=1   b=2\n\nc=3 ", [("a", "1"), ("b", "2"), ("c", "3")]),
        ('a="two words" b=“curly quotes”', [("a", "two words"), ("b", "curly quotes")]),
        (r'a="say \"hi\" \\ \n"', [("a", 'say "hi" \\ \n')]),
        ("negative_prompt=blurry, dark seed=42", [("negative_prompt", "blurry, dark"), ("seed", "42")]),
        ("prompt=a cat\nmat=no", [("prompt", "a cat"), ("mat", "no")]),
        ("a = 1, b = 2", [("a", "1"), ("b", "2")]),
        ("a= b=2", [("a", ""), ("b", "2")]),
        ("a=", [("a", "")]),
        ('o={"k": [1, 2], "x=": "y z"} n=1', [("o", '{"k": [1, 2], "x=": "y z"}'), ("n", "1")]),
        ("o={broken n=1", [("o", "{broken"), ("n", "1")]),
        ("u=https://x.example/?a=b&c=d n=1", [("u", "https://x.example/?a=b&c=d"), ("n", "1")]),
        ("p=1+1==2 is true", [("p", "1+1==2 is true")]),
        ("p=say a==b aloud", [("p", "say a==b aloud")]),
    ],
)
def test_key_value_text_are_read_leniently(text: str, pairs: list[tuple[str, str]]) -> None:
    assert [(pair.key, pair.value) for pair in parse_pairs(text, "advanced")] == pairs


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("prompt=a cat\non a mat", "`advanced` expects key=value, but there is no = after “on”."),
        ("seed", "`advanced` expects key=value, but there is no = after “seed”."),
        ("=5", "`advanced` expects key=value, but there is no = after “=5”."),
        ('a="never closed b=2', "`advanced`: the quote after `a=` isn't closed."),
    ],
)
def test_malformed_pairs_are_explained(text: str, sentence: str) -> None:
    with pytest.raises(BadOption) as caught:
        parse_pairs(text, "advanced")
    assert (caught.value.option, caught.value.sentence) == ("advanced", sentence)


@given(st.lists(st.tuples(KEYS, st.text())), st.sampled_from([" ", "\n"]))
def test_formatted_pairs_read_back_the_same(pairs: list[tuple[str, str]], separator: str) -> None:
    assert [(pair.key, pair.value) for pair in parse_pairs(format_pairs(pairs, separator=separator), "x")] == pairs


@given(st.text('ab="“”{}[]\\ \n,:1'))
def test_any_text_is_parsed_or_rejected(text: str) -> None:
    with suppress(BadOption):
        assert all(0 <= pair.start <= pair.end <= len(text) for pair in parse_pairs(text, "x"))
