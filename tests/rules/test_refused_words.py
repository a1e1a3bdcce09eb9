"""Refused words are found however they are dressed up, and only whole ones."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.limits import REFUSED_WORD_CHARS, REFUSED_WORDS
from bot.rules.refused_words import find_refused_word, list_unusable_words, read_words


@pytest.mark.parametrize(
    "prompt",
    [
        "a gun on a table",
        "A GUN!",
        "ｇｕｎ in full width",
        "𝗴𝘂𝗻 in bold",
        "g\u200bu\u200dn with joiners",
        "g\u00adun with a soft hyphen",
        "\u202egun reordered",
        "g\ufe0fun with a selector",
        "g\u0336u\u0336n\u0336 struck through",
        "no-gun-here",
        "gun_holder",
        "ⓖⓤⓝ in circles",
    ],
)
def test_a_word_is_found_in_every_dress(prompt: str) -> None:
    assert find_refused_word({"prompt": prompt}, ["Gun"]) == "Gun"


@pytest.mark.parametrize("prompt", ["a burgundy coat", "guns", "Gunther", "shotgun", "gu n", "g u n", ""])
def test_a_part_of_a_word_is_no_word(prompt: str) -> None:
    assert find_refused_word({"prompt": prompt}, ["gun"]) is None


@pytest.mark.parametrize(
    ("word", "prompt"),
    [
        ("big   gun", "a BIG-gun"),
        ("straße", "in der STRASSE"),
        ("café", "a cafe\u0301 in paris"),
        ("हिन्दी", "यह हिन्दी है"),
        ("銃", "赤い銃を持つ"),
        ("ปืน", "ผู้ชายถือปืนใหญ่"),
    ],
)
def test_phrases_accents_and_other_scripts_are_found(word: str, prompt: str) -> None:
    assert find_refused_word({"prompt": prompt}, [word]) == word


def test_a_vowel_sign_does_not_end_a_word() -> None:
    assert find_refused_word({"prompt": "हिन्दी"}, ["हि"]) is None


def test_every_text_of_the_input_is_looked_at_but_negative_ones() -> None:
    nested = {"scenes": [{"text": "a gun"}], "seed": 4, "flag": True}
    assert find_refused_word(nested, ["gun"]) == "gun"
    assert find_refused_word({"negative_prompt": "gun", "prompt": "a rose"}, ["gun"]) is None


def test_input_without_end_is_not_followed() -> None:
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    assert find_refused_word({"prompt": deep}, ["gun"]) is None


def test_words_of_a_form_are_lines_or_parts() -> None:
    assert read_words("gun\n  big   gun , knife;gun\n\n, \u200b,---") == ("gun", "big gun", "knife")
    assert len(read_words("\n".join(f"word{number}" for number in range(999)))) == REFUSED_WORDS
    assert read_words("x" * REFUSED_WORD_CHARS) == ("x" * REFUSED_WORD_CHARS,)


def test_words_that_cannot_be_used_are_known() -> None:
    too_long = "x" * (REFUSED_WORD_CHARS + 1)
    text = f"gun\n{too_long}\n!!!\nknife"
    assert read_words(text) == ("gun", "knife")
    assert list_unusable_words(text) == (too_long, "!!!")
    many = [f"word{number}" for number in range(REFUSED_WORDS + 2)]
    assert list_unusable_words("\n".join(many)) == tuple(many[-2:])
    assert list_unusable_words("gun, , gun\n") == ()


@given(st.text(max_size=200), st.lists(st.text(max_size=10), max_size=5))
def test_any_text_has_an_answer(prompt: str, words: list[str]) -> None:
    found = find_refused_word({"prompt": prompt}, words)
    assert found is None or found in words
    kept = read_words(prompt)
    assert all(find_refused_word({"prompt": word}, [word]) == word for word in kept)
