"""Migrations: the steps from an empty file to today's tables, one file each in ``versions``.

To add a step: add ``versions/m<number>_<what>.py``, append its number to ``STEPS``, change ``bot/store/tables`` to
match, and run ``python -m tests.store.past`` to keep a dump of a database that has taken it.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, func, inspect, select, text

from bot.errors import ConfigError
from bot.store.postgresql import lock_migration

if TYPE_CHECKING:
    import sqlite3

STEPS = (
    "0001",
    "0002",
    "0003",
    "0004",
    "0005",
    "0006",
    "0007",
    "0008",
    "0009",
    "0010",
    "0011",
    "0012",
    "0013",
    "0014",
    "0015",
)
# The oldest code that may run on the tables of the last step, for upgrades of one process after the other: a step adds
# what code of the release before can do without, and takes away only what that release no longer used.
OLDEST_CODE = "0004"
_VERSION_TABLE = "alembic_version"
_OLDEST_CODE = re.compile(r"oldest code: (\d{4})")


def read_version(connection: Connection) -> str | None:
    """Return the last step that was applied, None for an empty database; ConfigError if the tables are not ours."""
    tables = inspect(connection).get_table_names()
    if _VERSION_TABLE not in tables:
        if tables:
            raise ConfigError(
                f"The database contains another program's tables ({', '.join(sorted(tables)[:3])}). "
                "Set DATABASE_URL to another one."
            )
        return None
    version: str | None = connection.scalar(text(f"SELECT version_num FROM {_VERSION_TABLE}"))  # noqa: S608 (a constant)
    if version is not None and version not in STEPS:
        if _read_oldest_code(connection) in STEPS:
            return STEPS[-1]
        raise ConfigError(
            f"The database was written by a newer Replicord (step {version}; this version knows {STEPS[-1]}). "
            "Install that version, or restore a backup from before the upgrade."
        )
    return version


def upgrade(connection: Connection, to: str = "head") -> None:
    """Apply every missing step in one transaction: all of them, or the database stays as it was."""
    if connection.dialect.name == "postgresql":
        with connection.begin():
            lock_migration(connection)
            _apply_steps(connection, to)
            connection.exec_driver_sql(f"COMMENT ON TABLE {_VERSION_TABLE} IS 'oldest code: {OLDEST_CODE}'")
        return
    # A step that rebuilds a table drops the old one, and SQLite would delete the rows that refer to it. The pragma
    # has no effect inside a transaction, and SQLAlchemy would begin one, so it is set on the driver's connection.
    driver_connection = cast("sqlite3.Connection", connection.connection.driver_connection)
    driver_connection.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            _apply_steps(connection, to)
            _check_foreign_keys(connection)
    finally:
        driver_connection.execute("PRAGMA foreign_keys=ON")


def _read_oldest_code(connection: Connection) -> str | None:
    """Return the step of the oldest code for these tables, which stands beside the version; None on SQLite."""
    if connection.dialect.name != "postgresql":
        return None
    comment = connection.scalar(select(func.obj_description(func.to_regclass(_VERSION_TABLE), "pg_class")))
    match = _OLDEST_CODE.fullmatch(comment or "")
    return match[1] if match else None


def _apply_steps(connection: Connection, to: str) -> None:
    from alembic import command  # noqa: PLC0415 (takes 0.1 s, and most starts have nothing to apply)
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def _check_foreign_keys(connection: Connection) -> None:
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if orphans:
        raise ConfigError(f"The database cannot be upgraded: {len(orphans)} rows refer to a run that does not exist.")
