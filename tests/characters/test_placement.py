"""Characters in prompts and in inputs for files."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.characters.placement import Placement, mentioned_keys, place_characters, restore_written
from bot.errors import BadOption
from bot.media.types import JPEG, Media
from bot.options.form import build_form, restore_values
from bot.options.layout import OptionLayout
from bot.options.parse import parse_options
from tests.characters.samples import make_character
from tests.options.samples import TEXT, URI, each_model, layout_of, real_layout

IMAGE = {**URI, "description": "An image of a person"}
IMAGES = {"type": "array", "items": URI, "description": "Reference images"}
MIA = make_character("Mia", description="a woman with red hair", pictures=3)
BOB = make_character("bob", pictures=2)
FOUND = {"mia": MIA, "bob": BOB}
PHOTO = Media("photo.jpg", JPEG, b"1")

ONE = layout_of({"prompt": TEXT, "subject": IMAGE, "mask": IMAGE, "seed": {"type": "integer"}})
MANY = layout_of({"prompt": TEXT, "input_images": IMAGES})
BOTH = layout_of({"prompt": TEXT, "image": IMAGE, "reference_images": IMAGES})
NONE = layout_of({"prompt": TEXT})


def place(layout: OptionLayout, **values: Any) -> Placement:
    keys = mentioned_keys(layout, values)
    return place_characters(layout, values, {key: FOUND[key] for key in keys & FOUND.keys()})


def pictures(layout: OptionLayout, placement: Placement, key: str) -> list[str]:
    """Return the pictures that a run gets for an input, as name and number."""
    files = parse_options(layout, placement.values).files
    run_input = parse_options(layout, placement.values).input.get(key) or []
    references = run_input if isinstance(run_input, list) else [run_input]
    chosen = [files[int(reference.removeprefix("file:"))] for reference in references]
    return [f"{file.character}{file.number}" for file in chosen]  # type: ignore[union-attr]


def written(layout: OptionLayout, placement: Placement) -> dict[str, Any]:
    options = parse_options(layout, placement.values)
    return placement.describe_written(options.input, options.files)


def test_values_without_names_stay_as_they_are() -> None:
    values = {"prompt": "a cat", "subject": PHOTO, "seed": 1}
    placement = place(ONE, **values)
    assert placement.values == values
    assert not [*placement.notes, *placement.characters, *written(ONE, placement)]


def test_a_name_in_the_prompt_is_described_and_pictured() -> None:
    placement = place(ONE, prompt="@mia, and @Mia again")
    assert placement.values["prompt"] == "a woman with red hair, and a woman with red hair again"
    assert pictures(ONE, placement, "subject") == ["Mia0"]
    assert placement.characters == (MIA,)
    assert not placement.notes


def test_without_a_description_the_name_itself_stays() -> None:
    assert place(ONE, prompt="@bob on a beach").values["prompt"] == "bob on a beach"


def test_an_unknown_name_stays_words_and_is_told() -> None:
    placement = place(ONE, prompt="@mia and @nobody")
    assert placement.values["prompt"] == "a woman with red hair and @nobody"
    assert placement.notes == ("Not one of your characters, so just words: @nobody",)


def test_an_input_for_several_gets_all_pictures() -> None:
    placement = place(MANY, prompt="@mia and @bob")
    assert pictures(MANY, placement, "input_images") == ["Mia0", "Mia1", "Mia2", "bob0", "bob1"]
    assert placement.notes == ("The pictures of @Mia, @bob are in “input_images”, which takes several.",)


def test_an_input_with_little_room_gets_each_character() -> None:
    layout = layout_of({"prompt": TEXT, "images": {**IMAGES, "maxItems": 3}})
    assert pictures(layout, place(layout, prompt="@mia and @bob"), "images") == ["Mia0", "Mia1", "bob0"]


def test_two_characters_prefer_the_input_for_several() -> None:
    assert pictures(BOTH, place(BOTH, prompt="@mia and @bob"), "reference_images")
    assert pictures(BOTH, place(BOTH, prompt="@mia"), "reference_images") == ["Mia0", "Mia1", "Mia2"]


def test_one_input_for_two_characters_says_whose_picture_is_used() -> None:
    placement = place(ONE, prompt="@mia and @bob")
    assert pictures(ONE, placement, "subject") == ["Mia0"]
    assert placement.notes == ("“subject” takes one picture: @Mia's is used, @bob is in words only.",)


def test_a_picture_that_was_given_stays() -> None:
    placement = place(ONE, prompt="@mia", subject=PHOTO)
    assert parse_options(ONE, placement.values).files == (PHOTO,)
    assert placement.notes == ("“subject” was given a picture already, so @Mia is in words only.",)


def test_a_given_list_of_pictures_is_added_to() -> None:
    placement = place(MANY, prompt="@bob", input_images=[PHOTO])
    assert len(parse_options(MANY, placement.values).files) == 3


def test_a_model_without_pictures_gets_the_description_only() -> None:
    placement = place(NONE, prompt="@mia sings")
    assert placement.values == {"prompt": "a woman with red hair sings"}
    assert placement.notes == ("This model takes no pictures, so @Mia is in words only.",)
    assert "no description" in place(NONE, prompt="@bob sings").notes[0]


def test_a_mask_is_no_place_for_a_person() -> None:
    layout = layout_of({"prompt": TEXT, "mask": IMAGE})
    assert "takes no pictures" in place(layout, prompt="@mia").notes[0]


def test_a_name_as_an_address_becomes_the_picture() -> None:
    placement = place(ONE, prompt="a hat", subject_url="@mia")
    assert pictures(ONE, placement, "subject") == ["Mia0"]
    assert placement.names == ("@Mia",)
    assert placement.values["prompt"] == "a hat"


def test_names_and_addresses_may_be_mixed() -> None:
    placement = place(MANY, prompt="x", input_images_url="@bob https://a.example/1.png")
    parsed = parse_options(MANY, placement.values)
    assert parsed.input["input_images"] == ["file:0", "file:1", "https://a.example/1.png"]


def test_an_unknown_name_as_an_address_is_refused() -> None:
    with pytest.raises(BadOption, match="you have no character @zoe"):
        place(ONE, subject_url="@zoe")


def test_a_character_given_by_address_is_not_given_twice() -> None:
    placement = place(BOTH, prompt="@mia", image_url="@mia")
    assert pictures(BOTH, placement, "image") == ["Mia0"]
    assert pictures(BOTH, placement, "reference_images") == []


def test_names_in_advanced_are_read() -> None:
    layout = layout_of({"prompt": TEXT, "subject": IMAGE, **{f"i{n}": TEXT for n in range(25)}})
    assert layout.option("advanced") is not None
    placement = place(layout, prompt="x", advanced='subject=@mia i24="two words"')
    parsed = parse_options(layout, placement.values)
    assert parsed.input["i24"] == "two words"
    assert pictures(layout, placement, "subject") == ["Mia0"]


def test_an_input_that_takes_no_pictures_says_so() -> None:
    layout = layout_of({"prompt": TEXT, "song": {**URI, "description": "An audio file"}})
    with pytest.raises(BadOption, match="takes no pictures"):
        place(layout, song_url="@mia")


@pytest.mark.parametrize(
    ("layout", "values"),
    [
        (ONE, {"prompt": "@mia by the sea"}),
        (ONE, {"prompt": "a hat", "subject_url": "@mia"}),
        (MANY, {"prompt": "@bob", "input_images_url": "@mia https://a.example/1.png"}),
        (MANY, {"prompt": "@bob", "input_images": [PHOTO]}),
        (NONE, {"prompt": "@mia and @nobody"}),
    ],
)
def test_an_edited_form_shows_what_was_written(layout: OptionLayout, values: dict[str, Any]) -> None:
    first = place(layout, **values)
    parsed = parse_options(layout, first.values)
    restored = restore_written(restore_values(layout, parsed.input, (PHOTO,) * 9), written(layout, first), (PHOTO,) * 9)
    form = build_form(layout, restored)
    answers = {part.key: part.value for part in form.fields if part.value}
    again = place(layout, **form.parse_answers(answers))
    assert parse_options(layout, again.values).input == parsed.input
    assert again.prompt == first.prompt


@each_model
def test_every_real_model_gets_what_it_takes(path: Path) -> None:
    layout = real_layout(path)
    required = {name: "x" for name in layout.required if (one := layout.field(name)) and not one.accepts_files}
    if layout.prompt_field is None:
        assert mentioned_keys(layout, required) == frozenset()
        return
    placement = place(layout, **required | {layout.prompt_field: "@mia in the rain"})
    images = [one.name for one in layout.fields if one.accepts_files and "image/*" in one.accepts]
    assert placement.values[layout.prompt_field] == "a woman with red hair in the rain"
    if not images:
        return
    assert not placement.notes
    pictures_given = placement.values[next(name for name in images if name in placement.values)]
    assert [one.character for one in pictures_given] == ["Mia"]


@given(values=st.dictionaries(st.sampled_from(["prompt", "subject", "subject_url", "mask", "seed"]), st.text()))
def test_any_words_are_placed_or_refused_in_a_sentence(values: dict[str, str]) -> None:
    sentence = "`"
    try:
        kept = place(ONE, **values).values.keys()
    except BadOption as error:
        kept, sentence = values.keys(), error.sentence
    assert kept == values.keys()
    assert sentence.startswith("`")
