"""Periods in UTC, the keys that a run is summed under, and which budget refuses it."""

from datetime import UTC, date, datetime

import pytest

from bot.money.budgets import BudgetLimit, Owner, Period, Spender, day_of, find_exceeded, find_warnings

DAY = date(2026, 11, 28)


def limit(key: str, amount: int, period: Period = Period.MONTH) -> BudgetLimit:
    return BudgetLimit(key=key, period=period, amount=amount, owner=Owner.OPERATOR)


@pytest.mark.parametrize(
    ("period", "day", "begin", "end"),
    [
        (Period.DAY, date(2026, 12, 31), date(2026, 12, 31), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.MONTH, date(2026, 12, 31), date(2026, 12, 1), datetime(2027, 1, 1, tzinfo=UTC)),
        (Period.MONTH, date(2028, 2, 29), date(2028, 2, 1), datetime(2028, 3, 1, tzinfo=UTC)),
        (Period.DAY, date(2026, 2, 28), date(2026, 2, 28), datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_periods_begin_and_end_in_utc(period: Period, day: date, begin: date, end: datetime) -> None:
    assert period.begin(day) == begin
    assert period.end(day) == end


def test_the_day_is_that_of_utc() -> None:
    assert day_of(datetime.fromisoformat("2026-11-28T23:30:00-05:00")) == date(2026, 11, 29)


def test_a_run_in_a_server_is_summed_under_six_keys() -> None:
    spender = Spender(guild_id=2, author_id=7, command="draw", roles=frozenset({5, 4}))
    assert spender.sum_keys() == (
        "bot",
        "command:draw",
        "person:7",
        "server:2",
        "server-command:2:draw",
        "member:2:7",
    )
    assert spender.role_keys() == ("role:4", "role:5")
    assert spender.limit_keys()["member:2:*"] == "member:2:7"
    assert spender.limit_keys()["person:*"] == "person:7"


def test_a_run_in_a_direct_message_has_no_server() -> None:
    assert Spender(guild_id=None, author_id=7, command="draw").sum_keys() == ("bot", "command:draw", "person:7")


def test_a_budget_may_be_used_to_its_last_cent() -> None:
    sums = {("bot", Period.MONTH): 90}
    assert find_exceeded([limit("bot", 100)], sums, cost=10, day=DAY) is None
    exceeded = find_exceeded([limit("bot", 100)], sums, cost=11, day=DAY)
    assert exceeded is not None
    assert (exceeded.used, exceeded.cost, exceeded.opens_at) == (90, 11, datetime(2026, 12, 1, tzinfo=UTC))


def test_days_months_and_keys_are_told_apart() -> None:
    used = {("bot", Period.DAY): 0, ("bot", Period.MONTH): 100, ("person:7", Period.DAY): 100}
    assert find_exceeded([limit("bot", 100, Period.DAY)], used, cost=100, day=DAY) is None
    assert find_exceeded([limit("bot", 100)], used, cost=1, day=DAY) is not None


def test_the_budget_that_opens_last_is_named() -> None:
    limits = [limit("bot", 0, Period.MONTH), limit("person:7", 0, Period.DAY)]
    exceeded = find_exceeded(limits, {}, cost=1, day=DAY)
    assert exceeded is not None
    assert exceeded.limit.period is Period.MONTH


def test_what_costs_nothing_is_never_over_a_budget() -> None:
    assert find_exceeded([limit("bot", 0)], {("bot", Period.MONTH): 5}, cost=0, day=DAY) is None


def test_four_fifths_are_worth_a_warning() -> None:
    assert list(find_warnings([limit("bot", 100)], {("bot", Period.MONTH): 79})) == []
    assert list(find_warnings([limit("bot", 100)], {("bot", Period.MONTH): 79}, cost=1)) == [limit("bot", 100)]
