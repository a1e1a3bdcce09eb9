"""PostgreSQL: a server, reached through psycopg (the extra ``postgres``).

The server may restart and the network may fail, so a connection that is lost is opened again when it is next used.
Several processes of one bot may use it at once; what each of them owns stands in its rows (``bot.store.leases``).
"""

import shlex
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import URL, Connection, Engine, NullPool, Text, bindparam, cast, create_engine, func, select

from bot.errors import ConfigError
from bot.store.errors import StoreError
from bot.store.process_lock import ProcessLock

if TYPE_CHECKING:
    import psycopg

EXAMPLE_URL: Final = "postgresql://replicord:password@localhost/replicord"

_WRITERS = 16
_READERS = 2

# A server that has vanished is noticed within these times (seconds and milliseconds), by the client and by the server:
# the server keeps the lock of a session until it notices.
_CONNECTION_DEFAULTS: Final = {
    "application_name": "replicord",
    "connect_timeout": "5",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",
}
_SESSION_SETTINGS: Final = (
    "SET tcp_keepalives_idle = 5",
    "SET tcp_keepalives_interval = 2",
    "SET tcp_keepalives_count = 3",
    "SET lock_timeout = '10s'",  # another program's lock ends in an error that is retried, not in a stalled bot
    "SET idle_in_transaction_session_timeout = '60s'",
)
_NOT_DURABLE: Final = "SET synchronous_commit = off"

# The locks are those of the schema, so that two bots can share a database in schemas of their own.
_LOCK_KEY: Final = 0x5265706C  # "Repl"
_LOCK_MIGRATION: Final = select(func.pg_advisory_xact_lock(_LOCK_KEY + 1, func.hashtext(func.current_schema())))
_OF_MONTH: Final = func.hashtext(func.concat(func.current_schema(), cast(bindparam("month"), Text)))
_LOCK_MONTH: Final = select(func.pg_advisory_xact_lock(_LOCK_KEY + 2, _OF_MONTH))
_MIGRATION_LOCK_TIMEOUT: Final = "SET LOCAL lock_timeout = '30s'"
_TRANSACTION_ID: Final = select(cast(func.pg_current_xact_id_if_assigned(), Text))


@dataclass(frozen=True, slots=True)
class PostgresqlLocation:
    """A database on a server; ``url`` holds the password."""

    url: URL

    @classmethod
    def parse(cls, url: URL) -> "PostgresqlLocation":
        """Return the location of a URL; ConfigError if the driver is not installed or the URL is incomplete."""
        try:
            import psycopg  # noqa: F401, PLC0415 (an extra)
        except ImportError as error:
            raise ConfigError(
                "DATABASE_URL uses PostgreSQL, whose driver is not installed. Run: pip install 'replicord[postgres]'."
            ) from error
        if "+" in url.drivername.replace("+psycopg", "") or not url.database:
            raise ConfigError(f"DATABASE_URL must name a database and no driver. Example: {EXAMPLE_URL}.")
        location = cls(url)
        location.conninfo()
        return location

    def __str__(self) -> str:
        return self.url.set(drivername="postgresql", password=None, query={}).render_as_string()

    def conninfo(self) -> str:
        """Return libpq's connection string, with the password; ConfigError if libpq does not know a parameter."""
        import psycopg  # noqa: PLC0415 (an extra)
        from psycopg.conninfo import make_conninfo  # noqa: PLC0415 (an extra)

        given = {
            "host": self.url.host,
            "port": self.url.port,
            "user": self.url.username,
            "password": self.url.password,
            "dbname": self.url.database,
            **self.url.query,
        }
        parameters: dict[str, Any] = _CONNECTION_DEFAULTS | {
            name: value for name, value in given.items() if value is not None
        }
        try:
            return make_conninfo(**parameters)
        except psycopg.ProgrammingError as error:
            names = ", ".join(sorted(self.url.query))
            raise ConfigError(f"DATABASE_URL has a parameter that PostgreSQL does not know ({names}).") from error

    @property
    def writers(self) -> int:
        """Sixteen: a transaction is up to ten round trips, and one that waits keeps only its own connection."""
        return _WRITERS

    @property
    def readers(self) -> int:
        """Two."""
        return _READERS

    @property
    def folder(self) -> Path:
        """The folder ``data`` in the working directory."""
        return Path("data").absolute()

    def prepare(self) -> None:
        """Do nothing: the server's administrator creates the database."""

    def acquire_lock(self) -> ProcessLock | None:
        """Return None: a bot may be several processes."""
        return None

    def get_engine(self, *, reading: bool, durable: bool) -> Engine:
        """Return this process's engine, whose transactions are snapshots if ``reading``, else READ COMMITTED."""
        return _create_engine(self, reading=reading, durable=durable)

    def read_size(self, connection: Connection) -> int:
        """Return the size of the database in bytes."""
        size: int = connection.execute(select(func.pg_database_size(func.current_database()))).scalar_one()
        return size

    def find_damage(self, connection: Connection) -> str | None:  # noqa: ARG002 (the server checks its pages itself)
        """Return None."""
        return None

    def clear_log(self) -> bool:
        """Return True: the server's log is its administrator's."""
        return True

    async def back_up(self, path: Path) -> None:
        """Raise StoreError with the command that does it."""
        raise StoreError(
            "PostgreSQL has a program of its own for backups. "
            f"Run: pg_dump --format=custom --file={shlex.quote(str(path))} {shlex.quote(str(self))}"
        )

    def connect(self, *, durable: bool) -> "psycopg.Connection[Any]":
        """Return a new connection of the driver."""
        import psycopg  # noqa: PLC0415 (an extra)

        connection = psycopg.connect(self.conninfo(), autocommit=True)
        try:
            for setting in _SESSION_SETTINGS if durable else (*_SESSION_SETTINGS, _NOT_DURABLE):
                connection.execute(setting)
            connection.autocommit = False
        except BaseException:
            connection.close()
            raise
        return connection


@lru_cache(16)  # a process has one database, or two while data moves
def _create_engine(location: PostgresqlLocation, *, reading: bool, durable: bool) -> Engine:
    return create_engine(
        "postgresql+psycopg://",
        creator=lambda: location.connect(durable=durable),
        poolclass=NullPool,  # a lost connection is replaced, not kept
        hide_parameters=True,  # they are prompts and tokens, and an error's text is logged
        isolation_level="REPEATABLE READ" if reading else "READ COMMITTED",
        # SQLAlchemy asks for the rowcount of an INSERT only then, and psycopg forgets it with the cursor.
        execution_options={"preserve_rowcount": True, "postgresql_readonly": reading},
    )


def lock_migration(connection: Connection) -> None:
    """Wait until no other process migrates this schema; the lock ends with the transaction."""
    connection.exec_driver_sql(_MIGRATION_LOCK_TIMEOUT)
    connection.execute(_LOCK_MIGRATION)


def lock_month(connection: Connection, month: date) -> None:
    """Wait until no other transaction reserves money of this month; the lock ends with the transaction.

    Nothing on SQLite, where every transaction that writes is alone.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_LOCK_MONTH, {"month": month.isoformat()})


def read_transaction_id(connection: Connection) -> str | None:
    """Return the id by which ``is_committed`` finds this transaction; None if it has written nothing.

    None on SQLite too, where a COMMIT is a call that returns or raises.
    """
    if connection.dialect.name != "postgresql" or connection.get_execution_options().get("postgresql_readonly"):
        return None
    transaction_id: str | None = connection.execute(_TRANSACTION_ID).scalar_one()
    return transaction_id


def is_committed(connection: Connection, transaction_id: str) -> bool | None:
    """Return whether a transaction whose COMMIT was not answered took effect; None while it is in progress.

    StoreError if the server does not know: it has forgotten the transaction, or is another server after a fail-over.
    """
    status = connection.exec_driver_sql("SELECT pg_xact_status(%s::xid8)", (transaction_id,)).scalar_one()
    if status is None:
        raise StoreError("The database does not know whether its last transaction took effect.")
    return None if status == "in progress" else bool(status == "committed")
