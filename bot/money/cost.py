"""What a run will cost, from its price, its input and earlier runs, and what it did cost, from its metrics."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from bot.money.amounts import MICROS
from bot.money.metrics import PREDICT_TIME, RUN, read_quantity, to_quantity
from bot.money.prices import Price

# Fewer runs say too little: the first may have met a cold start.
SAMPLES_MIN: Final = 3

_DURATIONS: Final = ("duration", "duration_seconds", "seconds", "num_seconds", "video_length", "length")
_TOKEN_LIMITS: Final = ("max_tokens", "max_new_tokens", "max_completion_tokens", "max_output_tokens", "max_length")
_TEXTS: Final = ("prompt", "text", "input", "lyrics", "system_prompt", "negative_prompt")
_CHARS_PER_TOKEN: Final = 3  # English has four, other languages fewer
# What to expect of a model that nothing else is known of, in units.
_GUESSES: Final[Mapping[str, int]] = {
    PREDICT_TIME: 30,
    "audio_output_duration_seconds": 30,
    "video_output_duration_seconds": 5,
    "token_output_count": 500,
}


class Ran(StrEnum):
    """How far a run came, as far as money is concerned."""

    NOT = "not"  # it was never sent, was aborted, or is lost: nothing is billed
    PARTLY = "partly"  # it failed or was canceled: what it reports is billed
    COMPLETELY = "completely"
    UNKNOWN = "unknown"  # it ran, and how it ended was never read


@dataclass(frozen=True, slots=True)
class RunSample:
    """What one earlier run took: milliseconds from the create request to its end, and quantities in millionths."""

    milliseconds: int
    outputs: int = 1
    quantities: Mapping[str, int] = field(default_factory=dict)


def estimate_cost(
    price: Price, run_input: Mapping[str, Any], *, outputs: int | None, history: Sequence[RunSample] = ()
) -> int:
    """Return the micro-dollars that a run will hardly exceed: the 90th percentile where earlier runs decide.

    ``outputs`` is the number of outputs that the input asks for, None if it does not say.
    """
    rates = price.choose_rates(run_input)
    return sum(
        rate.cost(estimate_quantity(metric, price, run_input, outputs=outputs, history=history))
        for metric, rate in rates.items()
    )


def estimate_quantity(
    metric: str, price: Price, run_input: Mapping[str, Any], *, outputs: int | None, history: Sequence[RunSample]
) -> int:
    """Return a quantity to expect, in millionths."""
    if metric == RUN:
        return MICROS
    read_stated = _STATED.get(metric)
    stated = read_stated(run_input, outputs) if read_stated is not None else None
    if stated is not None:
        return stated
    count = outputs or 1
    seen = [
        sample.quantities[metric]
        * (count if metric == PREDICT_TIME else 1)
        // (max(sample.outputs, 1) if metric == PREDICT_TIME else 1)
        for sample in history
        if metric in sample.quantities
    ]
    if len(seen) >= SAMPLES_MIN:
        return percentile(seen, 90)
    if metric in price.usual:
        return price.usual[metric]
    limit = _largest_token_count(run_input) if metric == "token_output_count" else None
    return limit if limit is not None else _GUESSES.get(metric, 1) * MICROS


def usual_milliseconds(history: Sequence[RunSample]) -> int | None:
    """Return how long a run usually takes (the median), None while that is not known."""
    return percentile([sample.milliseconds for sample in history], 50) if len(history) >= SAMPLES_MIN else None


def true_cost(
    price: Price,
    ran: Ran,
    run_input: Mapping[str, Any],
    metrics: Mapping[str, Any],
    *,
    outputs: int | None,
    milliseconds: int | None = None,
) -> int:
    """Return the micro-dollars that a run has cost, as far as it can be known: Replicate tells no cost.

    By Replicate's billing page and its changelog of 2025-10-16, a prediction that was aborted before it ran is not
    billed, and one that was canceled or failed is billed for what it took. What an ended run does not report counts as
    none, but for one that succeeded (its metrics came too late, or have another name) and for one whose end was never
    read: those count as estimated. ``milliseconds`` is how long it ran, where that is known.
    """
    if ran is Ran.NOT:
        return 0
    total = 0
    for metric, rate in price.choose_rates(metrics, run_input).items():
        quantity = MICROS if metric == RUN else read_quantity(metrics, metric)
        if quantity is None and metric == PREDICT_TIME and milliseconds is not None:
            quantity = milliseconds * (MICROS // 1000)
        if quantity is None and ran is not Ran.PARTLY:
            quantity = estimate_quantity(metric, price, run_input, outputs=outputs, history=())
        total += rate.cost(quantity or 0)
    return total


def sample_run(price: Price | None, metrics: Mapping[str, Any], *, milliseconds: int, outputs: int) -> RunSample:
    """Return what to remember of a run that succeeded."""
    names = (price.metrics if price is not None else frozenset()) - {RUN}
    quantities = {name: value for name in sorted(names) if (value := read_quantity(metrics, name)) is not None}
    return RunSample(milliseconds, outputs, quantities)


def percentile(values: Sequence[int], percent: int) -> int:
    """Return the smallest value that so many percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _count(_: Mapping[str, Any], outputs: int | None) -> int | None:
    return None if outputs is None else outputs * MICROS


def _duration(run_input: Mapping[str, Any], _: int | None) -> int | None:
    return next((value for name in _DURATIONS if (value := _number(run_input.get(name))) is not None), None)


def _input_chars(run_input: Mapping[str, Any], _: int | None) -> int | None:
    texts = [value for name in _TEXTS if isinstance(value := run_input.get(name), str)]
    return sum(map(len, texts)) * MICROS if texts else None


def _input_tokens(run_input: Mapping[str, Any], outputs: int | None) -> int | None:
    chars = _input_chars(run_input, outputs)
    return None if chars is None else -(-chars // _CHARS_PER_TOKEN)


def _largest_token_count(run_input: Mapping[str, Any]) -> int | None:
    return next((value for name in _TOKEN_LIMITS if (value := _number(run_input.get(name))) is not None), None)


def _number(value: Any) -> int | None:
    """Return a number in millionths, also of a text like "5" or "8s"."""
    if isinstance(value, str):
        digits = value.strip().lower().removesuffix("s")
        return int(digits) * MICROS if digits.isdecimal() and len(digits) <= 9 and digits.isascii() else None
    return to_quantity(value)


_STATED: Final[Mapping[str, Callable[[Mapping[str, Any], int | None], int | None]]] = {
    "image_output_count": _count,
    "video_output_count": _count,
    "audio_output_count": _count,
    "generic_output_count": _count,
    "video_output_duration_seconds": _duration,
    "audio_output_duration_seconds": _duration,
    "character_input_count": _input_chars,
    "token_input_count": _input_tokens,
}
