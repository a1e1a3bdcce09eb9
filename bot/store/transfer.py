"""Copy every row of one database into another, empty one, and compare them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import zip_longest
from typing import Any, Final

from sqlalchemy import Connection, Table, func, insert, select
from sqlalchemy.exc import DBAPIError

from bot.errors import ConfigError
from bot.store.errors import convert_error
from bot.store.leases import keep_processes_out
from bot.store.location import DatabaseLocation
from bot.store.tables import (
    ValidText,
    erased_runs,
    leases,
    library_entries,
    message_removals,
    metadata,
    processes,
)

# Not who works on the database at the moment.
_TABLES: Final = tuple(table for table in metadata.sorted_tables if table not in (leases, processes))
# The columns that PostgreSQL numbers by itself.
_NUMBERED: Final = (erased_runs.c.number, library_entries.c.number, message_removals.c.number)
_VALID_TEXT: Final = ValidText()  # what a text of either database is compared as
_IN_BATCHES: Final = {"yield_per": 100}  # rows; those of files have megabytes


def copy_database(source: DatabaseLocation, target: DatabaseLocation) -> Mapping[str, int]:
    """Return how many rows of each table were copied and read back equal; both databases have today's tables.

    All is one transaction of the target: if it fails, the target stays empty. ConfigError if a bot uses one of them,
    the target has rows, or a row is not the same there; StoreError if a database fails.
    """
    engines = (
        source.get_engine(reading=True, durable=True),
        target.get_engine(reading=False, durable=True),
        source.get_engine(reading=False, durable=True),
    )
    try:
        with ExitStack() as stack:
            reading, writing, locking = (stack.enter_context(engine.connect()) for engine in engines)
            stack.enter_context(locking.begin())
            stack.enter_context(writing.begin())
            for connection, location in ((locking, source), (writing, target)):
                if keep_processes_out(connection):
                    raise ConfigError(f"Another bot is using {location}. Stop all of its processes first.")
            with reading.begin():
                return _copy_rows(reading, writing)
    except DBAPIError as error:
        raise convert_error(error) from None


def _copy_rows(source: Connection, target: Connection) -> Mapping[str, int]:
    for table in _TABLES:
        if target.execute(select(table).limit(1)).first() is not None:
            raise ConfigError(f"The target is not empty: its table {table.name} has rows. Choose an empty database.")
    counts = {table.name: _copy_table(table, source, target) for table in _TABLES}
    _continue_numbers(target)
    return counts


def _copy_table(table: Table, source: Connection, target: Connection) -> int:
    result = source.execute(select(table), execution_options=_IN_BATCHES)
    for rows in result.mappings().partitions():
        target.execute(insert(table), [dict(row) for row in rows])
    count = 0
    for old, new in zip_longest(_read(table, source), _read(table, target)):
        if old != new:
            raise ConfigError(f"Row {count + 1} of {table.name} is not the same in the target. Nothing is kept there.")
        count += 1
    return count


def _read(table: Table, connection: Connection) -> Iterator[tuple[Any, ...]]:
    """Yield the rows in an order that does not depend on the database's collation."""
    keys = list(table.primary_key)
    query = select(table).order_by(*keys)
    if connection.dialect.name == "postgresql":
        query = select(table).order_by(*(key.collate("C") if key.type.python_type is str else key for key in keys))
    for row in connection.execute(query, execution_options=_IN_BATCHES):
        yield tuple(
            _VALID_TEXT.process_bind_param(value, connection.dialect) if isinstance(value, str) else value
            for value in row
        )


def _continue_numbers(target: Connection) -> None:
    """Let PostgreSQL number the next row after the copied ones; SQLite does so by itself."""
    if target.dialect.name != "postgresql":
        return
    for column in _NUMBERED:
        highest = select(func.max(column)).scalar_subquery()
        sequence = func.pg_get_serial_sequence(column.table.name, column.name)
        target.execute(select(func.setval(sequence, func.coalesce(highest, 1), highest.is_not(None))))
