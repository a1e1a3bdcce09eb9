"""The asyncio helpers."""

import asyncio

import pytest

from bot.aio import Budget, EventQueue, WakeEvent, race
from tests.clock import VirtualClock, settle


async def test_a_wake_event_wakes_once_or_times_out() -> None:
    clock = VirtualClock()
    event = WakeEvent(clock)
    event.set()
    assert await event.wait(5.0)
    waiting = asyncio.create_task(event.wait(5.0))
    await clock.advance(4.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert not await waiting


async def test_a_queue_keeps_the_order() -> None:
    queue: EventQueue[int] = EventQueue()
    for number in range(3):
        queue.put(number)
    assert [await queue.get() for _ in range(2)] == [0, 1]
    queue.put(3)
    assert queue.take_all() == [2, 3]


async def test_an_item_that_wakes_a_canceled_reader_is_kept() -> None:
    queue: EventQueue[int] = EventQueue()
    reading = asyncio.create_task(queue.get())
    await settle()
    queue.put(1)
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)
    assert queue.take_all() == [1]


async def test_race_cancels_and_awaits_the_loser() -> None:
    cleaned_up = False

    async def never() -> None:
        nonlocal cleaned_up
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned_up = True

    assert await race(asyncio.sleep(0, result=7), never()) == 7
    assert cleaned_up
    assert await race(asyncio.Event().wait(), asyncio.sleep(0)) is None


async def test_race_raises_the_error_of_its_work() -> None:
    async def fail() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await race(fail(), asyncio.Event().wait())


async def test_a_budget_is_served_in_order_and_never_exceeded() -> None:
    budget, held, order = Budget(10), 0, []

    async def use(name: str, amount: int, done: asyncio.Event) -> None:
        nonlocal held
        async with budget.hold(amount):
            held += min(amount, 10)
            assert held <= 10
            order.append(name)
            await done.wait()
            held -= min(amount, 10)

    first, rest = asyncio.Event(), asyncio.Event()
    tasks = [asyncio.create_task(use("six", 6, first))]
    await settle()
    tasks += [asyncio.create_task(use(*arguments, rest)) for arguments in (("hundred", 100), ("one", 1), ("two", 2))]
    await settle()
    assert order == ["six"]  # what is large is not overtaken by what is small
    first.set()
    await settle()
    assert order == ["six", "hundred"]
    rest.set()
    await asyncio.gather(*tasks)
    assert order == ["six", "hundred", "one", "two"]


async def test_a_budget_survives_cancelled_waiters() -> None:
    budget, done = Budget(1), asyncio.Event()

    async def use() -> None:
        async with budget.hold(1):
            await done.wait()

    holding, waiting, last = (asyncio.create_task(use()) for _ in range(3))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    done.set()
    await asyncio.gather(holding, last)
