"""Allow one bot per database: a second one would track, edit and pay for every run again."""

import contextlib
import os
from pathlib import Path

from filelock import FileLock, Timeout

from bot.errors import ConfigError


class ProcessLock:
    """The operating system's lock on ``<database>.lock``, held until ``release`` or the end of the process.

    ``<database>.pid`` names the holder. It is a file of its own because a process that tries to lock a file truncates
    it, and Windows lets nobody read a locked one.
    """

    def __init__(self, lock: FileLock, pid_file: Path) -> None:
        self._lock = lock
        self._pid_file = pid_file

    @classmethod
    def acquire(cls, database: Path) -> "ProcessLock":
        """Lock the database, or raise a ConfigError that names the process that holds it."""
        path = database.with_name(f"{database.name}.lock")
        pid_file = database.with_name(f"{database.name}.pid")
        # Not thread-local: it is acquired in a worker thread and released in the event loop's.
        lock = FileLock(path, blocking=False, mode=0o600, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise ConfigError(
                f"Another bot{_read_holder(pid_file)} is using {database}. "
                "Stop it first, or set DATABASE_URL to another file."
            ) from error
        except OSError as error:
            raise ConfigError(
                f"{path} cannot be written: {error.strerror}. Give the bot's user write access to its folder."
            ) from error
        with contextlib.suppress(OSError):  # the number only serves the sentence above; the disk may be full
            _write_holder(pid_file)
        return cls(lock, pid_file)

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._lock.is_locked:
            with contextlib.suppress(OSError):
                self._pid_file.unlink(missing_ok=True)
            self._lock.release()


def _write_holder(pid_file: Path) -> None:
    pid_file.touch(mode=0o600)
    pid_file.write_bytes(str(os.getpid()).encode())


def _read_holder(pid_file: Path) -> str:
    try:
        number = pid_file.read_bytes()
    except OSError:
        return ""
    return f" (process {number.decode()})" if number.isdigit() else ""
