"""Read the prices: those that come with the bot, and PRICES_FILE."""

from pathlib import Path

from bot.money.prices import PriceTable, parse_prices, read_shipped_prices, shipped_hardware
from bot.settings.text import read_text


def read_prices(path: Path | None) -> PriceTable:
    """Return the shipped prices with those of a file before them; ValueError says what is wrong in the file."""
    shipped = read_shipped_prices()
    return shipped if path is None else shipped.override(read_own_prices(path))


def read_own_prices(path: Path) -> PriceTable:
    """Return the prices of a file alone; ValueError says what is wrong."""
    text = read_text(path)
    try:
        return parse_prices(text, hardware=shipped_hardware())
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
