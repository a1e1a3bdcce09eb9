"""Copy a result into somebody's direct messages: its texts, its files and a link back."""

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import discord
import structlog

from bot.discord_codes import DiscordCode
from bot.discord_internals import PrebuiltLayout, download_from_cdn
from bot.errors import Refused
from bot.limits import DEFAULT_FILE_BYTES, DOWNLOAD_SECONDS, NONCE_CHARS, REQUEST_BYTES
from bot.store.models import Run
from bot.ui.discord_rate_limits import BucketKey, Priority, RateLimiter
from bot.ui.editable_message import EditableMessage, attachment_addresses
from bot.ui.render import payloads, results, strings
from bot.ui.render.cards import message_url
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.ui.result_messages import ResultMessages
from bot.visibility import Visibility

_UPLOAD_SECONDS: Final = 300.0
_FILES_BYTES: Final = REQUEST_BYTES - 1024 * 1024  # the rest of a request needs room, too
_COPIES_AT_ONCE: Final = 2  # each holds the files of one message on disk

log = structlog.get_logger(__name__)


class DirectMessages:
    """Sends copies of results. Every copy is sent once, however often its request is repeated within minutes."""

    def __init__(self, client: discord.Client, *, messages: ResultMessages, limiter: RateLimiter) -> None:
        self._client = client
        self._messages = messages
        self._limiter = limiter
        self._sending: set[tuple[int, str]] = set()
        self._places = asyncio.Semaphore(_COPIES_AT_ONCE)

    async def send_result(self, user_id: int, run: Run, message_ids: Sequence[int], *, key: str) -> None:
        """Send these messages of a result to a person; ``key`` names the request, which is sent once.

        Refused if the result cannot be read, the person takes no direct messages, or is being sent it already.
        """
        if (user_id, run.id) in self._sending:
            raise Refused(results.already_sending())
        self._sending.add((user_id, run.id))
        try:
            await self._send_messages(user_id, run, message_ids, key=key)
        finally:
            self._sending.discard((user_id, run.id))

    async def _send_messages(self, user_id: int, run: Run, message_ids: Sequence[int], *, key: str) -> None:
        async with self._places:
            for number, message_id in enumerate(message_ids):
                message = await self._messages.read(run, message_id)
                is_last = number == len(message_ids) - 1
                await self._copy(user_id, run, message, key=f"{key}:{number}", is_last=is_last)
        log.info("result_sent_to_dm", run=run.id, messages=len(message_ids))

    async def open_card(self, user_id: int, *, key: str) -> tuple[int, int]:
        """Send a message that a run will fill in, once for each ``key``; return the ids of its channel and of itself.

        Refused if the person takes no direct messages.
        """
        sent = await self._send(user_id, {"view": PrebuiltLayout([payloads.text(strings.STARTING)])}, [], key)
        return sent.channel.id, sent.id

    async def _copy(self, user_id: int, run: Run, message: discord.Message, *, key: str, is_last: bool) -> None:
        shown = EditableMessage.read(message).without_controls()
        with tempfile.TemporaryDirectory(prefix="replicord-") as folder:
            files = await self._download(message, shown, Path(folder))
            left_out = shown.attachments.keys() - files.keys()
            if left_out:
                shown = shown.without(left_out, notice=results.too_large_for_dm())
            has_link = is_last and run.visibility is not Visibility.PRIVATE
            link = [payloads.text(results.link_back(message_url(run.place)))] if has_link else []
            uploads = [(path, shown.attachments[id_]) for id_, path in files.items()]
            await self._send(user_id, shown.body(*link), uploads, key)

    async def _download(self, message: discord.Message, shown: EditableMessage, folder: Path) -> dict[int, Path]:
        """Return where the files of a message are on disk, by attachment; without those that do not fit."""
        files: dict[int, Path] = {}
        room = _FILES_BYTES
        for attachment_id, url in attachment_addresses(message):
            if attachment_id not in shown.attachments:
                continue
            path = folder / str(attachment_id)
            limit = min(DEFAULT_FILE_BYTES, room)
            try:
                size = await download_from_cdn(self._client, url, path, limit=limit, seconds=DOWNLOAD_SECONDS)
            except REQUEST_ERRORS as error:
                log.info("attachment_not_copied", attachment=attachment_id, error=str(error))
                continue
            if size <= limit:
                files[attachment_id] = path
                room -= size
        return files

    async def _send(
        self, user_id: int, body: Mapping[str, Any], files: Sequence[tuple[Path, str]], key: str
    ) -> discord.Message:
        nonce = hashlib.sha256(key.encode()).hexdigest()[:NONCE_CHARS]
        try:
            channel = await send_request(self._client.create_dm(discord.Object(user_id)))
            async with self._limiter.request(BucketKey(channel.id, bot=True), Priority.NORMAL):
                uploads = [discord.File(path, filename=name) for path, name in files]
                return await send_request(channel.send(**body, files=uploads, nonce=nonce), _UPLOAD_SECONDS)
        except REQUEST_ERRORS as error:
            log.info("dm_not_sent", error=str(error))
            is_closed = isinstance(error, discord.HTTPException) and error.code == DiscordCode.CANNOT_MESSAGE_USER
            raise Refused(results.dms_closed() if is_closed else results.discord_unavailable()) from error
