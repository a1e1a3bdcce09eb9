"""Rates that all processes of one bot share: creates a minute, and identifies of the gateway. PostgreSQL only.

A rate is one row with the time at which it is used up no more (the generic cell rate algorithm, as in ATM networks):
whoever takes one moves that time on by the interval, and may take as long as it lies no further ahead than ``burst``
intervals. All times are the database's.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, bindparam, delete, func, literal_column, select, update

from bot.store.database import Database
from bot.store.tables import create_turns, insert_into, rates, runs

_MICROSECONDS: Final = 1_000_000
_NOW: Final = literal_column("(extract(epoch from clock_timestamp()) * 1000000)::bigint", BigInteger)
_INTERVAL: Final = bindparam("interval", type_=BigInteger)
_AHEAD: Final = bindparam("ahead", type_=BigInteger)  # of now, that the row may lie before another one is taken

_ADD: Final = {"name": bindparam("rate"), "free_at": _NOW}
_LOCK: Final = select(rates.c.free_at - _NOW).where(rates.c.name == bindparam("rate")).with_for_update()
_TAKE: Final = (
    update(rates)
    .where(rates.c.name == bindparam("rate"))
    .values(free_at=func.greatest(rates.c.free_at, _NOW) + _INTERVAL)
)
_CLOSE: Final = (
    update(rates).where(rates.c.name == bindparam("rate")).values(free_at=func.greatest(rates.c.free_at, _NOW + _AHEAD))
)
# How many creates a person had lately, in all processes: who has had fewer is next.
_COUNT_LATELY: Final = select(func.count()).where(
    runs.c.author_id == bindparam("author"),
    runs.c.created_at > _NOW - 86_400 * _MICROSECONDS,  # a range of the index
    runs.c.sent_at > _NOW - 60 * _MICROSECONDS,
)
_BEST: Final = select(func.min(create_turns.c.lately)).where(
    create_turns.c.process != bindparam("me"), create_turns.c.asked_at > _NOW - _MICROSECONDS
)
_FORGET: Final = delete(create_turns).where(create_turns.c.process == bindparam("me"))

_ASK_AGAIN: Final = 0.05  # seconds, while somebody in another process is first


@dataclass(frozen=True, slots=True)
class Rate:
    """So many in ``seconds``, of which ``burst`` may be at once; in no span of ``seconds`` are there more."""

    name: str
    most: int
    seconds: float
    burst: int = 1

    @property
    def interval(self) -> float:
        """Seconds between two once the burst is used up."""
        return self.seconds / max(self.most - self.burst, 1)


class SharedLimits:
    """The rows of ``rates`` and ``create_turns``. Every method is one transaction; StoreError if it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, rate: Rate) -> float:
        """Take one and return 0.0, or return the seconds until one may be taken."""
        return await self._database.write(lambda connection: _take(connection, rate))

    async def take_turn(self, rate: Rate, *, process: str, author_id: int) -> float:
        """Take one for a person and return 0.0, or the seconds until it should be asked for again.

        While persons wait in several processes, those are first who had the fewest in the last minute.
        """
        return await self._database.write(lambda connection: _take_turn(connection, rate, process, author_id))

    async def close(self, rate: Rate, seconds: float) -> None:
        """Let nobody take one for so many seconds."""
        values = {**_bind(rate), "ahead": round(seconds * _MICROSECONDS) + _bind(rate)["ahead"]}
        await self._database.write(lambda connection: _close(connection, values))


def _take(connection: Connection, rate: Rate) -> float:
    delay = _lock(connection, rate)
    if delay <= 0:
        connection.execute(_TAKE, _bind(rate))
    return max(delay, 0.0)


def _take_turn(connection: Connection, rate: Rate, process: str, author_id: int) -> float:
    delay = _lock(connection, rate)
    lately: int = connection.execute(_COUNT_LATELY, {"author": author_id}).scalar_one()
    best: int | None = connection.execute(_BEST, {"me": process}).scalar()
    if delay <= 0 and (best is None or lately <= best):
        connection.execute(_TAKE, _bind(rate))
        connection.execute(_FORGET, {"me": process})
        return 0.0
    statement = insert_into(connection, create_turns).values(process=process, lately=lately, asked_at=_NOW)
    new = {"lately": statement.excluded.lately, "asked_at": statement.excluded.asked_at}
    connection.execute(statement.on_conflict_do_update(index_elements=["process"], set_=new))
    # Ask often enough to be counted as waiting.
    return min(max(delay, _ASK_AGAIN), 0.5)


def _lock(connection: Connection, rate: Rate) -> float:
    """Lock the row of a rate; return the seconds until one may be taken, negative if that has been so for some time."""
    values = _bind(rate)
    ahead: int | None = connection.execute(_LOCK, values).scalar()
    if ahead is None:
        connection.execute(insert_into(connection, rates).values(_ADD).on_conflict_do_nothing(), values)
        ahead = connection.execute(_LOCK, values).scalar_one()
    return float(ahead - values["ahead"]) / _MICROSECONDS


def _close(connection: Connection, values: dict[str, Any]) -> None:
    connection.execute(insert_into(connection, rates).values(_ADD).on_conflict_do_nothing(), values)
    connection.execute(_CLOSE, values)


def _bind(rate: Rate) -> dict[str, Any]:
    interval = rate.interval * _MICROSECONDS
    return {"rate": rate.name, "interval": round(interval), "ahead": round(interval * (rate.burst - 1))}
