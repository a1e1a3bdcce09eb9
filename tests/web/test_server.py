"""The HTTP server: health, metrics, webhooks."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime

import aiohttp
import pytest
import structlog
from yarl import URL

from bot.aio import cancel_and_wait
from bot.backends.prediction import Prediction, Status
from bot.backends.replicate.webhooks import WebhookVerifier
from bot.errors import ConfigError
from bot.limits import WEBHOOK_BODY_BYTES, WEBHOOK_PARSED_BYTES
from bot.observability.metrics import CONTENT_TYPE, Metrics
from bot.web.connections import ConnectionLimits
from bot.web.health import HealthRoutes
from bot.web.refusals import RefusalLog
from bot.web.server import WebServer
from bot.web.webhooks import WebhookReceiver
from tests.backends.replicate.fake_server import prediction
from tests.backends.replicate.webhook_signing import SECRET, signed_headers
from tests.clock import VirtualClock

NOW = 1_767_225_600
BODY = json.dumps(prediction(status="processing")).encode()
HOOK = "/webhooks/replicate/run-1"


class Bot:
    """A server with fake runs behind it. ``wait`` is how many seconds it waits for what others send."""

    def __init__(self, *, wait: float = 60.0) -> None:
        self.parts = {"gateway": True, "database": True, "replicate": True}
        self.woken: list[tuple[str, Prediction | None]] = []
        self.runs = {"run-1"}
        self.clock = VirtualClock(datetime.fromtimestamp(NOW, UTC))
        self.metrics = Metrics(version="1.2.3", process=False)
        health = HealthRoutes(readiness=lambda: self.parts, metrics=self.metrics.exposition, clock=self.clock)
        self.refusals = RefusalLog(self.clock)
        webhooks = WebhookReceiver(
            wake_run=self.wake,
            metrics=self.metrics,
            refusals=self.refusals,
            body_timeout=wait,
        )
        webhooks.enable(WebhookVerifier(SECRET, self.clock))
        self.server = WebServer(
            host="127.0.0.1",
            port=0,
            health=health,
            refusals=self.refusals,
            webhooks=webhooks,
            limits=ConnectionLimits(connections=3, head=wait, request=2 * wait),
        )
        self.health = health

    @property
    def outcomes(self) -> dict[str, int]:
        """How many webhooks had each outcome."""
        samples = [sample for family in self.metrics.webhooks.collect() for sample in family.samples]
        return {one.labels["outcome"]: int(one.value) for one in samples if one.name.endswith("_total")}

    def wake(self, run_id: str, seen: Prediction | None) -> bool:
        if run_id == "broken":
            raise RuntimeError("an error with a secret in its text")
        self.woken.append((run_id, seen))
        return run_id in self.runs


@pytest.fixture
async def bot() -> AsyncIterator[Bot]:
    bot = Bot()
    await bot.server.start()
    yield bot
    await bot.server.stop()


@pytest.fixture
async def hasty_bot() -> AsyncIterator[Bot]:
    """A server that does not wait long."""
    bot = Bot(wait=0.2)
    await bot.server.start()
    yield bot
    await bot.server.stop()


@pytest.fixture
async def http(bot: Bot) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{bot.server.port}") as session:
        yield session


async def test_healthz_responds(http: aiohttp.ClientSession) -> None:
    async with http.get("/healthz") as answer:
        assert answer.status == 200
        assert answer.headers["cache-control"] == "no-store"


async def test_readyz_names_parts_and_fails_with_any_of_them(bot: Bot, http: aiohttp.ClientSession) -> None:
    async with http.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"ready": True, "parts": bot.parts})
    bot.parts["replicate"] = False
    async with http.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (503, {"ready": False, "parts": bot.parts})


async def test_metrics_are_prometheus_text(bot: Bot, http: aiohttp.ClientSession) -> None:
    bot.metrics.runs_ended.labels(command="generate", end="succeeded").inc()
    async with http.get("/metrics") as answer:
        assert answer.headers["content-type"] == CONTENT_TYPE
        assert 'replicord_runs_ended_total{command="generate",end="succeeded"} 1.0' in await answer.text()


async def test_responses_do_not_name_server_software(http: aiohttp.ClientSession) -> None:
    for path in ("/healthz", "/nowhere"):
        async with http.get(path) as answer:
            assert answer.headers["server"] == "replicord"


async def test_a_signed_webhook_wakes_its_run(bot: Bot, http: aiohttp.ClientSession) -> None:
    began = time.monotonic()
    async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
        assert answer.status == 204
    assert time.monotonic() - began < 1
    [(run_id, seen)] = bot.woken
    assert run_id == "run-1"
    assert seen is not None
    assert seen.status is Status.PROCESSING
    assert bot.outcomes == {"woke": 1}


async def test_a_repeated_webhook_is_accepted_and_ignored(bot: Bot, http: aiohttp.ClientSession) -> None:
    for _ in range(3):
        async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
            assert answer.status == 204
    assert len(bot.woken) == 1
    assert bot.outcomes == {"woke": 1, "repeated": 2}


async def test_a_webhook_of_an_inactive_run_may_be_repeated(bot: Bot, http: aiohttp.ClientSession) -> None:
    bot.runs.clear()
    async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
        assert answer.status == 204
    bot.runs.add("run-1")
    async with http.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
        assert answer.status == 204
    assert bot.outcomes == {"unknown": 1, "woke": 1}


async def test_an_unreadable_signed_webhook_still_wakes(bot: Bot, http: aiohttp.ClientSession) -> None:
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
async def test_forged_and_stale_webhooks_wake_no_run(
    bot: Bot, http: aiohttp.ClientSession, headers: dict[str, str], outcome: str
) -> None:
    async with http.post(HOOK, data=BODY, headers=headers) as answer:
        assert answer.status == 401
    assert bot.woken == []
    assert bot.outcomes == {outcome: 1}


@pytest.mark.parametrize("declared", [True, False])
async def test_an_oversized_body_is_refused_while_reading(
    bot: Bot, http: aiohttp.ClientSession, *, declared: bool
) -> None:
    async def large_body() -> AsyncIterator[bytes]:
        for _ in range(WEBHOOK_BODY_BYTES // 2**20 + 8):
            yield bytes(2**20)

    headers = signed_headers(b"", at=NOW)
    if declared:
        headers["content-length"] = str(WEBHOOK_BODY_BYTES + 8 * 2**20)
    try:
        async with http.post(HOOK, data=large_body(), headers=headers) as answer:
            assert answer.status == 413
    except aiohttp.ClientError:
        pass  # the server may close the connection while the client still sends
    assert bot.outcomes == {"oversized": 1}
    assert bot.woken == []


async def test_a_missing_body_times_out(hasty_bot: Bot) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hasty_bot.server.port)
    headers = "".join(f"{name}: {value}\r\n" for name, value in signed_headers(BODY, at=NOW).items())
    writer.write(f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n{headers}\r\n".encode())
    assert b" 408 " in await asyncio.wait_for(reader.readline(), 60)
    writer.close()
    assert hasty_bot.outcomes == {"slow": 1}


async def test_unsigned_requests_are_refused_without_a_body(bot: Bot) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", bot.server.port)
    writer.write(f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n".encode())
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 60)
    writer.close()


async def test_an_unexpected_error_is_a_500_without_details(http: aiohttp.ClientSession) -> None:
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
async def test_other_routes_do_not_exist(http: aiohttp.ClientSession, method: str, path: str, status: int) -> None:
    async with http.request(method, URL(path, encoded=True)) as answer:
        assert answer.status == status


async def test_the_webhook_route_is_optional(bot: Bot) -> None:
    server = WebServer(host="127.0.0.1", port=0, health=bot.health, refusals=bot.refusals)
    await server.start()
    try:
        url = f"http://127.0.0.1:{server.port}{HOOK}"
        async with aiohttp.ClientSession() as session, session.post(url, data=BODY) as answer:
            assert answer.status == 404
    finally:
        await server.stop()


async def test_a_used_port_raises_config_error(bot: Bot) -> None:
    second = WebServer(host="127.0.0.1", port=bot.server.port, health=bot.health, refusals=bot.refusals)
    with pytest.raises(ConfigError, match=f"{bot.server.port}.*HTTP_PORT"):
        await second.start()


async def test_stopping_twice_is_harmless_and_frees_the_port() -> None:
    bot = Bot()
    await bot.server.start()
    await bot.server.stop()
    await bot.server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", bot.server.port)


async def test_a_connection_without_a_request_ends(hasty_bot: Bot) -> None:
    for sent in (b"", b"GET /healthz HTTP/1.1\r\nHost:", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty_bot.server.port)
        writer.write(sent)
        assert (await asyncio.wait_for(reader.read(), 60) != b"") is sent.endswith(b"\r\n\r\n")
        writer.close()


async def test_dribbled_headers_do_not_extend_the_wait(hasty_bot: Bot) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", hasty_bot.server.port)
    writer.write(b"GET /healthz HTTP/1.1\r\n")

    async def dribble() -> None:
        while True:
            writer.write(b"X-Slow: 1\r\n")
            await asyncio.sleep(0.02)

    dribbling = asyncio.create_task(dribble())
    with suppress(ConnectionResetError):  # where a header arrived after the end
        assert await asyncio.wait_for(reader.read(), 60) == b""
    await cancel_and_wait([dribbling])
    writer.close()


async def test_too_many_connections_end_the_longest_idle_one(bot: Bot, http: aiohttp.ClientSession) -> None:
    opened = [await asyncio.open_connection("127.0.0.1", bot.server.port) for _ in range(3)]
    async with http.get("/healthz") as answer:
        assert answer.status == 200
    assert await asyncio.wait_for(opened[0][0].read(), 60) == b""
    opened[2][1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b" 200 " in await asyncio.wait_for(opened[2][0].readline(), 60)
    for _, writer in opened:
        writer.close()


async def test_a_large_signed_webhook_wakes_without_its_body(bot: Bot, http: aiohttp.ClientSession) -> None:
    body = json.dumps(prediction(status="processing") | {"logs": "x" * WEBHOOK_PARSED_BYTES}).encode()
    async with http.post(HOOK, data=io.BytesIO(body), headers=signed_headers(body, at=NOW)) as answer:
        assert answer.status == 204
    assert bot.woken == [("run-1", None)]


@pytest.mark.parametrize("coding", ["gzip", "br", "x-unheard-of"])
async def test_an_encoded_body_is_refused(bot: Bot, http: aiohttp.ClientSession, coding: str) -> None:
    headers = signed_headers(BODY, at=NOW) | {"Content-Encoding": coding}
    for path in (HOOK, "/healthz", "/nowhere"):
        async with http.post(path, data=BODY, headers=headers, compress=False) as answer:
            assert answer.status == 415
    assert bot.woken == []


async def test_a_body_is_asked_for_only_after_its_headers(bot: Bot) -> None:
    for signed, expected in ((True, b" 100 "), (False, b" 401 ")):
        reader, writer = await asyncio.open_connection("127.0.0.1", bot.server.port)
        headers = "".join(f"{name}: {value}\r\n" for name, value in signed_headers(BODY, at=NOW).items() if signed)
        length = f"Content-Length: {len(BODY)}\r\n"
        writer.write(f"POST {HOOK} HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{length}{headers}\r\n".encode())
        assert expected in await asyncio.wait_for(reader.readline(), 60)
        writer.close()


async def test_refusals_are_logged_once_a_minute(bot: Bot, http: aiohttp.ClientSession) -> None:
    with structlog.testing.capture_logs() as lines:
        for seconds in (0, 1, 1, 60):
            await bot.clock.advance(seconds)
            async with http.post(HOOK, data=BODY) as answer:
                assert answer.status == 401
    assert [line["count"] for line in lines if line["event"] == "http_requests_refused"] == [1, 3]


async def test_a_name_that_is_no_host_raises_config_error(bot: Bot) -> None:
    for host in ("..", "a" * 300, "no.such.host.invalid"):
        with pytest.raises(ConfigError, match="HTTP_HOST"):
            await WebServer(host=host, port=0, health=bot.health, refusals=bot.refusals).start()


async def test_webhooks_are_refused_until_their_secret_is_known(bot: Bot) -> None:
    webhooks = WebhookReceiver(wake_run=bot.wake, metrics=bot.metrics, refusals=bot.refusals)
    server = WebServer(host="127.0.0.1", port=0, health=bot.health, refusals=bot.refusals, webhooks=webhooks)
    await server.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{server.port}") as session:
            for expected in (503, 204):
                async with session.post(HOOK, data=BODY, headers=signed_headers(BODY, at=NOW)) as answer:
                    assert answer.status == expected
                webhooks.enable(WebhookVerifier(SECRET, bot.clock))
    finally:
        await server.stop()
