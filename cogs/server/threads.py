"""Threads of results: where a server wants results out of the way, each person has one in a channel."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from weakref import WeakValueDictionary

import discord
import structlog

from bot.discord_codes import DiscordCode
from bot.discord_internals import PrebuiltLayout
from bot.errors import Refused
from bot.formatting import truncate
from bot.language import _, use_language
from bot.limits import THREAD_NAME_CHARS
from bot.store.server_rules import Servers
from bot.ui.render import payloads, strings
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.ui.spoken_language import reply_language

# Unknown channel, missing access, archived, locked: results go on in another thread.
_GONE: Final = frozenset(
    {
        DiscordCode.UNKNOWN_CHANNEL,
        DiscordCode.MISSING_ACCESS,
        DiscordCode.THREAD_ARCHIVED,
        DiscordCode.THREAD_LOCKED,
    }
)

log = structlog.get_logger(__name__)


class ResultThreads:
    """Opens the place of a result in the thread of its author."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers
        self._locks: WeakValueDictionary[tuple[int, int], asyncio.Lock] = WeakValueDictionary()

    def may_open(self, interaction: discord.Interaction[Any]) -> bool:
        """Return whether a result can be in a thread of the interaction's channel; in a thread, it is already."""
        permissions = interaction.app_permissions
        is_text = isinstance(interaction.channel, discord.TextChannel)
        return is_text and permissions.create_public_threads and permissions.send_messages_in_threads

    @asynccontextmanager
    async def open_message(self, interaction: discord.Interaction[Any]) -> AsyncIterator[discord.Message]:
        """Send the message that a run will fill, in the person's thread; it is deleted if the run does not start."""
        message = await self._send_placeholder(interaction)
        try:
            yield message
        except BaseException:
            try:
                await send_request(message.delete())
            except REQUEST_ERRORS as error:
                log.info("placeholder_not_deleted", message=message.id, error=str(error))
            raise

    async def _send_placeholder(self, interaction: discord.Interaction[Any]) -> discord.Message:
        channel, user = interaction.channel, interaction.user
        if not isinstance(channel, discord.TextChannel):
            raise Refused(_("I can't open a thread here. Use the command in a text channel."))
        key = channel.id, user.id
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:  # two runs of one person share a thread
            try:
                message = await self._send_in_thread(interaction, channel, user)
            except REQUEST_ERRORS as error:
                log.info("thread_not_opened", channel=channel.id, error=str(error))
                message = None
        if message is None:
            raise Refused(_("I can't write in a thread of this channel right now. Try again in a moment."))
        return message

    async def _send_in_thread(
        self, interaction: discord.Interaction[Any], channel: discord.TextChannel, user: discord.abc.User
    ) -> discord.Message | None:
        """Send the placeholder into the person's thread, or into a new one where that is gone."""
        thread_id = await self._servers.get_thread(channel.id, user.id)
        if thread_id is not None and (message := await _send(interaction, thread_id)) is not None:
            return message
        with use_language(reply_language(interaction, ephemeral=False)):
            name = truncate(_("Results of {name}").format(name=user.display_name), THREAD_NAME_CHARS)
        kind = discord.ChannelType.news_thread if channel.is_news() else discord.ChannelType.public_thread
        thread = await send_request(channel.create_thread(name=name, type=kind))
        await self._servers.save_thread(channel.id, user.id, thread.id)
        with suppress(*REQUEST_ERRORS):  # it only brings the thread into their list
            await send_request(thread.add_user(user))
        return await _send(interaction, thread.id)


async def _send(interaction: discord.Interaction[Any], thread_id: int) -> discord.Message | None:
    """Send the placeholder into a thread; None if the thread is gone."""
    thread = interaction.client.get_partial_messageable(thread_id, guild_id=interaction.guild_id)
    try:
        return await send_request(thread.send(view=PrebuiltLayout([payloads.text(strings.STARTING)])))
    except discord.HTTPException as error:
        if error.code not in _GONE:
            raise
        return None
