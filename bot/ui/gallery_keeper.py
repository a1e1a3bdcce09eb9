"""The task that keeps galleries: it posts copies of results, keeps their counts up to date, and deletes messages.

Each message has its row before it is sent (``bot.store.gallery``). A post that may have been sent and whose message is
not known, because the bot was killed in between or the answer was lost, is looked for in its channel before it is sent
again, and with the same nonce.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http import HTTPStatus
from io import BytesIO
from typing import Any, Final

import discord
import structlog

from bot.aio import WakeEvent
from bot.clock import Clock
from bot.discord_codes import DiscordCode
from bot.errors import Refused
from bot.language import _
from bot.limits import GALLERY_EDIT_SECONDS, NONCE_CHARS, OLD_MESSAGE
from bot.observability.metrics import Metrics
from bot.store.errors import StoreError
from bot.store.gallery import Gallery, GalleryPost, MessageRemoval
from bot.store.models import Run, RunOutput
from bot.store.runs import Runs
from bot.ui.discord_rate_limits import BucketKey, Priority, RateLimiter
from bot.ui.render.cards import message_url
from bot.ui.render.gallery import copied_pictures, gallery_card, picture_name
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.visibility import Visibility

LoadPicture = Callable[[Run, RunOutput], Awaitable[bytes]]
"""Return the bytes of a delivered picture; Refused if it is gone."""

_READY_CHECK: Final = 1.0  # seconds between two looks at whether the shards are connected
_BATCH: Final = 20
_UNSENT: Final = 500  # posts that are to be sent, of all processes
_OLD_COUNT_EVERY: Final = timedelta(minutes=1)  # edits of messages older than an hour are scarce: error 30046
_SEARCHED: Final = 100  # messages of a channel
_CLEARED: Final = 1000  # messages of a chat
_UPLOAD_SECONDS: Final = 120.0
# A request that another process of the bot sent before it lost the server to this one is over by then.
_SETTLED_AFTER: Final = timedelta(seconds=60)
_REMOVAL_KEPT: Final = timedelta(days=30)
_GONE: Final = frozenset({DiscordCode.UNKNOWN_CHANNEL, DiscordCode.UNKNOWN_MESSAGE})

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What matters of a channel; of a thread, its parent's. ``is_open``: every member of the server sees it."""

    id: int
    is_age_restricted: bool
    is_open: bool


class CopyRefusal(StrEnum):
    """Why a result is not copied."""

    SAME_CHANNEL = "same_channel"
    AGE_RESTRICTED = "age_restricted"
    MORE_READERS = "more_readers"
    PRIVATE = "private"


def decide_copy(source: ChannelFacts, target: ChannelFacts, visibility: Visibility) -> CopyRefusal | None:
    """Return why a result in ``source`` is not copied into ``target``; None if it may be.

    Nothing leaves an age-restricted channel, not even for another one, and nothing becomes visible to people who do
    not see the channel that it was made in.
    """
    if visibility is Visibility.PRIVATE:
        return CopyRefusal.PRIVATE
    if source.id == target.id:
        return CopyRefusal.SAME_CHANNEL
    if source.is_age_restricted:
        return CopyRefusal.AGE_RESTRICTED
    if target.is_open and not source.is_open:
        return CopyRefusal.MORE_READERS
    return None


class GalleryKeeper:
    """Posts, counts and deletes, one message after the other; nobody waits for it.

    ``has_shard`` tells whether this process listens to a server (None: to direct messages), and so is the one to act.
    """

    def __init__(
        self,
        client: discord.Client,
        *,
        gallery: Gallery,
        runs: Runs,
        limiter: RateLimiter,
        load_picture: LoadPicture,
        has_shard: Callable[[int | None], bool],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._gallery = gallery
        self._runs = runs
        self._limiter = limiter
        self._load_picture = load_picture
        self._has_shard = has_shard
        self._clock = clock
        self._metrics = metrics
        self._wake = WakeEvent(clock)
        self._started_at = clock.now()
        self._next_counts = clock.now()
        self._next_old_count = clock.now()
        self._last_removal = 0  # its number; the next look begins behind it

    def wake(self) -> None:
        """Look at once for what there is to do."""
        self._wake.set()

    async def run(self) -> None:
        """Work for as long as the bot is connected."""
        while True:
            if self._client.is_ready():
                await self._do(self._post_unsent)
                await self._do(self._update_counts)
                await self._do(self._delete_messages)
            await self._wake.wait(GALLERY_EDIT_SECONDS if self._client.is_ready() else _READY_CHECK)

    async def _do(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except (StoreError, *REQUEST_ERRORS) as error:
            log.info("gallery_not_kept", work=work.__name__, error=str(error))  # the next look tries again
        except Exception:
            self._metrics.unexpected_error("ui")
            log.exception("gallery_not_kept", work=work.__name__)

    # -- posts

    async def _post_unsent(self) -> None:
        for post in await self._gallery.list_unsent(limit=_UNSENT):
            if self._has_shard(post.guild_id):
                await self._do_contained(self._post(post), post.run_id)

    async def _do_contained(self, work: Awaitable[None], run_id: str) -> None:
        """Let the failure of one post cost no other."""
        try:
            await work
        except StoreError:
            raise
        except REQUEST_ERRORS as error:
            log.info("gallery_post_failed", run=run_id, error=str(error))
        except Exception:
            self._metrics.unexpected_error("ui")
            log.exception("gallery_post_failed", run=run_id)

    async def _post(self, post: GalleryPost) -> None:
        guild = self._client.get_guild(post.guild_id)
        if guild is not None and guild.unavailable:
            return  # an outage of the server
        run = await self._runs.get(post.run_id)
        channel = self._client.get_channel(post.channel_id)
        if run is None or not isinstance(channel, discord.abc.Messageable) or not may_copy(self._client, run, channel):
            await self._gallery.drop_unsent(post.run_id)
        elif post.sending_at is None:
            await self._send(post, run, channel)
        elif post.sending_at < self._started_at or self._clock.now() - post.sending_at > _SETTLED_AFTER:
            found = await self._find(channel, message_url(run.place), after=post.created_at - _SETTLED_AFTER)
            if found is None:
                await self._send(post, run, channel)
            else:
                await self._keep(post, found.id, stars=0)

    async def _send(self, post: GalleryPost, run: Run, channel: discord.abc.Messageable) -> None:
        try:
            pictures, files = await self._load(run)
        except Refused as error:
            log.info("gallery_post_dropped", run=run.id, reason=str(error))
            await self._gallery.drop_unsent(post.run_id)
            return
        if post.sending_at is None and not await self._gallery.mark_sending(post.run_id):
            return
        consent = await self._gallery.get_consent(run.author_id)
        request = channel.send(
            view=gallery_card(run, pictures, stars=post.stars, shows_prompt=consent.prompts),
            files=[discord.File(BytesIO(data), filename=name) for name, data in files],
            nonce=hashlib.sha256(f"gallery:{run.id}".encode()).hexdigest()[:NONCE_CHARS],
            allowed_mentions=discord.AllowedMentions.none(),
        )
        try:
            async with self._limiter.request(BucketKey(post.channel_id, bot=True)):
                sent = await send_request(request, _UPLOAD_SECONDS)
        except discord.HTTPException as error:
            if not _is_final(error):
                raise
            log.info("gallery_post_refused", run=run.id, error=str(error))
            await self._gallery.drop_unsent(post.run_id)
        else:
            await self._keep(post, sent.id, stars=post.stars)

    async def _keep(self, post: GalleryPost, message_id: int, *, stars: int) -> None:
        if not await self._gallery.mark_sent(post.run_id, message_id, stars=stars):
            await self._gallery.request_removal(
                guild_id=post.guild_id, channel_id=post.channel_id, message_id=message_id
            )

    async def _load(self, run: Run) -> tuple[Sequence[RunOutput], list[tuple[str, bytes]]]:
        """Return the pictures of a copy, and their names and bytes. Refused if there is none, or one is gone."""
        pictures = copied_pictures(run, await self._runs.list_outputs(run.id))
        if not pictures:
            raise Refused(_("The pictures are gone."))
        return pictures, [(picture_name(run, one), await self._load_picture(run, one)) for one in pictures]

    async def _find(self, channel: Any, url: str, *, after: Any) -> discord.Message | None:
        """Return the bot's message in a channel that links to this address."""

        async def search() -> discord.Message | None:
            async for message in channel.history(limit=_SEARCHED, after=after, oldest_first=False):
                if self._is_own(message) and url in _links(message.components):
                    found: discord.Message = message
                    return found
            return None

        async with self._limiter.request(priority=Priority.OTHER):
            return await send_request(search())

    async def _own_messages(self, channel: discord.PartialMessageable) -> list[int]:
        return [message.id async for message in channel.history(limit=_CLEARED) if self._is_own(message)]

    def _is_own(self, message: discord.Message) -> bool:
        return self._client.user is not None and message.author.id == self._client.user.id

    # -- counts

    async def _update_counts(self) -> None:
        """Update the newest, and one of those whose edits Discord counts; after it refused one, none for a while."""
        now = self._clock.now()
        if now < self._next_counts:
            return
        self._next_counts = now + timedelta(seconds=GALLERY_EDIT_SECONDS)
        for post in await self._gallery.list_outdated(limit=_BATCH):
            if not self._has_shard(post.guild_id) or post.message_id is None:
                continue
            if now - post.created_at > OLD_MESSAGE:
                if now < self._next_old_count:
                    continue
                self._next_old_count = now + _OLD_COUNT_EVERY
            await self._do_contained(self._update_count(post, post.message_id), post.run_id)

    async def _update_count(self, post: GalleryPost, message_id: int) -> None:
        run = await self._runs.get(post.run_id)
        if run is None:
            return
        pictures = copied_pictures(run, await self._runs.list_outputs(run.id))
        consent = await self._gallery.get_consent(run.author_id)
        card = gallery_card(run, pictures, stars=post.stars, shows_prompt=consent.prompts)
        message = self._client.get_partial_messageable(post.channel_id).get_partial_message(message_id)
        try:
            async with self._limiter.request(BucketKey(post.channel_id, bot=True)):
                await send_request(message.edit(view=card, allowed_mentions=discord.AllowedMentions.none()))
        except discord.HTTPException as error:
            if not _is_final(error):
                raise
            log.info("gallery_post_closed", run=run.id, error=str(error))
            await self._gallery.close_post(message_id)
            return
        await self._gallery.mark_shown(post.run_id, stars=post.stars)

    # -- deletions

    async def _delete_messages(self) -> None:
        """Delete some messages; if there may be more, look again at once, after what else there is to do."""
        removals = await self._gallery.list_removals(limit=_BATCH, after=self._last_removal)
        self._last_removal = removals[-1].number if len(removals) == _BATCH else 0
        for removal in removals:
            if self._has_shard(removal.guild_id):
                await self._delete_message(removal)
        if self._last_removal:
            self._wake.set()

    async def _delete_message(self, removal: MessageRemoval) -> None:
        """Delete what a removal is for; what Discord does not allow is given up, and so is one of a month ago."""
        channel = self._client.get_partial_messageable(removal.channel_id, guild_id=removal.guild_id)
        is_old = self._clock.now() - removal.requested_at > _REMOVAL_KEPT
        try:
            ids = await self._find_removed(removal, channel)
        except REQUEST_ERRORS as error:
            if not is_old and not _is_final(error):
                log.info("messages_not_found", channel=removal.channel_id, error=str(error))
                return
            ids = []
        done = [await self._delete(channel, message_id) for message_id in ids]
        if is_old or all(done):
            await self._gallery.mark_removed(removal.number)

    async def _find_removed(self, removal: MessageRemoval, channel: discord.PartialMessageable) -> list[int]:
        if removal.message_id is not None:
            return [removal.message_id]
        if removal.original is not None:
            url = f"https://discord.com/channels/{removal.original}"
            found = await self._find(channel, url, after=removal.requested_at - timedelta(days=1))
            return [] if found is None else [found.id]
        return await send_request(self._own_messages(channel))

    async def _delete(self, channel: discord.PartialMessageable, message_id: int) -> bool:
        """Delete a message; return whether nothing more can be done about it."""
        try:
            async with self._limiter.request(BucketKey(channel.id, bot=True)):
                await send_request(channel.get_partial_message(message_id).delete())
        except REQUEST_ERRORS as error:
            is_gone = isinstance(error, discord.HTTPException) and error.code in _GONE
            if not is_gone:
                log.info("message_not_deleted", message=message_id, error=str(error))
            return is_gone or _is_final(error)
        return True


def _is_final(error: BaseException) -> bool:
    """Return whether Discord refuses a request for good; a 429 is also how it refuses many edits of old messages."""
    if not isinstance(error, discord.HTTPException):
        return False
    return 400 <= error.status < 500 and error.status != HTTPStatus.TOO_MANY_REQUESTS  # HTTP's classes


def may_copy(client: discord.Client, run: Run, target: Any) -> bool:
    """Return whether a result may be copied into a channel, as far as the client knows both channels."""
    guild = client.get_guild(run.place.guild_id) if run.place.guild_id else None
    source = guild.get_channel_or_thread(run.place.channel_id) if guild else None
    if source is None or getattr(target, "guild", None) != guild:
        return False
    return decide_copy(channel_facts(source), channel_facts(target), run.visibility) is None


def channel_facts(channel: Any) -> ChannelFacts:
    """Return what matters of a channel of a server; a private thread is open to nobody else."""
    parent = channel.parent if isinstance(channel, discord.Thread) else channel
    if parent is None:
        return ChannelFacts(id=channel.id, is_age_restricted=True, is_open=False)
    is_private = isinstance(channel, discord.Thread) and channel.is_private()
    is_open = not is_private and parent.permissions_for(parent.guild.default_role).view_channel
    return ChannelFacts(id=channel.id, is_age_restricted=bool(parent.is_nsfw()), is_open=is_open)


def _links(components: Sequence[discord.Component]) -> Iterator[str]:
    """Yield the addresses of the link buttons of a message."""
    for component in components:
        if isinstance(component, discord.components.Button):
            if component.url:
                yield component.url
        else:
            yield from _links(getattr(component, "children", ()))
