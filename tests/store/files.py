"""Blocking file access, for tests that are coroutines."""

from pathlib import Path


def list_names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def read_bytes(path: Path) -> bytes:
    return path.read_bytes()


def read_folder(folder: Path) -> bytes:
    """Return the bytes of all files in a folder, one after the other."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def get_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def set_mode(path: Path, mode: int) -> None:
    path.chmod(mode)
