"""Amounts of money in whole micro-dollars, and as people write them."""

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

MICROS: Final = 1_000_000  # in a dollar, and in one unit of a quantity
CENT: Final = MICROS // 100
AMOUNT_MAX: Final = 10**9 * MICROS  # far from the 64 bits of a column, and more than any card has

_DOLLARS: Final = re.compile(r"\$?\s{0,4}([0-9]{1,9}(?:\.[0-9]{1,6})?)\s{0,4}(?:\$|usd|dollars?)?", re.IGNORECASE)


def parse_dollars(text: str) -> int:
    """Return the micro-dollars of a text such as ``5``, ``$0.04`` or ``12.50 USD``; ValueError shows the format."""
    match = _DOLLARS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"“{text.strip()[:40]}” is not an amount in dollars. Use a format like 5 or 0.04.")
    return dollars_to_micros(Decimal(match[1]))


def dollars_to_micros(dollars: Decimal) -> int:
    """Return an exact number of dollars in micro-dollars, rounded to the nearest."""
    return int((dollars * MICROS).to_integral_value(ROUND_HALF_UP))


def format_dollars(micros: int) -> str:
    """Return an amount as people read it: ``$12.50``, ``$1,200``, ``$0.003``, ``$0``."""
    sign, value = ("-" if micros < 0 else ""), Decimal(abs(micros)) / MICROS
    if not value:
        return "$0"
    if value >= 1000:
        return f"{sign}${value.quantize(Decimal(1), ROUND_HALF_UP):,}"
    if value >= Decimal("0.01"):
        return f"{sign}${value.quantize(Decimal('0.01'), ROUND_HALF_UP)}"
    if value < Decimal("0.0001"):
        return f"{sign}<$0.0001"
    digits = Decimal("0.0001") if value < Decimal("0.001") else Decimal("0.001")
    return f"{sign}${value.quantize(digits, ROUND_HALF_UP)}"
