"""The two ways to edit a message: with the interaction's token, and as the bot itself.

::

    interaction   15 minutes from the command or from a button press; rate limited by interaction
    bot           as long as the bot sees the channel; rate limited by channel and bot, and scarce after an hour

The interaction's token is used while it is valid. A reply that only the token reaches (app installed by a user, or
ephemeral) is out of reach when it expires, until a button press brings a new one.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Protocol

import discord

from bot.discord_codes import DiscordCode
from bot.discord_internals import InteractionWebhook
from bot.limits import INTERACTION_TOKEN_LIFE, NONCE_CHARS, OLD_MESSAGE
from bot.store.models import Place, Run
from bot.ui.discord_rate_limits import CHECKS, BucketKey
from bot.ui.reply.messages import CANCEL_EMOJI, MessageState, OutgoingMessage
from bot.ui.requests import REQUEST_SECONDS, send_request

# An edit that is sent this long before the token expires still arrives.
_TOKEN_MARGIN = timedelta(seconds=10)
# When to show that the token expires.
_TOKEN_WARNING = timedelta(seconds=35)
# How often a channel is tried again that refused the bot; Discord bans bots with many refused requests.
_REOPEN_INTERVAL = timedelta(minutes=5)

_UPLOAD_SECONDS = 300.0

_UNKNOWN_REFERENCE = "In message_reference"  # REPLIES_UNKNOWN_MESSAGE, as discord.py words the path of an error
_CANNOT_REPLY = frozenset({DiscordCode.MISSING_PERMISSIONS, DiscordCode.CANNOT_REPLY_WITHOUT_HISTORY})


class CardDeleted(discord.DiscordException):
    """The message that was to be replied to no longer exists."""


class Transport(Protocol):
    """A way to send, edit and read the messages of a reply."""

    @property
    def bucket(self) -> BucketKey:
        """What the requests share their rate limit with."""
        ...

    @property
    def check_bucket(self) -> BucketKey:
        """The same for reads that only find out whether a message still exists."""
        ...

    async def edit(self, message_id: int, message: OutgoingMessage) -> MessageState:
        """Replace the content of a message."""
        ...

    async def send(self, message: OutgoingMessage, *, nonce: str, ephemeral: bool) -> MessageState:
        """Send a message below the first one."""
        ...

    async def read(self, message_id: int) -> MessageState:
        """Return what Discord has of a message."""
        ...


class InteractionTransport:
    """Edits with the token of an interaction; needs no permission in the channel."""

    def __init__(self, client: discord.Client, application_id: int, token: str) -> None:
        self.bucket = self.check_bucket = BucketKey(hash(token), bot=False)
        self._webhook = InteractionWebhook.create(client, application_id, token)

    async def edit(self, message_id: int, message: OutgoingMessage) -> MessageState:
        request = self._webhook.edit_message(
            message_id,
            attachments=[*message.kept, *message.files()],
            allowed_mentions=message.allowed_mentions(),
            **message.body(),
        )
        return MessageState.from_response(await send_request(request, _timeout(message)))

    async def send(self, message: OutgoingMessage, *, nonce: str, ephemeral: bool) -> MessageState:  # noqa: ARG002  # a webhook has no nonce
        """Send a follow-up, which Discord shows as a reply to the first message."""
        request = self._webhook.send(
            files=message.files(),
            allowed_mentions=message.allowed_mentions(),
            ephemeral=ephemeral,
            suppress_embeds=message.view is None,
            wait=True,
            **message.body(),
        )
        return MessageState.from_response(await send_request(request, _timeout(message)))

    async def read(self, message_id: int) -> MessageState:
        return MessageState.from_response(await send_request(self._webhook.fetch_message(message_id)))


class BotTransport:
    """Edits as the bot itself; the bot has to see the channel."""

    def __init__(self, client: discord.Client, place: Place) -> None:
        self.bucket, self.check_bucket = BucketKey(place.channel_id, bot=True), CHECKS
        self.reaction_bucket = BucketKey(place.channel_id, bot=True, reactions=True)
        self._client = client
        self._card_id = place.message_id
        self._can_reply = True
        self._reference = discord.MessageReference(
            message_id=place.message_id,
            channel_id=place.channel_id,
            guild_id=place.guild_id,
            fail_if_not_exists=True,
        )
        self._channel = client.get_partial_messageable(place.channel_id, guild_id=place.guild_id)

    async def edit(self, message_id: int, message: OutgoingMessage) -> MessageState:
        request = self._channel.get_partial_message(message_id).edit(
            attachments=[*message.kept, *message.files()],
            allowed_mentions=message.allowed_mentions(),
            **message.body(),
        )
        return MessageState.from_message(await send_request(request, _timeout(message)))

    async def send(self, message: OutgoingMessage, *, nonce: str, ephemeral: bool) -> MessageState:  # noqa: ARG002  # a bot cannot
        """Send a reply to the first message, or a plain message where the bot may not read the history.

        Discord accepts a nonce once. Raises CardDeleted if the first message no longer exists.
        """
        if self._can_reply:
            try:
                return await self._send(message, nonce, reference=self._reference)
            except discord.HTTPException as error:
                if error.code == DiscordCode.INVALID_FORM_BODY and _UNKNOWN_REFERENCE in error.text:
                    raise CardDeleted from error
                if error.code not in _CANNOT_REPLY:
                    raise
        sent = await self._send(message, nonce)
        self._can_reply = False  # it was the reference that was refused, and not a file
        return sent

    async def read(self, message_id: int) -> MessageState:
        return MessageState.from_message(await send_request(self._channel.fetch_message(message_id)))

    async def followups(self) -> list[discord.Message]:
        """Return the bot's own messages that answer the first one, oldest first."""
        return await send_request(self._read_followups())

    async def add_reaction(self) -> None:
        await send_request(self._channel.get_partial_message(self._card_id).add_reaction(CANCEL_EMOJI))

    async def remove_reaction(self) -> None:
        if self._client.user is not None:
            card = self._channel.get_partial_message(self._card_id)
            await send_request(card.remove_reaction(CANCEL_EMOJI, self._client.user))

    async def _send(self, message: OutgoingMessage, nonce: str, **reference: Any) -> MessageState:
        request = self._channel.send(
            files=message.files(),
            allowed_mentions=message.allowed_mentions(),
            nonce=nonce,
            mention_author=False,
            suppress_embeds=message.view is None,
            **reference,
            **message.body(),
        )
        return MessageState.from_message(await send_request(request, _timeout(message)))

    async def _read_followups(self) -> list[discord.Message]:
        history = self._channel.history(limit=100, after=discord.Object(self._card_id), oldest_first=True)
        return [message async for message in history if self._is_own(message) and _answers(message, self._card_id)]

    def _is_own(self, message: discord.Message) -> bool:
        return self._client.user is not None and message.author.id == self._client.user.id


class TransportSelector:
    """Which transports of one reply are open.

    ``edits_are_limited``: Discord refused an edit of an old message. ``is_renewed``: the token is that of a press,
    which reaches the message of the button and what is sent with it, and no further message from before.
    """

    def __init__(self, client: discord.Client, run: Run) -> None:
        self._client = client
        self._created_at = run.asked_at
        self._application_id = run.place.application_id
        self._expires_at = run.place.token_expires_at
        self.interaction: InteractionTransport | None = None
        if run.place.token:
            self.interaction = self._interaction(run.place.token)
        self.bot: BotTransport | None = None
        if not run.place.token_only:
            self.bot = BotTransport(client, run.place)
        self.edits_are_limited = False
        # The original token is older than its run.
        is_renewed = run.place.token_expires_at > run.asked_at + INTERACTION_TOKEN_LIFE
        self._renewed = run.place.token if is_renewed else None
        self._closed_bot: BotTransport | None = None
        self._reopen_at: datetime | None = None

    def select(self, now: datetime) -> Transport | None:
        """Return the transport to use now; None if none is open."""
        return self.open_interaction(now) or self.bot

    def open_interaction(self, now: datetime) -> InteractionTransport | None:
        """Return the interaction's transport while its token is valid."""
        return self.interaction if now < self._expires_at - _TOKEN_MARGIN else None

    def close(self, transport: Transport) -> None:
        """Stop using a transport that Discord refuses."""
        if transport is self.interaction:
            self.interaction = None
        elif transport is self.bot:
            self._closed_bot, self.bot = self.bot, None

    def close_bot(self) -> None:
        """Stop using the bot's transport for good: the message is ephemeral."""
        self.bot = None

    def reopen_bot(self, now: datetime) -> bool:
        """Try the bot's transport again from time to time: permissions come back, threads are unarchived."""
        if self._closed_bot is None or self.bot is not None:
            return False
        if self._reopen_at is not None and now < self._reopen_at:
            return False
        self.bot, self._closed_bot = self._closed_bot, None
        self._reopen_at = now + _REOPEN_INTERVAL
        return True

    def renew_token(self, token: str, expires_at: datetime) -> bool:
        """Use the token of a new interaction; return whether it is another one than the last that was renewed."""
        if token == self._renewed:
            return False
        self._renewed = token
        self.interaction = self._interaction(token)
        self._expires_at = expires_at
        return True

    @property
    def is_renewed(self) -> bool:
        """Whether the token is that of a press."""
        return self._renewed is not None

    def expires_soon(self, now: datetime) -> bool:
        """Whether the token is the only way to the message and expires within seconds."""
        return self.interaction is not None and self.bot is None and now >= self._expires_at - _TOKEN_WARNING

    def _interaction(self, token: str) -> InteractionTransport:
        return InteractionTransport(self._client, self._application_id, token)

    def edits_are_scarce(self, transport: Transport, now: datetime) -> bool:
        """Whether the message is so old that its few edits are kept for the final snapshot."""
        return self.edits_are_limited or (transport is self.bot and now - self._created_at > OLD_MESSAGE)


def message_nonce(run_id: str, number: int) -> str:
    """Return the nonce of a further message: the same after every restart."""
    return hashlib.sha256(f"{run_id}:{number}".encode()).hexdigest()[:NONCE_CHARS]


def _timeout(message: OutgoingMessage) -> float:
    return _UPLOAD_SECONDS if message.uploads else REQUEST_SECONDS


def _answers(message: discord.Message, card_id: int) -> bool:
    if message.reference is not None and message.reference.message_id == card_id:
        return True
    metadata = message.interaction_metadata
    return metadata is not None and metadata.original_response_message_id == card_id
