"""Streams are read in gulps once they speak, and the gulps share a budget of reads."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from bot.replicate.breath import Breath, Breathing
from tests.clock import VirtualClock, settle


class Tap(httpx.AsyncByteStream):
    def __init__(self) -> None:
        self.reads = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.reads += 1
            yield b"x"


async def test_a_stream_that_has_begun_rests_after_every_second_read() -> None:
    clock, tap = VirtualClock(), Tap()
    breath = Breath(tap, Breathing(shortest=0.2), clock)
    reader = aiter(breath)
    await anext(reader)
    breath.begin()
    await anext(reader)
    waiting = asyncio.ensure_future(anext(reader))
    await settle()
    assert not waiting.done()
    await clock.advance(0.2)
    assert waiting.done()


def test_many_streams_pause_so_long_that_all_together_keep_the_budget() -> None:
    breathing = Breathing(shortest=0.15, a_second=1000)
    breathing.streams = 10
    assert breathing.pause == 0.15
    breathing.streams = 2000
    assert breathing.pause == 2.0
    assert Breathing(streams=2000).pause == 0.0


async def test_a_closed_stream_leaves_its_share_to_the_others() -> None:
    breathing = Breathing(shortest=0.1)
    breath = Breath(Tap(), breathing, VirtualClock())
    breath.begin()
    breath.begin()
    assert breathing.streams == 1
    await breath.aclose()
    await breath.aclose()
    assert breathing.streams == 0
