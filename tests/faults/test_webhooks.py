"""Replicate's calls: signed, doubled, forged, late, out of order or missing; and the slow net below them."""

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.limits import WEBHOOK_BODY_BYTES
from sandbox.loopback import find_free_port
from sandbox.replicate.events import WebhookSent
from sandbox.replicate.webhooks import sign_webhook
from tests.faults.conftest import running_bot
from tests.faults.environment import BotUnderTest, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATE = "POST /v1/predictions"


@asynccontextmanager
async def running_webhook_bot(folder: Path, **settings: str) -> AsyncIterator[BotUnderTest]:
    port = str(find_free_port())
    address = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "HTTP_PORT": port}
    async with running_bot(folder, address | settings) as bot:
        bot.port = int(port)
        yield bot


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _webhook_bot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BotUnderTest]:
    async with running_webhook_bot(tmp_path_factory.mktemp("called")) as bot:
        yield bot


@pytest_asyncio.fixture(loop_scope="session")
async def webhook_bot(_webhook_bot: BotUnderTest) -> AsyncIterator[BotUnderTest]:
    """A bot that Replicate calls."""
    yield _webhook_bot
    _webhook_bot.clear()


async def deliver(bot: BotUnderTest, run_id: str, body: bytes, **how: Any) -> tuple[int, float]:
    """Call the bot as Replicate does; return its status and how long it took.

    ``asks_first``: the body waits until the bot asks for it. One that is refused unread may be cut off with the answer.
    """
    name, at = how.get("name", "msg_1"), int(time.time() + how.get("off", 0))
    signed = how.get("signature") or sign_webhook(
        how.get("secret", bot.replicate.webhook_secret), message_id=name, timestamp=at, body=body
    )
    headers = {"Webhook-Id": name, "Webhook-Timestamp": str(at), "Webhook-Signature": signed}
    headers = {key: value for key, value in headers.items() if key not in how.get("without", ())}
    url = f"http://127.0.0.1:{bot.port}/webhooks/replicate/{run_id}"
    began = time.monotonic()
    request = {"data": io.BytesIO(body), "headers": headers, "expect100": how.get("asks_first", False)}
    async with aiohttp.ClientSession() as http, http.post(url, **request) as response:
        return response.status, time.monotonic() - began


def looks(bot: BotUnderTest, prediction_id: str) -> int:
    return len(bot.replicate.calls.to(f"GET /v1/predictions/{prediction_id}"))


async def test_a_webhook_ends_a_run_with_few_polls(webhook_bot: BotUnderTest) -> None:
    with webhook_bot.replicate.subscribe() as watch:
        webhook_bot.replicate.faults.add("slow-start", seconds=4)
        run = await webhook_bot.generate(images=2)
        await run.assert_consistent(images=2)
        sent: list[WebhookSent] = []
        while not any(one.event == "completed" for one in sent):
            happened = await asyncio.wait_for(anext(watch), 10)
            sent += [happened] if isinstance(happened, WebhookSent) else []
    assert run.row["webhook"].endswith(f"/webhooks/replicate/{run.row['id']}")
    assert {one.status for one in sent} == {204}
    # Four seconds of waiting would be several looks without webhooks; with them, one when it starts, some at the end.
    assert looks(webhook_bot, run.predictions[0].id) <= 4


async def test_runs_work_without_webhooks(shared_bot: BotUnderTest) -> None:
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=2)
    assert run.row["webhook"] is None


@pytest.mark.parametrize(
    "fault", ["webhook-duplicated", "webhook-reordered", "webhook-forged", "webhook-stale", "webhook-dropped"]
)
async def test_a_faulty_webhook_changes_nothing(webhook_bot: BotUnderTest, fault: str) -> None:
    webhook_bot.replicate.faults.add(fault, times=None)
    run = await webhook_bot.generate(images=2)
    await run.assert_consistent(images=2)


async def test_a_webhook_reveals_a_lost_create(webhook_bot: BotUnderTest) -> None:
    webhook_bot.replicate.faults.add("reset-after", on=CREATE)
    webhook_bot.replicate.faults.add("error-503", on="GET /v1/predictions", times=None)
    run = await webhook_bot.generate(images=2)
    await run.assert_consistent(images=2)
    assert len([one for one in webhook_bot.replicate.calls.creates if one.body["input"]["prompt"] == run.prompt]) == 1


async def test_webhooks_missed_while_offline_are_not_needed(tmp_path: Path) -> None:
    async with running_webhook_bot(tmp_path) as bot:
        bot.replicate.faults.add("slow-start", seconds=1)
        run = await bot.generate(images=2)
        await eventually(lambda: run.state in ("submitted", "running"))
        await bot.kill()
        await eventually(lambda: run.predictions[0].finished)
        await bot.start()
        await run.assert_consistent(images=2)


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ({}, 204),
        ({"name": "msg_again"}, 204),
        ({"secret": "whsec_Zm9yZ2VkIGZvcmdlZCBmb3JnZWQ="}, 401),
        ({"signature": "v1,"}, 401),
        ({"off": -361}, 401),
        ({"off": 361}, 401),
        ({"without": ("Webhook-Signature",)}, 401),
        ({"without": ("Webhook-Timestamp",)}, 401),
        ({"without": ("Webhook-Id",)}, 401),
    ],
)
async def test_only_fresh_signed_webhooks_are_accepted(
    webhook_bot: BotUnderTest, how: dict[str, Any], status: int
) -> None:
    answered, seconds = await deliver(webhook_bot, "0123456789ab", b'{"id": "x"}', **how)
    assert answered == status
    assert seconds < 1


async def test_a_replayed_webhook_does_nothing(webhook_bot: BotUnderTest) -> None:
    webhook_bot.replicate.faults.add("never-ends", after=1)
    run = await webhook_bot.generate(images=3)
    await run.wait_for(lambda: run.images)
    prediction = run.predictions[0]
    over = webhook_bot.replicate.prediction_json(prediction) | {"status": "succeeded", "output": []}
    body = json.dumps(over).encode()
    answers = [await deliver(webhook_bot, run.row["id"], body, name="msg_replayed") for _ in range(3)]
    assert [status for status, _ in answers] == [204, 204, 204]
    assert run.state == "running", "an end is believed only when a GET says it"
    await webhook_bot.mia.press(run.message, "Cancel")
    await run.assert_consistent("canceled")


async def test_a_webhook_of_another_run_changes_nothing(webhook_bot: BotUnderTest) -> None:
    webhook_bot.replicate.faults.add("never-ends", after=1)
    run = await webhook_bot.generate(images=3)
    await run.wait_for(lambda: run.images)
    other = await webhook_bot.generate(images=1)
    await other.assert_consistent(images=1)
    body = json.dumps(webhook_bot.replicate.prediction_json(other.predictions[0])).encode()
    assert (await deliver(webhook_bot, run.row["id"], body))[0] == 204
    await webhook_bot.mia.press(run.message, "Cancel")
    await run.assert_consistent("canceled")
    assert run.row["prediction_id"] == run.predictions[0].id


async def test_an_oversized_webhook_is_refused(webhook_bot: BotUnderTest) -> None:
    body = bytes(WEBHOOK_BODY_BYTES + 1)
    assert (await deliver(webhook_bot, "0123456789ab", body, asks_first=True))[0] == 413


async def test_a_webhook_that_is_no_prediction_is_answered(webhook_bot: BotUnderTest) -> None:
    for number, body in enumerate((b"[]", b"null", b'{"id": 7}', b"[" * 100_000)):
        assert (await deliver(webhook_bot, "0123456789ab", body, name=f"msg_{number}"))[0] == 204


@pytest.mark.parametrize(
    "path", ["/webhooks/replicate/", "/webhooks/replicate/a%2Fb", "/webhooks/replicate/" + "x" * 65]
)
async def test_a_webhook_for_an_invalid_run_id_is_not_found(webhook_bot: BotUnderTest, path: str) -> None:
    async with aiohttp.ClientSession() as http, http.post(f"http://127.0.0.1:{webhook_bot.port}{path}") as response:
        assert response.status == 404
