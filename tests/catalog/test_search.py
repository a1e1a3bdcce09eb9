"""Replicate's search, asked once for what many people type."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.backends.replicate.client import Replicate
from bot.catalog.resolve import ReplicateUnavailable
from bot.catalog.search import ModelSearch
from bot.clock import SystemClock
from sandbox.replicate.standin import ReplicateStandIn


@pytest.fixture
async def search(replicate: Replicate) -> AsyncIterator[ModelSearch]:
    search = ModelSearch(replicate.models, clock=SystemClock())
    yield search
    await search.close()


async def test_the_same_words_are_asked_for_once_however_they_are_typed(
    search: ModelSearch, far_end: ReplicateStandIn
) -> None:
    several = await asyncio.gather(*(search.find(words) for words in ("Upscale", " upscale ", "UPSCALE")))
    assert {tuple(listing.model for listing in found) for found in several} == {("sandbox/upscaler",)}
    await search.find("upscale")
    assert len(far_end.calls) == 1


async def test_a_glance_that_takes_too_long_shows_what_is_known_and_is_answered_the_next_time(
    search: ModelSearch, far_end: ReplicateStandIn
) -> None:
    await search.find("sandbox image")
    far_end.faults.add("delay", seconds=0.3)
    known = await search.glance("upscaler", within=0.01)
    assert [listing.model for listing in known] == ["sandbox/upscaler"]
    assert not search.is_known("upscaler")
    assert await search.find("upscaler")
    assert search.is_known("upscaler")


async def test_a_glance_never_fails_and_a_search_says_why_it_does(
    search: ModelSearch, far_end: ReplicateStandIn
) -> None:
    far_end.token = "another"
    assert await search.glance("tea", within=5) == ()
    with pytest.raises(ReplicateUnavailable):
        await search.find("tea")
    far_end.token = "r8_sandbox"
    assert await search.find("upscale"), "a failure is not remembered"


async def test_nothing_typed_finds_nothing_and_asks_nobody(search: ModelSearch, far_end: ReplicateStandIn) -> None:
    assert await search.find("  ") == ()
    assert await search.glance("", within=1) == ()
    assert not far_end.calls


async def test_a_search_that_nobody_waits_for_any_more_goes_on(search: ModelSearch, far_end: ReplicateStandIn) -> None:
    far_end.faults.add("delay", seconds=0.2)
    waiting = asyncio.create_task(search.find("upscale"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await search.glance("upscale", within=5)
    assert len(far_end.calls) == 1
