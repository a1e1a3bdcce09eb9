"""Places for runs that are about to start, so that what they need is not read for one that may not start."""

from collections.abc import Iterator
from contextlib import contextmanager

from bot.runs.policy import Policy
from bot.store.errors import AlreadyStarted
from bot.store.quota import NO_LIMITS, RunLimits, UsedQuota
from bot.store.runs import Runs


class HeldPlaces:
    """The places that are held, by person and in the order of arrival."""

    def __init__(self, runs: Runs, policy: Policy) -> None:
        self._runs = runs
        self._policy = policy
        self._held: dict[int, list[str]] = {}

    @contextmanager
    def hold(self, run_id: str, author_id: int, guild_id: int | None) -> Iterator["HeldPlace"]:
        """Hold a place for a run; AlreadyStarted if one is held for it."""
        held = self._held.setdefault(author_id, [])
        if run_id in held:
            raise AlreadyStarted
        place = HeldPlace(self._runs, self._policy, run_id, author_id, guild_id, before=tuple(held))
        held.append(run_id)
        try:
            yield place
        finally:
            held.remove(run_id)
            if not held:
                self._held.pop(author_id, None)


class HeldPlace:
    """A place for one run. ``read``, then ``check``: what is read depends on no rule, so it can be read beside those.

    Neither holds anything in the database: ``Runs.reserve`` decides.
    """

    def __init__(
        self, runs: Runs, policy: Policy, run_id: str, author_id: int, guild_id: int | None, *, before: tuple[str, ...]
    ) -> None:
        self.run_id = run_id
        self._runs = runs
        self._policy = policy
        self._author_id = author_id
        self._guild_id = guild_id
        self._before = before
        self._used: UsedQuota | None = None

    async def read(self) -> None:
        """Read what counts against the limits of the run's author; StoreError."""
        self._used = await self._read()

    async def check(self, limits: RunLimits = NO_LIMITS) -> None:
        """Raise AlreadyStarted or QuotaExceeded if the run may not start; ``limits`` hold beside the bot's own.

        Another one that is about to start counts in the server, too, though it may be elsewhere: that is for a moment.
        """
        if self._used is None:
            raise RuntimeError("Nothing was read.")
        if self._used.is_started:
            raise AlreadyStarted
        limits, starting = self._policy.add_limits(limits), len(self._before)
        if self._used.find_exceeded(limits, starting=starting) is None:
            return
        exceeded = (await self._read(has_times=True)).find_exceeded(limits, starting=starting)
        if exceeded is not None:
            raise exceeded

    async def _read(self, *, has_times: bool = False) -> UsedQuota:
        return await self._runs.read_used(
            self._author_id, self._guild_id, run_id=self.run_id, starting=self._before, has_times=has_times
        )
