"""Streams are read in gulps once they speak, and the gulps share a budget of reads."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from bot.replicate.breath import Breath, Breathing
from tests.clock import VirtualClock, settle


class Tap(httpx.AsyncByteStream):
    def __init__(self, data: bytes = b"x") -> None:
        self.data = data
        self.reads = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.reads += 1
            yield self.data


async def test_a_stream_that_has_begun_rests_after_every_read() -> None:
    clock, tap = VirtualClock(), Tap()
    breath = Breath(tap, Breathing(shortest=0.2, longest=0.2), clock)
    reader = aiter(breath)
    await anext(reader)
    await anext(reader)
    breath.begin()
    waiting = asyncio.ensure_future(anext(reader))
    await settle()
    assert not waiting.done()
    await clock.advance(0.2)
    assert waiting.done()


async def test_a_read_that_brought_all_it_can_is_followed_by_the_next_at_once() -> None:
    breath = Breath(Tap(b"x" * 16 * 1024), Breathing(shortest=0.2, longest=0.2), VirtualClock())
    breath.begin()
    reader = aiter(breath)
    for _ in range(3):
        await anext(reader)


async def test_what_was_read_is_told_before_anything_is_waited_for() -> None:
    told: list[int] = []
    tap = Tap()
    breath = Breath(tap, Breathing(), VirtualClock())
    breath.drained = lambda: told.append(tap.reads)
    reader = aiter(breath)
    for _ in range(3):
        await anext(reader)
    assert told == [1, 2]


def test_a_stream_is_read_just_before_more_of_it_is_wanted() -> None:
    breathing = Breathing(shortest=0.1, longest=0.4)
    assert breathing.pause(0.9) == 0.4  # the end must not wait for what is shown
    assert 0.25 < breathing.pause(0.3) < 0.3
    assert breathing.pause(0.02) == 0.4  # it was read a moment ago, for this
    assert breathing.pause(0.0) == 0.1
    assert Breathing().pause(0.0) == 0.0


def test_many_streams_pause_so_long_that_all_together_keep_the_budget() -> None:
    breathing = Breathing(shortest=0.1, longest=0.4, a_second=1000, streams=2000)
    assert breathing.pause(5.0) == breathing.pause(0.0) == 2.0
    assert 1.2 < breathing.pause(1.3) < 1.3
    breathing.streams = 10
    assert breathing.pause(5.0) == 0.4


async def test_a_closed_stream_leaves_its_share_to_the_others() -> None:
    breathing = Breathing(shortest=0.1, longest=0.4)
    breath = Breath(Tap(), breathing, VirtualClock())
    breath.begin()
    breath.begin()
    assert breathing.streams == 1
    await breath.aclose()
    await breath.aclose()
    assert breathing.streams == 0
