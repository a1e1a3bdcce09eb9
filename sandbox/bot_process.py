"""The real bot as a separate process, started as an operator would start it."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Protocol

# What Python needs to start; all other variables could be settings of a real bot.
_INHERITED_VARIABLES = ("PATH", "PYTHONPATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR", "VIRTUAL_ENV")


class Process(Protocol):
    """The part of ``asyncio.subprocess.Process`` that is used here."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...
    def send_signal(self, signal: int, /) -> None: ...
    def kill(self) -> None: ...


class Spawn(Protocol):
    """Starts a bot in ``folder`` with this environment; its output is appended to ``log``."""

    def __call__(self, *, folder: Path, environment: Mapping[str, str], log: Path) -> Awaitable[Process]: ...


async def spawn_python(*, folder: Path, environment: Mapping[str, str], log: Path) -> Process:
    """Start ``python -m bot run`` as an operator would."""
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run",
            cwd=folder, env=environment, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip


class BotProcess:
    """Starts, stops and kills the bot; ``log`` collects its output across restarts."""

    def __init__(self, *, settings: Mapping[str, str], folder: Path, spawn: Spawn = spawn_python) -> None:
        self._environment = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ} | dict(
            settings
        )
        self._folder = folder
        self._spawn = spawn
        self._process: Process | None = None
        self.log = folder / "bot.log"

    @property
    def pid(self) -> int | None:
        """The process id, or None when it is not running."""
        return self._process.pid if self.running and self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start the bot unless it is already running."""
        if self.running:
            return
        environment = self._environment | {"PYTHONPATH": _import_path()}
        self._process = await self._spawn(folder=self._folder, environment=environment, log=self.log)

    async def stop(self, grace: float = 12.0) -> int:
        """Send SIGTERM and return the exit code; kill the bot after ``grace`` seconds."""
        if self._process is None:
            return 0
        if self.running:
            self._process.send_signal(signal.SIGTERM)
            try:
                return await asyncio.wait_for(self._process.wait(), grace)
            except TimeoutError:
                self._process.kill()
        return await self._process.wait()

    async def kill(self) -> None:
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.wait()

    async def wait(self) -> int:
        """Wait until the bot has exited and return its exit code."""
        return await self._process.wait() if self._process else 0


def _import_path() -> str:
    """Return a PYTHONPATH that starts with the folder of this package, so that the same code runs."""
    root = str(Path(__file__).resolve().parents[1])
    inherited = os.environ.get("PYTHONPATH")
    return f"{root}{os.pathsep}{inherited}" if inherited else root
