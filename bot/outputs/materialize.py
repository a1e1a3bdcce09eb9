"""Turn the raw output of a run into items that can be shown; each file is downloaded once."""

import asyncio
import hashlib
import re
import shutil
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final, overload

from bot.formatting import format_size
from bot.limits import DATA_KEPT, MIB
from bot.media import sniff
from bot.media.images import shrink_image
from bot.media.types import MediaKind, MediaType
from bot.outputs.download import DownloadedFile, Downloader, sniff_file, source_name, write_whole
from bot.outputs.errors import AddressNotAllowed, DownloadError, FileGone
from bot.outputs.items import FileItem, LinkItem, OutputItem, TextItem
from bot.outputs.json_format import format_json
from bot.outputs.parse import RawData, RawFile, RawOutput, RawText

_STEM_CHARS: Final = 40
_NOT_PLAIN: Final = re.compile(r"[^a-z0-9]+")
_ENDING: Final = re.compile(r"\.[A-Za-z0-9]{1,8}")
# Bytes of these types do not say what they are for; the name they came with may ("captions.srt", "weights.npy").
_VAGUE: Final = frozenset({sniff.TEXT, sniff.UNKNOWN, sniff.JSON, sniff.ZIP})
# Endings that promise something which vague bytes have just shown not to be there.
_PROMISES: Final = frozenset(kind.suffix for kind in vars(sniff).values() if isinstance(kind, MediaType)) | {".jpeg"}


def file_name(stem: str, index: int, label: str | None, kind: MediaType, source: str | None = None) -> str:
    """Return the name of output ``index`` (from 0): "generate-01.webp", "generate-02-mask.png".

    Letters are ASCII, as Discord drops others from file names and the message could no longer find its file. The
    ending is the type's; only bytes that show no type of their own keep the ending of ``source``.
    """
    claimed = _ending(source) if kind in _VAGUE else ""
    return _base(stem, index, label) + (claimed if claimed and claimed not in _PROMISES else kind.suffix)


def link_name(stem: str, index: int, label: str | None, source: str | None) -> str:
    """Return what to call a file whose bytes were never seen: its ending is only what ``source`` claims."""
    return _base(stem, index, label) + _ending(source)


def _base(stem: str, index: int, label: str | None) -> str:
    words = [_plain(stem) or "output", f"{index + 1:02d}", _plain(label or "")]
    return "-".join(word for word in words if word)


def _plain(text: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return _NOT_PLAIN.sub("-", ascii_only.lower())[:_STEM_CHARS].strip("-")


def _ending(source: str | None) -> str:
    ending = PurePosixPath(source).suffix.lower() if source else ""
    return ending if _ENDING.fullmatch(ending) else ""


_SHORT_CHARS: Final = 1000  # data up to here is shown as a code block, longer data is a file
_SHORT_LINES: Final = 30
_URL_CHARS: Final = 1500  # a longer address would leave no room for words in a message
_SHRINKABLE_BYTES: Final = 64 * MIB  # a larger picture is not read into memory to be made smaller
_MARKUP: Final = str.maketrans(dict.fromkeys("*_~`|<>[]()#\\\r\n", " "))


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How much is done at once, over all runs.

    ``fetching``: downloads under way; each holds one stretch of bytes. ``shrinking``: pictures being re-encoded;
    each holds a decoded picture (``bot.media.images.MAX_PIXELS``), so one or two.
    """

    fetching: asyncio.Semaphore
    shrinking: asyncio.Semaphore

    @classmethod
    def of(cls, *, fetching: int = 16, shrinking: int = 1) -> "Concurrency":
        """Return a bench with so many places."""
        return cls(fetching=asyncio.Semaphore(fetching), shrinking=asyncio.Semaphore(shrinking))


class Materializer:
    """Makes parts for one run; raises nothing but cancellation.

    A piece that was taken is not fetched again, whether asked for twice at once, later, or after a restart: what
    was fetched lies in ``folder`` under a name made from its index and address, and only whole files have names
    there. ``stem`` begins the names that people see; ``limit`` is the largest upload, in bytes. ``created_at`` is
    when the run began, from which Replicate's hour is counted.
    """

    def __init__(
        self, fetcher: Downloader, *, folder: Path, stem: str, limit: int, created_at: datetime, bench: Concurrency
    ) -> None:
        self._fetcher = fetcher
        self._folder = folder
        self._stem = stem
        self._limit = limit
        self._expires_at = created_at + DATA_KEPT
        self._bench = bench
        self._taken: dict[str, FileItem | LinkItem] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @overload
    async def take(self, piece: RawText) -> TextItem: ...
    @overload
    async def take(self, piece: RawFile) -> FileItem | LinkItem: ...
    @overload
    async def take(self, piece: RawOutput) -> OutputItem: ...
    async def take(self, piece: RawOutput) -> OutputItem:
        """Return the part that shows this piece."""
        if isinstance(piece, RawText):
            return TextItem(_headed(piece))
        text = "" if isinstance(piece, RawFile) else await asyncio.to_thread(format_json, piece.data)
        if text and len(text) <= _SHORT_CHARS and text.count("\n") < _SHORT_LINES:
            return TextItem(text, language="json")
        key = _key(piece.index, piece.url if isinstance(piece, RawFile) else text)
        async with self._locks[key]:
            if key not in self._taken:
                if isinstance(piece, RawFile):
                    self._taken[key] = await self._file(piece, self._folder / key)
                else:
                    self._taken[key] = await self._data(piece, text, self._folder / key)
            return self._taken[key]

    async def _data(self, piece: RawData, text: str, path: Path) -> FileItem | LinkItem:
        name = file_name(self._stem, piece.index, piece.label, sniff.JSON)
        data = text.encode()
        if len(data) > self._limit:
            return LinkItem(label=name, url="", reason=self._too_large(len(data)))
        try:
            await asyncio.to_thread(write_whole, path, data)
        except OSError:
            return LinkItem(label=name, url="", reason=_DISK)
        return FileItem(name=name, path=path, type=sniff.JSON, size=len(data))

    async def _file(self, piece: RawFile, path: Path) -> FileItem | LinkItem:
        try:
            fetched = await self._fetched(piece.url, path)
            if fetched.size == 0:
                return self._link(piece, "The model made an empty file.")
            if fetched.size <= self._limit:
                return self._upload(piece, fetched, note=None)
            smaller = await self._smaller(fetched)
        except DownloadError as error:
            return self._link(piece, error.sentence, expires=not isinstance(error, (FileGone, AddressNotAllowed)))
        except OSError:
            return self._link(piece, _DISK)
        if smaller is None:
            return self._link(piece, self._too_large(fetched.size))
        return self._upload(piece, smaller, note=f"made smaller to fit here; it was {format_size(fetched.size)}")

    async def _fetched(self, url: str, path: Path) -> DownloadedFile:
        try:
            return await asyncio.to_thread(sniff_file, path, source_name(url))
        except FileNotFoundError:
            async with self._bench.fetching:
                return await self._fetcher.fetch(url, path)

    async def _smaller(self, fetched: DownloadedFile) -> DownloadedFile | None:
        """Return the picture re-encoded to fit, made now or before a restart; None when it cannot be."""
        if fetched.type.kind is not MediaKind.IMAGE or fetched.size > _SHRINKABLE_BYTES:
            return None
        path = fetched.path.with_name(f"{fetched.path.name}-{self._limit}")
        async with self._bench.shrinking:
            return await asyncio.to_thread(_shrink_file, fetched, path, self._limit)

    def _upload(self, piece: RawFile, fetched: DownloadedFile, *, note: str | None) -> FileItem:
        name = file_name(self._stem, piece.index, piece.label, fetched.type, fetched.source_name)
        return FileItem(name=name, path=fetched.path, type=fetched.type, size=fetched.size, note=note)

    def _link(self, piece: RawFile, reason: str, *, expires: bool = True) -> LinkItem:
        url = piece.url if piece.url.startswith(("https://", "http://")) and len(piece.url) <= _URL_CHARS else ""
        return LinkItem(
            label=link_name(self._stem, piece.index, piece.label, source_name(piece.url)),
            url=url,
            reason=reason,
            expires_at=self._expires_at if expires and url else None,
        )

    def _too_large(self, size: int) -> str:
        return f"It is {format_size(size)}; files here may have up to {format_size(self._limit)}."


_DISK: Final = "The bot's own disk did not take the file; its owner should look at it."


def _shrink_file(fetched: DownloadedFile, path: Path, limit: int) -> DownloadedFile | None:
    """Write a smaller copy of a picture to ``path``, unless it lies there already."""
    if not path.exists():
        smaller = shrink_image(fetched.path.read_bytes(), limit)
        if smaller is None:
            return None
        write_whole(path, smaller.data)
    return sniff_file(path, fetched.source_name)


def _key(index: int, content: str) -> str:
    return f"{index:03d}-{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _headed(piece: RawText) -> str:
    """Return the words, under their key where there are several."""
    heading = " ".join((piece.label or "").translate(_MARKUP).split())[:80]
    return f"**{heading}**\n{piece.text}" if heading else piece.text


class Spool:
    """One folder a run, under one root. Blocking: its calls belong in a thread."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def folder(self, run_id: str) -> Path:
        """Return the run's folder; whoever writes there makes it."""
        return self._root / run_id

    def forget(self, run_id: str) -> None:
        """Remove what lies there for a run that is delivered; nothing there is fine."""
        shutil.rmtree(self.folder(run_id), ignore_errors=True)

    def kept(self) -> tuple[str, ...]:
        """Return the ids of the runs that something lies there for."""
        if not self._root.is_dir():
            return ()
        return tuple(entry.name for entry in self._root.iterdir() if entry.is_dir())
