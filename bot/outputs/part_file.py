"""PartFile: a file that appears under its name only when it is whole."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

PART_SUFFIX: Final = ".part"


class PartFile:
    """Bytes on their way to ``path``: kept beside it as ``.part`` until ``finish``, and thrown away without it.

    A process that is killed leaves only the ``.part``, which the next attempt overwrites.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(path.name + PART_SUFFIX)
        self._file: BinaryIO
        self.size = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._part.open("wb")
        return self

    def write(self, data: bytes) -> None:
        """Add some bytes."""
        self._file.write(data)
        self.size += len(data)

    def finish(self) -> None:
        """Give the file its name."""
        self._file.close()
        self._part.replace(self._path)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._part.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write a file in one go, so that it is either whole or not there."""
    with PartFile(path) as part:
        part.write(data)
        part.finish()
