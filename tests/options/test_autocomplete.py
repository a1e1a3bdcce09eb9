"""Suggestions while a person types."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.options import autocomplete
from bot.options.autocomplete import match_labels, suggest_values
from bot.options.layout import OptionLayout
from tests.options.samples import MODELS, layout_of, real_layout

LANGUAGES = [
    "None",
    "English",
    "Norwegian Bokmål",
    "Norwegian Nynorsk",
    "Old English",
    "Frenchish",
    "French",
    "Mesolith",
]


def suggested(layout: OptionLayout, name: str, typed: str) -> list[str]:
    option = layout.option(name)
    assert option is not None
    return [suggestion.value for suggestion in suggest_values(layout, option, typed)]


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("french", ["French", "Frenchish"]),
        ("eng", ["English", "Old English"]),
        ("nyn", ["Norwegian Nynorsk"]),
        ("bokmal", ["Norwegian Bokmål"]),
        ("nynorsk norw", ["Norwegian Nynorsk"]),
        ("lit", ["Mesolith"]),
        ("ol", ["Old English", "Mesolith"]),
        ("Englsh", ["English", "Old English"]),
        ("xyz", []),
        ("", LANGUAGES),
    ],
)
def test_choices_match_inside_words_best_first(typed: str, found: list[str]) -> None:
    assert [LANGUAGES[number] for number in match_labels(LANGUAGES, typed)] == found


def test_start_of_a_word_ranks_above_the_inside() -> None:
    labels = ["Bengali", "A language that is like English"]
    assert match_labels(labels, "eng") == [1, 0]


def test_default_is_first_before_anything_is_typed() -> None:
    sizes = [f"{number}x{number}" for number in range(100, 180)]
    layout = layout_of({"size": {"enum": sizes, "default": "150x150"}})
    assert suggested(layout, "size", "")[:3] == ["150x150", "100x100", "101x101"]
    assert len(suggested(layout, "size", "")) == 25


def test_free_text_comes_before_suggestions() -> None:
    layout = layout_of({"voice": {"anyOf": [{"type": "string"}, {"enum": ["alto", "bass"]}]}})
    assert suggested(layout, "voice", "al") == ["al", "alto"]


def test_last_item_of_a_list_is_completed() -> None:
    layout = layout_of({"tags": {"type": "array", "items": {"enum": ["red", "green, dark", "blue"]}}})
    assert suggested(layout, "tags", "red, gr") == ['red, "green, dark"']


@pytest.mark.skipif(not MODELS, reason="no real payloads in ../shared/models beside the checkout")
@pytest.mark.parametrize(
    ("model", "option", "typed", "first"),
    [
        ("cjwbw_seamless", "input_text_language", "mand", "Mandarin Chinese"),
        ("ideogram-ai_ideogram-v2", "resolution", "1536x512", "1536x512"),
        ("suno-ai_bark", "history_prompt", "speaker_3", "de_speaker_3"),
    ],
)
def test_long_choices_of_real_models_are_searched(model: str, option: str, typed: str, first: str) -> None:
    (path,) = (path for path in MODELS if path.stem.startswith(model))
    assert suggested(real_layout(path), option, typed)[0] == first


def many_inputs() -> OptionLayout:
    names = ["width", "height", "upscale"]
    rest: dict[str, Any] = {
        "scheduler": {"enum": ["DDIM", "K EULER"], "x-order": 90},
        "go_fast": {"type": "boolean", "x-order": 91},
    }
    return layout_of(
        {
            **{f"t{n:02}": {"type": "string", "x-order": n} for n in range(26)},
            **{n: {"x-order": 80} for n in names},
            **rest,
        }
    )


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("sch", ["scheduler="]),
        ("width=5 sch", ["width=5 scheduler=", "width=5 sch"]),
        ("scheduler=", ["scheduler=", "scheduler=DDIM", 'scheduler="K EULER"']),
        ("scheduler=eul", ["scheduler=eul", 'scheduler="K EULER"']),
        ("width=5 go_fast=", ["width=5 go_fast=", "width=5 go_fast=on", "width=5 go_fast=off"]),
        ("x" * 120, []),
        ("width=" + "5" * 95, []),
    ],
)  # fmt: skip
def test_keys_and_values_of_advanced_are_completed(typed: str, found: list[str]) -> None:
    suggestions = suggested(many_inputs(), "advanced", typed)
    assert suggestions[: len(found) or None] == found


def test_advanced_suggests_overflow_first_and_no_key_twice() -> None:
    layout = many_inputs()
    overflow = [layout.names[key] for key in layout.overflow]
    assert suggested(layout, "advanced", "")[: len(overflow)] == [f"{name}=" for name in overflow]
    assert "width=5 width=" not in suggested(layout, "advanced", "width=5 ")


@given(st.text(max_size=130), st.lists(st.text(max_size=120), min_size=26, max_size=60, unique=True))
def test_any_text_gets_at_most_25_valid_suggestions(typed: str, choices: list[str]) -> None:
    layout = layout_of({"it": {"enum": choices}, **{f"t{n}": {"type": "string"} for n in range(30)}})
    for option in layout.options:
        if option.autocomplete:
            found = suggest_values(layout, option, typed)
            assert len(found) <= 25
            assert all(1 <= len(each.label) <= 100 and 1 <= len(each.value) <= 100 for each in found)
            assert len({each.value for each in found}) == len(found)


def test_number_of_searched_choices_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0
    rank = autocomplete._rank

    def count(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return rank(*arguments)

    monkeypatch.setattr(autocomplete, "_rank", count)
    match_labels([f"choice {number}" for number in range(100_000)], "99")
    assert calls <= 20_000
