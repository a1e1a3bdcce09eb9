"""The column types of the tables, and the metadata that all of them are part of."""

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Connection, Dialect, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeDecorator

metadata = MetaData()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Time(TypeDecorator[datetime]):
    """An aware time, stored as whole microseconds since 1970 in UTC.

    An integer sorts, compares and subtracts alike in every database, takes 8 bytes in an index, and comes back exactly
    as it was stored. ISO text sorts correctly only while every writer pads it in the same way.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the microseconds; ValueError if the time has no zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone.")
        return (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the time, aware and in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Day(TypeDecorator[date]):
    """A day in UTC, stored as its number: an integer sorts alike in every database."""

    impl = Integer
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the number of the day."""
        return None if value is None else value.toordinal()

    def process_result_value(self, value: int | None, dialect: Dialect) -> date | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the day."""
        return None if value is None else date.fromordinal(value)


class Json(TypeDecorator[Any]):
    """Any JSON value, returned exactly as it was stored; Python's None is NULL.

    It is written by the standard library, not by orjson, which turns a NaN into null and an integer beyond 64 bits
    into a float, and rejects lone surrogates. Models do return such values.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the JSON text."""
        return None if value is None else json.dumps(value, separators=(",", ":"), default=_to_json)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the value."""
        return None if value is None else json.loads(value)


class ValidText(TypeDecorator[str]):
    """Text from people or models, without what a database rejects.

    Lone surrogates become question marks; NUL, which PostgreSQL rejects, becomes U+FFFD.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy's signature)
        """Return the text as it is stored."""
        return None if value is None else value.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def insert_into(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """Return an INSERT that can have ON CONFLICT, which SQLAlchemy offers for each database in its own class."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def _to_json(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} is not JSON.")
