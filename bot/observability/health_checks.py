"""Watch: whether what the bot stands on works, looked at now and then so that ``/readyz`` can answer at once."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot.clock import Clock

log = structlog.get_logger(__name__)

Probe = Callable[[], Awaitable[object]]
"""Asks a part something small; raises when it does not work."""

_EVERY = 20.0
_PATIENCE = 10.0


class HealthChecks:
    """Asks each part in turn. A part that was not asked yet counts as working: the bot would not have started."""

    def __init__(self, parts: Mapping[str, Probe], *, clock: Clock, every: float = _EVERY) -> None:
        self._parts = parts
        self._clock = clock
        self._every = every
        self._works = dict.fromkeys(parts, True)

    @property
    def works(self) -> Mapping[str, bool]:
        """Which parts worked when they were asked last."""
        return dict(self._works)

    async def go_on(self) -> None:
        """Look for as long as the bot runs."""
        while True:
            await self.look()
            await self._clock.sleep(self._every)

    async def look(self) -> None:
        """Ask every part once, side by side; log where the answer changed."""
        await asyncio.gather(*(self._ask(name, probe) for name, probe in self._parts.items()))

    async def _ask(self, name: str, probe: Probe) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await probe()
        except Exception as error:  # noqa: BLE001 - whatever it is, the part does not work
            self._now(name, works=False, why=str(error) or type(error).__name__)
        else:
            self._now(name, works=True)

    def _now(self, name: str, *, works: bool, why: str = "") -> None:
        if works and not self._works[name]:
            log.info("A part works again.", part=name)
        if not works and self._works[name]:
            log.warning("A part does not work.", part=name, why=why)
        self._works[name] = works
