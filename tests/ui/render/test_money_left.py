"""What a member reads about the budgets that hold for them: what is left, and what is used up."""

from datetime import date

import pytest

from bot.money.amounts import MICROS
from bot.money.budgets import BudgetLimit, Owner, Period
from bot.ui.render.money import describe_money_left

DAY = date(2026, 11, 28)
NEXT_MONTH = "<t:1796083200:f>"


def limit(key: str, period: Period = Period.MONTH, *, owner: Owner = Owner.SERVER) -> BudgetLimit:
    return BudgetLimit(key=key, period=period, amount=10 * MICROS, owner=owner)


def told(remaining: dict[BudgetLimit, int]) -> list[str]:
    return list(describe_money_left(remaining, day=DAY))


def test_every_budget_that_holds_is_told_the_nearest_first() -> None:
    remaining = {
        limit("server:2"): 4 * MICROS,
        limit("role:5", Period.DAY): 3 * MICROS,
        limit("member:2:7"): 2 * MICROS,
        limit("member:2:7", owner=Owner.RULES): 5 * MICROS,
        limit("person:7", owner=Owner.OPERATOR): 9 * MICROS,
    }
    assert told(remaining) == [
        "You have $2.00 left this month.",
        "Your role has $3.00 left today.",
        "This server has $4.00 left this month.",
    ]


def test_a_day_is_told_where_it_has_less_than_the_month() -> None:
    day, month = limit("person:7", Period.DAY), limit("person:7")
    assert told({day: MICROS, month: 2 * MICROS}) == [
        "You have $1.00 left today.",
        "You have $2.00 left this month.",
    ]
    assert told({day: 2 * MICROS, month: MICROS}) == ["You have $1.00 left this month."]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ("member:2:7", "Your budget for this month is used up. It opens again on"),
        ("role:5", "Your role's budget for this month is used up. It opens again on"),
        ("server:2", "This server's budget for this month is used up. It opens again on"),
        ("bot", "This bot's budget for this month is used up. It opens again on"),
    ],
)
def test_a_budget_that_is_used_up_says_when_it_opens(key: str, sentence: str) -> None:
    [line] = told({limit(key): 0})
    assert line.startswith(sentence)
    assert NEXT_MONTH in line


@pytest.mark.parametrize(("left", "lines"), [(5, []), (2, ["Most of this bot's budget for today is used."])])
def test_the_bots_own_budget_is_told_without_its_sums(left: int, lines: list[str]) -> None:
    assert told({limit("bot", Period.DAY, owner=Owner.OPERATOR): left * MICROS}) == lines


def test_without_budgets_nothing_is_told() -> None:
    assert told({}) == []
