"""The steps from an empty file to today's tables, one file a step in ``versions``.

A new step: add ``versions/m<number>_<what>.py``, put its number last in ``STEPS``, change ``bot/store/tables.py`` to
match, and keep a dump of the version before it in ``tests/store/past``.
"""

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from bot.errors import ConfigError
from bot.store.database import driver

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


async def upgrade(engine: AsyncEngine, to: str = "head") -> None:
    """Take every step that is missing, in one transaction: all of them, or the database stays as it was."""
    async with engine.connect() as connection:
        # A step that rebuilds a table drops the old one, and SQLite would take its children along. The switch is
        # thrown past SQLAlchemy, which would begin a transaction first, and in one it does nothing.
        raw = await driver(connection)
        await raw.execute("PRAGMA foreign_keys=OFF")
        try:
            async with connection.begin():
                await connection.run_sync(_take_steps, to)
        finally:
            await raw.execute("PRAGMA foreign_keys=ON")


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
