"""The two roads to a message: the interaction's token, and the bot itself.

::

    token road   15 minutes from the command or from a press of a button; Discord counts its requests by interaction
    bot road     as long as the bot sees the channel; counted by channel and by bot, and scarce past an hour

The token road is taken while it is open. A reply that only its token reaches (installed by a user, or ephemeral) is
out of reach when the token dies, until a press brings a fresh one.
"""

import asyncio
import hashlib
from datetime import datetime, timedelta
from typing import Any, Protocol

import discord

from bot.discord_internals import InteractionWebhook
from bot.limits import NONCE_CHARS, OLD_MESSAGE
from bot.store.models import Place, Run
from bot.ui.rate_limit import BucketKey
from bot.ui.reply.messages import MessageState, OutgoingMessage

CANCEL_EMOJI = "❌"
_SPARE = timedelta(seconds=10)  # an edit under way must arrive before the token dies
_PARTING = timedelta(seconds=35)
_REOPENED_EVERY = timedelta(minutes=5)  # Discord bars a bot whose requests are refused too often
_SECONDS = 45.0
_UPLOAD_SECONDS = 300.0
_CANNOT_REPLY = (50013, 160002)


class Transport(Protocol):
    """A way to show, change and read a run's messages."""

    @property
    def line(self) -> BucketKey:
        """What this road's requests share their bound with."""
        ...

    async def edit(self, message_id: int, package: OutgoingMessage) -> MessageState:
        """Change a message."""
        ...

    async def send(self, package: OutgoingMessage, *, nonce: str, ephemeral: bool) -> MessageState:
        """Send a message below the first one."""
        ...

    async def read(self, message_id: int) -> MessageState:
        """Return what Discord has of a message."""
        ...


class InteractionTransport:
    """The road of an interaction's token; needs no right in the channel."""

    def __init__(self, client: discord.Client, application_id: int, token: str) -> None:
        self.line = BucketKey(hash(token), bot=False)
        self._webhook = InteractionWebhook.create(client, application_id, token)

    async def edit(self, message_id: int, package: OutgoingMessage) -> MessageState:
        """Change a message of this interaction."""
        async with asyncio.timeout(_patience(package)):
            answer = await self._webhook.edit_message(
                message_id,
                attachments=package.attachments(),
                allowed_mentions=package.allowed(),
                **_looks(package),
            )
        return _shown(answer)

    async def send(self, package: OutgoingMessage, *, nonce: str, ephemeral: bool) -> MessageState:  # noqa: ARG002  # this road has no nonce
        """Send a follow-up, which Discord shows as a reply to the first message."""
        async with asyncio.timeout(_patience(package)):
            answer = await self._webhook.send(
                files=package.files(),
                allowed_mentions=package.allowed(),
                ephemeral=ephemeral,
                wait=True,
                **_looks(package),
            )
        return _shown(answer)

    async def read(self, message_id: int) -> MessageState:
        """Return what Discord has of a message of this interaction."""
        async with asyncio.timeout(_SECONDS):
            return _shown(await self._webhook.fetch_message(message_id))


class BotTransport:
    """The bot's own road; needs to see the channel."""

    def __init__(self, client: discord.Client, place: Place) -> None:
        self.line = BucketKey(place.channel_id, bot=True)
        self.reactions = BucketKey(place.channel_id, bot=True, reactions=True)
        self._client = client
        self._place = place
        self._replies = True
        self._first = discord.MessageReference(
            message_id=place.message_id,
            channel_id=place.channel_id,
            guild_id=place.guild_id,
            fail_if_not_exists=False,
        )
        self._messages = client.get_partial_messageable(place.channel_id, guild_id=place.guild_id)

    async def edit(self, message_id: int, package: OutgoingMessage) -> MessageState:
        """Change a message of the bot's."""
        async with asyncio.timeout(_patience(package)):
            message = await self._messages.get_partial_message(message_id).edit(
                attachments=package.attachments(),
                allowed_mentions=package.allowed(),
                **_looks(package),
            )
        return MessageState.of(message, CANCEL_EMOJI)

    async def send(self, package: OutgoingMessage, *, nonce: str, ephemeral: bool) -> MessageState:  # noqa: ARG002  # this road is public
        """Send a reply to the first message; Discord takes the same nonce once.

        Without the right to read the history a bot cannot reply; then it is a plain message.
        """
        if self._replies:
            try:
                return await self._post(package, nonce, reference=self._first)
            except discord.Forbidden as refused:
                if refused.code not in _CANNOT_REPLY:
                    raise
                self._replies = False
        return await self._post(package, nonce)

    async def _post(self, package: OutgoingMessage, nonce: str, **reply: Any) -> MessageState:
        async with asyncio.timeout(_patience(package)):
            message = await self._messages.send(
                files=package.files(),
                allowed_mentions=package.allowed(),
                nonce=nonce,
                mention_author=False,
                **reply,
                **_looks(package),
            )
        return MessageState.of(message, CANCEL_EMOJI)

    async def read(self, message_id: int) -> MessageState:
        """Return what Discord has of a message in the channel."""
        async with asyncio.timeout(_SECONDS):
            return MessageState.of(await self._messages.fetch_message(message_id), CANCEL_EMOJI)

    async def replies(self) -> list[discord.Message]:
        """Return the bot's messages after the first one that answer it, oldest first."""
        first = self._place.message_id
        async with asyncio.timeout(_SECONDS):
            history = self._messages.history(limit=100, after=discord.Object(first), oldest_first=True)
            return [message async for message in history if self._is_mine(message) and _answers(message, first)]

    def _is_mine(self, message: discord.Message) -> bool:
        return self._client.user is not None and message.author.id == self._client.user.id

    async def react(self) -> None:
        """Put the reaction under the first message."""
        async with asyncio.timeout(_SECONDS):
            await self._messages.get_partial_message(self._place.message_id).add_reaction(CANCEL_EMOJI)

    async def unreact(self) -> None:
        """Take the bot's own reaction away."""
        if self._client.user is not None:
            async with asyncio.timeout(_SECONDS):
                message = self._messages.get_partial_message(self._place.message_id)
                await message.remove_reaction(CANCEL_EMOJI, self._client.user)


class TransportSelector:
    """Which road to a run's messages is open."""

    def __init__(self, client: discord.Client, run: Run) -> None:
        self._client = client
        self._created_at = run.created_at
        self.token_only = run.place.token_only
        self._application_id = run.place.application_id
        self.expires_at = run.place.token_expires_at
        self.token: InteractionTransport | None = None
        if run.place.token:
            self.token = InteractionTransport(client, self._application_id, run.place.token)
        self.bot: BotTransport | None = None if self.token_only else BotTransport(client, run.place)
        self.scarce = False
        self._closed: BotTransport | None = None
        self._reopens_at: datetime | None = None

    def pick(self, now: datetime) -> Transport | None:
        """Return the road to take now, None when none is open."""
        if self.token is not None and now < self.expires_at - _SPARE:
            return self.token
        return self.bot

    def other(self, road: Transport) -> Transport | None:
        """Return the bot's road when ``road`` is the token's and the bot has one."""
        return self.bot if road is not self.bot else None

    def lose(self, road: Transport) -> None:
        """Remember that a road is closed."""
        if road is self.token:
            self.token = None
        elif road is self.bot:
            self._closed, self.bot = self.bot, None

    def reopen(self, now: datetime) -> bool:
        """Take up the bot's road again that Discord closed: rights come back, threads are opened; now and then."""
        if self._closed is None or self.bot is not None or (self._reopens_at is not None and now < self._reopens_at):
            return False
        self.bot, self._closed = self._closed, None
        self._reopens_at = now + _REOPENED_EVERY
        return True

    def renew(self, token: str, expires_at: datetime) -> None:
        """Open the token road again."""
        self.token = InteractionTransport(self._client, self._application_id, token)
        self.expires_at = expires_at

    def parting_at(self) -> datetime | None:
        """Return when to say that nothing more can be shown; None when the bot's own road remains."""
        return self.expires_at - _PARTING if self.token is not None and self.bot is None else None

    def edits_are_scarce(self, road: Transport, now: datetime) -> bool:
        """Whether only the last edit is worth one of the few that Discord grants an old message."""
        return self.scarce or (road is self.bot and now - self._created_at > OLD_MESSAGE)


def nonce_of(run_id: str, number: int) -> str:
    """Return the nonce of a run's further message: the same after every restart."""
    return hashlib.sha256(f"{run_id}:{number}".encode()).hexdigest()[:NONCE_CHARS]


def _shown(response: Any) -> MessageState:
    if isinstance(response, discord.Message):
        return MessageState.of(response, CANCEL_EMOJI)
    return MessageState.told(response, CANCEL_EMOJI)


def _looks(package: OutgoingMessage) -> dict[str, Any]:
    """Return the arguments that discord.py overloads: a layout, or content."""
    if package.view is not None:
        return {"view": package.view}
    return {"content": package.content}


def _patience(package: OutgoingMessage) -> float:
    return _UPLOAD_SECONDS if package.uploads else _SECONDS


def _answers(message: discord.Message, first: int) -> bool:
    if message.reference is not None and message.reference.message_id == first:
        return True
    asked = message.interaction_metadata
    return asked is not None and asked.original_response_message_id == first
