"""A Cog server as an operator starts it: the real one, without Docker or a GPU, with one of the tiny models.

It needs the packages ``cog`` and ``coglet``. The schema of each model stands beside it, in ``.cog/``: Cog's builder
writes it there, and the server does not make it by itself.
"""

import asyncio
import importlib.util
import os
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import aiohttp

from bot.errors import ConfigError
from sandbox.loopback import find_free_port

MODELS: Final = Path(__file__).parent
_HOST: Final = "127.0.0.1"
_START_LIMIT: Final = 30.0
_STOP_LIMIT: Final = 5.0
_POLL_EVERY: Final = 0.05
_INHERITED: Final = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class CogServerDidNotStartError(Exception):
    """The server exited or its model was not ready in time; the text is the end of its log."""


def is_cog_installed() -> bool:
    """Return whether the packages ``cog`` and ``coglet`` can be imported."""
    return all(importlib.util.find_spec(name) is not None for name in ("cog", "coglet"))


class CogServer:
    """One server for one of the tiny models (``pictures`` or ``words``), with its port from ``start`` on.

    ``folder`` takes its log. ``at_once`` is how many predictions it works on at the same time; ``upload_url`` is where
    it puts its files, instead of sending them along.
    """

    def __init__(
        self,
        model: str,
        *,
        folder: Path,
        at_once: int = 1,
        upload_url: str | None = None,
        webhook_token: str | None = None,
    ) -> None:
        self._model = model
        self._at_once = at_once
        self._upload_url = upload_url
        self._webhook_token = webhook_token
        self._process: asyncio.subprocess.Process | None = None
        self.port = 0
        self.log = folder / f"cog-{model}.log"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def url(self) -> str:
        return f"http://{_HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The process id, None when it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self, *, wait: bool = True) -> None:
        """Start the server, on the port that it had if it ran before; ``wait`` until its model is ready."""
        if not is_cog_installed():
            raise ConfigError("This needs a Cog server: run `pip install cog coglet` (Linux or macOS) and try again.")
        self.port = self.port or find_free_port()  # it does not tell which one it chose itself
        upload = ["--upload-url", self._upload_url] if self._upload_url else []
        with self.log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "cog.server.http", "--host", _HOST, *upload,
                cwd=MODELS / self._model, env=self._environment(), start_new_session=True,
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            )  # fmt: skip
        if wait:
            await self.wait_until("READY")

    async def wait_until(self, *statuses: str) -> None:
        """Return once ``/health-check`` tells one of these statuses; raise CogServerDidNotStartError otherwise."""
        async with aiohttp.ClientSession() as session:
            try:
                async with asyncio.timeout(_START_LIMIT):
                    # The server tells by no event that it is ready.
                    while self.running and await self._health(session) not in statuses:  # noqa: ASYNC110  # see above
                        await asyncio.sleep(_POLL_EVERY)
            except TimeoutError:
                await self.kill()
        if not self.running:
            raise CogServerDidNotStartError(self.log.read_text(encoding="utf-8", errors="replace")[-4000:])

    async def stop(self) -> None:
        """Stop the server, and kill what is left of it after some seconds."""
        if self._process is not None and self.running:
            self._process.send_signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), _STOP_LIMIT)
        await self.kill()

    async def kill(self) -> None:
        """Kill the server and its worker at once."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # its worker is a process of its own
        await self._process.wait()

    def kill_worker(self) -> None:
        """Kill the process that runs the model, as the system does when its memory is used up (Linux only)."""
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                os.kill(int(child), signal.SIGKILL)

    async def _health(self, session: aiohttp.ClientSession) -> str:
        with suppress(aiohttp.ClientError, OSError):
            async with session.get(f"{self.url}/health-check") as response:
                return str((await response.json()).get("status"))
        return ""

    def _environment(self) -> Mapping[str, str]:
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        # The worker is `python` of the PATH; without this one's folder first it may be one without coglet.
        path = os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)])
        return inherited | {
            "PATH": path,
            "PORT": str(self.port),
            "COG_PREDICT_TYPE_STUB": "predict.py:Predictor",
            "COG_MAX_CONCURRENCY": str(self._at_once),
            "PYTHONDONTWRITEBYTECODE": "1",
            **({"WEBHOOK_AUTH_TOKEN": self._webhook_token} if self._webhook_token else {}),
        }
