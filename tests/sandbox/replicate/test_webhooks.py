import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from replicate.webhook import Webhooks, WebhookSigningSecret

from .conftest import LLAMA, SUBJECT


class Receiver:
    """A server that keeps the webhooks it gets and answers with ``statuses`` in turn, then with 200."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.statuses: list[int] = []
        self.url = ""
        self.news = asyncio.Event()

    async def take(self, request: web.Request) -> web.Response:
        self.got.append((dict(request.headers), await request.read()))
        self.news.set()
        status = self.statuses.pop(0) if self.statuses else 200
        return web.Response(status=status, headers={"Location": self.url} if status == 302 else {})

    @property
    def bodies(self) -> list[dict]:
        return [json.loads(body) for _, body in self.got]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10):
            while len(self.got) < count:
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


def is_genuine(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhooks.validate(headers=headers, body=body.decode(), secret=WebhookSigningSecret(key=secret))
    except ValueError:
        return False
    return True


async def test_webhooks_are_signed_so_that_the_official_client_accepts_them(api, receiver):
    _, secret, _ = await api.call("GET", "/v1/webhooks/default/secret")
    await api.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA, webhook=receiver.url)
    await receiver.until(2)
    assert all(is_genuine(secret["key"], headers, body) for headers, body in receiver.got)


async def test_by_default_outputs_and_the_end_are_told(api, receiver):
    created = await api.create({"prompt": "hi", "max_tokens": 3}, version=LLAMA, webhook=receiver.url)
    await receiver.until(2)
    assert [body["status"] for body in receiver.bodies] == ["processing", "succeeded"]
    over = await api.get(created["id"])
    assert receiver.bodies[-1]["output"] == over["output"]
    assert over["webhook"] == receiver.url


async def test_the_filter_decides_which_events_are_told(timed, clock, receiver):
    created = await timed.create(
        {"subject": SUBJECT, "number_of_outputs": 2, "output_format": "jpg"},
        webhook=receiver.url,
        webhook_events_filter=["start", "completed"],
    )
    async with asyncio.timeout(20):
        while not timed.standin.predictions[created["id"]].finished:
            await clock.advance(0.5)
    await receiver.until(2)
    assert [body["status"] for body in receiver.bodies] == ["processing", "succeeded"]
    assert receiver.bodies[0]["output"] is None


async def test_outputs_are_told_at_most_every_half_second(timed, clock, receiver):
    created = await timed.create({"prompt": "in 300 words"}, version=LLAMA, webhook=receiver.url)
    while not timed.standin.predictions[created["id"]].finished:
        await clock.advance(0.25)
    prediction = timed.standin.predictions[created["id"]]
    seconds = prediction.metrics["predict_time"]
    await receiver.until(int(seconds / 0.55))
    assert len(receiver.got) <= seconds / 0.5 + 2


async def test_the_last_webhook_is_sent_again_until_it_is_taken(timed, clock, receiver):
    receiver.statuses = [500, 302, 404]
    await timed.create(
        {"prompt": "hi", "max_tokens": 1}, version=LLAMA, webhook=receiver.url, webhook_events_filter=["completed"]
    )
    async with asyncio.timeout(10):
        while len(receiver.got) < 4:
            await clock.advance(0.5)
    await clock.advance(120)
    assert len(receiver.got) == 4
    assert len({headers["Webhook-Id"] for headers, _ in receiver.got}) == 1


async def test_webhooks_before_the_last_are_sent_once(timed, clock, receiver):
    receiver.statuses = [500]
    timed.standin.faults.add("never-ends")
    await timed.create({"prompt": "hi"}, version=LLAMA, webhook=receiver.url, webhook_events_filter=["start"])
    await clock.advance(1)
    await receiver.until(1)
    await clock.advance(120)
    assert len(receiver.got) == 1


async def test_no_webhook_leaves_this_machine(api):
    with api.standin.subscribe() as watch:
        await api.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA, webhook="https://example.com/hook")
        async with asyncio.timeout(10):
            sent = [happening async for happening in first_of(watch, "WebhookSent")]
    assert sent[0].status is None


async def first_of(watch, name):
    async for happening in watch:
        if type(happening).__name__ == name:
            yield happening
            return


@pytest.mark.parametrize("fault", ["webhook-forged", "webhook-dropped", "webhook-duplicated", "webhook-stale"])
async def test_the_faults_of_webhooks(api, receiver, fault):
    api.standin.faults.add(fault, on="start")
    created = await api.create(
        {"prompt": "hi", "max_tokens": 1},
        version=LLAMA,
        webhook=receiver.url,
        webhook_events_filter=["start", "completed"],
    )
    await api.finished(created["id"])
    await receiver.until({"webhook-dropped": 1, "webhook-duplicated": 3}.get(fault, 2))
    headers, body = receiver.got[0]
    now = api.standin.clock.now().timestamp()
    match fault:
        case "webhook-forged":
            assert not is_genuine(api.standin.webhook_secret, headers, body)
        case "webhook-dropped":
            assert [body["status"] for body in receiver.bodies] == ["succeeded"]
        case "webhook-duplicated":
            assert receiver.got[0][1] == receiver.got[1][1]
            assert headers["Webhook-Id"] == receiver.got[1][0]["Webhook-Id"]
        case "webhook-stale":
            assert is_genuine(api.standin.webhook_secret, headers, body)
            assert now - int(headers["Webhook-Timestamp"]) > 3500


async def test_a_held_back_webhook_comes_after_the_next_one(api, receiver):
    api.standin.faults.add("webhook-reordered", on="start")
    await api.create(
        {"prompt": "hi", "max_tokens": 1},
        version=LLAMA,
        webhook=receiver.url,
        webhook_events_filter=["start", "completed"],
    )
    await receiver.until(2)
    assert [body["status"] for body in receiver.bodies] == ["succeeded", "processing"]


@pytest.mark.parametrize("body", [{"webhook": "ftp://here"}, {"webhook_events_filter": ["end"]}, {"webhook": 1}])
async def test_a_webhook_that_makes_no_sense_is_refused(api, body):
    whole = {"version": LLAMA, "input": {"prompt": "hi"}, **body}
    assert (await api.call("POST", "/v1/predictions", body=whole))[0] == 422
