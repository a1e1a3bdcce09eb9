"""The files that were given to refused runs: on this machine's disk for some minutes.

Discord's addresses of attachments expire, and a form cannot be prefilled with files. A file is one person's, as its
folder is; what does not fit is not kept, and has to be attached again.
"""

import asyncio
import os
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from bot.aio import cancel_and_wait
from bot.client import Replicord
from bot.clock import Clock
from bot.discord_internals import download_from_cdn
from bot.errors import UserError
from bot.limits import (
    DEFAULT_FILE_BYTES,
    DOWNLOAD_SECONDS,
    REFUSED_FILE_BYTES,
    REFUSED_FILE_BYTES_PER_PERSON,
    REFUSED_RUN_KEPT,
)
from bot.options.files import LocatedFile, RemoteFile
from bot.ui.requests import REQUEST_ERRORS

_PART: Final = ".part"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a refused run, for the input reader; ``number`` counts those of the run. It has no address."""

    filename: str
    size: int
    refused_id: str
    number: int
    path: Path = field(repr=False)
    wait: Callable[[], Awaitable[None]] = field(repr=False, compare=False)
    url: str = ""

    async def copy(self, path: Path) -> int:
        """Copy the file, once it is there, and return its size; raise OSError if it is gone."""
        await self.wait()
        await asyncio.to_thread(shutil.copyfile, self.path, path)
        return (await asyncio.to_thread(path.stat)).st_size


class KeptFiles:
    """The folder of kept files: one folder a person in it, in that one a refused run.

    ``keep`` downloads in the background, so that a refusal does not wait for files.
    """

    def __init__(self, root: Path, *, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._downloads: dict[Path, asyncio.Task[None]] = {}  # by the folder of the refused run
        self._arriving: Counter[Path] = Counter()  # bytes that are being downloaded, by the person's folder
        self._making_room = asyncio.Lock()  # so that two downloads never take the same room

    async def close(self) -> None:
        """End the downloads; what has arrived stays for the next process."""
        await cancel_and_wait(list(self._downloads.values()))

    async def delete_old(self) -> None:
        """Delete the files of all runs that were refused too long ago."""
        await asyncio.to_thread(self._delete_old)

    def keep(self, client: Replicord, person_id: int, refused_id: str, files: Mapping[int, RemoteFile]) -> None:
        """Begin to download files, by their numbers."""
        folder = self._root / str(person_id) / refused_id
        before = self._downloads.get(folder)
        task = asyncio.create_task(
            self._download_all(client, folder, files, before), name=f"files of refused run {refused_id}"
        )
        self._downloads[folder] = task
        task.add_done_callback(lambda done: self._forget(folder, done))

    async def find(self, person_id: int, refused_id: str, *, name: str, number: int, size: int) -> KeptFile | None:
        """Return a file that is kept, or arrives still; None if it is gone, or on another machine."""
        folder = self._root / str(person_id) / refused_id
        path = folder / str(number)
        if folder not in self._downloads and not await asyncio.to_thread(path.is_file):
            return None
        return KeptFile(name, size, refused_id, number, path, lambda: self._wait(folder))

    async def delete(self, person_id: int, refused_id: str | None = None) -> None:
        """Delete the files of a refused run, or of all of a person's."""
        person = self._root / str(person_id)
        folder = person if refused_id is None else person / refused_id
        await cancel_and_wait([task for one, task in self._downloads.items() if folder in (one, one.parent)])
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _wait(self, folder: Path) -> None:
        while (task := self._downloads.get(folder)) is not None:
            await asyncio.wait({task})

    def _forget(self, folder: Path, task: asyncio.Task[None]) -> None:
        if self._downloads.get(folder) is task:
            del self._downloads[folder]
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("files_not_kept", refused=folder.name, exc_info=error)

    async def _download_all(
        self, client: Replicord, folder: Path, files: Mapping[int, RemoteFile], before: asyncio.Task[None] | None
    ) -> None:
        if before is not None:
            await asyncio.wait({before})
        with suppress(FileNotFoundError):
            await asyncio.to_thread(os.utime, folder)  # those of before stay as long as the new ones
        for number, file in files.items():
            size = file.size or DEFAULT_FILE_BYTES  # of a picture in a message it is not known
            try:
                if not await self._reserve(folder, size):
                    log.info("file_not_kept", refused=folder.name, size=file.size)
                    continue
                try:
                    await self._download(client, file, folder / str(number), limit=size)
                finally:
                    self._arriving[folder.parent] -= size
                    self._arriving = +self._arriving  # without those of whom nothing arrives
            except (*REQUEST_ERRORS, UserError) as error:
                log.info("file_not_kept", refused=folder.name, error=str(error))

    async def _download(self, client: Replicord, file: RemoteFile, path: Path, *, limit: int) -> None:
        part = path.with_name(path.name + _PART)
        await asyncio.to_thread(path.unlink, missing_ok=True)  # one of this number that could not be used
        try:
            if isinstance(file, KeptFile):
                size = await file.copy(part)
            else:
                url = await file.find_url() if isinstance(file, LocatedFile) else file.url
                size = await download_from_cdn(client, url, part, limit=limit, seconds=DOWNLOAD_SECONDS)
            if size <= limit:
                await asyncio.to_thread(part.rename, path)
        finally:
            await asyncio.to_thread(part.unlink, missing_ok=True)

    async def _reserve(self, folder: Path, size: int) -> bool:
        """Make room for a file and count it as arriving; return whether there is any."""
        async with self._making_room:
            fits = await asyncio.to_thread(self._make_room, folder, size)
            if fits:
                self._arriving[folder.parent] += size
            return fits

    def _make_room(self, folder: Path, size: int) -> bool:
        """Make the folder, and room for a file in it at the cost of the person's older ones; False if there is none."""
        person = folder.parent
        self._root.parent.mkdir(parents=True, exist_ok=True)
        for one in (self._root, person, folder):
            one.mkdir(mode=0o700, exist_ok=True)
        older = sorted((one for one in _folders(person) if one != folder), key=_modified)
        wanted = self._arriving[person] + size
        while older and _size(person) + wanted > REFUSED_FILE_BYTES_PER_PERSON:
            shutil.rmtree(older.pop(0), ignore_errors=True)
        fits = _size(person) + wanted <= REFUSED_FILE_BYTES_PER_PERSON
        return fits and _size(self._root) + self._arriving.total() + size <= REFUSED_FILE_BYTES

    def _delete_old(self) -> None:
        oldest = self._clock.now().timestamp() - REFUSED_RUN_KEPT.total_seconds()
        for person in _folders(self._root):
            for folder in _folders(person):
                with suppress(OSError):  # another process was faster
                    if folder.stat().st_mtime <= oldest:
                        shutil.rmtree(folder, ignore_errors=True)
            with suppress(OSError):  # it still has one
                person.rmdir()


def _folders(root: Path) -> Iterator[Path]:
    with suppress(FileNotFoundError):
        yield from [entry for entry in root.iterdir() if entry.is_dir()]


def _modified(folder: Path) -> float:
    """Return when a folder was last used; 0 if it is gone meanwhile."""
    with suppress(OSError):
        return folder.stat().st_mtime
    return 0.0


def _size(folder: Path) -> int:
    """Return the bytes of the files below a folder; one that goes meanwhile has none."""
    total = 0
    for path in folder.rglob("*"):
        with suppress(OSError):
            total += path.stat().st_size if path.is_file() else 0
    return total
