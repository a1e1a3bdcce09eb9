"""Find a delivered file of a run anew in Discord: the address of an attachment expires after a day."""

import discord

from bot.client import Replicord
from bot.errors import Refused
from bot.store.models import Run, RunOutput
from bot.ui.editable_message import attachment_addresses
from bot.ui.render.results import file_gone
from bot.ui.result_messages import ResultMessages
from cogs.use_as_subject.message_images import CdnImage


class ResultFiles:
    """Finds the files of results by message and attachment."""

    def __init__(self, messages: ResultMessages) -> None:
        self._messages = messages

    async def fetch(
        self, run: Run, output: RunOutput, *, interaction: discord.Interaction[Replicord] | None = None
    ) -> CdnImage:
        """Return the file with an address that works now; ``download_from_cdn`` reads it.

        ``interaction`` is the press that asked for it, which may bring the message along. Refused if the file is gone
        or out of reach; its sentence says so.
        """
        if output.removed_at is not None or run.deleted_at is not None:
            raise Refused(file_gone())
        message = interaction.message if interaction is not None else None
        if message is None or message.id != output.message_id:
            message = await self._messages.read(run, output.message_id)
        url = next((url for id_, url in attachment_addresses(message) if id_ == output.attachment_id), None)
        if url is None:
            raise Refused(file_gone())
        return CdnImage(output.name, url, output.size)
