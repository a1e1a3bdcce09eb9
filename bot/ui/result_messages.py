"""The messages of delivered results: read, edited and deleted as the bot, or with the token of a press under them.

Where the bot is not a member, and for private results, only a token reaches a message: that of a press the message of
the button (``remember_press``), that of the command all messages of its run (``remember_run``). Such tokens are kept in
memory for as long as they are valid.
"""

from collections import OrderedDict
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast

import discord
import structlog

from bot.clock import Clock
from bot.errors import Refused
from bot.limits import INTERACTION_TOKEN_LIFE, OLD_MESSAGE, PRESS_TOKENS
from bot.store.models import Run
from bot.ui.discord_rate_limits import CHECKS, BucketKey, Priority, RateLimiter
from bot.ui.editable_message import EditableMessage
from bot.ui.render import results as sentences
from bot.ui.reply.errors import DiscordErrorKind, classify_error
from bot.ui.requests import REQUEST_ERRORS, MalformedResponse, send_request

T = TypeVar("T")

_TOKEN_MARGIN: Final = timedelta(seconds=10)  # a request that leaves so long before its token expires still arrives

log = structlog.get_logger(__name__)


class ResultGone(Refused):
    """The message no longer exists."""

    def __init__(self) -> None:
        super().__init__(sentences.message_gone())


class ResultUnreachable(Refused):
    """The bot cannot reach the message, now or without a press under it."""


class EditsUsedUp(Refused):
    """Discord takes no further edit of a message older than an hour at the moment."""

    def __init__(self) -> None:
        super().__init__(sentences.edits_used_up())


@dataclass(frozen=True, slots=True)
class _Press:
    webhook: discord.Webhook
    bucket: BucketKey
    expires_at: datetime


class ResultMessages:
    """Makes the requests about results that are delivered; the replies of active runs make their own."""

    def __init__(self, client: discord.Client, *, limiter: RateLimiter, clock: Clock) -> None:
        self._client = client
        self._limiter = limiter
        self._clock = clock
        # By message, or by run for its own token; the oldest first.
        self._presses: OrderedDict[int | str, _Press] = OrderedDict()

    def remember_press(self, interaction: discord.Interaction[Any]) -> None:
        """Use the token of a press for the message of its button; it has to be acknowledged as an update of that."""
        if interaction.message is None:
            return
        self._remember(interaction.message.id, interaction.application_id, interaction.token, interaction.expires_at)

    def remember_run(self, run: Run) -> None:
        """Use the token of a run that was just delivered for all of its messages: no press reaches the further ones."""
        place = run.place
        is_renewed = place.token_expires_at > run.asked_at + INTERACTION_TOKEN_LIFE  # by a press under the card
        if place.token_only and place.token and not is_renewed:
            self._remember(run.id, place.application_id, place.token, place.token_expires_at)

    def _remember(self, key: int | str, application_id: int, token: str, expires_at: datetime) -> None:
        webhook = discord.Webhook.partial(application_id, token, client=self._client)
        self._presses[key] = _Press(webhook, BucketKey(hash(token), bot=False), expires_at)
        self._presses.move_to_end(key)
        while len(self._presses) > PRESS_TOKENS:
            self._presses.popitem(last=False)

    def reaches(self, run: Run, message_id: int) -> bool:
        """Return whether there is a way to a message now, as far as is known."""
        return not run.place.token_only or self._press(run, message_id) is not None

    async def read(self, run: Run, message_id: int, *, is_check: bool = False) -> discord.Message:
        """Return a message; raise ResultGone, ResultUnreachable, or Refused if Discord does not answer.

        A check waits behind everything that people wait for.
        """
        press = self._find_press(run, message_id)
        request = self._partial(run, message_id).fetch() if press is None else press.webhook.fetch_message(message_id)
        return await self._request(run, press, request, is_check=is_check)

    async def edit(
        self, run: Run, message: discord.Message, edited: EditableMessage, *, spoiler: bool | None = None
    ) -> None:
        """Replace what a message shows, and cover or uncover its attachments; EditsUsedUp, or as ``read``."""
        press = self._find_press(run, message.id)
        changes: dict[str, Any] = {
            **edited.body(),
            "attachments": cast("list[discord.Attachment]", list(edited.kept(spoiler=spoiler))),
            "allowed_mentions": discord.AllowedMentions.none(),
        }
        if press is None:
            request: Awaitable[object] = self._partial(run, message.id).edit(**changes)
        else:
            request = press.webhook.edit_message(message.id, **changes)
        try:
            await self._request(run, press, request)
        except MalformedResponse as error:
            # Discord names no time after which to try again (30046).
            if self._clock.now() - run.created_at > OLD_MESSAGE:
                raise EditsUsedUp from error
            raise Refused(sentences.discord_unavailable()) from error

    async def delete(self, run: Run, message_id: int) -> None:
        """Delete a message; one that is gone already is fine. Raises as ``read``."""
        press = self._find_press(run, message_id)
        request = self._partial(run, message_id).delete() if press is None else press.webhook.delete_message(message_id)
        try:
            await self._request(run, press, request)
        except ResultGone:
            return

    def _partial(self, run: Run, message_id: int) -> discord.PartialMessage:
        channel = self._client.get_partial_messageable(run.place.channel_id, guild_id=run.place.guild_id)
        return channel.get_partial_message(message_id)

    def _press(self, run: Run, message_id: int) -> _Press | None:
        """Return the newest token that reaches a message, if one is valid still."""
        now = self._clock.now()
        presses = filter(None, (self._presses.get(message_id), self._presses.get(run.id)))
        return next((press for press in presses if now < press.expires_at - _TOKEN_MARGIN), None)

    def _find_press(self, run: Run, message_id: int) -> _Press | None:
        """Return the press whose token reaches a message that the bot does not; None if the bot does."""
        if not run.place.token_only:
            return None
        press = self._press(run, message_id)
        if press is None:
            is_card = message_id == run.place.message_id
            raise ResultUnreachable(sentences.press_needed() if is_card else sentences.further_message_out_of_reach())
        return press

    async def _request(self, run: Run, press: _Press | None, request: Awaitable[T], *, is_check: bool = False) -> T:
        bucket = BucketKey(run.place.channel_id, bot=True) if press is None else press.bucket
        bucket, priority = (CHECKS, Priority.CHECK) if is_check else (bucket, Priority.NORMAL)
        try:
            async with self._limiter.request(bucket, priority):
                return await send_request(request)
        except MalformedResponse:
            raise
        except REQUEST_ERRORS as error:
            log.info("result_request_refused", run=run.id, error=str(error))
            match classify_error(error):
                case DiscordErrorKind.GONE:
                    raise ResultGone from error
                case DiscordErrorKind.TOO_OLD:
                    raise EditsUsedUp from error
                case DiscordErrorKind.TOKEN_EXPIRED:
                    raise ResultUnreachable(sentences.press_needed()) from error
                case DiscordErrorKind.NO_ACCESS:
                    raise ResultUnreachable(sentences.no_access()) from error
                case _:
                    raise Refused(sentences.discord_unavailable()) from error
