"""One ⭐ more or less, and what follows from it in the server's gallery."""

from collections.abc import Awaitable, Callable

from bot.client import Replicord
from bot.store.gallery import GalleryRules
from bot.store.library import Library, Starred
from bot.store.models import Run
from bot.store.runs import Runs
from bot.ui.gallery_keeper import GalleryKeeper, may_copy

FindGalleryRules = Callable[[int], Awaitable[GalleryRules | None]]
"""Return the rules of a server's gallery, by the server's id; None if it has none."""


class Stars:
    """Gives and takes ⭐."""

    def __init__(
        self,
        client: Replicord,
        *,
        library: Library,
        runs: Runs,
        keeper: GalleryKeeper,
        find_rules: FindGalleryRules,
    ) -> None:
        self._client = client
        self._library = library
        self._runs = runs
        self._keeper = keeper
        self._find_rules = find_rules

    async def set(self, run_id: str, user_id: int, *, on: bool) -> Starred:
        """Make a result somebody's favourite, or no longer."""
        rules = await self._rules_for(await self._runs.get(run_id)) if on else None
        starred = await self._library.set_favourite(run_id, user_id, on=on, rules=rules)
        if starred.is_due:
            self._keeper.wake()
        return starred

    async def _rules_for(self, run: Run | None) -> GalleryRules | None:
        """Return the rules of the gallery that a result may be copied into."""
        if run is None or run.place.guild_id is None:
            return None
        rules = await self._find_rules(run.place.guild_id)
        channel = self._client.get_channel(rules.channel_id) if rules is not None else None
        return rules if channel is not None and may_copy(self._client, run, channel) else None
