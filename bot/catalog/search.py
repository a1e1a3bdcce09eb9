"""Model search on Replicate, with cached results."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog

from bot.backends.replicate.models import Model, Models
from bot.catalog.resolve import as_user_errors
from bot.catalog.ttl_cache import TTLCache
from bot.clock import Clock
from bot.limits import CHOICES_PER_OPTION


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummary:
    """One model. ``model`` is "owner/name"; ``cover`` the address of its picture."""

    model: str
    description: str = ""
    run_count: int = 0
    cover: str | None = None
    official: bool = False

    @classmethod
    def of(cls, model: Model) -> "ModelSummary":
        """Return what a model's page says."""
        return cls(
            model=f"{model.owner}/{model.name}",
            description=model.description or "",
            run_count=model.run_count,
            cover=model.cover_url,
            official=model.official,
        )


_FRESH: Final = 600.0  # seconds
_KEPT: Final = 500  # searches
_CHARS: Final = 200  # of what is typed; no search gets better by more

log = structlog.get_logger(__name__)


class ModelSearch:
    """Finds models by words. The same words are asked for once in ten minutes, by however many people."""

    def __init__(self, models: Models, *, clock: Clock) -> None:
        self._models = models
        self._found: TTLCache[str, tuple[ModelSummary, ...]] = TTLCache(clock=clock, seconds=_FRESH, most=_KEPT)
        self._asked: dict[str, asyncio.Task[tuple[ModelSummary, ...]]] = {}

    async def find(self, words: str) -> tuple[ModelSummary, ...]:
        """Return the models that fit, best first. NotNow when Replicate cannot be asked."""
        key = _key(words)
        if not key:
            return ()
        known = self._found.get(key)
        if known is not None:
            return known
        with as_user_errors():
            return await asyncio.shield(self._ask(key))

    async def glance(self, words: str, *, within: float) -> tuple[ModelSummary, ...]:
        """Return what is found ``within`` seconds, else the fitting ones of what was found before. Never raises.

        The search goes on behind it, so that the next glance sees its result.
        """
        key = _key(words)
        known = self._found.get(key)
        if known is not None or not key:
            return known or ()
        task = self._ask(key)
        done, _ = await asyncio.wait({task}, timeout=within)
        if done and not task.cancelled() and task.exception() is None:
            return task.result()
        return self._known(key)

    def is_known(self, words: str) -> bool:
        """Whether an answer is there without asking."""
        return self._found.get(_key(words)) is not None

    async def close(self) -> None:
        """Stop asking."""
        tasks = tuple(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(self, key: str) -> asyncio.Task[tuple[ModelSummary, ...]]:
        task = self._asked.get(key)
        if task is None:
            task = self._asked[key] = asyncio.create_task(self._search(key), name=f"search for {key}")
            task.add_done_callback(lambda done: self._over(key, done))
        return task

    async def _search(self, key: str) -> tuple[ModelSummary, ...]:
        found = tuple(ModelSummary.of(model) for model in await self._models.search(key, limit=CHOICES_PER_OPTION))
        self._found.put(key, found)
        return found

    def _over(self, key: str, task: asyncio.Task[tuple[ModelSummary, ...]]) -> None:
        """Let go of a search; one that nobody waits for any more fails quietly."""
        self._asked.pop(key, None)
        if not task.cancelled() and task.exception() is not None:
            log.info("A search failed.", reason=str(task.exception()))

    def _known(self, key: str) -> tuple[ModelSummary, ...]:
        """Return what fits these words among all that was found lately."""
        words = key.split()
        fitting: dict[str, ModelSummary] = {}
        for earlier in self._found:
            for listing in self._found.get(earlier) or ():
                if _fits(listing, words):
                    fitting.setdefault(listing.model, listing)
        return tuple(sorted(fitting.values(), key=lambda listing: -listing.run_count)[:CHOICES_PER_OPTION])


def _key(words: str) -> str:
    return " ".join(words.lower().split())[:_CHARS]


def _fits(listing: ModelSummary, words: Iterable[str]) -> bool:
    text = f"{listing.model} {listing.description}".lower()
    return all(word in text for word in words)
