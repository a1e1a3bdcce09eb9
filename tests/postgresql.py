"""A real PostgreSQL server for tests, in a temporary folder and reached through a socket in it."""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from bot.clock import SystemClock
from bot.store.store import Store

_START_LIMIT = 60.0  # seconds
_TEMPLATE = "migrated"
# Debian keeps the server's programs away from PATH.
_DEBIAN = Path("/usr/lib/postgresql")
_OPTIONS = (
    "listen_addresses=",
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=16MB",
    "max_connections=100",
    "autovacuum=off",
    "jit=off",
    "wal_level=minimal",
    "max_wal_senders=0",
    "log_error_verbosity=terse",
)


def find_programs() -> Path | None:
    """Return the folder of initdb and postgres, or None if PostgreSQL is not installed."""
    if program := shutil.which("initdb"):
        return Path(program).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


# What a test may have changed of a database besides its rows. A copy of the template has its ids.
_SCHEMA = """
    SELECT md5(string_agg(line, E'\\n' ORDER BY line)) FROM (
        SELECT concat_ws(' ', attrelid, attname, atttypid, attnotnull, atthasdef) AS line
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
        WHERE relnamespace = 'public'::regnamespace AND attnum > 0
        UNION ALL SELECT concat('step ', version_num) FROM alembic_version
        UNION ALL SELECT concat('comment ', obj_description('alembic_version'::regclass, 'pg_class'))
    ) AS lines
"""
_DISCONNECT_OTHERS = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# A table that had rows has pages, also if they were deleted or rolled back. To truncate one, with its indexes and what
# refers to it, costs the server 50 ms; to delete some rows, nothing: so that is for tables of more pages than a few.
_USED_TABLES = """
    SELECT relname, pg_table_size(oid) > 131072 FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
    AND pg_relation_size(oid) > 0
"""
_RESET_SEQUENCES = """
    SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL
"""


class PostgresqlServer:
    """A server in ``folder``; ``stop`` and ``start`` restart it with its data.

    A migrated database that was dropped is emptied, and is the next one: the first connections to a new one take half
    a second of CPU, for the server's own caches.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self._data = folder / "data"
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self._schema = ""
        self._empty: list[str] = []  # URLs

    def create(self) -> None:
        if self._user:
            shutil.chown(self.folder, self._user, self._user)
        subprocess.run(
            [self._programs / "initdb", "-D", self._data, "-U", "replicord", "--auth=trust", "--no-sync", "-E", "UTF8"],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
        )
        self.start()
        self._execute(f"CREATE DATABASE {_TEMPLATE}")
        asyncio.run(_migrate(self.url(_TEMPLATE)))
        with psycopg.connect(self.url(_TEMPLATE)) as connection:
            self._schema = _read_value(connection, _SCHEMA)

    def start(self) -> None:
        options = itertools.chain.from_iterable(("-c", option) for option in _OPTIONS)
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, "-k", self.folder, *options],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
            )
        deadline = time.monotonic() + _START_LIMIT
        while True:
            try:
                self._execute("SELECT 1")
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT ends every connection, SIGQUIT ends the server as a crash does."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(_START_LIMIT)

    def url(self, database: str) -> str:
        return f"postgresql://replicord@/{database}?host={self.folder}"

    def create_database(self, *, migrated: bool) -> str:
        """Return the URL of a database without rows."""
        if migrated and self._empty:
            return self._empty.pop()
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE if migrated else 'template1'} STRATEGY WAL_LOG")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop a database, or empty it for the next test."""
        if self._empty_database(url):
            self._empty.append(url)
            return
        self._execute(f"DROP DATABASE {get_name(url)} WITH (FORCE)")

    def _empty_database(self, url: str) -> bool:
        """Disconnect everybody and delete all rows; return whether the database is then like a new one."""
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(_DISCONNECT_OTHERS)
            try:
                if _read_value(connection, _SCHEMA) != self._schema:
                    return False
            except psycopg.errors.UndefinedTable:
                return False
            connection.execute("SET session_replication_role = replica")  # whatever refers to the rows goes as well
            for name, is_large in connection.execute(_USED_TABLES).fetchall():
                empty = sql.SQL("TRUNCATE {} CASCADE") if is_large else sql.SQL("DELETE FROM {}")
                connection.execute(empty.format(sql.Identifier(name)))
            connection.execute(_RESET_SEQUENCES)
        return True

    def read_log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


def _read_value(connection: psycopg.Connection, query: LiteralString) -> str:
    row = connection.execute(query).fetchone()
    assert row is not None
    return str(row[0])


def get_name(url: str) -> str:
    """Return the name of a database."""
    return url.partition("?")[0].rpartition("/")[2]


@contextmanager
def run_server() -> Iterator[PostgresqlServer]:
    """Start a server that ends with the block; skip the test where PostgreSQL is not installed."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="replicord-pg-"))  # a socket's path has at most 107 characters
    server = PostgresqlServer(programs, folder)
    try:
        server.create()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _migrate(url: str) -> None:
    store = await Store.open(url, clock=SystemClock())
    await store.close()
