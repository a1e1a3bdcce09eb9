"""The whole client against the stand-in Replicate, with every fault that it can be given.

What went over the wire is held against Replicate's OpenAPI document, where there is one.
"""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.backends.replicate.client import Replicate
from bot.backends.replicate.errors import (
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
from bot.backends.replicate.predictions import Prediction, Status
from bot.backends.replicate.transport import open_http
from bot.backends.replicate.types import ModelRef
from bot.backends.replicate.webhooks import WebhookVerifier
from bot.observability.metrics import Metrics
from sandbox.replicate import ReplicateStandIn, Timings
from tests.backends.replicate.fake_server import HastyClock
from tests.backends.replicate.fake_streams import texts, told
from tests.replicate_spec import check_replicate_calls

IMAGES = ModelRef.parse(
    "fofr/consistent-character:9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772",
)
WORDS = ModelRef.parse("meta/meta-llama-3-8b-instruct")
SUBJECT = {"subject": "https://replicate.delivery/pbxt/somebody.webp", "number_of_outputs": 2}


@pytest.fixture
async def far() -> AsyncIterator[ReplicateStandIn]:
    async with ReplicateStandIn(timings=Timings.instant()) as far:
        yield far
    check_replicate_calls(far.calls)


@pytest.fixture
async def replicate(far: ReplicateStandIn) -> AsyncIterator[Replicate]:
    async with open_http() as http:
        yield Replicate(http, token=far.token, base_url=far.base_url, clock=HastyClock(), metrics=Metrics())


async def ended(far: ReplicateStandIn, replicate: Replicate, made: Prediction) -> Prediction:
    await far.predictions[made.id].ended.wait()
    return await replicate.predictions.get(made.id)


async def streamed(replicate: Replicate, made: Prediction) -> list[str]:
    assert made.stream_url is not None
    return texts(await told(replicate, made.stream_url))


async def test_everything_that_can_be_asked_is_answered(replicate):
    assert (await replicate.get_account()).username
    model = await replicate.models.get("fofr/consistent-character")
    assert model.latest_version is not None
    version = await replicate.models.get_version("fofr/consistent-character", model.latest_version.id)
    assert version.schema == model.latest_version.schema
    assert any(each.name == "consistent-character" for each in await replicate.models.search("character"))
    assert WebhookVerifier(await replicate.webhooks.get_secret(), HastyClock())
    file = await replicate.files.create(name="a.txt", content_type="text/plain", data=b"hello")
    assert file.url


async def test_a_prediction_is_made_followed_found_and_finished(far, replicate):
    made = await replicate.predictions.create(IMAGES, SUBJECT, cancel_after=timedelta(minutes=30))
    urls = await streamed(replicate, made)
    over = await ended(far, replicate, made)
    assert over.status is Status.SUCCEEDED
    assert over.output == urls
    assert len(urls) == 2
    assert [each.id async for each in replicate.predictions.list(created_after=made.created_at)] in ([made.id], [])
    assert made.id in [each.id async for each in replicate.predictions.list()]


async def test_a_deployment_runs(far, replicate):
    account = await replicate.get_account()
    deployment = await replicate.deployments.get(f"{account.username}/portraits")
    assert deployment.model == "fofr/consistent-character"
    target = ModelRef.parse(f"deployments/{account.username}/portraits")
    made = await replicate.predictions.create(target, SUBJECT)
    assert (await ended(far, replicate, made)).status is Status.SUCCEEDED


async def test_a_cancelled_prediction_is_over_and_cancelling_twice_is_fine(far, replicate):
    far.faults.add("never-starts")
    made = await replicate.predictions.create(IMAGES, SUBJECT)
    assert (await replicate.predictions.cancel(made.id)).status.terminal
    assert (await replicate.predictions.cancel(made.id)).status.terminal


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
async def test_a_create_that_goes_wrong_is_sent_once_and_says_how(far, replicate, fault, error):
    far.faults.add(fault)
    with pytest.raises(error):
        await replicate.predictions.create(IMAGES, SUBJECT)
    assert sum(call.method == "POST" for call in far.calls) == 1


@pytest.mark.parametrize("form", ["body", "header", "text"])
async def test_a_throttled_create_says_for_how_long_in_whichever_way(far, replicate, form):
    far.faults.add("throttled", seconds=7, form=form)
    with pytest.raises(Throttled) as caught:
        await replicate.predictions.create(IMAGES, SUBJECT)
    assert caught.value.retry_after == 7


async def test_a_refused_input_names_the_field(replicate):
    with pytest.raises(InvalidInput) as caught:
        await replicate.predictions.create(IMAGES, {**SUBJECT, "number_of_outputs": 99})
    assert [each.field for each in caught.value.fields] == ["input.number_of_outputs"]


@pytest.mark.parametrize("fault", ["reset-before", "half-answer", "error-500", "throttled"])
async def test_a_get_that_goes_wrong_once_is_repeated(far, replicate, fault):
    made = await replicate.predictions.create(IMAGES, SUBJECT)
    far.faults.add(fault, on="GET /v1/predictions/*", seconds=1)
    assert (await replicate.predictions.get(made.id)).id == made.id


async def test_a_cancel_that_fails_is_repeated(far, replicate):
    far.faults.add("never-ends", after=0)
    made = await replicate.predictions.create(IMAGES, SUBJECT)
    far.faults.add("cancel-fails")
    assert (await replicate.predictions.cancel(made.id)).id == made.id
    assert (await ended(far, replicate, made)).status is Status.CANCELED


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
async def test_a_stream_that_misbehaves_tells_every_word_once(far, replicate, fault, after):
    far.faults.add(fault, after=after)
    made = await replicate.predictions.create(WORDS, {"prompt": "Tell me about foxes."})
    heard = await streamed(replicate, made)
    assert len(heard) > 5
    assert "".join(heard) == "".join((await ended(far, replicate, made)).output)


async def test_a_stream_without_ids_that_is_cut_tells_every_word_once(far, replicate):
    far.faults.add("stream-no-ids", times=2)
    far.faults.add("stream-cut", after=4)
    made = await replicate.predictions.create(WORDS, {"prompt": "Tell me about foxes."})
    assert "".join(await streamed(replicate, made)) == "".join((await ended(far, replicate, made)).output)


@pytest.mark.parametrize("fault", ["stream-gone", "stream-json"])
async def test_a_stream_that_cannot_be_had_is_lost(far, replicate, fault):
    far.faults.add(fault)
    made = await replicate.predictions.create(WORDS, {"prompt": "Tell me about foxes."})
    with pytest.raises(StreamLost):
        await streamed(replicate, made)


async def test_a_failed_prediction_says_error_and_then_done(far, replicate):
    far.faults.add("fails", error="Out of memory", after=1)
    made = await replicate.predictions.create(WORDS, {"prompt": "Tell me about foxes."})
    assert made.stream_url is not None
    events = await told(replicate, made.stream_url)
    assert events[-2:] == [
        ("error", "Out of memory"),
        ("done", "error"),
    ]
    assert (await ended(far, replicate, made)).error == "Out of memory"


async def test_the_token_was_sent_to_the_api_alone(far, replicate):
    made = await replicate.predictions.create(WORDS, {"prompt": "Tell me about foxes."})
    await streamed(replicate, made)
    assert {(call.origin, "authorization" in call.headers) for call in far.calls} == {("api", True), ("stream", False)}
