"""Replicate's calls: signed, doubled, forged, late, out of order or missing; and the slow net below them."""

import asyncio
import io
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from bot.web.webhooks import MAX_BODY_BYTES
from sandbox.replicate.events import WebhookSent
from sandbox.replicate.webhooks import sign_webhook
from tests.faults.conftest import opened
from tests.faults.environment import Stage, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATE = "POST /v1/predictions"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def called_back(folder: Path, **settings: str) -> AsyncIterator[Stage]:
    port = str(free_port())
    address = {"WEBHOOK_URL": f"http://127.0.0.1:{port}", "HTTP_PORT": port}
    async with opened(folder, **address, **settings) as stage:
        stage.port = int(port)
        yield stage


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def _called(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with called_back(tmp_path_factory.mktemp("called")) as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="session")
async def called(_called: Stage) -> AsyncIterator[Stage]:
    """A bot that Replicate calls."""
    yield _called
    _called.clear()


async def deliver(stage: Stage, run_id: str, body: bytes, **how: Any) -> tuple[int, float]:
    """Call the bot as Replicate does; return its status and how long it took."""
    name, at = how.get("name", "msg_1"), int(time.time() + how.get("off", 0))
    signed = how.get("signature") or sign_webhook(
        how.get("secret", stage.replicate.webhook_secret), message_id=name, timestamp=at, body=body
    )
    headers = {"Webhook-Id": name, "Webhook-Timestamp": str(at), "Webhook-Signature": signed}
    headers = {key: value for key, value in headers.items() if key not in how.get("without", ())}
    url = f"http://127.0.0.1:{stage.port}/webhooks/replicate/{run_id}"
    began = time.monotonic()
    async with aiohttp.ClientSession() as http, http.post(url, data=io.BytesIO(body), headers=headers) as response:
        return response.status, time.monotonic() - began


def looks(stage: Stage, prediction_id: str) -> int:
    return len(stage.replicate.calls.to(f"GET /v1/predictions/{prediction_id}"))


async def test_a_webhook_ends_a_run_with_few_polls(called: Stage) -> None:
    with called.replicate.subscribe() as watch:
        called.replicate.faults.add("slow-start", seconds=4)
        asked = await called.ask(images=2)
        await asked.sound(images=2)
        sent: list[WebhookSent] = []
        while not any(one.event == "completed" for one in sent):
            happened = await asyncio.wait_for(anext(watch), 10)
            sent += [happened] if isinstance(happened, WebhookSent) else []
    assert asked.row["webhook"].endswith(f"/webhooks/replicate/{asked.row['id']}")
    assert {one.status for one in sent} == {204}
    # Four seconds of waiting would be several looks without webhooks; with them, one when it starts, some at the end.
    assert looks(called, asked.predictions[0].id) <= 4


async def test_runs_work_without_webhooks(shared: Stage) -> None:
    asked = await shared.ask(images=2)
    await asked.sound(images=2)
    assert asked.row["webhook"] is None


@pytest.mark.parametrize(
    "fault", ["webhook-duplicated", "webhook-reordered", "webhook-forged", "webhook-stale", "webhook-dropped"]
)
async def test_a_faulty_webhook_changes_nothing(called: Stage, fault: str) -> None:
    called.replicate.faults.add(fault, times=None)
    asked = await called.ask(images=2)
    await asked.sound(images=2)


async def test_a_webhook_reveals_a_lost_create(called: Stage) -> None:
    called.replicate.faults.add("reset-after", on=CREATE)
    called.replicate.faults.add("error-503", on="GET /v1/predictions", times=None)
    asked = await called.ask(images=2)
    await asked.sound(images=2)
    assert len([one for one in called.replicate.calls.creates if one.body["input"]["prompt"] == asked.prompt]) == 1


async def test_webhooks_missed_while_offline_are_not_needed(tmp_path: Path) -> None:
    async with called_back(tmp_path) as stage:
        stage.replicate.faults.add("slow-start", seconds=1)
        asked = await stage.ask(images=2)
        await eventually(lambda: asked.state in ("submitted", "running"))
        await stage.kill()
        await eventually(lambda: asked.predictions[0].finished)
        await stage.start()
        await asked.sound(images=2)


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
async def test_only_fresh_signed_webhooks_are_accepted(called: Stage, how: dict[str, Any], status: int) -> None:
    answered, seconds = await deliver(called, "0123456789ab", b'{"id": "x"}', **how)
    assert answered == status
    assert seconds < 1


async def test_a_replayed_webhook_does_nothing(called: Stage) -> None:
    called.replicate.faults.add("never-ends", after=1)
    asked = await called.ask(images=3)
    await asked.until(lambda: asked.images)
    prediction = asked.predictions[0]
    over = called.replicate.prediction_json(prediction) | {"status": "succeeded", "output": []}
    body = json.dumps(over).encode()
    answers = [await deliver(called, asked.row["id"], body, name="msg_replayed") for _ in range(3)]
    assert [status for status, _ in answers] == [204, 204, 204]
    assert asked.state == "running", "an end is believed only when a GET says it"
    await called.mia.press(asked.message, "Cancel")
    await asked.sound("canceled")


async def test_a_webhook_of_another_run_changes_nothing(called: Stage) -> None:
    called.replicate.faults.add("never-ends", after=1)
    asked = await called.ask(images=3)
    await asked.until(lambda: asked.images)
    other = await called.ask(images=1)
    await other.sound(images=1)
    body = json.dumps(called.replicate.prediction_json(other.predictions[0])).encode()
    assert (await deliver(called, asked.row["id"], body))[0] == 204
    await called.mia.press(asked.message, "Cancel")
    await asked.sound("canceled")
    assert asked.row["prediction_id"] == asked.predictions[0].id


async def test_an_oversized_webhook_is_refused(called: Stage) -> None:
    assert (await deliver(called, "0123456789ab", bytes(MAX_BODY_BYTES + 1)))[0] == 413


async def test_a_webhook_that_is_no_prediction_is_answered(called: Stage) -> None:
    for number, body in enumerate((b"[]", b"null", b'{"id": 7}', b"[" * 100_000)):
        assert (await deliver(called, "0123456789ab", body, name=f"msg_{number}"))[0] == 204


@pytest.mark.parametrize(
    "path", ["/webhooks/replicate/", "/webhooks/replicate/a%2Fb", "/webhooks/replicate/" + "x" * 65]
)
async def test_a_webhook_for_an_invalid_run_id_is_not_found(called: Stage, path: str) -> None:
    async with aiohttp.ClientSession() as http, http.post(f"http://127.0.0.1:{called.port}{path}") as response:
        assert response.status == 404
