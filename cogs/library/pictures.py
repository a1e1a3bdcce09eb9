"""Read delivered files back from Discord."""

import asyncio
import tempfile
from pathlib import Path

from bot.client import Replicord
from bot.discord_internals import download_from_cdn
from bot.limits import DOWNLOAD_SECONDS
from bot.store.models import Run, RunOutput
from cogs.result_files import ResultFiles


class PictureLoader:
    """Reads files of results, by way of a file in ``folder``."""

    def __init__(self, client: Replicord, *, files: ResultFiles, folder: Path) -> None:
        self._client = client
        self._files = files
        self._root = folder

    async def load(self, run: Run, output: RunOutput) -> bytes:
        """Return the bytes of a delivered file; Refused if it is gone or out of reach, or an error of the request."""
        found = await self._files.fetch(run, output)
        folder = await asyncio.to_thread(self._make_folder)
        with folder:
            path = Path(folder.name) / "file"
            await download_from_cdn(self._client, found.url, path, limit=output.size, seconds=DOWNLOAD_SECONDS)
            return await asyncio.to_thread(path.read_bytes)

    def _make_folder(self) -> "tempfile.TemporaryDirectory[str]":
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=self._root)
