"""What becomes a preset, what of it still fits, and what a use asks for."""

from typing import Any

import pytest

from bot.errors import BadOption, Refused
from bot.media.types import JPEG, Media
from bot.options.layout import OptionLayout
from bot.options.parse import parse_options
from bot.presets.draft import check_size, draft_preset, fill_template
from bot.presets.use import PresetUse, build_command_layout, check_fit, plan_use, read_options
from tests.options.samples import TEXT, URI, layout_of
from tests.presets.samples import make_preset

IMAGE = {**URI, "description": "An image of a person"}
STYLE = {"type": "string", "enum": ["anime", "oil"]}
PHOTO = Media("photo.jpg", JPEG, b"1")
LAYOUT = layout_of({
    "prompt": TEXT, "subject": IMAGE, "style": STYLE, "seed": {"type": "integer", "maximum": 100},
    "api_key": {"type": "string"},
})  # fmt: skip


def plan(layout: OptionLayout = LAYOUT, **changes: Any) -> PresetUse:
    given = {name: changes.pop(name) for name in ("words", "image") if name in changes}
    preset = make_preset(**changes)
    return plan_use(preset, check_fit(preset, layout), layout, **given)


def asked(use: PresetUse) -> list[str]:
    return [field.name for field in use.open.fields] if use.open is not None else []


def test_inputs_are_kept_and_files_and_keys_are_asked_for() -> None:
    draft = draft_preset(
        LAYOUT, {"prompt": "a cat", "subject": "file:0", "style": "oil", "seed": 7, "api_key": "k0"}, {}
    )
    assert draft.template == "a cat"
    assert draft.values == {"style": "oil", "seed": 7}
    assert set(draft.must_ask) == {"subject", "api_key"}
    assert {field.name for field in draft.can_ask[:2]} == {"subject", "api_key"}


def test_a_character_is_kept_by_its_name() -> None:
    draft = draft_preset(LAYOUT, {"prompt": "red hair", "subject": "file:0"}, {"prompt": "@mia", "subject": "@mia"})
    assert (draft.template, draft.values, draft.must_ask) == ("@mia", {"subject": "@mia"}, ())


def test_signed_addresses_are_not_kept() -> None:
    url = "https://a.example/1.png?X-Amz-Signature=abc"
    assert draft_preset(LAYOUT, {"subject": url}, {}).must_ask == ("subject",)
    assert draft_preset(LAYOUT, {"subject": "https://a.example/1.png"}, {}).must_ask == ()


def test_too_large_inputs_are_refused() -> None:
    check_size({"seed": 1}, "a cat")
    with pytest.raises(Refused, match="too long for a preset"):
        check_size({"text": "x" * 100_000}, "a cat")


def test_words_go_where_the_template_says() -> None:
    assert fill_template("{prompt}, oil on {prompt}", "a cat") == "a cat, oil on a cat"
    assert fill_template("a fixed prompt", "a cat") == "a fixed prompt"
    assert fill_template("{prompt}, oil", None) == ", oil"


def test_a_use_with_words_asks_for_nothing() -> None:
    use = plan(words="a dog", asked=(), fixed={"style": "oil", "seed": 7})
    assert asked(use) == []
    assert use.values == {"prompt": "a dog, watercolor", "style": "oil", "seed": 7}


def test_blank_words_are_none() -> None:
    use = plan(words="  ", asked=())
    assert asked(use) == ["prompt"]
    with pytest.raises(BadOption, match="`prompt` is required"):
        use.complete({"prompt": " \n"})


def test_a_use_without_words_asks_for_them() -> None:
    use = plan(asked=("style",), fixed={"seed": 7})
    assert asked(use) == ["prompt", "style"]
    assert use.open is not None
    assert use.open.required == ("prompt",)
    completed = use.complete({"prompt": "a bird", "style": "oil"})
    assert parse_options(LAYOUT, completed).input == {"prompt": "a bird, watercolor", "style": "oil", "seed": 7}


def test_a_picture_goes_to_the_input_that_is_asked_for() -> None:
    use = plan(words="x", image=PHOTO, asked=("subject",))
    assert asked(use) == []
    assert use.values["subject"] is PHOTO
    with pytest.raises(BadOption, match="takes no picture"):
        plan(words="x", image=PHOTO, asked=(), fixed={"subject": "@mia"})


def test_an_input_that_became_required_is_asked_for() -> None:
    layout = layout_of({"prompt": TEXT, "size": STYLE, "style": STYLE}, required=("size",))
    assert asked(plan(layout, words="x", asked=(), fixed={})) == ["size"]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"prompt": TEXT, "style": STYLE}, "`seed` is no longer an input here."),
        ({"prompt": TEXT, "style": STYLE, "seed": {"type": "integer", "maximum": 5}}, "must be"),
        ({"prompt": TEXT, "seed": {"type": "integer"}}, "`style`, which it asks for"),
        ({"seed": {"type": "integer"}, "style": STYLE}, "no longer takes a prompt"),
    ],
)
def test_what_no_longer_fits_is_told(properties: dict[str, Any], words: str) -> None:
    layout = layout_of(properties)
    fit = check_fit(make_preset(fixed={"seed": 7}, asked=("style",)), layout)
    [misfit] = fit.misfits
    assert words in misfit


def test_what_fits_is_kept() -> None:
    fit = check_fit(make_preset(fixed={"seed": 7, "gone": 1, "style": "oil"}), LAYOUT)
    assert fit.values == {"seed": 7, "style": "oil"}
    assert len(fit.misfits) == 1


def test_a_command_of_its_own_has_what_is_asked_for() -> None:
    preset = make_preset(fixed={"seed": 7}, asked=("style", "subject"))
    fit = check_fit(preset, LAYOUT)
    layout = build_command_layout(preset, fit, LAYOUT)
    assert [option.name for option in layout.options] == ["prompt", "subject", "subject_url", "style"]
    given = read_options(layout, {"prompt": "a dog", "subject_url": "https://a.example/1.png"})
    completed = plan_use(preset, fit, LAYOUT).complete(given)
    assert parse_options(LAYOUT, completed).input == {
        "prompt": "a dog, watercolor", "subject": "https://a.example/1.png", "seed": 7,
    }  # fmt: skip


def test_a_preset_without_questions_is_a_command_without_options() -> None:
    preset = make_preset(template="a fixed prompt", fixed={}, asked=())
    assert build_command_layout(preset, check_fit(preset, LAYOUT), LAYOUT).options == ()
