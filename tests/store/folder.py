"""Looking at files, for tests that are coroutines."""

from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def content(path: Path) -> bytes:
    return path.read_bytes()


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


def allow(path: Path, mode: int) -> None:
    path.chmod(mode)
