import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from replicate.webhook import Webhooks, WebhookSigningSecret

from sandbox.replicate import WebhookSent
from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import LLAMA, SUBJECT, ApiClient


class Receiver:
    """A server that stores the webhooks it receives and responds with ``statuses`` in turn, then with 200."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""
        self._changed = asyncio.Event()

    async def receive(self, request: web.Request) -> web.Response:
        self.received.append((dict(request.headers), await request.read()))
        self._changed.set()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": self.url} if status == 302 else {})

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.received]

    async def wait_for(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.received) < count:
                self._changed.clear()
                await self._changed.wait()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.receive)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


def has_valid_signature(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhooks.validate(headers=headers, body=body.decode(), secret=WebhookSigningSecret(key=secret))
    except ValueError:
        return False
    return True


async def test_the_official_client_accepts_the_webhook_signature(api: ApiClient, receiver: Receiver) -> None:
    _, secret, _ = await api.call("GET", "/v1/webhooks/default/secret")
    await api.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA, webhook=receiver.url)
    await receiver.wait_for(2)
    assert all(has_valid_signature(secret["key"], headers, body) for headers, body in receiver.received)


async def test_by_default_webhooks_are_sent_for_outputs_and_the_end(api: ApiClient, receiver: Receiver) -> None:
    created = await api.create({"prompt": "hi", "max_tokens": 3}, version=LLAMA, webhook=receiver.url)
    await receiver.wait_for(2)
    assert [body["status"] for body in receiver.bodies] == ["processing", "succeeded"]
    finished = await api.get(created["id"])
    assert receiver.bodies[-1]["output"] == finished["output"]
    assert finished["webhook"] == receiver.url


async def test_the_filter_selects_the_webhook_events(timed: ApiClient, clock: VirtualClock, receiver: Receiver) -> None:
    created = await timed.create(
        {"subject": SUBJECT, "number_of_outputs": 2, "output_format": "jpg"},
        webhook=receiver.url,
        webhook_events_filter=["start", "completed"],
    )
    async with asyncio.timeout(20):
        while not timed.standin.predictions[created["id"]].finished:
            await clock.advance(0.5)
    await receiver.wait_for(2)
    assert [body["status"] for body in receiver.bodies] == ["processing", "succeeded"]
    assert receiver.bodies[0]["output"] is None


async def test_output_webhooks_are_sent_twice_a_second_at_most(
    timed: ApiClient, clock: VirtualClock, receiver: Receiver
) -> None:
    created = await timed.create({"prompt": "in 300 words"}, version=LLAMA, webhook=receiver.url)
    while not timed.standin.predictions[created["id"]].finished:
        await clock.advance(0.25)
    prediction = timed.standin.predictions[created["id"]]
    seconds = prediction.metrics["predict_time"]
    await receiver.wait_for(int(seconds / 0.55))
    assert len(receiver.received) <= seconds / 0.5 + 2


async def test_the_last_webhook_is_retried_until_it_succeeds(
    timed: ApiClient, clock: VirtualClock, receiver: Receiver
) -> None:
    receiver.statuses = [500, 302, 404]
    await timed.create(
        {"prompt": "hi", "max_tokens": 1}, version=LLAMA, webhook=receiver.url, webhook_events_filter=["completed"]
    )
    async with asyncio.timeout(10):
        while len(receiver.received) < 4:
            await clock.advance(0.5)
    await clock.advance(120)
    assert len(receiver.received) == 4
    assert len({headers["Webhook-Id"] for headers, _ in receiver.received}) == 1


async def test_webhooks_before_the_last_are_sent_once(
    timed: ApiClient, clock: VirtualClock, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    timed.standin.faults.add("never-ends")
    await timed.create({"prompt": "hi"}, version=LLAMA, webhook=receiver.url, webhook_events_filter=["start"])
    await clock.advance(1)
    await receiver.wait_for(1)
    await clock.advance(120)
    assert len(receiver.received) == 1


async def test_webhooks_are_sent_to_this_machine_only(api: ApiClient) -> None:
    with api.standin.subscribe() as subscription:
        await api.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA, webhook="https://example.com/hook")
        async with asyncio.timeout(10):
            while not isinstance(event := await anext(subscription), WebhookSent):
                pass
    assert event.status is None


@pytest.mark.parametrize("fault", ["webhook-forged", "webhook-dropped", "webhook-duplicated", "webhook-stale"])
async def test_webhook_faults(api: ApiClient, receiver: Receiver, fault: str) -> None:
    api.standin.faults.add(fault, on="start")
    created = await api.create(
        {"prompt": "hi", "max_tokens": 1},
        version=LLAMA,
        webhook=receiver.url,
        webhook_events_filter=["start", "completed"],
    )
    await api.wait_for_end(created["id"])
    await receiver.wait_for({"webhook-dropped": 1, "webhook-duplicated": 3}.get(fault, 2))
    headers, body = receiver.received[0]
    now = api.standin.clock.now().timestamp()
    match fault:
        case "webhook-forged":
            assert not has_valid_signature(api.standin.webhook_secret, headers, body)
        case "webhook-dropped":
            assert [body["status"] for body in receiver.bodies] == ["succeeded"]
        case "webhook-duplicated":
            assert receiver.received[0][1] == receiver.received[1][1]
            assert headers["Webhook-Id"] == receiver.received[1][0]["Webhook-Id"]
        case "webhook-stale":
            assert has_valid_signature(api.standin.webhook_secret, headers, body)
            assert now - int(headers["Webhook-Timestamp"]) > 3500


async def test_a_reordered_webhook_arrives_after_the_next_one(api: ApiClient, receiver: Receiver) -> None:
    api.standin.faults.add("webhook-reordered", on="start")
    await api.create(
        {"prompt": "hi", "max_tokens": 1},
        version=LLAMA,
        webhook=receiver.url,
        webhook_events_filter=["start", "completed"],
    )
    await receiver.wait_for(2)
    assert [body["status"] for body in receiver.bodies] == ["succeeded", "processing"]


@pytest.mark.parametrize("body", [{"webhook": "ftp://here"}, {"webhook_events_filter": ["end"]}, {"webhook": 1}])
async def test_an_invalid_webhook_is_rejected(api: ApiClient, body: dict[str, Any]) -> None:
    whole = {"version": LLAMA, "input": {"prompt": "hi"}, **body}
    assert (await api.call("POST", "/v1/predictions", body=whole))[0] == 422
