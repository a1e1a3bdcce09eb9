"""Whether readiness follows what the bot stands on."""

import asyncio

from bot.observability.health_checks import HealthChecks
from tests.clock import VirtualClock


async def test_a_part_that_fails_is_named_until_it_works_again() -> None:
    broken = True

    async def database() -> None:
        if broken:
            raise OSError("disk full")

    async def replicate() -> None:
        pass

    watch = HealthChecks({"database": database, "replicate": replicate}, clock=VirtualClock())
    await watch.run_once()
    assert watch.results == {"database": False, "replicate": True}
    broken = False
    await watch.run_once()
    assert watch.results == {"database": True, "replicate": True}


async def test_it_goes_on_looking_whatever_happens() -> None:
    clock, asked = VirtualClock(), 0

    async def part() -> None:
        nonlocal asked
        asked += 1
        raise RuntimeError

    looking = asyncio.create_task(HealthChecks({"part": part}, clock=clock, interval=20.0).run())
    await clock.advance(65.0)
    looking.cancel()
    assert asked == 4
