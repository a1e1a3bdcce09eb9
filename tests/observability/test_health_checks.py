"""Readiness follows the dependencies of the bot."""

import asyncio

from bot.observability.health_checks import HealthChecks
from tests.clock import VirtualClock


async def test_a_failed_check_is_reported_until_it_passes() -> None:
    broken = True

    async def database() -> None:
        if broken:
            raise OSError("disk full")

    async def replicate() -> None:
        pass

    checks = HealthChecks({"database": database, "replicate": replicate}, clock=VirtualClock())
    await checks.run_once()
    assert checks.results == {"database": False, "replicate": True}
    broken = False
    await checks.run_once()
    assert checks.results == {"database": True, "replicate": True}


async def test_checks_keep_running_after_errors() -> None:
    clock, runs = VirtualClock(), 0

    async def failing() -> None:
        nonlocal runs
        runs += 1
        raise RuntimeError

    running = asyncio.create_task(HealthChecks({"failing": failing}, clock=clock, interval=20.0).run())
    await clock.advance(65.0)
    running.cancel()
    assert runs == 4
