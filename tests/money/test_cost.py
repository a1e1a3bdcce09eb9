"""What a run is expected to cost, and what it has cost."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.money.amounts import MICROS
from bot.money.cost import Ran, RunSample, estimate_cost, percentile, sample_run, true_cost, usual_milliseconds
from bot.money.metrics import KNOWN_METRICS
from bot.money.prices import Price, parse_prices


def price(text: str) -> Price:
    return parse_prices(f"date = 2026-11-28\n[models.m]\n{text}").models["m"]


def estimate(text: str, run_input: Mapping[str, Any] | None = None, *, outputs: int | None = None) -> int:
    return estimate_cost(price(text), run_input or {}, outputs=outputs)


def cost(text: str, ran: Ran, metrics: Mapping[str, Any], *, milliseconds: int | None = None) -> int:
    return true_cost(price(text), ran, {}, metrics, outputs=2, milliseconds=milliseconds)


def test_a_run_costs_the_same_whatever_it_makes() -> None:
    assert estimate("run = 0.05", outputs=4) == 50_000


def test_images_are_counted_from_the_input() -> None:
    assert estimate("image_output_count = 0.003", outputs=4) == 12_000
    assert estimate("image_output_count = 0.003") == 3_000


@pytest.mark.parametrize("value", [8, 8.0, "8", "8s"])
def test_seconds_of_a_video_are_read_from_the_input(value: object) -> None:
    assert estimate("video_output_duration_seconds = 0.1", {"duration": value}) == 800_000


@pytest.mark.parametrize("value", ["long", None, True, -1, float("nan"), [8]])
def test_a_length_that_is_no_number_is_guessed(value: object) -> None:
    assert estimate("video_output_duration_seconds = 0.1", {"duration": value}) == 500_000


def test_texts_are_counted_in_characters_and_tokens() -> None:
    assert estimate("character_input_count = 0.001", {"text": "four"}) == 4000
    assert estimate("token_input_count = { dollars = 1, per = 1000 }", {"prompt": "x" * 300}) == 100_000


def test_tokens_to_come_are_limited_by_the_input() -> None:
    assert estimate("token_output_count = 0.01", {"max_tokens": 100}) == 1_000_000
    assert estimate("token_output_count = 0.01") == 5_000_000


def test_usual_quantities_hold_until_there_is_history() -> None:
    text = "second = 0.001\nusual = { predict_time = 60 }"
    assert estimate(text) == 60_000
    few = [RunSample(1000, 1, {"predict_time": 2 * MICROS})] * 2
    assert estimate_cost(price(text), {}, outputs=None, history=few) == 60_000
    assert estimate_cost(price(text), {}, outputs=None, history=[*few, *few]) == 2000


def test_time_is_scaled_by_the_number_of_outputs() -> None:
    history = [RunSample(1000, 2, {"predict_time": 10 * MICROS})] * 3
    assert estimate_cost(price("second = 0.001"), {}, outputs=4, history=history) == 20_000


def test_the_estimate_is_the_ninetieth_percentile_of_history() -> None:
    history = [RunSample(0, 1, {"predict_time": seconds * MICROS}) for seconds in range(1, 101)]
    assert estimate_cost(price("second = 0.001"), {}, outputs=1, history=history) == 90_000


def test_the_usual_time_is_the_median() -> None:
    history = [RunSample(milliseconds) for milliseconds in (1000, 9000, 2000)]
    assert usual_milliseconds(history) == 2000
    assert usual_milliseconds(history[:2]) is None


@pytest.mark.parametrize("ran", [Ran.COMPLETELY, Ran.PARTLY])
def test_what_ran_is_billed_as_reported(ran: Ran) -> None:
    assert cost("image_output_count = 0.003", ran, {"image_output_count": 3}) == 9000
    assert cost("second = 0.001", ran, {"predict_time": 2.345678}) == 2346


def test_older_names_of_metrics_are_read() -> None:
    assert cost("image_output_count = 0.003", Ran.COMPLETELY, {"image_count": 3}) == 9000


def test_what_never_ran_costs_nothing() -> None:
    assert cost("run = 1", Ran.NOT, {"predict_time": 3}) == 0


def test_what_failed_and_reports_nothing_costs_nothing() -> None:
    assert cost("image_output_count = 0.003", Ran.PARTLY, {}) == 0


@pytest.mark.parametrize("ran", [Ran.COMPLETELY, Ran.UNKNOWN])
def test_what_reports_nothing_costs_what_was_expected(ran: Ran) -> None:
    assert cost("image_output_count = 0.003", ran, {}) == 6000


def test_the_clock_replaces_a_missing_predict_time() -> None:
    assert cost("second = 0.001", Ran.PARTLY, {}, milliseconds=2500) == 2500


@pytest.mark.parametrize("value", ["3", None, True, -1, float("inf"), float("nan"), 10**400, {}])
def test_absurd_metrics_are_not_billed(value: object) -> None:
    assert cost("image_output_count = 0.003", Ran.PARTLY, {"image_output_count": value}) == 0


def test_samples_hold_what_the_price_needs() -> None:
    sample = sample_run(price("second = 0.001"), {"predict_time": 2.5, "noise": 3}, milliseconds=4000, outputs=2)
    assert sample == RunSample(4000, 2, {"predict_time": 2_500_000})


@given(
    st.dictionaries(st.sampled_from(sorted(KNOWN_METRICS)), st.one_of(st.integers(), st.floats(), st.text())),
    st.dictionaries(
        st.sampled_from(["duration", "max_tokens", "prompt", "text"]),
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers())),
    ),
    st.sampled_from(Ran),
    st.one_of(st.none(), st.integers(0, 10_000)),
)
def test_costs_are_whole_and_never_negative(
    metrics: dict[str, Any], run_input: dict[str, Any], ran: Ran, outputs: int | None
) -> None:
    text = "\n".join(f"{name} = 0.01" for name in sorted(KNOWN_METRICS - {"predict_time"})) + "\nsecond = 0.01"
    for amount in (
        estimate_cost(price(text), run_input, outputs=outputs),
        true_cost(price(text), ran, run_input, metrics, outputs=outputs),
    ):
        assert isinstance(amount, int)
        assert amount >= 0


@given(st.lists(st.integers(), min_size=1), st.integers(1, 100))
def test_percentiles_are_values_of_the_list(values: list[int], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
