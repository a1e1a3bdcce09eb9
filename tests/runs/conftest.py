from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.runs.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World.open(tmp_path)
    yield world
    await world.close()


@pytest.fixture
async def hooked(tmp_path: Path) -> AsyncIterator[World]:
    world = await World.open(tmp_path, webhook_base="https://bot.example/")
    yield world
    await world.close()
