"""Rates that several processes share."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from bot.clock import SystemClock
from bot.store.shared_limits import Rate
from bot.store.store import Store
from tests.store.databases import postgresql_only
from tests.store.samples import make_run
from tests.store.test_leases import open_processes

pytestmark = postgresql_only

HOURLY = Rate("identify:0", most=1, seconds=3600)
MIA, NOAH = 1, 2


async def take_all(store: Store, rate: Rate, times: int) -> int:
    return sum([await store.shared_limits.take(rate) == 0.0 for _ in range(times)])


async def test_rate_is_shared_by_all_processes(created_url: str) -> None:
    rate = Rate("creates", most=600, seconds=60, burst=30)
    async with open_processes(created_url, "a", "b", "c", "d") as stores:
        began = time.monotonic()
        taken = sum(await asyncio.gather(*(take_all(store, rate, 100) for store in stores.values())))
        seconds = time.monotonic() - began
    assert 30 <= taken <= 30 + seconds / rate.interval + 1


async def test_refusal_says_when_the_next_is_free(created_url: str) -> None:
    rate = Rate("identify:1", most=1, seconds=0.2)
    async with open_processes(created_url, "a", "b") as stores:
        assert await stores["a"].shared_limits.take(rate) == 0.0
        assert await stores["a"].shared_limits.take(HOURLY) == 0.0
        assert 3590 < await stores["b"].shared_limits.take(HOURLY) <= 3600
        delay = await stores["b"].shared_limits.take(rate)
        assert delay <= 0.2
        await asyncio.sleep(delay)
        assert await stores["b"].shared_limits.take(rate) == 0.0


async def test_throttled_process_stops_all(created_url: str) -> None:
    rate = Rate("creates", most=600, seconds=60, burst=30)
    async with open_processes(created_url, "a", "b") as stores:
        assert await stores["a"].shared_limits.take(rate) == 0.0
        await stores["a"].shared_limits.close(rate, 100)
        assert 99 < await stores["b"].shared_limits.take(rate) <= 100


async def test_who_had_fewer_creates_is_next_in_any_process(created_url: str) -> None:
    rate = Rate("creates", most=2, seconds=0.2)
    async with open_processes(created_url, "a", "b") as stores:
        clock = SystemClock()
        for number in range(3):
            run = make_run(f"run-{number}", author_id=MIA, created_at=datetime.now(UTC) - timedelta(seconds=5))
            await stores["a"].runs.reserve(run)
            await stores["a"].runs.mark_sent(run.id, at=clock.now())
        await stores["a"].shared_limits.take(rate)
        assert await ask(stores["a"], rate, "a", MIA) > 0
        assert await ask(stores["b"], rate, "b", NOAH) > 0
        await asyncio.sleep(0.3)
        assert await ask(stores["a"], rate, "a", MIA) > 0
        assert await ask(stores["b"], rate, "b", NOAH) == 0.0


async def test_dead_process_holds_nobody_up(created_url: str) -> None:
    rate = Rate("creates", most=600, seconds=60, burst=30)
    async with open_processes(created_url, "a", "b") as stores:
        run = make_run("run", author_id=MIA, created_at=datetime.now(UTC))
        await stores["a"].runs.reserve(run)
        await stores["a"].runs.mark_sent(run.id, at=datetime.now(UTC))
        await stores["a"].shared_limits.close(rate, 0.1)
        assert await ask(stores["b"], rate, "b", NOAH) > 0
        async with asyncio.timeout(20):
            while await ask(stores["a"], rate, "a", MIA) > 0:
                await asyncio.sleep(0.05)


async def ask(store: Store, rate: Rate, process: str, author_id: int) -> float:
    return await store.shared_limits.take_turn(rate, process=process, author_id=author_id)
