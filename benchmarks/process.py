"""The process of a candidate, with the CPU and memory that the kernel counts for it."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.fixtures import SHARDS

_OWNERS = (
    "SELECT pid, name FROM leases JOIN processes ON processes.id = leases.owner WHERE name LIKE 'shard:%' "
    "AND leases.expires_at > extract(epoch from clock_timestamp()) * 1000000"
)
_ROOT = Path(__file__).resolve().parents[1]
_INHERITED_VARIABLES = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
_TICK = os.sysconf("SC_CLK_TCK")
_STOP_LIMIT = 15.0


class Process:
    """A Python module in a separate process, measured through ``/proc`` (Linux)."""

    def __init__(self, module: tuple[str, ...], *, settings: Mapping[str, str], folder: Path) -> None:
        self._module = module
        self._folder = folder
        inherited = {name: os.environ[name] for name in _INHERITED_VARIABLES if name in os.environ}
        self._environment = inherited | dict(settings) | {"PYTHONPATH": str(_ROOT)}
        self._process: asyncio.subprocess.Process | None = None
        self.log = folder / "candidate.log"

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._module,
                cwd=self._folder, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("The process was not started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def cpu(self) -> float:
        """Return the CPU seconds used by all threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def memory(self, *, peak: bool = False) -> int:
        """Return the resident memory in bytes, or its peak."""
        field = "VmHWM:" if peak else "VmRSS:"
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(field):
                return int(line.split()[1]) * 1024
        return 0

    async def stop(self) -> None:
        """Send SIGTERM; kill the process if it takes too long."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_LIMIT)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.wait()

    def is_settled(self, sessions: Sequence[object]) -> bool:
        """Return whether the bot is connected by these sessions."""
        return bool(sessions)

    def log_tail(self) -> str:
        """Return the end of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:] if self.log.exists() else ""


class ProcessGroup:
    """Processes that share a database and divide the shards; the figures are those of all together."""

    def __init__(self, members: Sequence[Process], *, database_url: str) -> None:
        self.members = members
        self._database_url = database_url

    @property
    def running(self) -> bool:
        return any(member.running for member in self.members)

    async def start(self) -> None:
        for member in self.members:
            await member.start()

    def cpu(self) -> float:
        """Return the CPU seconds used by all threads."""
        return sum(member.cpu() for member in self.members if member.running)

    def memory(self, *, peak: bool = False) -> int:
        """Return the resident memory in bytes, or the sum of the peaks."""
        return sum(member.memory(peak=peak) for member in self.members if member.running)

    def shards(self) -> dict[int, set[int]]:
        """Return the shards by the id of the process that holds them."""
        import psycopg  # noqa: PLC0415  # an extra

        found: dict[int, set[int]] = {}
        with psycopg.connect(self._database_url) as database:
            for pid, name in database.execute(_OWNERS):
                found.setdefault(pid, set()).add(int(name.split(":")[1].split("/")[0]))
        return found

    def is_settled(self, sessions: Sequence[object]) -> bool:
        """Return whether every live process has its part of the shards, and each shard a session."""
        live = sum(member.running for member in self.members)
        parts = [len(part) for part in self.shards().values()] if len(sessions) >= SHARDS else []
        return len(parts) == live and sum(parts) == SHARDS and max(parts) <= -(-SHARDS // live)

    async def stop(self) -> None:
        """Stop every process."""
        await asyncio.gather(*(member.stop() for member in self.members))

    async def kill(self) -> None:
        await asyncio.gather(*(member.kill() for member in self.members))

    def log_tail(self) -> str:
        """Return the end of each log."""
        return "\n".join(member.log_tail() for member in self.members)


AnyProcess = Process | ProcessGroup
