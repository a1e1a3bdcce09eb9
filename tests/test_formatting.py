"""Sizes, durations, counts and shortened text as people read them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.formatting import (
    format_count,
    format_duration,
    format_large_number,
    format_ordinal,
    format_size,
    inside_sentence,
    replace_surrogates,
    single_line,
    spell_duration,
    truncate,
)
from bot.language import use_language
from bot.limits import DEFAULT_FILE_BYTES, FILE_BYTES


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1536, "1.5 KB"),
        (DEFAULT_FILE_BYTES, "10 MB"),
        (FILE_BYTES, "95.4 MB"),
        (3 * 1024**3, "3 GB"),
    ],
)
def test_sizes_read_as_in_discord(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (41.4, "41 s"), (60, "1 min"), (200, "3 min 20 s"), (3600, "1 h"), (3900, "1 h 5 min")],
)
def test_durations_are_short_on_cards(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(days=30), "30 days"),
        (timedelta(days=90), "90 days"),
        (timedelta(days=365), "1 year"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(minutes=10), "10 minutes"),
        (timedelta(seconds=90), "1 minute and 30 seconds"),
    ],
)
def test_durations_are_spelled_in_sentences(duration: timedelta, text: str) -> None:
    assert spell_duration(duration) == text


def test_counts_and_numbers() -> None:
    assert [format_count(count, "image") for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert [format_large_number(number) for number in (950, 12_345, 1_234_567)] == [
        "950",
        "12.3 thousand",
        "1.2 million",
    ]
    assert [format_ordinal(number) for number in (1, 2, 3, 11, 21)] == ["1st", "2nd", "3rd", "11th", "21st"]


def test_a_title_within_a_sentence_is_small_but_for_german_nouns() -> None:
    with use_language("fr"):
        assert inside_sentence("Limites") == "limites"
    with use_language("de"):
        assert inside_sentence("Limits") == "Limits"


def test_long_text_is_cut_at_a_word() -> None:
    assert truncate("one two three four", 12) == "one two…"
    assert truncate("one two three", 8) == "one two…"
    assert truncate("unbreakable" * 3, 12) == "unbreakable…"
    assert truncate("one, two", 6) == "one…"


def test_a_joined_emoji_is_not_torn_apart() -> None:
    assert truncate("x" * 8 + "👩‍👩‍👧", 10) == "x" * 8 + "…"


@given(st.text(), st.integers(0, 40))
def test_a_cut_text_fits(text: str, limit: int) -> None:
    assert len(truncate(text, limit)) <= limit


@given(st.text(st.characters()))
def test_replaced_surrogates_can_be_encoded(text: str) -> None:
    replaced = replace_surrogates(text)
    replaced.encode()
    assert replace_surrogates(replaced) == replaced


def test_a_surrogate_pair_becomes_its_character() -> None:
    assert replace_surrogates("\ud83d\ude00") == "😀"
    assert replace_surrogates("a\ud83d") == "a\ufffd"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("\x1b[1;31mred\x1b[0m and \x1b[2K\rplain", "red and plain"),
        (r"\x1b[31mred\x1b[0m \u001b[4mline\u001b[0m \033[0;33mlow\033[0m", "red line low"),
        ("\x9b31mred", "red"),
        ("\x1b]8;;https://example.test\x07a link\x1b]8;;\x1b\\", "a link"),
        ("\x1b]0;a title\x9cText\x1b(B", "Text"),
        ("half \x1b[", "half"),
        ("left\u202etfel\u2066 and\u200b hidden\ufeff", "lefttfel and hidden"),
        ("a\x00b\x07c\x85d", "abc d"),
        (r"C:\e2e\x and [31m stay", r"C:\e2e\x and [31m stay"),
    ],
)
def test_a_line_has_no_colours_controls_or_direction_marks(text: str, plain: str) -> None:
    assert single_line(text) == plain


@given(st.text(alphabet="\x1b\x9b\x9d[];m0\\x a\x07", max_size=200))
def test_nothing_of_a_terminal_sequence_is_left_invisible(text: str) -> None:
    assert single_line(text).isprintable()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a fox like https://example.org/pictures/fox.png", "a fox like…"),
        ("https://example.org/pictures/of/foxes/fox.png", "example.org/pictures/…"),
        ("see https://example.org/fox now and then and so on", "see https://example.org/fox …"),
    ],
)
def test_a_shortened_text_has_no_wrong_link(text: str, shown: str) -> None:
    assert truncate(text, 30) == shown
