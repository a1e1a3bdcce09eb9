"""Turn the raw output of a run into items that can be shown; each file is downloaded once."""

import asyncio
import hashlib
import io
import re
import unicodedata
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar, TypeVarTuple, overload

import structlog

from bot.formatting import format_size
from bot.language import _, retranslate
from bot.large_json import InvalidJson, contains_large, encode, read_object
from bot.limits import DATA_KEPT, INLINE_JSON_BYTES, LAYOUT_SECONDS, MIB
from bot.media import types as sniff
from bot.media.file_names import may_run, safe_suffix
from bot.media.types import MediaKind, MediaType
from bot.outputs.download import DownloadedFile, Downloader, inspect_file, source_name
from bot.outputs.errors import AddressNotAllowed, DiskError, DownloadError, FileGone, SpoolFull
from bot.outputs.items import FileItem, LinkItem, OutputItem, RemainderItem, TextItem
from bot.outputs.json_format import encode_json_file
from bot.outputs.parse import RawData, RawFile, RawOutput, RawText
from bot.outputs.spool import DiskQuota, adopt_file, delete_folder, write_file
from bot.outputs.spooled import spooled_name
from bot.worker_pool import WorkerPool, WorkTooHeavy

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

log = structlog.get_logger(__name__)

_CODE_BLOCK_CHARS: Final = 1000  # JSON up to here is shown as a code block; longer JSON becomes a file
_CODE_BLOCK_LINES: Final = 30
_URL_CHARS: Final = 1500  # a longer URL would leave no room for text in a message
_SHRINKABLE_BYTES: Final = 64 * MIB  # larger images are not loaded into memory
_STEM_CHARS: Final = 40
_HEADING_CHARS: Final = 80

_NOT_ALPHANUMERIC: Final = re.compile(r"[^a-z0-9]+")
_ENDING: Final = re.compile(r"[A-Za-z0-9]{1,8}")
_MARKUP: Final = str.maketrans(dict.fromkeys("*_~`|<>[]()#\\\r\n", " "))
# The bytes of these types do not say what the file is for, but its source name may ("captions.srt", "weights.npy").
_GENERIC_TYPES: Final = frozenset({sniff.TEXT, sniff.UNKNOWN, sniff.JSON, sniff.ZIP})
# Suffixes of types that are recognized by their bytes: bytes of a generic type are certainly none of these.
_SNIFFED_SUFFIXES: Final = frozenset(kind.suffix for kind in vars(sniff).values() if isinstance(kind, MediaType)) | {
    ".jpeg"
}

_REMAINDER_LABEL: Final = "rest-of-text"  # of the file that takes the end of a text which is too long for messages

_OUTPUT_NAME: Final = "output.json"
_OUTPUT: Final = "output"

_NOT_LINKED: Final = _("Files of this kind can run programs, so it isn't linked here.")


Shrink = Callable[[Path, Path, int], Awaitable[bool]]
"""Write an image that fits so many bytes to the second path; return whether it could. WorkTooHeavy may be raised."""


class Materializer:
    """Turn the raw output of one run into items. It raises nothing: what fails becomes a LinkItem.

    An output is not downloaded twice, whether requested concurrently, later, or after a restart: the file is in
    ``folder`` under a name derived from its index and URL, and only complete files have such names. ``stem`` begins the
    names that people see. ``limit`` is the largest upload in bytes. Replicate deletes outputs an hour after
    ``created_at``, the time when the run was created. ``downloads`` bounds the downloads of all runs. ``shrink`` makes
    images smaller. Large JSON is laid out in ``workers``, without them in a thread.
    """

    def __init__(
        self,
        downloader: Downloader,
        *,
        folder: Path,
        stem: str,
        limit: int,
        created_at: datetime,
        downloads: asyncio.Semaphore,
        shrink: Shrink,
        quota: DiskQuota,
        workers: WorkerPool | None = None,
    ) -> None:
        self._downloader = downloader
        self._folder = folder
        self._quota = quota
        self._workers = workers
        self._owner = zlib.crc32(folder.name.encode())  # each run takes its own turn
        self._stem = stem
        self._limit = limit
        self._expires_at = created_at + DATA_KEPT
        self._downloads = downloads
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
        data = b"" if isinstance(raw, RawFile) else await self._lay_out(raw.data)
        if data and len(data) <= _CODE_BLOCK_CHARS and data.count(b"\n") < _CODE_BLOCK_LINES:
            return TextItem(data.decode(), language="json")
        key = await asyncio.to_thread(_spool_name, raw.index, raw.url if isinstance(raw, RawFile) else data)
        async with self._locks[key]:
            known = self._items.get(key)
            if known is None or (isinstance(known, LinkItem) and known.passing):
                if isinstance(raw, RawFile):
                    self._items[key] = await self._materialize_file(raw, self._folder / key)
                else:
                    self._items[key] = await self._materialize_data(raw, data, self._folder / key)
            return self._items[key]

    async def save_output(self, output: Any) -> None:
        """Keep an output that does not fit into the run's row, until ``discard``; log it if that fails."""
        try:
            await asyncio.to_thread(_save_output, self._folder / _OUTPUT_NAME, output, self._quota)
        except (OSError, DownloadError) as error:  # it is shown from memory; only a restart would miss it
            log.warning("output_not_saved", error=type(error).__name__)

    async def load_output(self, output: Any) -> Any:
        """Return the output that was saved, or else ``output``, which the row holds."""
        try:
            data = await asyncio.to_thread((self._folder / _OUTPUT_NAME).read_bytes)
            if len(data) <= INLINE_JSON_BYTES:
                return read_object(data, (_OUTPUT,))[_OUTPUT]
            return (await self._compute(read_object, data, (_OUTPUT,), ()))[_OUTPUT]
        except FileNotFoundError:
            return output
        except (OSError, InvalidJson, KeyError, WorkTooHeavy) as error:
            log.warning("output_not_loaded", error=type(error).__name__)
            return output

    async def discard(self) -> None:
        """Delete the files of the run: Discord has them."""
        await asyncio.to_thread(delete_folder, self._folder, self._quota)

    async def _lay_out(self, data: Any) -> bytes:
        """Return the data as the text of a JSON file."""
        if not contains_large(data):
            return await asyncio.to_thread(encode_json_file, data)
        try:
            return await self._compute(encode_json_file, data)
        except WorkTooHeavy:  # then it is shown as the model wrote it
            return await asyncio.to_thread(_join_json, data)

    async def _materialize_data(self, raw: RawData, data: bytes, path: Path) -> FileItem | LinkItem:
        name, kind, size = file_name(self._stem, raw.index, raw.label, sniff.JSON), sniff.JSON, len(data)
        note = None
        if size > self._limit:
            data = await self._pack(data, name)
            if len(data) > self._limit:
                return LinkItem(label=name, url="", reason=self._too_large(size))
            name, kind = file_name(self._stem, raw.index, raw.label, sniff.ZIP), sniff.ZIP
            note = _("packed to fit here (was {size})").format(size=format_size(size))
        try:
            await asyncio.to_thread(write_file, path, data, self._quota)
        except OSError:
            return LinkItem(label=name, url="", reason=DiskError().sentence, passing=True)
        except SpoolFull as error:
            return LinkItem(label=name, url="", reason=error.sentence, passing=True)
        return FileItem(name=name, source=path, type=kind, size=len(data), note=note)

    async def _pack(self, data: bytes, name: str) -> bytes:
        """Return a ZIP archive with the data as its only file; the data as it is if that takes too long."""
        try:
            return await self._compute(_zip, data, name)
        except WorkTooHeavy:
            return data

    async def _compute(self, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Return what the function returns, called in a worker process if there are any. Raises WorkTooHeavy."""
        if self._workers is None:
            return await asyncio.to_thread(function, *args)
        return await self._workers.run(function, *args, owner=self._owner, seconds=LAYOUT_SECONDS)

    async def _materialize_file(self, raw: RawFile, path: Path) -> FileItem | LinkItem:
        try:
            file = await self._load(raw.url, path)
            if file.size == 0:
                return self._link(raw, _("The model returned an empty file."))
            fitting = file if file.size <= self._limit else await self._shrink(file)
        except DownloadError as error:
            gone = isinstance(error, (FileGone, AddressNotAllowed))
            return self._link(raw, error.sentence, expires=not gone, passing=isinstance(error, (DiskError, SpoolFull)))
        except OSError:
            return self._link(raw, DiskError().sentence, passing=True)
        if fitting is None:
            return self._link(raw, self._too_large(file.size))
        name = file_name(self._stem, raw.index, raw.label, fitting.type, fitting.source_name)
        note = None if fitting is file else _("reduced to fit here (was {size})").format(size=format_size(file.size))
        url = _shown_url(raw)
        return FileItem(
            name=name,
            source=fitting.path,
            type=fitting.type,
            size=fitting.size,
            note=note,
            url=url,
            expires_at=self._expires_at if url else None,
            number=raw.index + 1,
        )

    async def _load(self, url: str, path: Path) -> DownloadedFile:
        """Return the file from disk, or download it."""
        if (name := spooled_name(url)) is not None:
            try:
                return await asyncio.to_thread(inspect_file, self._folder / name, name)
            except FileNotFoundError as error:
                raise FileGone(_("The file is no longer on the bot's disk.")) from error
        try:
            return await asyncio.to_thread(inspect_file, path, source_name(url))
        except FileNotFoundError:
            async with self._downloads:
                return await self._downloader.download(url, path)

    async def _shrink(self, file: DownloadedFile) -> DownloadedFile | None:
        """Return the image re-encoded to fit the limit, now or before a restart; None if it cannot be."""
        if file.type.kind is not MediaKind.IMAGE or file.size > _SHRINKABLE_BYTES:
            return None
        path = file.path.with_name(f"{file.path.name}-{self._limit}")
        try:
            if not await asyncio.to_thread(path.exists):
                if not await self._shrink_file(file.path, path, self._limit):
                    return None
                await asyncio.to_thread(adopt_file, path, self._quota)
        except WorkTooHeavy:
            return None
        return await asyncio.to_thread(inspect_file, path, file.source_name)

    def _link(self, raw: RawFile, reason: str, *, expires: bool = True, passing: bool = False) -> LinkItem:
        source, url = source_name(raw.url), _shown_url(raw)
        if source and not url and may_run(source):
            reason = f"{retranslate(reason)} {retranslate(_NOT_LINKED)}"
        return LinkItem(
            label=file_name(self._stem, raw.index, raw.label, None, source),
            url=url,
            reason=reason,
            expires_at=self._expires_at if expires and url else None,
            passing=passing,
        )

    def _too_large(self, size: int) -> str:
        return _("Too large to upload here: {size} (limit {limit})").format(
            size=format_size(size), limit=format_size(self._limit)
        )


def file_name(stem: str, index: int, label: str | None, kind: MediaType | None, source: str | None = None) -> str:
    """Return the name of output ``index`` (from 0): "generate-01.webp", "generate-02-mask.png".

    Letters are ASCII, because Discord drops others from file names and the reply could no longer recognize its file.
    The suffix is that of the type. Generic types keep the suffix of ``source`` if it is known to be safe; so do files
    that were not downloaded, whose ``kind`` is None. One that might run something becomes a part of the name.
    """
    suffix, dropped = "", ""
    if source:
        suffix = safe_suffix(source)
        dropped = source.rpartition(".")[2] if may_run(source) and (kind is None or kind in _GENERIC_TYPES) else ""
    if kind is not None and (kind not in _GENERIC_TYPES or not suffix or suffix in _SNIFFED_SUFFIXES):
        suffix = kind.suffix
    dropped = dropped.lower() if _ENDING.fullmatch(dropped) else ""
    parts = [_slug(stem) or "output", f"{index + 1:02d}", _slug(label or ""), dropped]
    return "-".join(part for part in parts if part) + suffix


def remainder_name(stem: str, part: int = 0) -> str:
    """Return the name of a part, counted from 0: "generate-01-rest-of-text.md"."""
    return file_name(stem, part, _REMAINDER_LABEL, sniff.MARKDOWN)


def remainder_files(item: RemainderItem, stem: str, limit: int) -> tuple[FileItem, ...]:
    """Return a remainder as Markdown files of at most ``limit`` bytes; nearly always one.

    The same text always gives the same files. Files are divided between lines, or else between characters.
    """
    data = item.text.encode("utf-8", "replace")
    return tuple(
        FileItem(remainder_name(stem, number), part, sniff.MARKDOWN, len(part))
        for number, part in enumerate(_split_between_lines(data, max(limit, 4)))
    )


def _split_between_lines(data: bytes, limit: int) -> Iterator[bytes]:
    start = 0
    while len(data) - start > limit:
        end = data.rfind(b"\n", start + limit // 2, start + limit) + 1
        if not end:
            end = start + limit
            while data[end] & 0xC0 == 0x80:  # the middle of a character
                end -= 1
        yield data[start:end]
        start = end
    yield data[start:]


def _shown_url(raw: RawFile) -> str:
    """Return the URL of a file as people may see it; "" for an inline file, and for one that might run something."""
    is_web_address = raw.url.startswith(("https://", "http://")) and len(raw.url) <= _URL_CHARS
    return raw.url if is_web_address and not may_run(source_name(raw.url) or "") else ""


def _slug(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_ALPHANUMERIC.sub("-", ascii_only.lower())[:_STEM_CHARS].strip("-")


def _spool_name(index: int, content: str | bytes) -> str:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    return f"{index:03d}-{hashlib.sha256(data).hexdigest()[:20]}"


def _zip(data: bytes, name: str) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, data)
    return archive.getvalue()


def _save_output(path: Path, output: Any, quota: DiskQuota) -> None:
    write_file(path, _join_json({_OUTPUT: output}), quota)


def _join_json(value: Any) -> bytes:
    return "".join(encode(value)).encode("utf-8", "replace")


def _add_heading(raw: RawText) -> str:
    """Return the text, under its label if it has one."""
    heading = " ".join((raw.label or "").translate(_MARKUP).split())[:_HEADING_CHARS]
    return f"**{heading}**\n{raw.text}" if heading else raw.text
