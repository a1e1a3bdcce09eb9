"""The catalog with a real store and a stand-in for Replicate."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.backends.replicate.client import Replicate
from bot.backends.replicate.transport import open_http
from bot.catalog.catalog import Catalog
from bot.catalog.resolve import ModelResolver
from bot.clock import SystemClock
from bot.observability.metrics import Metrics
from bot.settings import CommandSpec
from bot.store.store import Store
from sandbox.replicate.catalog import Model
from sandbox.replicate.schema import openapi_document
from sandbox.replicate.standin import ReplicateStandIn
from tests.store.databases import create_database

TEXT = {"type": "string", "title": "Output"}
MakeCatalog = Callable[..., Catalog]
Release = Callable[..., Model]


@pytest.fixture
async def replicate_server() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn() as standin:
        yield standin


@pytest.fixture
async def replicate(replicate_server: ReplicateStandIn) -> AsyncIterator[Replicate]:
    async with open_http() as http:
        yield Replicate(
            http,
            token=replicate_server.token,
            base_url=replicate_server.base_url,
            clock=SystemClock(),
            metrics=Metrics(),
        )


@pytest.fixture
def database(database_folder: Path) -> str:
    return create_database(database_folder)


@pytest.fixture
async def store(database: str) -> AsyncIterator[Store]:
    store = await Store.open(database, clock=SystemClock(), durable=False)
    yield store
    await store.close()


@pytest.fixture
def make(replicate: Replicate, store: Store) -> MakeCatalog:
    """Return a catalog as after a start of the bot; another call is another start."""

    def made(specs: Sequence[CommandSpec] = (), hidden: Sequence[str] = ()) -> Catalog:
        resolver = ModelResolver(replicate, store.commands)
        return Catalog(specs=specs, hidden=hidden, resolver=resolver, rows=store.commands, clock=SystemClock())

    return made


@pytest.fixture
def release(replicate_server: ReplicateStandIn) -> Release:
    """Publish a model, or a newer version of it, on Replicate."""

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
        return replicate_server.add_model(payload, official=official)

    return released
