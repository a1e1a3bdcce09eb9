"""Searches are cached and shared."""

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


async def test_same_query_is_sent_once_in_any_spelling(search: ModelSearch, replicate_server: ReplicateStandIn) -> None:
    several = await asyncio.gather(*(search.search(query) for query in ("Upscale", " upscale ", "UPSCALE")))
    assert {tuple(summary.model for summary in found) for found in several} == {("sandbox/upscaler",)}
    await search.search("upscale")
    assert len(replicate_server.calls) == 1


async def test_slow_suggestion_falls_back_to_the_cache(search: ModelSearch, replicate_server: ReplicateStandIn) -> None:
    await search.search("sandbox image")
    replicate_server.faults.add("delay", seconds=0.3)
    suggested = await search.suggest("upscaler", max_wait=0.01)
    assert [summary.model for summary in suggested] == ["sandbox/upscaler"]
    assert not search.is_cached("upscaler")
    assert await search.search("upscaler")
    assert search.is_cached("upscaler")


async def test_suggestion_never_fails_and_search_says_why(
    search: ModelSearch, replicate_server: ReplicateStandIn
) -> None:
    replicate_server.token = "another"
    assert await search.suggest("tea", max_wait=5) == ()
    with pytest.raises(ReplicateUnavailable):
        await search.search("tea")
    replicate_server.token = "r8_sandbox"
    assert await search.search("upscale"), "a failure is not cached"


async def test_empty_query_sends_nothing(search: ModelSearch, replicate_server: ReplicateStandIn) -> None:
    assert await search.search("  ") == ()
    assert await search.suggest("", max_wait=1) == ()
    assert not replicate_server.calls


async def test_search_continues_after_its_caller_is_cancelled(
    search: ModelSearch, replicate_server: ReplicateStandIn
) -> None:
    replicate_server.faults.add("delay", seconds=0.2)
    waiting = asyncio.create_task(search.search("upscale"))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert await search.suggest("upscale", max_wait=5)
    assert len(replicate_server.calls) == 1
