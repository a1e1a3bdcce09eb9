"""Download pictures from Discord and make them ready to be saved."""

from collections.abc import Sequence

from bot.client import Replicord
from bot.discord_internals import download_from_cdn
from bot.errors import Refused
from bot.formatting import format_size, single_line, truncate
from bot.language import _
from bot.limits import DOWNLOAD_SECONDS, FILE_BYTES, READ_SECONDS
from bot.media.images import BadImage, make_saved_picture
from bot.options.files import RemoteFile
from bot.runs.input_files import InputSpool
from bot.store.characters import NewPicture
from bot.ui.requests import REQUEST_ERRORS
from bot.worker_pool import WorkerPool, WorkersBusy, WorkTooHeavy


class PictureReader:
    """Reads pictures one after the other, each for a moment on disk."""

    def __init__(self, *, spool: InputSpool, workers: WorkerPool) -> None:
        self._spool = spool
        self._workers = workers

    async def read(self, client: Replicord, sources: Sequence[RemoteFile], *, owner: int) -> list[NewPicture]:
        """Return the pictures as they are saved. Raises Refused for one that cannot be used."""
        return [await self._read(client, source, owner=owner) for source in sources]

    async def _read(self, client: Replicord, source: RemoteFile, *, owner: int) -> NewPicture:
        name = truncate(single_line(source.filename), 60)
        if source.size > FILE_BYTES:
            raise Refused(
                _("“{name}” is too large. Use a picture of at most {size}.").format(
                    name=name, size=format_size(FILE_BYTES)
                )
            )
        async with self._spool.folder(source.size or FILE_BYTES) as folder:
            path = folder / "picture"
            try:
                await download_from_cdn(client, source.url, path, limit=FILE_BYTES, seconds=DOWNLOAD_SECONDS)
            except REQUEST_ERRORS as error:
                raise Refused(_("Couldn't download “{name}” from Discord. Try again.").format(name=name)) from error
            try:
                media, thumbnail = await self._workers.run(
                    make_saved_picture, source.filename, path, owner=owner, seconds=READ_SECONDS
                )
            except WorkersBusy as error:
                raise Refused(error.sentence) from error
            except (BadImage, WorkTooHeavy) as error:
                raise Refused(_("“{name}” can't be used. {reason}").format(name=name, reason=error.sentence)) from error
        return NewPicture(media, thumbnail)
