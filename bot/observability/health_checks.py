"""Periodic checks of what the bot depends on, so that ``/readyz`` responds without waiting."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from bot.clock import Clock

log = structlog.get_logger(__name__)

HealthCheck = Callable[[], Awaitable[object]]
"""Use a dependency in a small way; raise an exception if it does not work."""

_INTERVAL: Final = 20.0
_TIMEOUT: Final = 10.0


class HealthChecks:
    """Run every check each ``interval`` seconds. Before its first run a check counts as passed."""

    def __init__(self, checks: Mapping[str, HealthCheck], *, clock: Clock, interval: float = _INTERVAL) -> None:
        self._checks = checks
        self._clock = clock
        self._interval = interval
        self._passed = dict.fromkeys(checks, True)

    @property
    def results(self) -> Mapping[str, bool]:
        """Whether each check passed when it last ran."""
        return dict(self._passed)

    async def run(self) -> None:
        """Run the checks until cancelled."""
        while True:
            await self.run_once()
            await self._clock.sleep(self._interval)

    async def run_once(self) -> None:
        """Run every check once, concurrently; log those whose result changed."""
        await asyncio.gather(*(self._run_check(name, check) for name, check in self._checks.items()))

    async def _run_check(self, name: str, check: HealthCheck) -> None:
        try:
            async with asyncio.timeout(_TIMEOUT):
                await check()
        except Exception as error:  # noqa: BLE001 - any error means that the check failed
            if self._passed[name]:
                log.warning("health_check_failed", check=name, error=str(error) or type(error).__name__)
            self._passed[name] = False
        else:
            if not self._passed[name]:
                log.info("health_check_recovered", check=name)
            self._passed[name] = True
