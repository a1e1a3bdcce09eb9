"""Files that came with a prediction instead of as addresses: they go to the spool, a short name into the output.

A model's own server sends its files along as data URIs, 100 MB in one body, and again with every answer; or it puts
them here one by one. Either way the file is written once, under a name made of its content, into the folder of its run,
and the output holds ``spooled:<name>``: small enough for a row, and readable after a restart.
"""

import asyncio
import hashlib
import json
import re
import secrets
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from bot.large_json import InvalidJson, load
from bot.limits import (
    EXTRACT_MEMORY,
    EXTRACT_SECONDS,
    FILE_BYTES,
    INLINE_JSON_BYTES,
    PREDICTION_LOG_CHARS,
    PREDICTION_MEMBER_BYTES,
)
from bot.outputs.data_uri import decode_data_uri, is_base64_data_uri
from bot.outputs.errors import DownloadError, FileTooLarge
from bot.outputs.spool import DiskQuota, Spool, SpoolFile, adopt_file, make_folder
from bot.worker_pool import WorkerPool

_SCHEME: Final = "spooled:"
_NAME: Final = re.compile(r"in-[0-9a-f]{24}(?:\.[a-z0-9]{1,8})?")
_SUFFIX: Final = re.compile(r"\.[a-z0-9]{1,8}")
_SUBTYPE: Final = re.compile(r"data:[a-z]+/(?:x-)?([a-z0-9]{1,8})[;,]", re.IGNORECASE)
_SMALL: Final = frozenset({"id", "status", "metrics", "created_at", "started_at", "completed_at"})
_TEXTS: Final = ("logs", "error")
_UNREADABLE: Final = "data:,"  # an empty file: the card says that there was one


def spooled_url(name: str) -> str:
    """Return what stands for a file of this name in an output."""
    return f"{_SCHEME}{name}"


def spooled_name(url: str) -> str | None:
    """Return the name in the folder of its run that ``url`` stands for, None if it is no such file."""
    if not url.startswith(_SCHEME) or not _NAME.fullmatch(url, len(_SCHEME)):
        return None
    return url[len(_SCHEME) :]


class PredictionReader:
    """Read the JSON of predictions of any size, with their files taken out of it."""

    def __init__(self, spool: Spool, workers: WorkerPool) -> None:
        self._spool = spool
        self._workers = workers

    async def read(self, run_id: str, chunks: AsyncIterator[bytes], *, max_bytes: int) -> bytes:
        """Return the JSON object in a body without its files, which are in the run's folder, and without its input.

        A large body waits on disk, not in memory. Raises FileTooLarge beyond ``max_bytes``, InvalidJson for anything
        but an object, OSError and SpoolFull if there is no room, and WorkTooHeavy.
        """
        folder, head = self._spool.folder(run_id), bytearray()
        async for chunk in chunks:
            head += chunk
            if len(head) > INLINE_JSON_BYTES:
                break
        else:
            return await self._adopt(folder, *await asyncio.to_thread(extract_files, bytes(head), folder))
        with self._open(folder) as body:
            await _write(body, bytes(head), max_bytes)
            async for chunk in chunks:
                await _write(body, chunk, max_bytes)
            result = await self._workers.run(
                extract_files, body.part, folder,
                owner=zlib.crc32(run_id.encode()), seconds=EXTRACT_SECONDS, memory=EXTRACT_MEMORY,
            )  # fmt: skip
        return await self._adopt(folder, *result)

    async def save(self, run_id: str, name: str, chunks: AsyncIterator[bytes]) -> str:
        """Write one file of a run to its folder, and return what stands for it in an output.

        ``name`` is what its sender calls it; files of the same name are kept apart. Raises FileTooLarge, OSError and
        SpoolFull.
        """
        folder, digest = self._spool.folder(run_id), hashlib.sha256()
        with self._open(folder) as file:
            await _write(file, b"", FILE_BYTES)
            async for chunk in chunks:
                await _write(file, chunk, FILE_BYTES)
                digest.update(chunk)
            final = _file_name(digest.hexdigest(), Path(name).suffix)
            await asyncio.to_thread(file.commit, folder / final)
        return spooled_url(final)

    def _open(self, folder: Path) -> SpoolFile:
        return SpoolFile(folder / f"body-{secrets.token_hex(8)}", self._spool.quota)

    async def _adopt(self, folder: Path, body: bytes, names: tuple[str, ...]) -> bytes:
        await asyncio.to_thread(_adopt_files, folder, names, self._spool.quota)
        return body


def extract_files(source: bytes | Path, folder: Path) -> tuple[bytes, tuple[str, ...]]:
    """Write the files in a prediction's JSON to ``folder``; return the rest of it, and the names that are new.

    What is returned is small enough for a row and for the event loop. It is made to run in a worker process. Raises
    InvalidJson and OSError.
    """
    body = source if isinstance(source, bytes) else source.read_bytes()
    extractor = _Extractor(folder)
    try:
        members = load(body.decode(json.detect_encoding(body)))
        if not isinstance(members, dict):
            raise InvalidJson("The text is not a JSON object.")
        del body
        kept = {
            name: value
            for name, value in members.items()
            if name in _SMALL and len(_encode(value)) <= PREDICTION_MEMBER_BYTES
        }
        kept["output"] = extractor.shorten(extractor.extract(members.get("output")))
        kept |= {name: text[-PREDICTION_LOG_CHARS:] for name in _TEXTS if isinstance(text := members.get(name), str)}
        return _encode(kept), tuple(extractor.names)
    except (ValueError, RecursionError) as error:
        raise InvalidJson("The text is not a JSON object.") from error


class _Extractor:
    """Walks an output and writes its data URIs to a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.names: list[str] = []

    def extract(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self.extract(item) for item in value]
        if isinstance(value, dict):
            return {name: self.extract(item) for name, item in value.items()}
        return self._write(value) if isinstance(value, str) and is_base64_data_uri(value) else value

    def shorten(self, value: Any) -> Any:
        """Return an output that is too long for the event loop as one file: its text, or else its JSON."""
        encoded = _encode(value)
        if len(encoded) <= INLINE_JSON_BYTES:
            return value
        parts = value if isinstance(value, list) else [value]
        if all(isinstance(part, str) and spooled_name(part) is None for part in parts):
            return self._save("".join(parts).encode("utf-8", "replace"), ".txt")
        return self._save(encoded, ".json")

    def _write(self, uri: str) -> str:
        try:
            data = b"".join(decode_data_uri(uri, max_bytes=FILE_BYTES))
        except DownloadError:
            return _UNREADABLE
        subtype = _SUBTYPE.match(uri)
        return self._save(data, f".{subtype[1]}" if subtype else "")

    def _save(self, data: bytes, suffix: str) -> str:
        name = _file_name(hashlib.sha256(data).hexdigest(), suffix)
        path = self._folder / name
        if not path.exists():
            make_folder(self._folder)
            part = path.with_name(f"{name}-{secrets.token_hex(4)}.part")
            part.write_bytes(data)
            part.replace(path)
            self.names.append(name)
        return spooled_url(name)


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def _adopt_files(folder: Path, names: tuple[str, ...], quota: DiskQuota) -> None:
    for name in names:
        adopt_file(folder / name, quota)


async def _write(file: SpoolFile, chunk: bytes, max_bytes: int) -> None:
    if file.size + len(chunk) > max_bytes:
        raise FileTooLarge
    await asyncio.to_thread(file.write, chunk)


def _file_name(digest: str, suffix: str) -> str:
    suffix = suffix.lower().replace(".jpeg", ".jpg")
    return f"in-{digest[:24]}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
