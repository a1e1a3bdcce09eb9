"""The self-check of commands on Cog servers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.backends.cog.client import Health, HealthStatus
from bot.diagnostics.cog import _find_problem
from sandbox.cog.server import CogServer, is_cog_installed
from sandbox.loopback import find_free_port
from tests.diagnostics.conftest import RunCheck

needs_cog = pytest.mark.skipif(not is_cog_installed(), reason="the packages cog and coglet are not installed")


@pytest.fixture
async def words(tmp_path: Path) -> AsyncIterator[CogServer]:
    async with CogServer("words", folder=tmp_path) as server:
        yield server


def settings(url: str) -> dict[str, object]:
    return {"COMMANDS": f"write=cog+{url}", "HTTP_PORT": find_free_port(), "REPLICATE_API_TOKEN": ""}


@needs_cog
async def test_a_cog_server_that_is_ready_passes(run_check: RunCheck, words: CogServer) -> None:
    code, lines = await run_check(settings(words.url) | {"COG_WEBHOOK_URL": "http://bot.internal:8080"})
    assert code == 0, lines
    text = "\n".join(lines)
    assert f"✓ /write: the Cog server at {words.url} (version 0." in text
    assert "it streams its text; options: prompt, words" in text
    assert "curl -fsS http://bot.internal:8080/healthz" in text
    assert "--upload-url http://bot.internal:8080/uploads/cog/" in text
    assert "Replicate:" not in text


@needs_cog
async def test_the_address_for_files_stays_the_same(run_check: RunCheck, words: CogServer) -> None:
    given = settings(words.url)
    texts = ["\n".join((await run_check(given))[1]) for _ in range(2)]
    addresses = [text.partition("--upload-url ")[2].split()[0] for text in texts]
    assert addresses[0] == addresses[1]


@needs_cog
async def test_a_cog_server_with_a_dead_worker_is_named(run_check: RunCheck, tmp_path: Path) -> None:
    async with CogServer("words", folder=tmp_path) as server:
        server.kill_worker()
        await server.wait_until("UNHEALTHY", "DEFUNCT")
        code, lines = await run_check(settings(server.url))
    assert code == 1
    assert any(line.startswith("✗ /write") and "restart" in line.lower() for line in lines), lines


async def test_a_cog_server_that_does_not_answer_is_named(run_check: RunCheck) -> None:
    code, lines = await run_check(settings("http://127.0.0.1:9"))
    assert code == 1
    assert "✗ /write: the Cog server at http://127.0.0.1:9 does not answer. Start it, or correct its address" in str(
        lines
    )


@pytest.mark.parametrize(
    ("version", "words"),
    [("", "too old"), ("0.20.9", "is version 0.20.9. Update it"), ("odd", "is version odd"), ("0.16.12", "Update")],
)
def test_a_cog_server_that_is_too_old_is_named(version: str, words: str) -> None:
    assert words in str(_find_problem(Health(status=HealthStatus.READY, version=version)))


@pytest.mark.parametrize("version", ["0.21.0", "0.23.1", "1.0.0", "0.100.0rc1"])
def test_later_cog_servers_are_new_enough(version: str) -> None:
    assert _find_problem(Health(status=HealthStatus.BUSY, version=version)) is None
