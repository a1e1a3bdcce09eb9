"""What is offered while somebody types."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.options import autocomplete
from bot.options.autocomplete import match_labels, suggest_values
from bot.options.layout import OptionLayout
from tests.options.samples import MODELS, plan_of, real_plan

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


def offered(plan: OptionLayout, name: str, typed: str) -> list[str]:
    option = plan.option(name)
    assert option is not None
    return [each.sent for each in suggest_values(plan, option, typed)]


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
def test_choices_are_found_inside_words_best_first(typed: str, found: list[str]) -> None:
    assert [LANGUAGES[number] for number in match_labels(LANGUAGES, typed)] == found


def test_the_beginning_of_a_word_comes_before_the_inside_of_a_shorter_one() -> None:
    labels = ["Bengali", "A language that is like English"]
    assert match_labels(labels, "eng") == [1, 0]


def test_nothing_typed_offers_the_default_first() -> None:
    sizes = [f"{number}x{number}" for number in range(100, 180)]
    plan = plan_of({"size": {"enum": sizes, "default": "150x150"}})
    assert offered(plan, "size", "")[:3] == ["150x150", "100x100", "101x101"]
    assert len(offered(plan, "size", "")) == 25


def test_free_text_is_offered_before_suggestions() -> None:
    plan = plan_of({"voice": {"anyOf": [{"type": "string"}, {"enum": ["alto", "bass"]}]}})
    assert offered(plan, "voice", "al") == ["al", "alto"]


def test_the_last_item_of_a_list_is_completed() -> None:
    plan = plan_of({"tags": {"type": "array", "items": {"enum": ["red", "green, dark", "blue"]}}})
    assert offered(plan, "tags", "red, gr") == ['red, "green, dark"']


@pytest.mark.skipif(not MODELS, reason="no real payloads in ../shared/models beside the checkout")
@pytest.mark.parametrize(
    ("model", "option", "typed", "first"),
    [
        ("cjwbw_seamless", "input_text_language", "mand", "Mandarin Chinese"),
        ("ideogram-ai_ideogram-v2", "resolution", "1536x512", "1536x512"),
        ("suno-ai_bark", "history_prompt", "speaker_3", "de_speaker_3"),
    ],
)
def test_the_long_lists_of_real_models_are_searched(model: str, option: str, typed: str, first: str) -> None:
    (path,) = (path for path in MODELS if path.stem.startswith(model))
    assert offered(real_plan(path), option, typed)[0] == first


def many_inputs() -> OptionLayout:
    names = ["width", "height", "upscale"]
    rest: dict[str, Any] = {
        "scheduler": {"enum": ["DDIM", "K EULER"], "x-order": 90},
        "go_fast": {"type": "boolean", "x-order": 91},
    }
    return plan_of(
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
        ("width=5 go_fast=", ["width=5 go_fast=", "width=5 go_fast=True", "width=5 go_fast=False"]),
        ("x" * 120, []),
        ("width=" + "5" * 95, []),
    ],
)  # fmt: skip
def test_keys_and_values_of_advanced_text_are_completed(typed: str, found: list[str]) -> None:
    offers = offered(many_inputs(), "advanced", typed)
    assert offers[: len(found) or None] == found


def test_advanced_offers_first_what_nothing_else_reaches_and_nothing_twice() -> None:
    plan = many_inputs()
    left = [plan.names[name] for name in plan.leftover]
    assert offered(plan, "advanced", "")[: len(left)] == [f"{name}=" for name in left]
    assert "width=5 width=" not in offered(plan, "advanced", "width=5 ")


@given(st.text(max_size=130), st.lists(st.text(max_size=120), min_size=26, max_size=60, unique=True))
def test_any_typing_gets_at_most_25_offers_that_discord_takes(typed: str, choices: list[str]) -> None:
    plan = plan_of({"it": {"enum": choices}, **{f"t{n}": {"type": "string"} for n in range(30)}})
    for option in plan.options:
        if option.autocomplete:
            offers = suggest_values(plan, option, typed)
            assert len(offers) <= 25
            assert all(1 <= len(offer.label) <= 100 and 1 <= len(offer.sent) <= 100 for offer in offers)
            assert len({offer.sent for offer in offers}) == len(offers)


def test_a_hundred_thousand_choices_cost_a_bounded_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = 0
    rank = autocomplete._rank

    def counted(*arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        return rank(*arguments)

    monkeypatch.setattr(autocomplete, "_rank", counted)
    match_labels([f"choice {number}" for number in range(100_000)], "99")
    assert looks <= 20_000
