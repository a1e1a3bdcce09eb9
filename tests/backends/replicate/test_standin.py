"""The client against the stand-in Replicate, with every fault that it supports.

The requests are checked against Replicate's OpenAPI document, if it is available.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.backends.errors import (
    BackendError,
    Forbidden,
    InsufficientCredit,
    InvalidInput,
    InvalidResponse,
    NoResponse,
    NotFound,
    StreamLost,
    Throttled,
    Unauthenticated,
)
from bot.backends.prediction import Prediction, Status
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.transport import open_http
from bot.backends.replicate.types import ModelRef
from bot.backends.replicate.webhooks import WebhookVerifier
from bot.observability.metrics import Metrics
from sandbox.replicate import ReplicateStandIn, Timings
from tests.backends.replicate.fake_server import InstantClock
from tests.backends.replicate.fake_streams import output_texts, read_events
from tests.replicate_spec import check_replicate_calls

IMAGES = ModelRef.parse(
    "fofr/consistent-character:9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772",
)
TEXT = ModelRef.parse("meta/meta-llama-3-8b-instruct")
SUBJECT = {"subject": "https://replicate.delivery/pbxt/somebody.webp", "number_of_outputs": 2}


@pytest.fixture
async def standin() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn(timings=Timings.instant()) as standin:
        yield standin
    check_replicate_calls(standin.calls)


@pytest.fixture
async def replicate(standin: ReplicateStandIn) -> AsyncIterator[Replicate]:
    async with open_http() as http:
        yield Replicate(http, token=standin.token, base_url=standin.base_url, clock=InstantClock(), metrics=Metrics())


async def wait_until_ended(standin: ReplicateStandIn, replicate: Replicate, prediction: Prediction) -> Prediction:
    await standin.predictions[prediction.id].ended.wait()
    return await replicate.predictions.get(prediction.id)


async def read_outputs(replicate: Replicate, prediction: Prediction) -> list[str]:
    assert prediction.stream_url is not None
    return output_texts(await read_events(replicate, prediction.stream_url))


async def test_every_endpoint_responds(replicate: Replicate) -> None:
    assert (await replicate.get_account()).username
    model = await replicate.models.get("fofr/consistent-character")
    assert model.latest_version is not None
    version = await replicate.models.get_version("fofr/consistent-character", model.latest_version.id)
    assert version.schema == model.latest_version.schema
    assert any(each.name == "consistent-character" for each in await replicate.models.search("character"))
    assert WebhookVerifier(await replicate.webhooks.get_secret(), InstantClock())
    file = await replicate.files.create(name="a.txt", content_type="text/plain", data=b"hello")
    assert file.url


async def test_a_prediction_is_created_streamed_and_listed(standin: ReplicateStandIn, replicate: Replicate) -> None:
    prediction = await replicate.predictions.create(IMAGES, SUBJECT, cancel_after=timedelta(minutes=30))
    urls = await read_outputs(replicate, prediction)
    final = await wait_until_ended(standin, replicate, prediction)
    assert final.status is Status.SUCCEEDED
    assert final.output == urls
    assert len(urls) == 2
    assert [each.id async for each in replicate.predictions.list(created_after=prediction.created_at)] in (
        [prediction.id],
        [],
    )
    assert prediction.id in [each.id async for each in replicate.predictions.list()]


async def test_a_deployment_runs(standin: ReplicateStandIn, replicate: Replicate) -> None:
    account = await replicate.get_account()
    deployment = await replicate.deployments.get(f"{account.username}/portraits")
    assert deployment.model == "fofr/consistent-character"
    target = ModelRef.parse(f"deployments/{account.username}/portraits")
    prediction = await replicate.predictions.create(target, SUBJECT)
    assert (await wait_until_ended(standin, replicate, prediction)).status is Status.SUCCEEDED


async def test_canceling_twice_is_harmless(standin: ReplicateStandIn, replicate: Replicate) -> None:
    standin.faults.add("never-starts")
    prediction = await replicate.predictions.create(IMAGES, SUBJECT)
    assert (await replicate.predictions.cancel(prediction.id)).status.terminal
    assert (await replicate.predictions.cancel(prediction.id)).status.terminal


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("reset-before", NoResponse),
        ("reset-after", NoResponse),
        ("half-answer", NoResponse),
        ("garbled", InvalidResponse),
        ("error-500", NoResponse),
        ("error-502", NoResponse),
        ("error-503", NoResponse),
        ("unauthenticated", Unauthenticated),
        ("no-credit", InsufficientCredit),
        ("forbidden", Forbidden),
        ("not-found", NotFound),
        ("throttled", Throttled),
    ],
)
async def test_a_failed_create_is_sent_once_with_its_error(
    standin: ReplicateStandIn, replicate: Replicate, fault: str, error: type[BackendError]
) -> None:
    standin.faults.add(fault)
    with pytest.raises(error):
        await replicate.predictions.create(IMAGES, SUBJECT)
    assert sum(call.method == "POST" for call in standin.calls) == 1


@pytest.mark.parametrize("form", ["body", "header", "text"])
async def test_a_throttled_create_has_its_retry_after(
    standin: ReplicateStandIn, replicate: Replicate, form: str
) -> None:
    standin.faults.add("throttled", seconds=7, form=form)
    with pytest.raises(Throttled) as caught:
        await replicate.predictions.create(IMAGES, SUBJECT)
    assert caught.value.retry_after == 7


async def test_invalid_input_names_the_field(replicate: Replicate) -> None:
    with pytest.raises(InvalidInput) as caught:
        await replicate.predictions.create(IMAGES, {**SUBJECT, "number_of_outputs": 99})
    assert [each.field for each in caught.value.fields] == ["input.number_of_outputs"]


@pytest.mark.parametrize("fault", ["reset-before", "half-answer", "error-500", "throttled"])
async def test_a_get_that_fails_once_is_retried(standin: ReplicateStandIn, replicate: Replicate, fault: str) -> None:
    prediction = await replicate.predictions.create(IMAGES, SUBJECT)
    standin.faults.add(fault, on="GET /v1/predictions/*", seconds=1)
    assert (await replicate.predictions.get(prediction.id)).id == prediction.id


async def test_a_failed_cancel_is_retried(standin: ReplicateStandIn, replicate: Replicate) -> None:
    standin.faults.add("never-ends", after=0)
    prediction = await replicate.predictions.create(IMAGES, SUBJECT)
    standin.faults.add("cancel-fails")
    assert (await replicate.predictions.cancel(prediction.id)).id == prediction.id
    assert (await wait_until_ended(standin, replicate, prediction)).status is Status.CANCELED


@pytest.mark.parametrize(
    "fault",
    [
        "stream-down",
        "stream-408",
        "stream-close",
        "stream-cut",
        "stream-duplicate",
        "stream-unknown",
        "stream-corrupt",
        "stream-no-ids",
        "no-done",
    ],
)
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_faulty_stream_has_every_event_once(
    standin: ReplicateStandIn, replicate: Replicate, fault: str, after: int
) -> None:
    standin.faults.add(fault, after=after)
    prediction = await replicate.predictions.create(TEXT, {"prompt": "Tell me about foxes."})
    texts = await read_outputs(replicate, prediction)
    assert len(texts) > 5
    assert "".join(texts) == "".join((await wait_until_ended(standin, replicate, prediction)).output)


async def test_a_cut_stream_without_ids_has_every_event_once(standin: ReplicateStandIn, replicate: Replicate) -> None:
    standin.faults.add("stream-no-ids", times=2)
    standin.faults.add("stream-cut", after=4)
    prediction = await replicate.predictions.create(TEXT, {"prompt": "Tell me about foxes."})
    assert "".join(await read_outputs(replicate, prediction)) == "".join(
        (await wait_until_ended(standin, replicate, prediction)).output
    )


@pytest.mark.parametrize("fault", ["stream-gone", "stream-json"])
async def test_a_missing_stream_raises_stream_lost(standin: ReplicateStandIn, replicate: Replicate, fault: str) -> None:
    standin.faults.add(fault)
    prediction = await replicate.predictions.create(TEXT, {"prompt": "Tell me about foxes."})
    with pytest.raises(StreamLost):
        await read_outputs(replicate, prediction)


async def test_a_failed_prediction_sends_error_then_done(standin: ReplicateStandIn, replicate: Replicate) -> None:
    standin.faults.add("fails", error="Out of memory", after=1)
    prediction = await replicate.predictions.create(TEXT, {"prompt": "Tell me about foxes."})
    assert prediction.stream_url is not None
    events = await read_events(replicate, prediction.stream_url)
    assert events[-2:] == [
        ("error", "Out of memory"),
        ("done", "error"),
    ]
    assert (await wait_until_ended(standin, replicate, prediction)).error == "Out of memory"


async def test_the_token_is_sent_to_the_api_only(standin: ReplicateStandIn, replicate: Replicate) -> None:
    prediction = await replicate.predictions.create(TEXT, {"prompt": "Tell me about foxes."})
    await read_outputs(replicate, prediction)
    assert {(call.origin, "authorization" in call.headers) for call in standin.calls} == {
        ("api", True),
        ("stream", False),
    }
