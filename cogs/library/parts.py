"""The parts of the library, put together: what makes thumbnails, keeps galleries, and answers people."""

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

from discord.ext import commands

from bot.catalog.next_actions import NextOffers
from bot.client import Replicord
from bot.clock import Clock
from bot.discord_internals import download_from_cdn
from bot.library.thumbnails import Thumbnails
from bot.limits import DOWNLOAD_SECONDS
from bot.observability.metrics import Metrics
from bot.runs.input_files import InputSpool
from bot.store.gallery import GalleryRules
from bot.store.models import Run, RunOutput
from bot.store.store import Store
from bot.ui.discord_rate_limits import RateLimiter
from bot.ui.gallery_keeper import GalleryKeeper
from bot.ui.result_messages import ResultMessages
from bot.worker_pool import WorkerPool
from cogs.favourites import Favourites, Stars
from cogs.library.cog import LibraryCommands
from cogs.library.export import LibraryExport
from cogs.result_files import ResultFiles


class PictureLoader:
    """Reads files of results, by way of a file in ``folder``."""

    def __init__(self, client: Replicord, *, files: ResultFiles, folder: Path) -> None:
        self._client = client
        self._files = files
        self._root = folder

    async def load(self, run: Run, output: RunOutput) -> bytes:
        """Return the bytes of a delivered file; Refused if it is gone or out of reach, or an error of the request."""
        found = await self._files.fetch(run, output)
        folder = await asyncio.to_thread(self._make_folder)
        with folder:
            path = Path(folder.name) / "file"
            await download_from_cdn(self._client, found.url, path, limit=output.size, seconds=DOWNLOAD_SECONDS)
            return await asyncio.to_thread(path.read_bytes)

    def _make_folder(self) -> "tempfile.TemporaryDirectory[str]":
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(dir=self._root)


class LibraryParts:
    """Builds the parts. ``keeper`` runs as long as the bot is connected; ``folder`` is for files on their way."""

    def __init__(
        self,
        client: Replicord,
        *,
        store: Store,
        workers: WorkerPool,
        limiter: RateLimiter,
        files: ResultFiles,
        messages: ResultMessages,
        folder: Path,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._client = client
        self._messages = messages
        self._store = store
        self._files = InputSpool(folder)
        self._load_picture = load_picture = PictureLoader(client, files=files, folder=folder).load
        self.thumbnails = Thumbnails(store.library, workers)
        self.keeper = GalleryKeeper(
            client,
            gallery=store.gallery,
            runs=store.runs,
            limiter=limiter,
            load_picture=load_picture,
            has_shard=self._has_shard,
            clock=clock,
            metrics=metrics,
        )
        self._stars = Stars(
            client, library=store.library, runs=store.runs, keeper=self.keeper, find_rules=self._find_rules
        )
        self._export = LibraryExport(
            library=store.library, runs=store.runs, load_picture=load_picture, workers=workers, folder=folder
        )

    def clear_files(self, *, older_than: timedelta) -> None:
        """Delete what a bot that was killed left behind, ``older_than`` where others may be at work. This blocks."""
        self._files.clear(older_than=older_than)

    def cogs(self, *, offers: NextOffers) -> tuple[commands.Cog, ...]:
        """Return what answers commands, buttons, reactions and deletions; ``offers`` are under a result's card, too."""
        store = self._store
        return (
            LibraryCommands(
                library=store.library,
                gallery=store.gallery,
                runs=store.runs,
                stars=self._stars,
                thumbnails=self.thumbnails,
                load_picture=self._load_picture,
                messages=self._messages,
                export=self._export,
                offers=offers,
            ),
            Favourites(self._client, stars=self._stars, library=store.library, gallery=store.gallery, runs=store.runs),
        )

    async def _find_rules(self, guild_id: int) -> GalleryRules | None:
        rules = await self._store.servers.get_rules(guild_id)
        if rules.gallery_channel_id is None:
            return None
        return GalleryRules(guild_id=guild_id, channel_id=rules.gallery_channel_id, stars=rules.gallery_stars)

    def _has_shard(self, guild_id: int | None) -> bool:
        shard = ((guild_id or 0) >> 22) % (self._client.shard_count or 1)
        return shard in self._client.shards
