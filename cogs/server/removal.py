"""Remove a result from its channel: what a moderator does about a report."""

import discord
import structlog

from bot.discord_codes import DiscordCode
from bot.errors import Refused
from bot.language import _
from bot.runs import Run
from bot.runs.engine import Engine
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.ui.result_changes import ResultChanges

log = structlog.get_logger(__name__)


class ResultRemover:
    """Deletes the messages of a run and every stored copy; a run in progress is stopped, and its messages go."""

    def __init__(self, client: discord.Client, *, engine: Engine, changes: ResultChanges) -> None:
        self._client = client
        self._engine = engine
        self._changes = changes

    async def remove(self, run: Run, *, by: int) -> None:
        """Remove the result of a run; Refused if Discord does not let the bot."""
        if run.delivered_at is not None:
            await self._changes.delete(run)
            return
        await self._engine.cancel(run.id, by=by)
        channel = self._client.get_partial_messageable(run.place.channel_id, guild_id=run.place.guild_id)
        for message_id in (run.place.message_id, *run.messages.values()):
            try:
                await send_request(channel.get_partial_message(message_id).delete())
            except REQUEST_ERRORS as error:
                if isinstance(error, discord.HTTPException) and error.code == DiscordCode.UNKNOWN_MESSAGE:
                    continue
                log.warning("result_not_removed", run=run.id, error=str(error))
                raise Refused(_("I can't delete that message. Delete it yourself, then dismiss the report.")) from error
