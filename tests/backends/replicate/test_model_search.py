"""Search results of megabytes: each model comes with its whole schema."""

import json
from typing import Any

import httpx
import pytest

from bot.backends.errors import InvalidResponse
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.models import parse_search
from bot.clock import SystemClock
from bot.observability.metrics import Metrics
from bot.worker_pool import WorkerPool
from tests.clock import VirtualClock
from tests.cpu_time import cpu_seconds


def answer(count: int, schema_bytes: int) -> bytes:
    """Return the response of the search, with a schema that takes long to read."""
    models: list[dict[str, Any]] = [
        {
            "model": {
                "owner": "somebody",
                "name": f"model-{number}",
                "description": "d" * 10_000,
                "latest_version": {"id": "a" * 64, "openapi_schema": "SCHEMA"},
            }
        }
        for number in range(count)
    ]
    schema = f'{{"components":[{",".join(["[]"] * (schema_bytes // 3))}]}}'
    return json.dumps({"models": models}, separators=(",", ":")).replace('"SCHEMA"', schema).encode()


async def search(body: bytes, workers: WorkerPool | None) -> tuple[str, ...]:
    """Return the names of the models that are found if Replicate answers with this body."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200, content=body))
    async with httpx.AsyncClient(transport=transport) as http:
        replicate = Replicate(
            http,
            token="not-a-token",
            base_url="https://replicate.example",
            clock=SystemClock(),
            metrics=Metrics(),
            workers=workers,
        )
        models = await replicate.models.search("tea", limit=25)
    assert all(len(model.description or "") <= 500 and model.latest_version is None for model in models)
    return tuple(model.name for model in models)


@pytest.mark.parametrize("count", [1, 25])
async def test_results_are_the_same_wherever_they_are_read(count: int) -> None:
    body = answer(count, 400_000)
    pool = WorkerPool(clock=VirtualClock())  # the limit on CPU holds; the time on the clock is the machine's
    try:
        in_process = await search(body, pool)
    finally:
        await pool.close()
    assert in_process == tuple(f"model-{number}" for number in range(count)) == await search(body, None)


async def test_results_without_end_are_an_error() -> None:
    pool = WorkerPool(clock=SystemClock())
    try:
        with pytest.raises(InvalidResponse):
            await search(b'{"models": [' + b"[[" * 600_000, pool)
    finally:
        await pool.close()


def test_a_small_answer_is_read_at_once() -> None:
    body = answer(2, 400_000)
    models, seconds = cpu_seconds(lambda: parse_search(body, 25))
    assert len(models) == 2
    assert seconds < 0.15
