"""Collect a person's newest results from Discord and send them to their DMs, in archives that fit."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import discord

from bot.discord_codes import DiscordCode
from bot.errors import Refused, ReplicordError
from bot.library.archive import (
    EMPTY_ARCHIVE_BYTES,
    ArchivedFile,
    ArchivedResult,
    name_in_archive,
    result_size,
    write_archive,
)
from bot.limits import DEFAULT_FILE_BYTES, EXPORT_SECONDS, EXPORTED_RUNS, EXPORTS_AT_ONCE, KIB
from bot.store.library import Library, LibraryQuery
from bot.store.models import Run, RunOutput
from bot.store.runs import Runs
from bot.ui.render.cards import message_url
from bot.ui.render.library import explain_export_busy, export_caption
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.worker_pool import WorkerPool

LoadPicture = Callable[[Run, RunOutput], Awaitable[bytes]]

_UPLOAD_SECONDS: Final = 300.0
_LARGEST_FILE: Final = DEFAULT_FILE_BYTES - 256 * KIB  # with the inputs of its result beside it


class DirectMessagesClosed(ReplicordError):
    """The person takes no direct messages from the bot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportResult:
    """How many archives were sent, with how many results, and how many files could not be had."""

    parts: int
    results: int
    missing: int


class _Part:
    """The archive that is being filled."""

    def __init__(self) -> None:
        self.results: list[ArchivedResult] = []
        self._size = EMPTY_ARCHIVE_BYTES  # of all results but the newest

    def begin(self, run: Run) -> None:
        """Add a result without files."""
        if self.results:
            self._size += result_size(self.results[-1])
        self.results.append(ArchivedResult(run=run, url=message_url(run.place), files=()))

    def has_room_for(self, file: ArchivedFile) -> bool:
        return self._size + result_size(self._with(file)) <= DEFAULT_FILE_BYTES

    def add(self, file: ArchivedFile) -> None:
        """Add a file to the newest result."""
        self.results[-1] = self._with(file)

    def add_missing(self, name: str) -> None:
        """Note that a file of the newest result could not be had."""
        last = self.results[-1]
        self.results[-1] = replace(last, missing=(*last.missing, name))

    def _with(self, file: ArchivedFile) -> ArchivedResult:
        last = self.results[-1]
        return replace(last, files=(*last.files, file))


class LibraryExport:
    """Sends archives. One person has one export at a time; on disk is one archive of each, and what goes into it."""

    def __init__(
        self, *, library: Library, runs: Runs, load_picture: LoadPicture, workers: WorkerPool, folder: Path
    ) -> None:
        self._library = library
        self._runs = runs
        self._load_picture = load_picture
        self._workers = workers
        self._root = folder
        self._under_way: set[int] = set()

    async def send(self, user: discord.User | discord.Member) -> ExportResult:
        """Send the archives. Raises Refused while others are collected, DirectMessagesClosed, and request errors."""
        if user.id in self._under_way or len(self._under_way) >= EXPORTS_AT_ONCE:
            raise Refused(explain_export_busy())
        self._under_way.add(user.id)
        folder = await asyncio.to_thread(self._make_folder)
        try:
            return await self._send(user, folder)
        finally:
            self._under_way.discard(user.id)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    def _make_folder(self) -> Path:
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=self._root))

    async def _send(self, user: discord.User | discord.Member, folder: Path) -> ExportResult:
        page = await self._library.list_page(LibraryQuery(user_id=user.id, limit=EXPORTED_RUNS))
        part, parts, results, missing = _Part(), 0, 0, 0
        for number, entry in enumerate(page.entries, 1):
            run = await self._runs.get(entry.run_id)
            if run is None:
                continue
            results += 1
            part.begin(run)
            async for file in self._fetch(run, number, folder):
                if isinstance(file, str):
                    part.add_missing(file)
                    missing += 1
                    continue
                if not part.has_room_for(file):
                    parts += 1
                    await self._send_part(user, part, folder, parts)
                    part = _Part()
                    part.begin(run)
                part.add(file)
        if part.results:
            parts += 1
            await self._send_part(user, part, folder, parts)
        return ExportResult(parts=parts, results=results, missing=missing)

    async def _fetch(self, run: Run, number: int, folder: Path) -> AsyncIterator[ArchivedFile | str]:
        """Fetch the files of a result to disk, one after the other; yield the names of those that cannot be had."""
        for output in await self._runs.list_outputs(run.id):
            if output.removed_at is not None:
                continue
            if output.size > _LARGEST_FILE:
                yield output.name
                continue
            try:
                data = await self._load_picture(run, output)
            except (ReplicordError, *REQUEST_ERRORS):
                yield output.name
                continue
            path = folder / f"{number}-{output.number}"
            await asyncio.to_thread(path.write_bytes, data)
            yield ArchivedFile(name=name_in_archive(number, run, output), path=path, size=len(data))

    async def _send_part(self, user: discord.User | discord.Member, part: _Part, folder: Path, number: int) -> None:
        """Write an archive, send it, and delete what was in it."""
        target = folder / f"library-{number}.zip"
        await self._workers.run(write_archive, target, part.results, owner=user.id, seconds=EXPORT_SECONDS)
        try:
            await send_request(user.send(export_caption(number), file=discord.File(target)), _UPLOAD_SECONDS)
        except discord.Forbidden as error:
            if error.code == DiscordCode.CANNOT_MESSAGE_USER:
                raise DirectMessagesClosed("Direct messages are closed.") from error
            raise
        await asyncio.to_thread(_delete_files, [target, *(file.path for one in part.results for file in one.files)])


def _delete_files(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
