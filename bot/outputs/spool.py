"""The spool: output files on the bot's disk, from their download until their run is delivered.

One folder for each run, which nobody else on the machine can read, and all together within a quota. The files survive
a restart; they are deleted when Discord has them. Everything here blocks: call it in a thread.
"""

import os
import shutil
from itertools import chain
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final, Self

from bot.language import _
from bot.outputs.errors import SpoolFull

PART_SUFFIX: Final = ".part"
_FOLDER_MODE: Final = 0o700
_FILE_MODE: Final = 0o600


class DiskQuota:
    """How many bytes may be on disk, and how many are. Used from several threads."""

    def __init__(self, limit: int) -> None:
        self.used = 0
        self._limit = limit
        self._lock = Lock()

    def claim(self, size: int) -> None:
        """Count bytes that are about to be written; raise SpoolFull if there is no room for them."""
        with self._lock:
            if self.used + size > self._limit:
                raise SpoolFull(_("The bot has no room for this file right now."))
            self.used += size

    def release(self, size: int) -> None:
        """Count bytes that were deleted."""
        with self._lock:
            self.used = max(0, self.used - size)

    def recount(self, used: int) -> None:
        """Correct the count by what is on disk."""
        with self._lock:
            self.used = used


class Spool:
    """The folders of output files, one per run, with ``max_bytes`` in all."""

    def __init__(self, root: Path, *, max_bytes: int) -> None:
        self.quota = DiskQuota(max_bytes)
        self._root = root

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run, which may not exist yet."""
        return self._root / run_id

    def delete(self, run_id: str) -> None:
        """Delete the files of a run, if there are any."""
        delete_folder(self.folder(run_id), self.quota)

    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of the runs that have a folder; other folders have names that begin with a dot."""
        if not self._root.is_dir():
            return ()
        return tuple(entry.name for entry in self._root.iterdir() if entry.is_dir() and not entry.name.startswith("."))

    def inspect(self) -> None:
        """Count what is there, and take others' access away, which earlier versions gave them."""
        if not self._root.is_dir():
            return
        _close_to_others(self._root, _FOLDER_MODE)
        folders = [self.folder(run_id) for run_id in self.run_ids()]
        for path in chain.from_iterable((folder, *folder.rglob("*")) for folder in folders):
            _close_to_others(path, _FOLDER_MODE if path.is_dir() else _FILE_MODE)
        self.quota.recount(sum(map(_size_of, folders)))


class SpoolFile:
    """A file that is written under a temporary name and gets its own only when ``commit`` is called.

    A killed process leaves only the ``.part``, which the next attempt overwrites.
    """

    def __init__(self, path: Path, quota: DiskQuota) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART_SUFFIX)
        self._quota = quota
        self._lock = Lock()  # a cancelled download is closed while its last write is still in progress
        self._number: int | None = None
        self._closed = False
        self._committed = False
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def write(self, data: bytes) -> None:
        """Append the bytes. Raises SpoolFull, and OSError also once the file is closed."""
        with self._lock:
            number = self._open()
            self._quota.claim(len(data))
            self.size += len(data)
            view = memoryview(data)
            while view:
                view = view[os.write(number, view) :]

    @property
    def part(self) -> Path:
        """Where it is until then; everything that was written can be read there."""
        return self._part

    def commit(self, path: Path | None = None) -> None:
        """Give the file its name, or that of another ``path`` beside it, in place of one that has it."""
        with self._lock:
            self._path = path or self._path
            self._open()
            self._close()
            replaced = self._path.stat().st_size if self._path.exists() else 0
            self._part.replace(self._path)
            self._committed = True
        self._quota.release(replaced)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and delete it unless it was committed."""
        with self._lock:
            self._close()
            if self._committed:
                return
            self._part.unlink(missing_ok=True)
            size, self.size = self.size, 0
        self._quota.release(size)

    def _open(self) -> int:
        """Return the number of the open file; the first call creates it."""
        if self._closed:
            raise OSError("The file is closed.")
        if self._number is None:
            make_folder(self._part.parent)
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
            self._number = os.open(self._part, flags, _FILE_MODE)
        return self._number

    def _close(self) -> None:
        self._closed = True
        if self._number is not None:
            number, self._number = self._number, None
            os.close(number)


def write_file(path: Path, data: bytes, quota: DiskQuota) -> None:
    """Write a file so that it is either complete or does not exist. Raises OSError and SpoolFull."""
    with SpoolFile(path, quota) as file:
        file.write(data)
        file.commit()


def adopt_file(path: Path, quota: DiskQuota) -> None:
    """Count a file that another process wrote, for nobody else to read; SpoolFull deletes it."""
    _close_to_others(path, _FILE_MODE)
    size = path.stat().st_size
    try:
        quota.claim(size)
    except SpoolFull:
        path.unlink(missing_ok=True)
        raise


def delete_folder(folder: Path, quota: DiskQuota) -> None:
    """Delete the folder of a run, if there is one."""
    size = _size_of(folder)
    shutil.rmtree(folder, ignore_errors=True)
    quota.release(size - _size_of(folder))


def make_folder(path: Path) -> None:
    """Make a folder and its parents, for nobody else."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=_FOLDER_MODE, exist_ok=True)


def _close_to_others(path: Path, mode: int) -> None:
    try:
        if path.stat(follow_symlinks=False).st_mode & 0o077 and not path.is_symlink():
            path.chmod(mode)
    except OSError:  # deleted meanwhile, or somebody else's
        return


def _size_of(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        try:
            total += 0 if path.is_dir() else path.stat(follow_symlinks=False).st_size
        except OSError:  # deleted meanwhile
            continue
    return total
