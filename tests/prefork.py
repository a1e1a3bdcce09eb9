"""Start bot processes by forking one that has already imported everything.

Importing the bot takes about a second of CPU, and the suite starts it some hundreds of times. A forked bot is a
process like any other: it has its own environment, folder, log and signals, and it can be killed. One server per test
worker forks on request; it ends when its standard input closes, that is, with the worker. What it has imported is out
of the garbage collector's sight: a collection in a forked bot would copy every page of it.

Protocol, one connection per bot: the client sends a JSON line (``arguments``, ``cwd``, ``env``, ``log``), the server
answers with the process id in a line and, when the process has ended, with its exit code (negative: the signal) in
another.
"""

import asyncio
import atexit
import gc
import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

_IMPORTED = (
    *("bot.serve", "bot.settings", "bot.web.cog_webhooks", "bot.web.health", "bot.web.refusals", "bot.web.server"),
    *("bot.web.webhooks", "alembic.command", "alembic.config", "certifi", "encodings.idna"),
    *("psycopg", "psycopg.conninfo", "sqlalchemy.ext.compiler", "sqlalchemy.dialects.postgresql.psycopg", "uvloop"),
)
_BACKLOG = 64
_MOST_FILES = 1024
_LONGEST_REQUEST = 1 << 20
_LONGEST_RUN = 90.0  # seconds


class ForkedProcess:
    """A forked bot, with the part of ``asyncio.subprocess.Process`` that the sandbox uses."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._reader = reader
        self._writer = writer
        self._ended = asyncio.create_task(self._read_exit_code(), name=f"exit of {pid}")

    async def wait(self) -> int:
        """Return the exit code once the process has ended."""
        return await asyncio.shield(self._ended)

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def _read_exit_code(self) -> int:
        line = await self._reader.readline()
        self._writer.close()
        self.returncode = int(line) if line else -signal.SIGKILL
        return self.returncode


class ForkServer:
    """The client of a server process, one per test worker."""

    def __init__(self) -> None:
        self._path = str(Path(tempfile.mkdtemp(prefix="fork-")) / "socket")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "tests.prefork", self._path],
            cwd=Path(__file__).parents[1], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        atexit.register(self._server.communicate)
        assert self._server.stdout is not None
        assert self._server.stdout.readline() == b"ready\n"

    async def spawn(self, *, folder: Path, environment: Mapping[str, str], log: Path) -> ForkedProcess:
        """Fork a bot that runs in ``folder`` with this environment and appends what it writes to ``log``."""
        reader, writer = await asyncio.open_unix_connection(self._path)
        writer.write(_encode_request("run", folder=folder, environment=environment, log=log))
        return ForkedProcess(int(await reader.readline()), reader, writer)

    def run(self, *arguments: str, folder: Path, environment: Mapping[str, str], log: Path) -> int:
        """Run the command line with these arguments and return its exit code."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_LONGEST_RUN)
            connection.connect(self._path)
            connection.sendall(_encode_request(*arguments, folder=folder, environment=environment, log=log))
            _pid, code = connection.makefile().readlines()
        return int(code)


def _encode_request(*arguments: str, folder: Path, environment: Mapping[str, str], log: Path) -> bytes:
    request = {"arguments": arguments, "cwd": str(folder), "env": dict(environment), "log": str(log)}
    return json.dumps(request).encode() + b"\n"


def _serve(path: str) -> None:
    """Fork a bot per connection and report its exit code, until the standard input closes."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(_BACKLOG)
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    selector.register(listener, selectors.EVENT_READ)
    bots: dict[int, tuple[int, socket.socket]] = {}  # by pidfd, which is readable once the process has ended
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        for key, _ in selector.select():
            if key.fileobj is sys.stdin:
                for pid, _ in bots.values():
                    os.kill(pid, signal.SIGKILL)
                return
            if key.fileobj is listener:
                pidfd, pid, connection = _fork(listener)
                bots[pidfd] = pid, connection
                selector.register(pidfd, selectors.EVENT_READ)
            else:
                selector.unregister(key.fd)
                _report_exit(key.fd, *bots.pop(key.fd))


def _fork(listener: socket.socket) -> tuple[int, int, socket.socket]:
    connection, _ = listener.accept()
    request = json.loads(connection.makefile().readline(_LONGEST_REQUEST))
    pid = os.fork()
    if pid == 0:
        os.closerange(3, _MOST_FILES)
        _run(request)
    connection.sendall(f"{pid}\n".encode())
    return os.pidfd_open(pid), pid, connection


def _report_exit(pidfd: int, pid: int, connection: socket.socket) -> None:
    _, status = os.waitpid(pid, 0)
    os.close(pidfd)
    with suppress(OSError):
        connection.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    connection.close()


def _run(request: dict[str, Any]) -> None:
    """Become the bot. Never returns."""
    from bot.__main__ import main  # noqa: PLC0415  # imported already, in the server

    code = 1
    try:
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["env"])
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (log, 1), (log, 2)):
            os.dup2(source, target)
        code = main(request["arguments"])
    except SystemExit as end:  # argparse
        code = end.code if isinstance(end.code, int) else 1
    except Exception:  # noqa: BLE001  # the interpreter would print it and exit with 1
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _import_bot() -> None:
    """Import what a bot imports, also what it imports only when it needs it."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    _import_bot()
    try:
        _serve(sys.argv[1])
    finally:
        shutil.rmtree(Path(sys.argv[1]).parent)
