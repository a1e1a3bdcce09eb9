"""The pictures that something is done with: delivered images of a run, or any image of a message."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import Final

import discord

from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.store.models import Run, RunOutput, RunParent
from bot.store.runs import Runs
from bot.ui.editable_message import attachment_addresses
from bot.ui.permissions import Reuse
from bot.ui.render.next import images_out_of_reach, no_image_in_message, no_images_left, not_delivered_yet
from bot.ui.render.strings import RUN_DELETED
from bot.visibility import Visibility
from cogs.permissions import check_reuse
from cogs.result_files import ResultFiles
from cogs.use_as_subject.message_images import MessageImage, check_images, find_images

_MIME_OF_SUFFIX: Final = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp", ".gif": "image/gif"}
_USUAL_MIME: Final = "image/png"  # only a guess for what to offer; the file itself is looked at before anything is paid
# A result is pressed as soon as Discord shows it, and its row follows; Discord waits three seconds for an answer.
_ROW_WAIT: Final = 1.5
_ROW_CHECK_EVERY: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One image; a ``LocatedFile`` for the input reader.

    ``number`` counts the outputs of its run, None for anybody's image. ``url`` is Discord's own copy, "" while it is
    not known; ``locate`` finds it. ``size`` is in bytes, 0 if unknown.
    """

    filename: str
    mime: str
    size: int = 0
    number: int | None = None
    url: str = field(default="", repr=False)
    locate: Callable[[], Awaitable[str]] | None = field(default=None, repr=False)

    async def find_url(self) -> str:
        """Return an address of the image that works now; raise Refused if it is gone or out of reach."""
        if self.url or self.locate is None:
            return self.url
        return await self.locate()


@dataclass(frozen=True, slots=True)
class Subject:
    """The pictures to choose from, and the run that made them; None if they are anybody's."""

    pictures: tuple[Picture, ...]
    run: Run | None = None

    @property
    def mimes(self) -> frozenset[str]:
        """The types of the pictures."""
        return frozenset(picture.mime for picture in self.pictures)

    def parent(self, picture: Picture | None) -> RunParent | None:
        """Return where a run with this picture comes from; with none, it comes from the run as a whole."""
        if self.run is None:
            return None
        return RunParent(self.run.id, picture.number if picture is not None else None)


class PictureFinder:
    """Finds the pictures of a result, and of any message."""

    def __init__(self, *, runs: Runs, files: ResultFiles, clock: Clock) -> None:
        self._runs = runs
        self._files = files
        self._clock = clock

    async def find_result(self, run_id: str) -> Run:
        """Return a run whose result was shown; raise Refused if it is gone, or not there yet."""
        run = await self._wait_for_row(await self._runs.get(run_id))
        if run is None:
            raise Refused(RUN_DELETED)
        if run.deleted_at is not None:
            raise Refused(no_images_left())
        if run.delivered_at is None:
            raise Refused(not_delivered_yet())
        return run

    async def _wait_for_row(self, run: Run | None) -> Run | None:
        """Return the run once its row says that its result was shown, or after a while as it is."""
        until = self._clock.monotonic() + _ROW_WAIT
        while run is not None and run.delivered_at is None and self._clock.monotonic() < until:
            await self._clock.sleep(_ROW_CHECK_EVERY)
            run = await self._runs.get(run.id)
        return run

    async def of_result(self, interaction: discord.Interaction[Replicord], run: Run) -> Subject:
        """Return the images of a run that can be read now, in its pressed message and the others; raise Refused.

        Where only a token reaches the messages, that of the press brings the pressed one along, and no other.
        """
        check_reuse(run, Reuse.RESULT, user_id=interaction.user.id)
        message = interaction.message
        if message is None:
            raise Refused(no_images_left())
        outputs = [output for output in await self._runs.list_outputs(run.id) if _is_shown(output)]
        pictures = self._pictures(run, outputs, message)
        if not outputs or run.deleted_at is not None:
            raise Refused(no_images_left())
        if not pictures:
            raise Refused(images_out_of_reach())
        return Subject(pictures, run)

    async def of_message(self, message: discord.Message, *, user_id: int) -> Subject:
        """Return the images of a message that this person may use; if it is a result, with its run.

        Raise Refused if there is none.
        """
        run = await self._runs.find_by_message(message.id)
        if run is not None and run.state.terminal:
            run = await self._wait_for_row(run)
        outputs = await self._runs.list_outputs(run.id) if run is not None else ()
        if run is not None and outputs:
            own = [output for output in outputs if _is_shown(output) and output.message_id == message.id]
            pictures = self._pictures(run, own, message)
            if pictures and run.deleted_at is None:
                return Subject(pictures, run)
            raise Refused(no_images_left() if any(output.is_image for output in outputs) else no_image_in_message())
        images = check_images(find_images(message), run, user_id=user_id)
        if not images:
            raise Refused(no_image_in_message())
        return Subject(tuple(map(_anybodys_picture, images)))

    def _pictures(self, run: Run, outputs: Sequence[RunOutput], message: discord.Message) -> tuple[Picture, ...]:
        urls = dict(attachment_addresses(message))
        others_reachable = not run.place.token_only and run.visibility is not Visibility.PRIVATE
        return tuple(
            Picture(
                filename=output.name,
                mime=output.mime,
                size=output.size,
                number=output.number,
                url=urls.get(output.attachment_id, "") if output.message_id == message.id else "",
                locate=partial(self._locate, run.id, output),
            )
            for output in outputs
            if (output.attachment_id in urls if output.message_id == message.id else others_reachable)
        )

    async def _locate(self, run_id: str, output: RunOutput) -> str:
        """Return the address of an output in a message that has not been read, from what is in the row now."""
        run = await self._runs.get(run_id)
        outputs = await self._runs.list_outputs(run_id)
        current = next((one for one in outputs if one.number == output.number), None)
        if run is None or current is None:
            raise Refused(no_images_left())
        return (await self._files.fetch(run, current)).url


def _is_shown(output: RunOutput) -> bool:
    return output.is_image and output.removed_at is None


def _anybodys_picture(image: MessageImage) -> Picture:
    declared = getattr(image, "content_type", None) or ""
    suffix = PurePath(image.filename).suffix.lower()
    mime = declared.partition(";")[0] if declared.startswith("image/") else _MIME_OF_SUFFIX.get(suffix, _USUAL_MIME)
    return Picture(filename=image.filename, mime=mime, size=image.size, url=image.url)
