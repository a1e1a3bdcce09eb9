"""Check the prices: that they are known, that somebody has looked at them lately, and that they name what exists."""

from collections.abc import Collection
from datetime import date, timedelta
from typing import Final

from bot.diagnostics.result import Report, join_names, passed, warned
from bot.money.prices import PriceTable
from bot.runs import is_served
from bot.settings import Settings
from bot.settings.commands import CommandSpec
from bot.settings.prices import read_own_prices

_MAX_AGE: Final = timedelta(days=90)


def check_prices(
    settings: Settings, specs: Collection[CommandSpec], report: Report, *, today: date, any_model: str
) -> None:
    """Report the commands without a price, and what is wrong or old in PRICES_FILE; ``specs`` are all commands."""
    unpriced = [
        f"/{spec.name}"
        for spec in specs
        if not is_served(str(spec.target)) and settings.prices.find(spec.name, str(spec.target)) is None
    ]
    if unpriced:
        meaning = {"free": "count as $0", "refused": "are refused"}.get(str(settings.unknown_price), "count as a sum")
        report(warned(f"No price is known for {join_names(unpriced)}: runs {meaning} (UNKNOWN_PRICE)."))
    else:
        report(passed("Every command has a price."))
    if settings.prices_file is not None:
        own = read_own_prices(settings.prices_file)
        _check_own(own, {any_model, *(spec.name for spec in specs)}, report)
    _check_age(settings, specs, report, today=today)


def _check_own(own: PriceTable, names: Collection[str], report: Report) -> None:
    unknown = sorted(name for name in own.commands if name not in names)
    if unknown:
        report(warned(f"PRICES_FILE: there is no command {join_names([f'/{name}' for name in unknown])}."))
    for name, metric in own.unknown_metrics():
        report(warned(f"PRICES_FILE: {name} has a price for {metric}, which no model is known to report."))


def _check_age(settings: Settings, specs: Collection[CommandSpec], report: Report, *, today: date) -> None:
    """Warn of old prices that are in use: those of the file, and those shipped that a command needs."""
    oldest = today - _MAX_AGE
    used = {
        f"/{spec.name}"
        for spec in specs
        if (price := settings.prices.find(spec.name, str(spec.target))) is not None and price.date < oldest
    }
    own = set() if settings.prices_file is None else set(read_own_prices(settings.prices_file).older_than(oldest))
    if old := sorted(used | own):
        report(
            warned(f"The prices of {join_names(old)} are older than {_MAX_AGE.days} days. Compare them, and set date.")
        )
