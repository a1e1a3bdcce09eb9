"""The catalogue with a real store and the stand-in Replicate."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.backends.replicate.client import Replicate, open_http
from bot.catalog.catalog import Catalog
from bot.catalog.resolve import ModelResolver
from bot.clock import SystemClock
from bot.observability.metrics import Metrics
from bot.settings import CommandSpec
from bot.store.store import Store
from sandbox.replicate.catalog import Model
from sandbox.replicate.schema import openapi_document
from sandbox.replicate.standin import ReplicateStandIn

TEXT = {"type": "string", "title": "Output"}
MakeCatalog = Callable[..., Catalog]
Release = Callable[..., Model]


@pytest.fixture
async def far_end() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn() as standin:
        yield standin


@pytest.fixture
async def replicate(far_end: ReplicateStandIn) -> AsyncIterator[Replicate]:
    async with open_http() as http:
        yield Replicate(http, token=far_end.token, base_url=far_end.base_url, clock=SystemClock(), metrics=Metrics())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(f"sqlite+aiosqlite:///{tmp_path}/replicord.db", clock=SystemClock())
    yield store
    await store.close()


@pytest.fixture
def make(replicate: Replicate, store: Store) -> MakeCatalog:
    """Return a catalogue as the bot has one after a start; another call is another start."""

    def made(specs: Sequence[CommandSpec] = (), hidden: Sequence[str] = ()) -> Catalog:
        resolver = ModelResolver(replicate, store.commands)
        return Catalog(specs=specs, hidden=hidden, resolver=resolver, rows=store.commands, clock=SystemClock())

    return made


@pytest.fixture
def release(far_end: ReplicateStandIn) -> Release:
    """Put a model, or a newer version of it, on Replicate."""

    def released(
        name: str, version: str, inputs: dict[str, Any], *, official: bool = False, output: dict[str, Any] | None = None
    ) -> Model:
        schemas = {"Input": {"type": "object", "title": "Input", "properties": inputs}, "Output": output or TEXT}
        payload = {
            "owner": "somebody",
            "name": name,
            "description": f"What {name} does",
            "visibility": "public",
            "run_count": 12345,
            "cover_image_url": "https://example.com/cover.webp",
            "latest_version": {
                "id": version * 64,
                "created_at": "2026-01-01T00:00:00.000000Z",
                "openapi_schema": openapi_document(schemas),
            },
        }
        return far_end.add_model(payload, official=official)

    return released
