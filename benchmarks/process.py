"""Process: the program under test, started as anybody would start it, with what the kernel counts for it."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
_TICK = os.sysconf("SC_CLK_TCK")
_PATIENCE = 15.0


class Process:
    """A Python module in a process of its own. Linux: it is measured through ``/proc``."""

    def __init__(self, module: tuple[str, ...], *, settings: Mapping[str, str], folder: Path) -> None:
        self._module = module
        self._folder = folder
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._environment = kept | dict(settings) | {"PYTHONPATH": str(_ROOT)}
        self._process: asyncio.subprocess.Process | None = None
        self.log = folder / "subject.log"

    async def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *self._module,
                cwd=self._folder, env=self._environment, stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """Its process id."""
        if self._process is None:
            raise RuntimeError("It was not started.")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it is alive."""
        return self._process is not None and self._process.returncode is None

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used, in all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK

    def memory(self, *, peak: bool = False) -> int:
        """Return the bytes that it has in memory, or had at most."""
        wanted = "VmHWM:" if peak else "VmRSS:"
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith(wanted):
                return int(line.split()[1]) * 1024
        return 0

    async def stop(self) -> None:
        """Ask it to stop, and end it when it takes too long."""
        if self._process is None or not self.running:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._process.wait(), _PATIENCE)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it in the middle of whatever it does."""
        if self._process is not None and self.running:
            self._process.kill()
            await self._process.wait()

    def last_words(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:] if self.log.exists() else ""
