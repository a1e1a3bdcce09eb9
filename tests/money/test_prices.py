"""The price table: its format, which price holds for a run, and what is wrong with a table."""

from datetime import date

import pytest

from bot.money.prices import PriceTable, Rate, parse_prices, read_shipped_prices
from bot.settings.settings import DEFAULT_COMMANDS

HEAD = "date = 2026-11-28\n[hardware]\ngpu = 0.001\n"


def parse(text: str) -> PriceTable:
    return parse_prices(HEAD + text)


def test_the_default_model_has_a_shipped_price() -> None:
    name, _, target = DEFAULT_COMMANDS.partition("=")
    price = read_shipped_prices().find(name, target)
    assert price is not None
    assert price.metrics == {"predict_time"}
    assert "predict_time" in price.usual


def test_sums_are_exact_in_every_notation() -> None:
    price = parse(
        "[models.'a/b']\nrun = 0.01\nsecond = 'gpu'\nimage_output_count = 0.000003\n"
        "token_output_count = { dollars = 0.25, per = 1_000_000 }\n"
    ).models["a/b"]
    assert price.rates == {
        "run": Rate(10_000),
        "predict_time": Rate(1000),
        "image_output_count": Rate(3),
        "token_output_count": Rate(250_000, 1_000_000),
    }


def test_a_command_goes_before_a_version_before_a_model() -> None:
    table = parse("[models.'a/b']\nrun = 1\n[models.'a/b:v1']\nrun = 2\n[commands.draw]\nrun = 3\n")

    def cost(command: str, target: str) -> int:
        price = table.find(command, target)
        assert price is not None
        return price.rates["run"].micros // 1_000_000

    assert cost("draw", "a/b:v1") == 3
    assert cost("run", "a/b:v1") == 2
    assert cost("run", "a/b:v2") == 1
    assert cost("run", "a/b") == 1
    assert table.find("run", "a/c") is None


def test_a_table_of_ones_own_replaces_single_prices() -> None:
    shipped = parse("[models.'a/b']\nrun = 1\n[models.'a/c']\nrun = 1\n")
    table = shipped.override(parse("[models.'a/b']\nrun = 2\n"))
    assert table.models["a/b"].rates == {"run": Rate(2_000_000)}
    assert table.models["a/c"].rates == {"run": Rate(1_000_000)}


def test_the_first_variant_that_fits_decides() -> None:
    price = parse(
        "[models.'a/b']\nvideo_output_duration_seconds = 0.1\n"
        "[[models.'a/b'.variants]]\nwhen = { resolution_target = '1080p', with_audio = true }\n"
        "video_output_duration_seconds = 0.4\n"
        "[[models.'a/b'.variants]]\nwhen = { with_audio = true }\nvideo_output_duration_seconds = 0.2\n"
    ).models["a/b"]

    def dollars(**values: object) -> float:
        return price.choose_rates(values, {})["video_output_duration_seconds"].micros / 1e6

    assert dollars(resolution_target="1080P", with_audio=True) == 0.4
    assert dollars(with_audio="true") == 0.2
    assert dollars(resolution_target="1080p") == 0.1
    assert (
        price.choose_rates({"with_audio": False}, {"with_audio": True})["video_output_duration_seconds"].micros == 1e5
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs a line date"),
        ("date = 'today'", "needs a line date"),
        ("date = 2026-11-28\nprices = 3", "prices is no part"),
        ("date = ", "not valid TOML"),
        (HEAD + "[models.'a/b']\n", "has no sum"),
        (HEAD + "[models.'a/b']\nrun = '5'", "must be a sum in dollars"),
        (HEAD + "[models.'a/b']\nrun = -1", "must be a sum in dollars"),
        (HEAD + "[models.'a/b']\nrun = inf", "must be a sum in dollars"),
        (HEAD + "[models.'a/b']\nrun = nan", "must be a sum in dollars"),
        (HEAD + "[models.'a/b']\nrun = true", "must be a sum in dollars"),
        (HEAD + "[models.'a/b']\nrun = 0.0000001", "less than a millionth"),
        (HEAD + "[models.'a/b']\nrun = { dollars = 1, per = 0 }", "must be a sum, or"),
        (HEAD + "[models.'a/b']\nrun = { price = 1 }", "must be a sum, or"),
        (HEAD + "[models.'a/b']\nsecond = 'abacus'", "there is no hardware abacus"),
        (HEAD + "[models.'a/b']\nrun = 1\ndate = 3", "date must be a date"),
        (HEAD + "[models.'a/b']\nrun = 1\nusual = { predict_time = 'long' }", "must be a number"),
        (HEAD + "[models.'a/b']\nrun = 1\nvariants = 3", "variants must be tables"),
        (HEAD + "[[models.'a/b'.variants]]\nrun = 1", "need a line when"),
        ("date = 2026-11-28\nmodels = 3", "must be tables"),
    ],
)
def test_a_bad_table_is_explained(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_prices(text)


def test_unknown_metrics_are_named_and_allowed() -> None:
    table = parse("[models.'a/b']\npixie_dust_count = 1\nrun = 1\n")
    assert list(table.unknown_metrics()) == [("a/b", "pixie_dust_count")]


def test_old_prices_are_named_by_their_own_date() -> None:
    table = parse("[models.'a/b']\nrun = 1\ndate = 2026-01-01\n[commands.draw]\nrun = 1\n")
    assert table.older_than(date(2026, 6, 1)) == ("a/b",)
