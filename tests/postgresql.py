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

import psycopg
import pytest

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
    "log_error_verbosity=terse",
)


def find_programs() -> Path | None:
    """Return the folder of initdb and postgres, or None if PostgreSQL is not installed."""
    if program := shutil.which("initdb"):
        return Path(program).resolve().parent
    versions = sorted(_DEBIAN.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return versions[-1].parent if versions else None


class PostgresqlServer:
    """A server in ``folder``; ``stop`` and ``start`` restart it with its data."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self.folder = folder
        self._data = folder / "data"
        # The server refuses to run as root.
        self._user = "postgres" if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)

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
        """Create a database without rows and return its URL."""
        name = f"test_{next(self._numbers)}"
        self._execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE if migrated else 'template1'} STRATEGY FILE_COPY")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        self._execute(f"DROP DATABASE {get_name(url)} WITH (FORCE)")

    def read_log(self) -> str:
        return (self.folder / "log").read_text("utf-8", "replace")

    def _execute(self, statement: str) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())


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
