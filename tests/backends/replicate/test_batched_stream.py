"""Streams are read in gulps once they speak, and the gulps share a budget of reads."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx

from bot.backends.replicate.transport import BatchedStream, PausableConnection, ReadScheduler
from bot.clock import Clock
from tests.clock import VirtualClock, settle


class Source(httpx.AsyncByteStream):
    def __init__(self, data: bytes = b"x") -> None:
        self.data = data
        self.reads = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.reads += 1
            yield self.data


def breath_of(
    source: Source, breathing: ReadScheduler, clock: Clock, drained: Callable[[], bool] = lambda: True
) -> BatchedStream:
    return BatchedStream(source, breathing, clock, connection=PausableConnection({}), flush=drained)


async def test_a_stream_that_has_begun_rests_after_every_read() -> None:
    clock, source = VirtualClock(), Source()
    came = False
    reader = aiter(breath_of(source, ReadScheduler(min_delay=0.2, max_delay=0.2), clock, lambda: came))
    for _ in range(3):
        await anext(reader)
    came = True
    waiting = asyncio.ensure_future(anext(reader))
    await settle()
    assert not waiting.done()
    await clock.advance(0.2)
    assert waiting.done()


async def test_a_read_that_brought_all_it_can_is_followed_by_the_next_at_once() -> None:
    source = Source(b"x" * 16 * 1024)
    reader = aiter(breath_of(source, ReadScheduler(min_delay=0.2, max_delay=0.2), VirtualClock()))
    for _ in range(3):
        await anext(reader)


async def test_what_was_read_is_told_before_anything_is_waited_for() -> None:
    told: list[int] = []
    source = Source()

    def drained() -> bool:
        told.append(source.reads)
        return True

    reader = aiter(breath_of(source, ReadScheduler(), VirtualClock(), drained))
    for _ in range(3):
        await anext(reader)
    assert told == [1, 2]


def test_a_stream_is_read_just_before_more_of_it_is_wanted() -> None:
    breathing = ReadScheduler(min_delay=0.1, max_delay=0.4)
    assert breathing.delay(0.9) == 0.4  # the end must not wait for what is shown
    assert 0.25 < breathing.delay(0.3) < 0.3
    assert breathing.delay(0.02) == 0.4  # it was read a moment ago, for this
    assert breathing.delay(0.0) == 0.1
    assert ReadScheduler().delay(0.0) == 0.0


def test_pauses_that_end_late_are_followed_by_earlier_reads() -> None:
    breathing = ReadScheduler(min_delay=0.1, max_delay=0.9)
    before = breathing.delay(0.8)
    for _ in range(200):
        breathing.record_lateness(0.1)
    assert 0.15 < before - breathing.delay(0.8) < 0.25
    for _ in range(400):
        breathing.record_lateness(0.0)
    assert abs(before - breathing.delay(0.8)) < 0.01


def test_many_streams_pause_so_long_that_all_together_keep_the_budget() -> None:
    breathing = ReadScheduler(min_delay=0.1, max_delay=0.4, reads_per_second=1000, streams=2000)
    assert breathing.delay(5.0) == breathing.delay(0.0) == 2.0
    assert 1.2 < breathing.delay(1.3) < 1.3
    breathing.streams = 10
    assert breathing.delay(5.0) == 0.4


async def test_a_closed_stream_leaves_its_share_to_the_others() -> None:
    breathing = ReadScheduler(min_delay=0.1, max_delay=0.4)
    clock = VirtualClock()
    breath = breath_of(Source(), breathing, clock)
    reader = aiter(breath)
    await anext(reader)
    for _ in range(2):
        waiting = asyncio.ensure_future(anext(reader))
        await settle()
        await clock.advance(0.4)
        await waiting
    assert breathing.streams == 1
    await breath.aclose()
    await breath.aclose()
    assert breathing.streams == 0
