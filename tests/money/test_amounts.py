"""Amounts of money as people write and read them."""

import pytest

from bot.money.amounts import format_dollars, parse_dollars


@pytest.mark.parametrize(
    ("text", "micros"),
    [("5", 5_000_000), ("$0.04", 40_000), (" 12.50 USD ", 12_500_000), ("0.000001", 1), ("$ 3", 3_000_000), ("0", 0)],
)
def test_amounts_are_parsed_exactly(text: str, micros: int) -> None:
    assert parse_dollars(text) == micros


@pytest.mark.parametrize("text", ["", "five", "-1", "1,50", "1e3", "0.0000001", "1" * 10, "nan", "∞", "٣", "5 €"])
def test_what_is_no_amount_is_refused_with_the_format(text: str) -> None:
    with pytest.raises(ValueError, match="Use a format like"):
        parse_dollars(text)


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "$0"),
        (12_345_678, "$12.35"),
        (10_000, "$0.01"),
        (40_000, "$0.04"),
        (3_000, "$0.003"),
        (250, "$0.0003"),
        (10, "<$0.0001"),
        (1_234_500_000, "$1,235"),
        (-40_000, "-$0.04"),
    ],
)
def test_amounts_are_shown_as_people_read_them(micros: int, text: str) -> None:
    assert format_dollars(micros) == text
