"""Budgets: reserve what a run will cost when it is inserted, capture what it did cost when it ends.

Both happen in the transaction of the run itself, so a crash loses nothing and counts nothing twice: what is reserved
stands in the run's row, and the one transition that ends the run moves it. Sums are kept by key and day, never counted.

On SQLite, a transaction holds the write lock. On PostgreSQL, a reservation that a budget may refuse locks its month
before it reads what is used, so two runs never both get the last dollar: not even one just before midnight and one just
after, which are of two days and one month. Whatever adds to sums begins with the whole bot's of that day, so no two
transactions wait for each other's rows.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from zlib import crc32

from sqlalchemy import (
    Connection,
    Insert,
    Row,
    Select,
    and_,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from bot.clock import Clock
from bot.errors import Refused
from bot.language import _
from bot.limits import BUDGETS_OF_OPERATOR, BUDGETS_PER_SERVER, RUN_SAMPLES
from bot.money.budgets import (
    BudgetExceeded,
    BudgetLimit,
    Owner,
    Period,
    Scope,
    Spender,
    Used,
    day_of,
    find_exceeded,
    find_warnings,
)
from bot.money.cost import RunSample
from bot.store.database import Database
from bot.store.models import Run
from bot.store.postgresql import lock_month
from bot.store.tables import Day, budget_sums, budgets, insert_into, run_samples, runs, usage_days

NOBODY: Final = 0  # the author of what erased people have spent
DIRECT_MESSAGES: Final = 0  # the guild of what was spent outside of servers

# In one order, because some of the rows are changed.
_FOR_KEYS: Final = (
    select(budgets)
    .where(budgets.c.key.in_(bindparam("keys", expanding=True)))
    .order_by(budgets.c.owner, budgets.c.key, budgets.c.period)
)
_USED_OF_DAY: Final = budget_sums.c.reserved + budget_sums.c.spent
# Added up by the database: a month of sixteen keys is five hundred rows, and a reservation reads it.
_USED: Final = (
    select(
        budget_sums.c.key,
        func.sum(case((budget_sums.c.day == bindparam("today", type_=Day), _USED_OF_DAY), else_=0)).label("day"),
        func.sum(_USED_OF_DAY).label("month"),
    )
    .where(
        budget_sums.c.key.in_(bindparam("keys", expanding=True)),
        budget_sums.c.day >= bindparam("begin", type_=Day),
        budget_sums.c.day < bindparam("end", type_=Day),
    )
    .group_by(budget_sums.c.key)
)
_RESERVED: Final = select(func.coalesce(func.sum(budget_sums.c.reserved), 0)).where(
    budget_sums.c.key == Scope.BOT.value
)
# Who pays for a run, and what was reserved for it.
PAID_COLUMNS: Final = (
    runs.c.guild_id, runs.c.author_id, runs.c.command, runs.c.created_at, runs.c.sent_at, runs.c.estimate,
    runs.c.budget_roles,
)  # fmt: skip
_THIS_BUDGET: Final = and_(
    budgets.c.owner == bindparam("of_owner"),
    budgets.c.key == bindparam("of_key"),
    budgets.c.period == bindparam("of_period"),
)
_WARN: Final = update(budgets).where(
    _THIS_BUDGET, or_(budgets.c.warned_for.is_(None), budgets.c.warned_for < bindparam("begin", type_=Day))
)
_UNTOLD: Final = select(budgets).where(
    budgets.c.warned_for.is_not(None), or_(budgets.c.told_for.is_(None), budgets.c.told_for < budgets.c.warned_for)
)
_TELL: Final = update(budgets).where(
    _THIS_BUDGET, or_(budgets.c.told_for.is_(None), budgets.c.told_for < bindparam("begin", type_=Day))
)
_CLEAR: Final = delete(budgets).where(_THIS_BUDGET)
_SAMPLES: Final = select(run_samples).where(run_samples.c.subject == bindparam("of_subject"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A budget as it was set. ``key`` may be for each person (``member:2:*``). ``guild_id``: whose server it is of."""

    owner: Owner
    key: str
    period: Period
    amount: int
    guild_id: int | None
    set_by: int | None
    set_at: datetime

    @property
    def is_for_each(self) -> bool:
        """Whether each person has it for themselves."""
        return self.key.endswith("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetState:
    """A budget and what is used of it in this period; for each person's, ``used`` is None."""

    budget: Budget
    used: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """What runs have cost: micro-dollars and their number, by day and command."""

    day: date
    command: str
    spent: int
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonUsage:
    """What the runs of a person have cost; ``author_id`` is None for all those whose data is erased."""

    author_id: int | None
    spent: int
    runs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageFilter:
    """Whose usage: a person's, a server's, or everybody's."""

    since: date
    author_id: int | None = None
    guild_id: int | None = None

    def narrow(self, query: Select[Any]) -> Select[Any]:
        """Return the query for these rows of ``usage_days`` only."""
        query = query.where(usage_days.c.day >= self.since)
        if self.author_id is not None:
            query = query.where(usage_days.c.author_id == self.author_id)
        if self.guild_id is not None:
            query = query.where(usage_days.c.guild_id == self.guild_id)
        return query


# -- what the transaction of a reservation or of an end does with money


def reserve_cost(
    connection: Connection, run: Run, spender: Spender, given: Sequence[BudgetLimit]
) -> BudgetExceeded | Run:
    """Reserve a run's estimate, and return the run as it is to be inserted; or the budget that it would exceed.

    ``given`` are limits beside those that are stored, with keys that name one spender. The error is returned, not
    raised: an exception would roll back every job that shares the transaction.
    """
    day, cost = day_of(run.created_at), run.estimate or 0
    stored = _read_limits(connection, spender)
    limits = [*(limit for _, limit in stored), *given]
    used: Used = {}
    if cost > 0 and limits:
        lock_month(connection, Period.MONTH.begin(day))
        used = _read_used(connection, {limit.key for limit in limits}, day)
    exceeded = find_exceeded(limits, used, cost=cost, day=day)
    if exceeded is not None:
        return exceeded
    counted = {limit.key for limit in limits if limit.scope is Scope.ROLE}
    roles = tuple(sorted(int(key.partition(":")[2]) for key in counted))
    run = replace(run, budget_roles=roles)
    if cost > 0:
        _add(connection, (*spender.sum_keys(), *sorted(counted)), day, reserved=cost)
        _mark_warnings(connection, stored, used, day, cost=cost)
    return run


def capture_cost(connection: Connection, run: Row[Any], cost: int | None) -> None:
    """Give back what a run that has just ended had reserved, and count what it has cost; it has the PAID_COLUMNS."""
    day, reserved, spent = day_of(run.created_at), run.estimate or 0, cost or 0
    spender = Spender(
        guild_id=run.guild_id,
        author_id=run.author_id,
        command=run.command,
        roles=frozenset(run.budget_roles or ()),
    )
    if reserved or spent:
        _add(connection, (*spender.sum_keys(), *spender.role_keys()), day, reserved=-reserved, spent=spent)
    if spent > reserved:
        stored = _read_limits(connection, spender)
        _mark_warnings(connection, stored, _read_used(connection, {limit.key for _, limit in stored}, day), day)
    if run.sent_at is not None:
        _count_usage(connection, spender, day, spent)


def count_payment(connection: Connection, spender: Spender, at: datetime, cost: int) -> None:
    """Count what was paid beside the predictions of runs, and was not reserved."""
    day = day_of(at)
    _add(connection, (*spender.sum_keys(), *spender.role_keys()), day, spent=cost)
    stored = _read_limits(connection, spender)
    _mark_warnings(connection, stored, _read_used(connection, {limit.key for _, limit in stored}, day), day)
    _count_usage(connection, spender, day, cost)


def _read_limits(connection: Connection, spender: Spender) -> Sequence[tuple[Row[Any], BudgetLimit]]:
    """Return the budgets that hold for a run, each with the limit that it is for this spender."""
    keys = spender.limit_keys()
    rows = connection.execute(_FOR_KEYS, {"keys": list(keys)}).all()
    return [(row, _to_limit(row, keys[row.key])) for row in rows]


def _add(connection: Connection, keys: Iterable[str], day: date, *, reserved: int = 0, spent: int = 0) -> None:
    statement = insert_into(connection, budget_sums)
    statement = statement.on_conflict_do_update(
        index_elements=["key", "day"],
        set_={
            "reserved": budget_sums.c.reserved + statement.excluded.reserved,
            "spent": budget_sums.c.spent + statement.excluded.spent,
        },
    )
    connection.execute(statement, [{"key": key, "day": day, "reserved": reserved, "spent": spent} for key in keys])


def _mark_warnings(
    connection: Connection, stored: Sequence[tuple[Row[Any], BudgetLimit]], used: Used, day: date, *, cost: int = 0
) -> None:
    """Note of which budgets most is used with ``cost`` more; of those for each person nobody is told."""
    shared = {limit: row for row, limit in stored if row.key == limit.key}
    for limit in find_warnings(shared, used, cost=cost):
        begin = limit.period.begin(day)
        connection.execute(_WARN, {**_identify(shared[limit]), "begin": begin, "warned_for": begin})


def _count_usage(connection: Connection, of: Spender, day: date, spent: int) -> None:
    row = {"day": day, "guild_id": of.guild_id or DIRECT_MESSAGES, "author_id": of.author_id, "command": of.command}
    connection.execute(_add_to_usage(connection), {**row, "spent": spent, "runs": 1})


def _add_to_usage(connection: Connection) -> Insert:
    """Return the INSERT of rows of ``usage_days`` that are added to those there are."""
    statement = insert_into(connection, usage_days)
    return statement.on_conflict_do_update(
        index_elements=["day", "guild_id", "author_id", "command"],
        set_={
            "spent": usage_days.c.spent + statement.excluded.spent,
            "runs": usage_days.c.runs + statement.excluded.runs,
        },
    )


def keep_sample(connection: Connection, subject: str, run_id: str, sample: RunSample, at: datetime) -> None:
    """Remember what a run took, in the slot of its id: in the place of an older one."""
    values = {"milliseconds": sample.milliseconds, "outputs": sample.outputs, "quantities": dict(sample.quantities)}
    values["taken_at"] = at
    statement = insert_into(connection, run_samples).on_conflict_do_update(
        index_elements=["subject", "slot"], set_=values
    )
    slot = crc32(run_id.encode()) % RUN_SAMPLES
    connection.execute(statement, {"subject": subject, "slot": slot, **values})


def forget_author(connection: Connection, author_id: int, *, before: date | None = None) -> None:
    """Leave what a person has spent in the sums of everybody, without their id; of days before one, if it is given."""
    theirs = usage_days.c.author_id == author_id
    if before is not None:
        theirs = and_(theirs, usage_days.c.day < before)
    _merge_into_nobody(connection, select(usage_days).where(theirs))


def forget_old_authors(connection: Connection, before: date, limit: int) -> int:
    """Do so for everybody's days before one, so many rows at most; return how many."""
    old = select(usage_days).where(usage_days.c.day < before, usage_days.c.author_id != NOBODY).limit(limit)
    return _merge_into_nobody(connection, old)


def _merge_into_nobody(connection: Connection, query: Select[Any]) -> int:
    rows = connection.execute(query).all()
    if not rows:
        return 0
    connection.execute(_add_to_usage(connection), [{**row._mapping, "author_id": NOBODY} for row in rows])  # noqa: SLF001 (SQLAlchemy's public name for it)
    keys = ("day", "guild_id", "author_id", "command")
    connection.execute(
        delete(usage_days).where(*(usage_days.c[name] == bindparam(f"of_{name}") for name in keys)),
        [{f"of_{name}": getattr(row, name) for name in keys} for row in rows],
    )
    return len(rows)


class Budgets:
    """The budgets, what is used of them, and what runs have cost."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(
        self, *, owner: Owner, key: str, period: Period, amount: int, guild_id: int | None, by: int
    ) -> Budget | None:
        """Set a budget and return the one that it replaces; Refused if there are too many."""
        values = {"guild_id": guild_id, "amount": amount, "set_by": by, "set_at": self._clock.now()}
        values |= {"warned_for": None, "told_for": None}

        def write(connection: Connection) -> Budget | None:
            this = {"owner": owner.value, "key": key, "period": period.value}
            before = connection.execute(select(budgets).where(_THIS_BUDGET), _identify_by(this)).first()
            if before is None and _count_budgets(connection, owner, guild_id) >= _budgets_max(owner):
                raise Refused(
                    _("There are {count} budgets already. Clear one that is no longer needed.").format(
                        count=_budgets_max(owner)
                    )
                )
            statement = insert_into(connection, budgets).values(**this, **values)
            connection.execute(statement.on_conflict_do_update(index_elements=["owner", "key", "period"], set_=values))
            return None if before is None else _to_budget(before)

        return await self._database.write(write)

    async def clear(self, budget: Budget) -> bool:
        """Delete a budget; False if there is none any more."""
        this = {"owner": budget.owner.value, "key": budget.key, "period": budget.period.value}
        return await self._database.write(
            lambda connection: connection.execute(_CLEAR, _identify_by(this)).rowcount == 1
        )

    async def list_states(self, *, guild_id: int | None, everything: bool) -> tuple[BudgetState, ...]:
        """Return the budgets of a server, or with ``everything`` the whole bot's, and what is used of each now."""
        query = select(budgets).order_by(budgets.c.guild_id, budgets.c.key, budgets.c.period, budgets.c.owner)
        if not everything:
            query = query.where(budgets.c.guild_id == guild_id)
        day = day_of(self._clock.now())

        def read(connection: Connection) -> tuple[BudgetState, ...]:
            stored = [_to_budget(row) for row in connection.execute(query)]
            used = _read_used(connection, {budget.key for budget in stored}, day)
            return tuple(
                BudgetState(
                    budget=budget, used=None if budget.is_for_each else used.get((budget.key, budget.period), 0)
                )
                for budget in stored
            )

        return await self._database.read(read)

    async def list_remaining(self, spender: Spender, given: Sequence[BudgetLimit] = ()) -> Mapping[BudgetLimit, int]:
        """Return what each budget that holds for somebody has left, in micro-dollars; less than none is none."""
        day = day_of(self._clock.now())
        keys = spender.limit_keys()

        def read(connection: Connection) -> Mapping[BudgetLimit, int]:
            rows = connection.execute(_FOR_KEYS, {"keys": list(keys)}).all()
            limits = [*(_to_limit(row, keys[row.key]) for row in rows), *given]
            used = _read_used(connection, {limit.key for limit in limits}, day)
            return {limit: max(limit.amount - used.get((limit.key, limit.period), 0), 0) for limit in limits}

        return await self._database.read(read)

    async def take_warnings(self) -> tuple[BudgetState, ...]:
        """Return the budgets of which most is used and nobody was told, and note that somebody is told now.

        Of several processes one gets each. A warning of a period that is over is not returned.
        """
        day = day_of(self._clock.now())

        def write(connection: Connection) -> list[Row[Any]]:
            taken = []
            for row in connection.execute(_UNTOLD).all():
                values = {**_identify(row), "begin": row.warned_for, "told_for": row.warned_for}
                if connection.execute(_TELL, values).rowcount == 1 and row.warned_for == Period(row.period).begin(day):
                    taken.append(row)
            return taken

        if not await self._database.read(lambda connection: connection.execute(_UNTOLD.limit(1)).first() is not None):
            return ()
        rows = await self._database.write(write)
        states = await self.list_states(guild_id=None, everything=True)
        wanted = {(row.owner, row.key, row.period) for row in rows}
        return tuple(one for one in states if (one.budget.owner, one.budget.key, one.budget.period) in wanted)

    async def read_history(self, subject: str) -> tuple[RunSample, ...]:
        """Return what some of the newest runs of a command and model took."""

        def read(connection: Connection) -> tuple[RunSample, ...]:
            rows = connection.execute(_SAMPLES, {"of_subject": subject})
            return tuple(RunSample(row.milliseconds, row.outputs, row.quantities) for row in rows)

        return await self._database.read(read)

    async def count_reserved(self) -> int:
        """Return what is reserved for all the runs that have not ended."""
        return int(await self._database.read(lambda connection: connection.execute(_RESERVED).scalar_one()))

    async def read_usage(self, whose: UsageFilter) -> tuple[UsageRow, ...]:
        """Return what was spent by day and command, the oldest day first."""
        query = whose.narrow(
            select(
                usage_days.c.day,
                usage_days.c.command,
                func.sum(usage_days.c.spent).label("spent"),
                func.sum(usage_days.c.runs).label("runs"),
            )
        )
        query = query.group_by(usage_days.c.day, usage_days.c.command).order_by(usage_days.c.day, usage_days.c.command)
        return await self._database.read_on_own_connection(
            lambda connection: tuple(
                UsageRow(day=row.day, command=row.command, spent=int(row.spent), runs=int(row.runs))
                for row in connection.execute(query)
            )
        )

    async def list_top_people(self, whose: UsageFilter, *, limit: int) -> tuple[PersonUsage, ...]:
        """Return the people who have spent most."""
        spent = func.sum(usage_days.c.spent).label("spent")
        query = whose.narrow(select(usage_days.c.author_id, spent, func.sum(usage_days.c.runs).label("runs")))
        query = query.group_by(usage_days.c.author_id).order_by(spent.desc(), usage_days.c.author_id).limit(limit)
        return await self._database.read_on_own_connection(
            lambda connection: tuple(
                PersonUsage(author_id=row.author_id or None, spent=int(row.spent), runs=int(row.runs))
                for row in connection.execute(query)
            )
        )

    async def list_usage_rows(self, whose: UsageFilter, *, limit: int) -> tuple[Mapping[str, Any], ...]:
        """Return the single rows, the newest day first: ``day``, ``guild_id``, ``author_id``, ``command``, …."""
        query = whose.narrow(select(usage_days))
        keys = (usage_days.c.guild_id, usage_days.c.author_id, usage_days.c.command)
        query = query.order_by(usage_days.c.day.desc(), *keys).limit(limit)
        return await self._database.read_on_own_connection(
            lambda connection: tuple(dict(row._mapping) for row in connection.execute(query))  # noqa: SLF001 (SQLAlchemy's public name for it)
        )


def _to_limit(row: Row[Any], key: str) -> BudgetLimit:
    return BudgetLimit(key=key, period=Period(row.period), amount=row.amount, owner=Owner(row.owner))


def _to_budget(row: Row[Any]) -> Budget:
    return Budget(
        owner=Owner(row.owner),
        key=row.key,
        period=Period(row.period),
        amount=row.amount,
        guild_id=row.guild_id,
        set_by=row.set_by,
        set_at=row.set_at,
    )


def _identify(row: Row[Any]) -> dict[str, Any]:
    return {"of_owner": row.owner, "of_key": row.key, "of_period": row.period}


def _identify_by(this: Mapping[str, str]) -> dict[str, Any]:
    return {f"of_{name}": value for name, value in this.items()}


def _count_budgets(connection: Connection, owner: Owner, guild_id: int | None) -> int:
    query = select(func.count()).select_from(budgets).where(budgets.c.owner == owner.value)
    if owner is Owner.SERVER:
        query = query.where(budgets.c.guild_id == guild_id)
    return connection.execute(query).scalar_one()


def _budgets_max(owner: Owner) -> int:
    return BUDGETS_PER_SERVER if owner is Owner.SERVER else BUDGETS_OF_OPERATOR


def _read_used(connection: Connection, keys: Collection[str], day: date) -> Used:
    """Return what is used of each key in the day, and in the month that it is in."""
    month = Period.MONTH
    values = {"keys": sorted(keys), "today": day, "begin": month.begin(day), "end": month.end(day).date()}
    used: dict[tuple[str, Period], int] = {}
    for row in connection.execute(_USED, values):
        used[row.key, Period.DAY], used[row.key, Period.MONTH] = int(row.day), int(row.month)
    return used
