"""The asyncio helpers."""

import asyncio

import pytest

from bot.aio import EventQueue, WakeEvent, race
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
