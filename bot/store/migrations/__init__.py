"""The steps from an empty file to today's tables, one file a step in ``versions``.

A new step: add ``versions/m<number>_<what>.py``, put its number last in ``STEPS``, change ``bot/store/tables.py`` to
match, and keep a dump of the version before it in ``tests/store/past``.
"""

from pathlib import Path
from typing import TYPE_CHECKING, cast

from sqlalchemy import Connection, inspect, text

from bot.errors import ConfigError

if TYPE_CHECKING:
    import sqlite3

STEPS = ("0001", "0002")
_TABLE = "alembic_version"


def version(connection: Connection) -> str | None:
    """Return the last step this database took, None for an empty one; ConfigError for one that is not ours."""
    tables = inspect(connection).get_table_names()
    if _TABLE not in tables:
        if tables:
            raise ConfigError(
                f"The database holds another program's tables ({', '.join(sorted(tables)[:3])}). "
                "Name another file in DATABASE_URL."
            )
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {_TABLE}"))  # noqa: S608 (a constant)
    if found is not None and found not in STEPS:
        raise ConfigError(
            f"A newer Replicord wrote the database (step {found}, this one knows {STEPS[-1]}). "
            "Install that version, or restore a backup from before the upgrade."
        )
    return found


def upgrade(connection: Connection, to: str = "head") -> None:
    """Take every step that is missing, in one transaction: all of them, or the database stays as it was."""
    # A step that rebuilds a table drops the old one, and SQLite would take its children along. The switch is
    # thrown past SQLAlchemy, which would begin a transaction first, and in one it does nothing.
    raw = cast("sqlite3.Connection", connection.connection.driver_connection)
    raw.execute("PRAGMA foreign_keys=OFF")
    try:
        with connection.begin():
            _take_steps(connection, to)
    finally:
        raw.execute("PRAGMA foreign_keys=ON")


def _take_steps(connection: Connection, to: str) -> None:
    from alembic import command  # noqa: PLC0415 (a tenth of a second that most starts do not need)
    from alembic.config import Config  # noqa: PLC0415 (as above)

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if orphans:
        raise ConfigError(f"The database cannot be upgraded: {len(orphans)} rows have lost their run.")
