"""Turn the raw output of a run into items that can be shown; each file is downloaded once."""

import asyncio
import hashlib
import re
import shutil
import unicodedata
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final, overload

from bot.formatting import format_size
from bot.limits import DATA_KEPT, MIB
from bot.media import types as sniff
from bot.media.types import MediaKind, MediaType
from bot.outputs.download import DownloadedFile, Downloader, inspect_file, source_name, write_atomically
from bot.outputs.errors import AddressNotAllowed, DownloadError, FileGone
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.json_format import format_json
from bot.outputs.parse import RawData, RawFile, RawOutput, RawText
from bot.worker_pool import WorkTooHeavy

_CODE_BLOCK_CHARS: Final = 1000  # JSON up to here is shown as a code block; longer JSON becomes a file
_CODE_BLOCK_LINES: Final = 30
_URL_CHARS: Final = 1500  # a longer URL would leave no room for text in a message
_SHRINKABLE_BYTES: Final = 64 * MIB  # larger images are not loaded into memory
_STEM_CHARS: Final = 40
_HEADING_CHARS: Final = 80

_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")
_MARKUP: Final = str.maketrans(dict.fromkeys("*_~`|<>[]()#\\\r\n", " "))
# The bytes of these types do not say what the file is for, but its source name may ("captions.srt", "weights.npy").
_GENERIC_TYPES: Final = frozenset({sniff.TEXT, sniff.UNKNOWN, sniff.JSON, sniff.ZIP})
# Suffixes of types that are recognized by their bytes: bytes of a generic type are certainly none of these.
_SNIFFED_SUFFIXES: Final = frozenset(kind.suffix for kind in vars(sniff).values() if isinstance(kind, MediaType)) | {
    ".jpeg"
}

_DISK_ERROR: Final = "The bot couldn't save the file to its disk. Ask the bot's owner to check it."


Shrink = Callable[[Path, Path, int], Awaitable[bool]]
"""Write an image that fits so many bytes to the second path; return whether it could. WorkTooHeavy may be raised."""


@dataclass(frozen=True, slots=True)
class Concurrency:
    """Limits over all runs.

    ``downloads``: each holds one chunk of bytes.
    """

    downloads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(16))


class Spool:
    """The folders of downloaded files, one per run. All methods block: call them in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run, which may not exist yet."""
        return self._root / run_id

    def delete(self, run_id: str) -> None:
        """Delete the files of a run, if there are any."""
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of the runs that have a folder."""
        if not self._root.is_dir():
            return ()
        return tuple(entry.name for entry in self._root.iterdir() if entry.is_dir())


class Materializer:
    """Turn the raw output of one run into items. It raises nothing: what fails becomes a LinkItem.

    An output is not downloaded twice, whether requested concurrently, later, or after a restart: the file is in
    ``folder`` under a name derived from its index and URL, and only complete files have such names. ``stem`` begins the
    names that people see. ``limit`` is the largest upload in bytes. Replicate deletes outputs an hour after
    ``created_at``, the time when the run was created. ``shrink`` makes images smaller.
    """

    def __init__(
        self,
        downloader: Downloader,
        *,
        folder: Path,
        stem: str,
        limit: int,
        created_at: datetime,
        concurrency: Concurrency,
        shrink: Shrink,
    ) -> None:
        self._downloader = downloader
        self._folder = folder
        self._stem = stem
        self._limit = limit
        self._expires_at = created_at + DATA_KEPT
        self._concurrency = concurrency
        self._shrink_file = shrink
        self._items: dict[str, FileItem | LinkItem] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @overload
    async def materialize(self, raw: RawText) -> TextItem: ...
    @overload
    async def materialize(self, raw: RawFile) -> FileItem | LinkItem: ...
    @overload
    async def materialize(self, raw: RawOutput) -> OutputItem: ...
    async def materialize(self, raw: RawOutput) -> OutputItem:
        """Return the item that shows this raw output."""
        if isinstance(raw, RawText):
            return TextItem(_add_heading(raw))
        text = "" if isinstance(raw, RawFile) else await asyncio.to_thread(format_json, raw.data)
        if text and len(text) <= _CODE_BLOCK_CHARS and text.count("\n") < _CODE_BLOCK_LINES:
            return TextItem(text, language="json")
        key = _spool_name(raw.index, raw.url if isinstance(raw, RawFile) else text)
        async with self._locks[key]:
            if key not in self._items:
                if isinstance(raw, RawFile):
                    self._items[key] = await self._materialize_file(raw, self._folder / key)
                else:
                    self._items[key] = await self._materialize_data(raw, text, self._folder / key)
            return self._items[key]

    async def _materialize_data(self, raw: RawData, text: str, path: Path) -> FileItem | LinkItem:
        name = file_name(self._stem, raw.index, raw.label, sniff.JSON)
        data = text.encode()
        if len(data) > self._limit:
            return LinkItem(label=name, url="", reason=self._too_large(len(data)))
        try:
            await asyncio.to_thread(write_atomically, path, data)
        except OSError:
            return LinkItem(label=name, url="", reason=_DISK_ERROR)
        return FileItem(name=name, source=path, type=sniff.JSON, size=len(data))

    async def _materialize_file(self, raw: RawFile, path: Path) -> FileItem | LinkItem:
        try:
            file = await self._load(raw.url, path)
            if file.size == 0:
                return self._link(raw, "The model returned an empty file.")
            fitting = file if file.size <= self._limit else await self._shrink(file)
        except DownloadError as error:
            return self._link(raw, str(error), expires=not isinstance(error, (FileGone, AddressNotAllowed)))
        except OSError:
            return self._link(raw, _DISK_ERROR)
        if fitting is None:
            return self._link(raw, self._too_large(file.size))
        name = file_name(self._stem, raw.index, raw.label, fitting.type, fitting.source_name)
        note = None if fitting is file else f"reduced to fit here (was {format_size(file.size)})"
        url = _shown_url(raw)
        return FileItem(
            name=name,
            source=fitting.path,
            type=fitting.type,
            size=fitting.size,
            note=note,
            url=url,
            expires_at=self._expires_at if url else None,
        )

    async def _load(self, url: str, path: Path) -> DownloadedFile:
        """Return the file from disk, or download it."""
        try:
            return await asyncio.to_thread(inspect_file, path, source_name(url))
        except FileNotFoundError:
            async with self._concurrency.downloads:
                return await self._downloader.download(url, path)

    async def _shrink(self, file: DownloadedFile) -> DownloadedFile | None:
        """Return the image re-encoded to fit the limit, now or before a restart; None if it cannot be."""
        if file.type.kind is not MediaKind.IMAGE or file.size > _SHRINKABLE_BYTES:
            return None
        path = file.path.with_name(f"{file.path.name}-{self._limit}")
        try:
            if not await asyncio.to_thread(path.exists) and not await self._shrink_file(file.path, path, self._limit):
                return None
        except WorkTooHeavy:
            return None
        return await asyncio.to_thread(inspect_file, path, file.source_name)

    def _link(self, raw: RawFile, reason: str, *, expires: bool = True) -> LinkItem:
        url = _shown_url(raw)
        return LinkItem(
            label=file_name(self._stem, raw.index, raw.label, None, source_name(raw.url)),
            url=url,
            reason=reason,
            expires_at=self._expires_at if expires and url else None,
        )

    def _too_large(self, size: int) -> str:
        return f"Too large to upload here: {format_size(size)} (limit {format_size(self._limit)})"


def file_name(stem: str, index: int, label: str | None, kind: MediaType | None, source: str | None = None) -> str:
    """Return the name of output ``index`` (from 0): "generate-01.webp", "generate-02-mask.png".

    Letters are ASCII, because Discord drops others from file names and the reply could no longer recognize its file.
    The suffix is that of the type. Generic types keep the suffix of ``source``; so do files that were not downloaded,
    whose ``kind`` is None.
    """
    suffix = PurePosixPath(source).suffix.lower() if source else ""
    if not _SUFFIX.fullmatch(suffix):
        suffix = ""
    if kind is not None and (kind not in _GENERIC_TYPES or not suffix or suffix in _SNIFFED_SUFFIXES):
        suffix = kind.suffix
    parts = [_slug(stem) or "output", f"{index + 1:02d}", _slug(label or "")]
    return "-".join(part for part in parts if part) + suffix


def _shown_url(raw: RawFile) -> str:
    """Return the URL of a file as people may see it; "" for an inline file."""
    return raw.url if raw.url.startswith(("https://", "http://")) and len(raw.url) <= _URL_CHARS else ""


def _slug(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_ALPHANUMERIC.sub("-", ascii_only.lower())[:_STEM_CHARS].strip("-")


def _spool_name(index: int, content: str) -> str:
    return f"{index:03d}-{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _add_heading(raw: RawText) -> str:
    """Return the text, under its label if it has one."""
    heading = " ".join((raw.label or "").translate(_MARKUP).split())[:_HEADING_CHARS]
    return f"**{heading}**\n{raw.text}" if heading else raw.text
