"""Budgets: who may spend how much, by day or month in UTC.

What is spent is summed by key and day (``bot.store.budgets``). A key names whose spending it is::

    bot                         the whole bot
    command:generate            a command, everywhere
    person:7                    a person, everywhere
    server:2                    a server
    server-command:2:generate   a command in a server
    member:2:7                  a person in a server
    role:5                      everybody who has the role, where the role has a budget

A budget for ``person:*`` or ``member:2:*`` is one for each person.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.errors import UserError

WARN_PERCENT: Final = 80
EVERYBODY: Final = "*"


class Period(StrEnum):
    """How long a budget lasts, in UTC."""

    DAY = "day"
    MONTH = "month"

    def begin(self, day: date) -> date:
        """Return the first day of the period that a day is in."""
        return day if self is Period.DAY else day.replace(day=1)

    def end(self, day: date) -> datetime:
        """Return when the next period begins."""
        following = day + timedelta(days=1) if self is Period.DAY else (day.replace(day=1) + timedelta(days=32))
        first = following if self is Period.DAY else following.replace(day=1)
        return datetime(first.year, first.month, first.day, tzinfo=UTC)


class Owner(StrEnum):
    """Who has set a budget, and may change it."""

    OPERATOR = "operator"  # the bot's editors
    SERVER = "server"  # who manages the server
    RULES = "rules"  # of the server, for a person's roles; given to each reservation


class Scope(StrEnum):
    """Whose spending a key names: the part before its first colon."""

    BOT = "bot"
    COMMAND = "command"
    PERSON = "person"
    SERVER = "server"
    SERVER_COMMAND = "server-command"
    MEMBER = "member"
    ROLE = "role"

    @classmethod
    def of(cls, key: str) -> "Scope":
        """Return the scope of a key."""
        return cls(key.partition(":")[0])


def budget_key(scope: Scope, *parts: int | str) -> str:
    """Return a key, such as ``member:2:7``."""
    return ":".join((scope.value, *map(str, parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetLimit:
    """At most ``amount`` micro-dollars a period of what is summed under ``key``, which names one spender."""

    key: str
    period: Period
    amount: int
    owner: Owner

    @property
    def scope(self) -> Scope:
        """Whose spending it limits."""
        return Scope.of(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spender:
    """Who pays for a run, as far as budgets are concerned. ``roles`` are ids; those that have a budget count."""

    guild_id: int | None
    author_id: int
    command: str
    roles: frozenset[int] = frozenset()

    def sum_keys(self) -> tuple[str, ...]:
        """Return the keys that a run is summed under, without its roles' ones, always in the same order."""
        keys = [
            budget_key(Scope.BOT),
            budget_key(Scope.COMMAND, self.command),
            budget_key(Scope.PERSON, self.author_id),
        ]
        if self.guild_id is not None:
            keys += [
                budget_key(Scope.SERVER, self.guild_id),
                budget_key(Scope.SERVER_COMMAND, self.guild_id, self.command),
                budget_key(Scope.MEMBER, self.guild_id, self.author_id),
            ]
        return tuple(keys)

    def role_keys(self) -> tuple[str, ...]:
        """Return the keys of the roles."""
        return tuple(budget_key(Scope.ROLE, role) for role in sorted(self.roles))

    def limit_keys(self) -> Mapping[str, str]:
        """Return the keys whose budgets hold for a run, each with the key that its spending is summed under."""
        keys = {key: key for key in (*self.sum_keys(), *self.role_keys())}
        keys[budget_key(Scope.PERSON, EVERYBODY)] = budget_key(Scope.PERSON, self.author_id)
        if self.guild_id is not None:
            keys[budget_key(Scope.MEMBER, self.guild_id, EVERYBODY)] = budget_key(
                Scope.MEMBER, self.guild_id, self.author_id
            )
        return keys


class BudgetExceeded(UserError):
    """A run would cost more than a budget has left. The sentence for people is made in ``bot.ui.render.money``.

    ``used`` is what is spent or reserved, ``cost`` what the run is expected to cost; micro-dollars.
    """

    def __init__(self, limit: BudgetLimit, *, used: int, cost: int, opens_at: datetime) -> None:
        super().__init__(f"The budget of {limit.key} for the {limit.period} is used up.")
        self.limit = limit
        self.used = used
        self.cost = cost
        self.opens_at = opens_at


Used = Mapping[tuple[str, Period], int]
"""What is spent or reserved under a key in the period; nothing of those that are not in it."""


def find_exceeded(limits: Iterable[BudgetLimit], used: Used, *, cost: int, day: date) -> BudgetExceeded | None:
    """Return the budget that a run of this cost would exceed; None if it may start.

    Of several it is the one that opens again last, then the one that has least left. What costs nothing is never over
    a budget.
    """
    if cost <= 0:
        return None
    exceeded = [
        BudgetExceeded(limit, used=now, cost=cost, opens_at=limit.period.end(day))
        for limit in limits
        if (now := used.get((limit.key, limit.period), 0)) + cost > limit.amount
    ]
    return max(exceeded, key=lambda one: (one.opens_at, one.used - one.limit.amount), default=None)


def find_warnings(limits: Iterable[BudgetLimit], used: Used, *, cost: int = 0) -> Iterator[BudgetLimit]:
    """Yield the budgets of which most is used, once ``cost`` more is."""
    for limit in limits:
        if (used.get((limit.key, limit.period), 0) + cost) * 100 >= limit.amount * WARN_PERCENT:
            yield limit


def day_of(at: datetime) -> date:
    """Return the day in UTC."""
    return at.astimezone(UTC).date()
