"""The location of a database: what SQLite and PostgreSQL do differently."""

from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import ConfigError
from bot.store.postgresql import PostgresqlLocation
from bot.store.process_lock import ProcessLock
from bot.store.sqlite import EXAMPLE_URL, SqliteLocation


class DatabaseLocation(Protocol):
    """Where a database is, and how it is opened, locked, checked and copied. ``str()`` shows no password."""

    @property
    def writers(self) -> int:
        """How many connections write at once; one that is alone shares its commits among the jobs that wait."""

    @property
    def readers(self) -> int:
        """How many connections for reading the bot opens; 0 if all jobs use the writer's."""

    @property
    def folder(self) -> Path:
        """The default folder of files that the bot keeps beside the database."""

    def prepare(self) -> None:
        """Create what the database needs before it can be opened; ConfigError if that fails."""

    def acquire_lock(self) -> ProcessLock | None:
        """Keep other bots out until the lock is released; ConfigError if one is there.

        None if a bot may be several processes there (``bot.store.leases``).
        """

    def get_engine(self, *, reading: bool, durable: bool) -> Engine:
        """Return the engine that all connections of this process share; see ``DatabaseConnection``.

        It keeps no connections, but every statement that was compiled, and what the server said of itself.
        """

    def read_size(self, connection: Connection) -> int:
        """Return the size of the database in bytes."""

    def find_damage(self, connection: Connection) -> str | None:
        """Read the whole database and return the first fault; None if it is intact or checks itself."""

    def clear_log(self) -> bool:
        """Write the log of changes into the database and empty it, unless somebody is reading or writing; True if done.

        A server looks after its log itself.
        """

    async def back_up(self, path: Path) -> None:
        """Write a consistent copy to ``path``; StoreError if that fails, or names the program that does it."""


def parse_location(url: str) -> DatabaseLocation:
    """Parse a DATABASE_URL; ConfigError shows a valid one."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"DATABASE_URL is not a URL. Example: {EXAMPLE_URL}.") from error
    match parsed.get_backend_name():
        case "sqlite":
            return SqliteLocation.parse(parsed)
        case "postgresql" | "postgres":
            return PostgresqlLocation.parse(parsed)
    raise ConfigError(
        f"DATABASE_URL uses {parsed.get_backend_name()}, but only SQLite and PostgreSQL are supported. "
        f"Example: {EXAMPLE_URL}."
    )
