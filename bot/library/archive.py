"""Archives of results: which pictures go into which part, and the ZIP file of a part.

Writing one blocks: call ``write_archive`` in ``bot.worker_pool``.
"""

import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bot.limits import KIB
from bot.secrets import mask_secrets
from bot.store.models import Run, RunOutput

_INDEX_NAME: Final = "results.json"
_ENTRY_BYTES: Final = 512  # of a ZIP file for each file in it: its two headers, with names of up to 100 characters
EMPTY_ARCHIVE_BYTES: Final = 8 * KIB
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]+")
_STORED: Final = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".mp4", ".webm", ".mov", ".mp3", ".m4a", ".ogg")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedFile:
    """A file of a result on disk, and its name in the archive."""

    name: str
    path: Path
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedResult:
    """A result with those of its files that are at hand; ``missing`` are the names of the others."""

    run: Run
    url: str
    files: tuple[ArchivedFile, ...]
    missing: tuple[str, ...] = ()


def describe_result(result: ArchivedResult) -> Mapping[str, Any]:
    """Return what is known of a result as JSON values: what it was made of, and what became of it. Keys are masked."""
    run = result.run
    return {
        "command": run.command,
        "model": run.target,
        "created_at": run.created_at.isoformat(),
        "state": run.state.value,
        "prompt": run.prompt,
        "seed": run.seed if run.seed is not None else run.input.get("seed"),
        "input": mask_secrets(run.input),
        "message": result.url,
        "files": [file.name for file in result.files],
        "missing": list(result.missing),
    }


def name_in_archive(number: int, run: Run, output: RunOutput) -> str:
    """Return the name of a file: the number of its result first, so that they sort by age."""
    return f"{number:03d}-{_UNSAFE.sub('-', run.command)}/{_UNSAFE.sub('-', output.name)[-80:]}"


def result_size(result: ArchivedResult) -> int:
    """Return the bytes that a result takes in an archive at most."""
    return len(_encode_index([result])) + sum(file.size + _ENTRY_BYTES for file in result.files)


def write_archive(target: Path, results: Sequence[ArchivedResult]) -> int:
    """Write the ZIP file of these results and return its size in bytes. One file at a time is in memory, in pieces."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_INDEX_NAME, _encode_index(results))
        for file in _files_of(results):
            is_packed = file.name.lower().endswith(_STORED)
            archive.write(file.path, file.name, zipfile.ZIP_STORED if is_packed else zipfile.ZIP_DEFLATED)
    return target.stat().st_size


def _encode_index(results: Sequence[ArchivedResult]) -> bytes:
    index = [describe_result(result) for result in results]
    return json.dumps(index, ensure_ascii=False, indent=2, default=str).encode("utf-8", "replace")


def _files_of(results: Sequence[ArchivedResult]) -> Iterator[ArchivedFile]:
    for result in results:
        yield from result.files
