"""The server as callers meet it: health, metrics, webhooks."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest
from yarl import URL

from bot.backends.replicate.predictions import Prediction, Status
from bot.backends.replicate.webhooks import WebhookVerifier
from bot.errors import ConfigError
from bot.observability.metrics import CONTENT_TYPE, Metrics
from bot.web.health import Health
from bot.web.server import WebServer
from bot.web.webhooks import MAX_BODY_BYTES, WebhookReceiver
from tests.backends.replicate.fake_server import prediction
from tests.backends.replicate.webhook_signing import SECRET, library_clock, signed_headers
from tests.clock import VirtualClock

NOW = 1_767_225_600
BODY = json.dumps(prediction(status="processing")).encode()
HOOK = "/webhooks/replicate/run-1"


class Bot:
    """What stands behind the server."""

    def __init__(self) -> None:
        self.parts = {"gateway": True, "database": True, "replicate": True}
        self.woken: list[tuple[str, Prediction | None]] = []
        self.runs = {"run-1"}
        self.clock = VirtualClock(datetime.fromtimestamp(NOW, UTC))
        self.metrics = Metrics(version="1.2.3", process=False)
        health = Health(readiness=lambda: self.parts, metrics=self.metrics.exposition)
        webhooks = WebhookReceiver(
            verifier=WebhookVerifier(SECRET, self.clock), wake_run=self.wake, metrics=self.metrics, body_timeout=0.2
        )
        self.server = WebServer(host="127.0.0.1", port=0, health=health, webhooks=webhooks)
        self.health = health

    @property
    def outcomes(self) -> dict[str, int]:
        """How many webhooks had each outcome."""
        samples = [sample for family in self.metrics.webhooks.collect() for sample in family.samples]
        return {one.labels["outcome"]: int(one.value) for one in samples if one.name.endswith("_total")}

    def wake(self, run_id: str, seen: Prediction | None) -> bool:
        if run_id == "broken":
            raise RuntimeError("a fault of ours with a secret in it")
        self.woken.append((run_id, seen))
        return run_id in self.runs


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    bot = Bot()
    await bot.server.start()
    with library_clock(bot.clock):
        yield bot
    await bot.server.stop()


@pytest.fixture
async def http(bot: Bot) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{bot.server.port}") as session:
        yield session


async def test_healthz_answers_while_the_loop_turns(http):
    async with http.get("/healthz") as answer:
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"


async def test_readyz_names_each_part_and_fails_with_any(bot, http):
    async with http.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "parts": bot.parts})
    bot.parts["replicate"] = False
    async with http.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (503, {"ready": False, "parts": bot.parts})


async def test_metrics_are_prometheus_text(bot, http):
    bot.metrics.runs_ended.labels(command="generate", end="succeeded").inc()
    async with http.get("/metrics") as answer:
        assert answer.headers["content-type"] == CONTENT_TYPE
        assert 'replicord_runs_ended_total{command="generate",end="succeeded"} 1.0' in await answer.text()


async def test_answers_do_not_tell_what_runs_here(http):
    for path in ("/healthz", "/nowhere"):
        async with http.get(path) as answer:
            assert answer.headers["server"] == "replicord"


async def test_a_signed_delivery_wakes_its_run_within_a_second(bot, http):
    began = time.monotonic()
    async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
        assert answer.status == 204
    assert time.monotonic() - began < 1
    [(run_id, seen)] = bot.woken
    assert run_id == "run-1"
    assert seen is not None
    assert seen.status is Status.PROCESSING
    assert bot.outcomes == {"woke": 1}


async def test_a_delivery_played_back_is_taken_and_ignored(bot, http):
    for _ in range(3):
        async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
            assert answer.status == 204
    assert len(bot.woken) == 1
    assert bot.outcomes == {"woke": 1, "repeated": 2}


async def test_a_delivery_for_a_run_that_is_not_at_work_is_taken_and_may_come_again(bot, http):
    bot.runs.clear()
    async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
        assert answer.status == 204
    bot.runs.add("run-1")
    async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
        assert answer.status == 204
    assert bot.outcomes == {"unknown": 1, "woke": 1}


async def test_a_signed_delivery_that_cannot_be_read_still_wakes(bot, http):
    body = b"null"
    async with http.post(HOOK, data=body, headers=signed_headers(body, at=NOW)) as answer:
        assert answer.status == 204
    assert bot.woken == [("run-1", None)]


@pytest.mark.parametrize(
    ("headers", "outcome"),
    [
        ({}, "forged"),
        (signed_headers(BODY, at=NOW, key=b"another"), "forged"),
        (signed_headers(BODY + b" ", at=NOW), "forged"),
        (signed_headers(BODY, at=NOW - 301), "stale"),
        (signed_headers(BODY, at=NOW + 301), "stale"),
    ],
)
async def test_a_forged_or_stale_delivery_wakes_nobody(bot, http, headers, outcome):
    async with http.post(HOOK, data=BODY, headers=headers) as answer:
        assert answer.status == 401
    assert bot.woken == []
    assert bot.outcomes == {outcome: 1}


@pytest.mark.parametrize("declared", [True, False])
async def test_an_oversized_body_is_refused_while_it_is_read(bot, http, declared):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 2**20 + 8):
            yield bytes(2**20)

    headers = signed_headers(b"", at=NOW)
    if declared:
        headers["content-length"] = str(MAX_BODY_BYTES + 8 * 2**20)
    try:
        async with http.post(HOOK, data=endless(), headers=headers) as answer:
            assert answer.status == 413
    except aiohttp.ClientError:
        pass  # the server may hang up on a sender that goes on
    assert bot.outcomes == {"oversized": 1}
    assert bot.woken == []


async def test_a_body_that_never_comes_is_not_waited_for(bot):
    reader, writer = await asyncio.open_connection("127.0.0.1", bot.server.port)
    headers = "".join(f"{name}: {value}\r\n" for name, value in signed_headers(BODY, at=NOW).items())
    writer.write(f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n{headers}\r\n".encode())
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    assert bot.outcomes == {"slow": 1}


async def test_a_caller_without_a_signature_is_refused_before_it_sends_its_body(bot):
    reader, writer = await asyncio.open_connection("127.0.0.1", bot.server.port)
    writer.write(f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode())
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()


async def test_a_fault_of_ours_is_a_500_without_details(http):
    async with http.post("/webhooks/replicate/broken", data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
        assert answer.status == 500
        assert "secret" not in await answer.text()
    async with http.get("/healthz") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", HOOK, 405),
        ("POST", "/webhooks/replicate/", 404),
        ("POST", "/webhooks/replicate/a%2Fb", 404),
        ("POST", "/webhooks/replicate/" + "a" * 65, 404),
        ("GET", "/", 404),
    ],
)
async def test_nothing_else_is_answered(http, method, path, status):
    async with http.request(method, URL(path, encoded=True)) as answer:
        assert answer.status == status


async def test_without_a_webhook_url_there_is_no_webhook_route(bot):
    server = WebServer(host="127.0.0.1", port=0, health=bot.health)
    await server.start()
    try:
        url = f"http://127.0.0.1:{server.port}{HOOK}"
        async with aiohttp.ClientSession() as session, session.post(url, data=BODY) as answer:
            assert answer.status == 404
    finally:
        await server.stop()


async def test_a_port_that_is_taken_is_a_sentence(bot):
    second = WebServer(host="127.0.0.1", port=bot.server.port, health=bot.health)
    with pytest.raises(ConfigError, match=f"{bot.server.port}.*HTTP_PORT"):
        await second.start()


async def test_stopping_lets_go_of_the_port_and_twice_is_fine():
    bot = Bot()
    await bot.server.start()
    await bot.server.stop()
    await bot.server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", bot.server.port)
