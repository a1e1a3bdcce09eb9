"""The price table: what models and commands cost, read from TOML.

::

    date = 2026-11-28                          # when somebody last compared the figures with replicate.com

    [hardware]                                 # dollars a second
    gpu-l40s = 0.000975

    [models."owner/name"]
    second = "gpu-l40s"                        # a second of predict_time, on a hardware or for a sum
    usual = { predict_time = 60 }              # until the bot knows better from its own runs

    [models."owner/video"]
    video_output_duration_seconds = 0.10
    [[models."owner/video".variants]]          # the first one that fits replaces the sums above
    when = { with_audio = true }               # a metric of the prediction, or an input of the model
    video_output_duration_seconds = 0.15

    [models."owner/text"]
    token_output_count = { dollars = 0.25, per = 1_000_000 }

    [commands.generate]                        # a command goes before its model
    run = 0.05

Sums are read as decimal numbers, so that they stay exact.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from importlib import resources
from typing import Any, Final

from bot.money.amounts import AMOUNT_MAX, MICROS, dollars_to_micros
from bot.money.metrics import KNOWN_METRICS, PREDICT_TIME, to_quantity

_OTHER_KEYS: Final = frozenset({"second", "date", "usual", "variants"})
_PER_MAX: Final = 10**9
_TABLES: Final = frozenset({"date", "hardware", "models", "commands"})


@dataclass(frozen=True, slots=True)
class Rate:
    """So many micro-dollars for so many (``per``) units."""

    micros: int
    per: int = 1

    def cost(self, quantity: int) -> int:
        """Return the micro-dollars for a quantity in millionths of a unit, rounded up: a budget is never short."""
        return -(-self.micros * quantity // (self.per * MICROS))


Rates = Mapping[str, Rate]  # by metric


@dataclass(frozen=True, slots=True)
class Variant:
    """Other rates, if every metric or input in ``when`` has this value."""

    when: Mapping[str, str]
    rates: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a run of a model costs. ``usual`` are quantities to expect, in millionths, until runs have shown better."""

    rates: Rates
    variants: tuple[Variant, ...] = ()
    usual: Mapping[str, int] = field(default_factory=dict)
    date: date

    def choose_rates(self, *values: Mapping[str, Any]) -> Rates:
        """Return the rates that hold for a run, given its metrics and inputs; those named first decide."""
        for variant in self.variants:
            if all(_lookup(name, values) == wanted for name, wanted in variant.when.items()):
                return variant.rates
        return self.rates

    @property
    def metrics(self) -> frozenset[str]:
        """Every quantity that it may be billed by."""
        return frozenset(self.rates).union(*(variant.rates for variant in self.variants))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """The prices by command and by model (``owner/name``, ``owner/name:version``, ``deployments/owner/name``)."""

    commands: Mapping[str, Price] = field(default_factory=dict)
    models: Mapping[str, Price] = field(default_factory=dict)

    def find(self, command: str, target: str) -> Price | None:
        """Return the price of a run: the command's, else the model's in this version, else the model's."""
        for prices, name in (
            (self.commands, command),
            (self.models, target),
            (self.models, target.partition(":")[0]),
        ):
            if name in prices:
                return prices[name]
        return None

    def override(self, other: "PriceTable") -> "PriceTable":
        """Return this table with the other's prices before its own."""
        return replace(self, commands={**self.commands, **other.commands}, models={**self.models, **other.models})

    def unknown_metrics(self) -> Iterator[tuple[str, str]]:
        """Yield (the name of a price, a metric of it that Replicate is not known to report)."""
        for name, price in self._all():
            yield from ((name, metric) for metric in sorted(price.metrics - KNOWN_METRICS))

    def older_than(self, oldest: date) -> tuple[str, ...]:
        """Return the names of the prices that nobody has checked since."""
        return tuple(name for name, price in self._all() if price.date < oldest)

    def _all(self) -> Iterator[tuple[str, Price]]:
        yield from ((f"/{name}", price) for name, price in self.commands.items())
        yield from self.models.items()


NO_PRICES: Final = PriceTable()


def read_shipped_prices() -> PriceTable:
    """Return the table that comes with the bot."""
    return parse_prices(resources.files("bot.money").joinpath("prices.toml").read_text("utf-8"))


def read_hardware(text: str) -> Mapping[str, int]:
    """Return the micro-dollars a second by the name of a hardware."""
    return _read_hardware(tomllib.loads(text, parse_float=Decimal).get("hardware", {}))


def shipped_hardware() -> Mapping[str, int]:
    """Return what the shipped table says of hardware."""
    return read_hardware(resources.files("bot.money").joinpath("prices.toml").read_text("utf-8"))


def parse_prices(text: str, *, hardware: Mapping[str, int] | None = None) -> PriceTable:
    """Return the table in a TOML text; ValueError says what is wrong and where.

    ``hardware`` are the sums of hardware that the text itself does not name.
    """
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"It is not valid TOML: {error}.") from error
    unknown = sorted(set(document) - _TABLES)
    if unknown:
        raise ValueError(f"{unknown[0]} is no part of a price table. Its parts are {', '.join(sorted(_TABLES))}.")
    checked = document.get("date")
    if not isinstance(checked, date) or not _is_date(checked):
        raise ValueError("It needs a line date = 2026-11-28: when its prices were last checked.")
    hardware = {**(hardware or {}), **_read_hardware(document.get("hardware", {}))}
    return PriceTable(
        commands=_parse_group("commands", document, checked, hardware),
        models=_parse_group("models", document, checked, hardware),
    )


def _parse_group(
    group: str, document: Mapping[str, Any], checked: date, hardware: Mapping[str, int]
) -> Mapping[str, Price]:
    tables = document.get(group, {})
    if not isinstance(tables, dict):
        raise ValueError(f"{group} must be tables, like [{group}.name].")
    return {name: _parse_price(f"[{group}.{name}]", table, checked, hardware) for name, table in tables.items()}


def _parse_price(where: str, table: Any, checked: date, hardware: Mapping[str, int]) -> Price:
    if not isinstance(table, dict):
        raise ValueError(f"{where} must be a table of sums.")
    own_date = table.get("date", checked)
    if not _is_date(own_date):
        raise ValueError(f"{where} date must be a date, like 2026-11-28.")
    variants = table.get("variants", [])
    if not isinstance(variants, list) or not all(isinstance(one, dict) for one in variants):
        raise ValueError(f"{where} variants must be tables, like [[{where.strip('[]')}.variants]].")
    price = Price(
        rates=_parse_rates(where, table, hardware, besides=_OTHER_KEYS),
        variants=tuple(_parse_variant(f"{where} variants", one, hardware) for one in variants),
        usual=_parse_usual(where, table.get("usual", {})),
        date=own_date,
    )
    if not price.metrics:
        raise ValueError(f"{where} has no sum. Write run = 0.01, second = 0.001, or a metric like image_output_count.")
    return price


def _parse_variant(where: str, table: Mapping[str, Any], hardware: Mapping[str, int]) -> Variant:
    when = table.get("when")
    if not isinstance(when, dict) or not when:
        raise ValueError(f'{where} need a line when = {{ resolution_target = "1080p" }}.')
    rates = _parse_rates(where, table, hardware, besides=frozenset({"when", "second"}))
    return Variant({name: _normalize(value) for name, value in when.items()}, rates)


def _parse_rates(
    where: str, table: Mapping[str, Any], hardware: Mapping[str, int], *, besides: frozenset[str]
) -> dict[str, Rate]:
    rates = {name: _parse_rate(f"{where} {name}", value) for name, value in table.items() if name not in besides}
    if "second" in table:
        second = table["second"]
        if isinstance(second, str):
            if second not in hardware:
                raise ValueError(f"{where} second: there is no hardware {second}. Name one of {', '.join(hardware)}.")
            rates[PREDICT_TIME] = Rate(hardware[second])
        else:
            rates[PREDICT_TIME] = _parse_rate(f"{where} second", second)
    return rates


def _parse_rate(where: str, value: Any) -> Rate:
    if isinstance(value, dict):
        per = value.get("per", 1)
        if set(value) - {"dollars", "per"} or not _is_integer(per) or not 1 <= per <= _PER_MAX:
            raise ValueError(f"{where} must be a sum, or {{ dollars = 0.25, per = 1000000 }}.")
        return Rate(_parse_sum(where, value.get("dollars")), per)
    return Rate(_parse_sum(where, value))


def _parse_sum(where: str, value: Any) -> int:
    if not _is_number(value) or not 0 <= value * MICROS <= AMOUNT_MAX:
        raise ValueError(f"{where} must be a sum in dollars, like 0.04.")
    micros = dollars_to_micros(Decimal(value))
    if value and not micros:
        raise ValueError(f"{where} is less than a millionth of a dollar. Write {{ dollars = 0.25, per = 1000000 }}.")
    return micros


def _parse_usual(where: str, table: Any) -> Mapping[str, int]:
    if not isinstance(table, dict):
        raise ValueError(f"{where} usual must be a table, like {{ predict_time = 60 }}.")
    usual = {}
    for name, value in table.items():
        quantity = to_quantity(float(value) if isinstance(value, Decimal) else value)
        if quantity is None:
            raise ValueError(f"{where} usual: {name} must be a number.")
        usual[name] = quantity
    return usual


def _read_hardware(table: Any) -> Mapping[str, int]:
    if not isinstance(table, dict):
        raise ValueError("hardware must be a table of sums a second.")
    return {name: _parse_sum(f"[hardware] {name}", value) for name, value in table.items()}


def _lookup(name: str, values: tuple[Mapping[str, Any], ...]) -> str | None:
    found = next((one[name] for one in values if one.get(name) is not None), None)
    return None if found is None else _normalize(found)


def _normalize(value: Any) -> str:
    return str(value).strip().lower()


def _is_date(value: Any) -> bool:
    return type(value) is date


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_integer(value) or (isinstance(value, Decimal) and value.is_finite())
