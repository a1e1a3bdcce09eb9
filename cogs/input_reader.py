"""Read the files of a run before it starts: attachments from Discord, and addresses that the model must not be sent to.

A model on a server of one's own would fetch any address from inside its network, so the bot does that itself, from
public hosts only, and the run gets the file.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.client import Replicord
from bot.discord_internals import download_from_cdn
from bot.errors import BadOption, Refused
from bot.language import _
from bot.limits import DOWNLOAD_SECONDS, FILE_BYTES, READ_SECONDS
from bot.media.types import InputFile
from bot.options.files import (
    AttachedFile,
    BadFile,
    LocatedFile,
    UploadedFile,
    WebFile,
    check_file_size,
    check_total_size,
    read_attachment,
)
from bot.options.parse import InputFiles, ParsedOptions
from bot.outputs.download import Downloader
from bot.outputs.errors import AddressNotAllowed, DownloadError, FileTooLarge
from bot.runs.input_files import InputSpool
from bot.ui.render.refused_runs import file_gone
from bot.ui.requests import REQUEST_ERRORS
from bot.worker_pool import WorkerPool, WorkersBusy, WorkTooHeavy
from cogs.fix_it.kept_files import KeptFile


class InputReader:
    """Downloads and checks input files. ``web`` fetches addresses that people entered."""

    def __init__(self, *, spool: InputSpool, web: Downloader, workers: WorkerPool) -> None:
        self._spool = spool
        self._web = web
        self._workers = workers

    @asynccontextmanager
    async def read(self, client: Replicord, options: ParsedOptions, *, owner: int) -> AsyncIterator[InputFiles]:
        """Download and check the files, one after the other: the URLs of attachments expire soon.

        They are on disk during the block; then the run has them. Raises UserError.
        """
        size = sum(file.source.size or FILE_BYTES for file in options.files if isinstance(file, AttachedFile))
        if not size:
            yield options.place_files([UploadedFile(file) for file in options.files if isinstance(file, InputFile)])
            return
        async with self._spool.folder(size) as folder:
            uploads = [
                await self._read_file(client, file, folder / str(number), owner=owner)
                if isinstance(file, AttachedFile)
                else UploadedFile(file)
                for number, file in enumerate(options.files)
            ]
            check_total_size(upload.media for upload in uploads)  # how large one from the web is, is known only now
            yield options.place_files(uploads)

    async def _read_file(self, client: Replicord, file: AttachedFile, path: Path, *, owner: int) -> UploadedFile:
        """Return the file, downloaded to ``path`` and checked; raise BadFile, or Refused while there is no room."""
        option, source = file.option, file.source
        try:
            if isinstance(source, WebFile):
                size = await self._fetch(option, source, path)
            elif isinstance(source, KeptFile):
                size = await _copy_kept(option, source, path)
            else:
                url = await source.find_url() if isinstance(source, LocatedFile) else source.url
                size = await _download_attachment(client, file, url, path)
            check_file_size(option, source.filename, size)
            return await self._workers.run(
                read_attachment, option, source.filename, path, file.accepts, owner=owner, seconds=READ_SECONDS
            )
        except WorkersBusy as error:
            raise Refused(error.sentence) from error
        except WorkTooHeavy as error:
            sentence = _("`{option}`: “{file}” can't be used. {reason}")
            reason = sentence.format(option=option, file=source.filename, reason=error.sentence)
            raise BadFile(option, reason, source) from error
        except BadOption as error:
            raise BadFile(error.option, error.sentence, source) from error

    async def _fetch(self, option: str, file: WebFile, path: Path) -> int:
        """Download a file from a public web address, and return its size."""
        try:
            async with asyncio.timeout(DOWNLOAD_SECONDS):
                return (await self._web.download(file.url, path)).size
        except (AddressNotAllowed, FileTooLarge) as error:
            raise BadOption(
                option,
                _("`{option}`: {reason} Attach the file itself.").format(
                    option=option, reason=_end_sentence(error.sentence)
                ),
            ) from error
        except (DownloadError, TimeoutError) as error:
            sentence = _(
                "`{option}`: couldn't download it. Check that the address opens for anyone, or attach the file."
            ).format(option=option)
            raise BadOption(option, sentence) from error


async def _copy_kept(option: str, file: KeptFile, path: Path) -> int:
    """Copy a file that was given before the run was refused, and return its size."""
    try:
        return await file.copy(path)
    except OSError as error:
        raise BadOption(option, f"`{option}`: {file_gone(file.filename)}") from error


def _end_sentence(reason: str) -> str:
    """Return a reason as a sentence; some of them end without a full stop."""
    return reason if reason.endswith((".", "。")) else f"{reason}."


async def _download_attachment(client: Replicord, file: AttachedFile, url: str, path: Path) -> int:
    try:
        return await download_from_cdn(client, url, path, limit=FILE_BYTES, seconds=DOWNLOAD_SECONDS)
    except REQUEST_ERRORS as error:
        sentence = _("`{option}`: couldn't download “{file}” from Discord. Attach it again.").format(
            option=file.option, file=file.source.filename
        )
        raise BadOption(file.option, sentence) from error
