"""Where in Discord the reply to a run is: the response, a further message, or a message in the person's thread."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace

import discord

from bot.client import Replicord
from bot.limits import DEFAULT_FILE_BYTES
from bot.rules.decide import RunTerms
from bot.runs import Place
from bot.ui.first_response import defer_with_message, delete_followup, edit_response
from bot.ui.render.server_words import result_in_thread
from bot.ui.requests import REQUEST_ERRORS
from bot.ui.respond import respond
from bot.ui.spoken_language import reply_language
from bot.visibility import Visibility
from cogs.server.threads import ResultThreads

Interaction = discord.Interaction[Replicord]


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingReply:
    """An acknowledged interaction; ``message_id`` is the response's, None if the reply will be another message.

    ``ephemeral``: only the person sees the response, which leads to the reply where that is ``in_thread``.
    ``thinking_id`` is the message that says "thinking" until there is a reply, None if nothing does.
    """

    message_id: int | None = None
    thinking_id: int | None = None
    ephemeral: bool = False
    in_thread: bool = False


class ReplyPlaces:
    """Acknowledges an interaction, and opens the place of its result as soon as nothing can refuse the run."""

    def __init__(self, threads: ResultThreads) -> None:
        self._threads = threads

    async def acknowledge(self, interaction: Interaction, visibility: Visibility, terms: RunTerms) -> PendingReply:
        """Respond to the interaction. A press that was acknowledged already waits for nothing: its message comes later.

        Where the bot cannot open threads, a result that should be in one is in the channel.
        """
        is_private = visibility is Visibility.PRIVATE
        in_thread = terms.in_thread and not is_private and self._threads.may_open(interaction)
        if interaction.response.is_done():
            return PendingReply(ephemeral=is_private, in_thread=in_thread)
        if in_thread:
            thinking_id = await defer_with_message(interaction, ephemeral=True)
            return PendingReply(thinking_id=thinking_id, ephemeral=True, in_thread=True)
        message_id = await defer_with_message(interaction, ephemeral=is_private)
        return PendingReply(message_id=message_id, thinking_id=message_id, ephemeral=is_private)

    @asynccontextmanager
    async def open(self, interaction: Interaction, reply: PendingReply) -> AsyncIterator[Place]:
        """Yield the place of the result; a message that was sent for it goes if the run does not start."""
        if not reply.in_thread:
            async with _open_message(interaction, reply) as message_id:
                yield _reply_place(interaction, message_id, ephemeral=reply.ephemeral)
            return
        async with self._threads.open_message(interaction) as message:
            # No interaction's token reaches it, so the bot edits it itself from the start.
            place = _reply_place(interaction, message.id, ephemeral=False)
            yield replace(place, channel_id=message.channel.id, token="", token_only=False)
        with suppress(*REQUEST_ERRORS):
            sentence = result_in_thread(message.channel.id)
            if reply.ephemeral:
                await edit_response(interaction, content=sentence)
            else:
                await respond(interaction, sentence)


@asynccontextmanager
async def _open_message(interaction: Interaction, reply: PendingReply) -> AsyncIterator[int]:
    """Yield the message that shows a run: the response, or a further one, which goes if the run does not start."""
    if reply.message_id is not None:
        yield reply.message_id
        return
    message_id = await defer_with_message(interaction, ephemeral=reply.ephemeral)
    try:
        yield message_id
    except BaseException:
        with suppress(*REQUEST_ERRORS):
            await delete_followup(interaction, message_id)
        raise


def _reply_place(interaction: Interaction, message_id: int, *, ephemeral: bool) -> Place:
    """Return the place of the message ``message_id``, sent in response to this interaction.

    The bot's own token reaches the message only in servers that installed the bot and in its own direct messages, and
    no ephemeral one; elsewhere only the interaction's token does.
    """
    member = not ephemeral and (interaction.is_guild_integration() or bool(interaction.context.dm_channel))
    # The author's own, larger limit ends with the token.
    file_limit = interaction.guild.filesize_limit if interaction.guild else DEFAULT_FILE_BYTES
    return Place(
        application_id=interaction.application_id,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id or 0,
        message_id=message_id,
        token=interaction.token,
        token_expires_at=interaction.expires_at,
        token_only=not member,
        file_limit=file_limit if member else interaction.filesize_limit,
        language=reply_language(interaction, ephemeral=ephemeral),
    )
