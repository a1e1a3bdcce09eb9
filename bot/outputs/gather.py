"""Gatherer: turns the pieces of one run's output into parts, each file fetched once."""

import asyncio
import hashlib
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, overload

from bot.limits import DATA_KEPT, MIB
from bot.media import sniff
from bot.media.images import shrink
from bot.media.media import Kind
from bot.outputs.errors import FetchError, Gone, NotAllowed
from bot.outputs.fetch import Fetched, Fetcher, look, source_name
from bot.outputs.names import file_name, link_name
from bot.outputs.part_file import write_whole
from bot.outputs.parts import File, Link, Part, Text
from bot.outputs.pretty import pretty
from bot.outputs.shape import DataPiece, FilePiece, Piece, TextPiece

_SHORT_CHARS: Final = 1000  # data up to here is shown as a code block, longer data is a file
_SHORT_LINES: Final = 30
_URL_CHARS: Final = 1500  # a longer address would leave no room for words in a message
_SHRINKABLE_BYTES: Final = 64 * MIB  # a larger picture is not read into memory to be made smaller
_MARKUP: Final = str.maketrans(dict.fromkeys("*_~`|<>[]()#\\\r\n", " "))


@dataclass(frozen=True, slots=True)
class Bench:
    """How much is done at once, over all runs.

    ``fetching``: downloads under way; each holds one stretch of bytes. ``shrinking``: pictures being re-encoded;
    each holds a decoded picture (``bot.media.images.MAX_PIXELS``), so one or two.
    """

    fetching: asyncio.Semaphore
    shrinking: asyncio.Semaphore

    @classmethod
    def of(cls, *, fetching: int = 16, shrinking: int = 1) -> "Bench":
        """Return a bench with so many places."""
        return cls(fetching=asyncio.Semaphore(fetching), shrinking=asyncio.Semaphore(shrinking))


class Gatherer:
    """Makes parts for one run; raises nothing but cancellation.

    A piece that was taken is not fetched again, whether asked for twice at once, later, or after a restart: what
    was fetched lies in ``folder`` under a name made from its index and address, and only whole files have names
    there. ``stem`` begins the names that people see; ``limit`` is the largest upload, in bytes. ``created_at`` is
    when the run began, from which Replicate's hour is counted.
    """

    def __init__(
        self, fetcher: Fetcher, *, folder: Path, stem: str, limit: int, created_at: datetime, bench: Bench
    ) -> None:
        self._fetcher = fetcher
        self._folder = folder
        self._stem = stem
        self._limit = limit
        self._expires_at = created_at + DATA_KEPT
        self._bench = bench
        self._taken: dict[str, File | Link] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @overload
    async def take(self, piece: TextPiece) -> Text: ...
    @overload
    async def take(self, piece: FilePiece) -> File | Link: ...
    @overload
    async def take(self, piece: Piece) -> Part: ...
    async def take(self, piece: Piece) -> Part:
        """Return the part that shows this piece."""
        if isinstance(piece, TextPiece):
            return Text(_headed(piece))
        text = "" if isinstance(piece, FilePiece) else await asyncio.to_thread(pretty, piece.data)
        if text and len(text) <= _SHORT_CHARS and text.count("\n") < _SHORT_LINES:
            return Text(text, language="json")
        key = _key(piece.index, piece.url if isinstance(piece, FilePiece) else text)
        async with self._locks[key]:
            if key not in self._taken:
                if isinstance(piece, FilePiece):
                    self._taken[key] = await self._file(piece, self._folder / key)
                else:
                    self._taken[key] = await self._data(piece, text, self._folder / key)
            return self._taken[key]

    async def _data(self, piece: DataPiece, text: str, path: Path) -> File | Link:
        name = file_name(self._stem, piece.index, piece.label, sniff.JSON)
        data = text.encode()
        if len(data) > self._limit:
            return Link(label=name, url="", reason=self._too_large(len(data)))
        try:
            await asyncio.to_thread(write_whole, path, data)
        except OSError:
            return Link(label=name, url="", reason=_DISK)
        return File(name=name, path=path, type=sniff.JSON, size=len(data))

    async def _file(self, piece: FilePiece, path: Path) -> File | Link:
        try:
            fetched = await self._fetched(piece.url, path)
            if fetched.size == 0:
                return self._link(piece, "The model made an empty file.")
            if fetched.size <= self._limit:
                return self._upload(piece, fetched, note=None)
            smaller = await self._smaller(fetched)
        except FetchError as error:
            return self._link(piece, error.sentence, expires=not isinstance(error, (Gone, NotAllowed)))
        except OSError:
            return self._link(piece, _DISK)
        if smaller is None:
            return self._link(piece, self._too_large(fetched.size))
        return self._upload(piece, smaller, note=f"made smaller to fit here; it was {_megabytes(fetched.size)}")

    async def _fetched(self, url: str, path: Path) -> Fetched:
        try:
            return await asyncio.to_thread(look, path, source_name(url))
        except FileNotFoundError:
            async with self._bench.fetching:
                return await self._fetcher.fetch(url, path)

    async def _smaller(self, fetched: Fetched) -> Fetched | None:
        """Return the picture re-encoded to fit, made now or before a restart; None when it cannot be."""
        if fetched.type.kind is not Kind.IMAGE or fetched.size > _SHRINKABLE_BYTES:
            return None
        path = fetched.path.with_name(f"{fetched.path.name}-{self._limit}")
        async with self._bench.shrinking:
            return await asyncio.to_thread(_shrink_file, fetched, path, self._limit)

    def _upload(self, piece: FilePiece, fetched: Fetched, *, note: str | None) -> File:
        name = file_name(self._stem, piece.index, piece.label, fetched.type, fetched.source_name)
        return File(name=name, path=fetched.path, type=fetched.type, size=fetched.size, note=note)

    def _link(self, piece: FilePiece, reason: str, *, expires: bool = True) -> Link:
        url = piece.url if piece.url.startswith(("https://", "http://")) and len(piece.url) <= _URL_CHARS else ""
        return Link(
            label=link_name(self._stem, piece.index, piece.label, source_name(piece.url)),
            url=url,
            reason=reason,
            expires_at=self._expires_at if expires and url else None,
        )

    def _too_large(self, size: int) -> str:
        return f"It is {_megabytes(size)}; files here may have {_megabytes(self._limit)}."


_DISK: Final = "The bot's own disk did not take the file; its owner should look at it."


def _shrink_file(fetched: Fetched, path: Path, limit: int) -> Fetched | None:
    """Write a smaller copy of a picture to ``path``, unless it lies there already."""
    if not path.exists():
        smaller = shrink(fetched.path.read_bytes(), limit)
        if smaller is None:
            return None
        write_whole(path, smaller.data)
    return look(path, fetched.source_name)


def _key(index: int, content: str) -> str:
    return f"{index:03d}-{hashlib.sha256(content.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _headed(piece: TextPiece) -> str:
    """Return the words, under their key where there are several."""
    heading = " ".join((piece.label or "").translate(_MARKUP).split())[:80]
    return f"**{heading}**\n{piece.text}" if heading else piece.text


def _megabytes(size: int) -> str:
    return f"{size / MIB:.1f} MB" if size < 100 * MIB else f"{size / MIB:.0f} MB"
