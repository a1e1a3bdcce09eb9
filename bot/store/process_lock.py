"""Ownership: one bot a database. A second one would follow, edit and pay for every run again."""

import contextlib
import os
import sys
from pathlib import Path

from bot.errors import ConfigError

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 1024, os.SEEK_SET)  # Windows lets nobody read what is locked: leave the number free
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


class ProcessLock:
    """The right to run on a database, held until ``release`` or the end of the process, however it ends.

    It is the operating system's lock on ``<database>.lock``. That file stays: whoever deletes a lock file while
    another waits for it makes two owners.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, database: Path) -> "ProcessLock":
        """Become the owner, or raise the ConfigError that says who is."""
        path = database.with_name(f"{database.name}.lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}. Give the bot's user the right to write to its folder."
            ) from error
        try:
            _lock(descriptor)
        except OSError as error:
            holder = _read(descriptor)
            os.close(descriptor)
            raise ConfigError(
                f"Another bot{holder} runs on {database}. Stop it first, or give this one its own DATABASE_URL."
            ) from error
        with contextlib.suppress(OSError):  # the number only serves the sentence above; a full disk may refuse it
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())
        return cls(descriptor)

    def release(self) -> None:
        """Let the next one have it; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _read(descriptor: int) -> str:
    number = os.read(descriptor, 20)
    return f" (process {number.decode()})" if number.isdigit() else ""
