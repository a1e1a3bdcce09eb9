"""Search Replicate's models, with cached results."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from cachetools import TTLCache

from bot.backends.replicate.models import Model, Models
from bot.catalog.resolve import as_user_errors
from bot.clock import Clock
from bot.formatting import clean_text
from bot.limits import CHOICES_PER_OPTION

_CACHE_SECONDS: Final = 600.0
_CACHED_QUERIES: Final = 500
_QUERY_CHARS: Final = 200  # a longer query finds nothing more

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One model. ``model`` is "owner/name"; ``cover_url`` the address of its cover image."""

    model: str
    description: str = ""
    run_count: int = 0
    cover_url: str | None = None
    official: bool = False

    @classmethod
    def from_model(cls, model: Model) -> "ModelSummary":
        return cls(
            model=f"{model.owner}/{model.name}",
            description=model.description or "",
            run_count=model.run_count,
            cover_url=model.cover_url,
            official=model.official,
        )


class ModelSearch:
    """Finds models by words. Each query is sent once in ten minutes, for however many people type it."""

    def __init__(self, models: Models, *, clock: Clock) -> None:
        self._models = models
        self._cache: TTLCache[str, tuple[ModelSummary, ...]] = TTLCache(
            _CACHED_QUERIES, _CACHE_SECONDS, clock.monotonic
        )
        self._requests: dict[str, asyncio.Task[tuple[ModelSummary, ...]]] = {}

    async def search(self, query: str) -> tuple[ModelSummary, ...]:
        """Return the matching models, best first. Raise ReplicateUnavailable."""
        key = _normalize(query)
        if not key:
            return ()
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        with as_user_errors():
            return await asyncio.shield(self._start_request(key))

    async def suggest(self, query: str, *, max_wait: float) -> tuple[ModelSummary, ...]:
        """Return what is found within ``max_wait`` seconds, else the matches among earlier results. Never raises.

        The request continues in the background, and the next call finds its result.
        """
        key = _normalize(query)
        cached = self._cache.get(key)
        if cached is not None or not key:
            return cached or ()
        request = self._start_request(key)
        done, _ = await asyncio.wait({request}, timeout=max_wait)
        if done and not request.cancelled() and request.exception() is None:
            return request.result()
        return self._filter_cache(key)

    def is_cached(self, query: str) -> bool:
        return _normalize(query) in self._cache

    async def close(self) -> None:
        """Cancel the requests that are in progress."""
        requests = tuple(self._requests.values())
        for request in requests:
            request.cancel()
        await asyncio.gather(*requests, return_exceptions=True)

    def _start_request(self, key: str) -> asyncio.Task[tuple[ModelSummary, ...]]:
        """Return the request for this query that is in progress, or a new one."""
        request = self._requests.get(key)
        if request is None:
            request = self._requests[key] = asyncio.create_task(self._request(key), name=f"search for {key}")
            request.add_done_callback(lambda done: self._on_done(key, done))
        return request

    async def _request(self, key: str) -> tuple[ModelSummary, ...]:
        models = await self._models.search(key, limit=CHOICES_PER_OPTION)
        found = self._cache[key] = tuple(map(ModelSummary.from_model, models))
        return found

    def _on_done(self, key: str, request: asyncio.Task[tuple[ModelSummary, ...]]) -> None:
        """Forget a finished request, and read its error in case nobody waits for it any more."""
        self._requests.pop(key, None)
        if not request.cancelled() and request.exception() is not None:
            log.info("search_failed", error=str(request.exception()))

    def _filter_cache(self, key: str) -> tuple[ModelSummary, ...]:
        """Return the models in the cache that match a query, the most used first."""
        words = key.split()
        matches = {
            summary.model: summary
            for found in tuple(self._cache.values())
            for summary in found
            if _matches(summary, words)
        }
        return tuple(sorted(matches.values(), key=lambda summary: -summary.run_count)[:CHOICES_PER_OPTION])


def _normalize(query: str) -> str:
    return " ".join(clean_text(query).lower().split())[:_QUERY_CHARS]


def _matches(summary: ModelSummary, words: Sequence[str]) -> bool:
    text = f"{summary.model} {summary.description}".lower()
    return all(word in text for word in words)
