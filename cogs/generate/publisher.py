"""Which commands are offered, and when they are sent to Discord: at the start, after a change, and until it worked."""

from collections.abc import Callable, Collection

import structlog

from bot.catalog.catalog import Catalog
from bot.client import Replicord
from bot.cluster.publish_lease import is_newest
from bot.discord_internals import is_malformed_response
from bot.start_failures import describe_error
from bot.store.errors import StoreError
from bot.ui.requests import REQUEST_ERRORS
from cogs.generate.cog import GenerateCommands
from cogs.generate.command_sync import CommandSync
from cogs.presets.published import PublishedPresets

log = structlog.get_logger(__name__)


class CommandPublisher:
    """Keeps the commands of this process, and those that Discord knows, as they are configured and stored.

    ``list_versions`` are the versions of all the bot's processes: only one with the newest sends commands, or an older
    one would replace them.
    """

    def __init__(
        self,
        client: Replicord,
        *,
        catalog: Catalog,
        generate: GenerateCommands,
        sync: CommandSync,
        presets: PublishedPresets,
        version: str,
        list_versions: Callable[[], Collection[str]],
    ) -> None:
        self._client = client
        self._catalog = catalog
        self._generate = generate
        self._sync = sync
        self._presets = presets
        self._version = version
        self._list_versions = list_versions
        self._missing: tuple[str, ...] = ()  # commands whose model could not be resolved
        self._published = False

    async def load(self) -> None:
        """Resolve every command's model."""
        self._missing = await self._catalog.load()

    async def reload(self) -> None:
        """Offer the commands that are stored now; whoever changed them has sent them to Discord."""
        await self.load()
        self._generate.update_tree()
        await self._presets.update_tree()

    async def take_over(self) -> None:
        """Offer what another process stored; send it to Discord if that one's version is too old to."""
        await self.reload()
        if len(set(self._list_versions())) > 1 and self.is_newest():
            await self.publish()

    async def catch_up(self) -> None:
        """Take over what another process stored, if its message was lost; StoreError if the database is away."""
        if await self._catalog.has_changed():
            await self.take_over()
        else:
            await self._presets.update_tree()
        await self._sync.load_mentions()

    def is_newest(self) -> bool:
        """Whether no process of the bot has a newer version."""
        return is_newest(self._version, self._list_versions())

    async def publish(self) -> None:
        """Send the commands to Discord; if that fails, ``retry`` does it again."""
        try:
            await self._sync.sync()
            self._published = True
            await self._presets.update()
        except (*REQUEST_ERRORS, StoreError) as error:
            log.warning("command_sync_failed", error=describe_error(error))
        except (KeyError, TypeError, ValueError) as error:
            if not is_malformed_response(error):
                raise
            log.warning("command_sync_failed", error="Discord's answer cannot be read.")

    async def retry(self) -> bool:
        """Retry the commands whose model was not resolved and a failed sync; return whether nothing is missing."""
        if not self._client.is_ready():
            return False
        if self._missing or not self._published:
            missing = await self._catalog.load()
            await self._generate.publish()  # raises if Discord refuses: then they are still missing
            self._missing, self._published = missing, True
        return not self._missing
