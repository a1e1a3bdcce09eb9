"""Idempotent requests are retried with growing delays."""

import httpx
import pytest

from bot.backends.errors import BackendError, NoResponse, NotFound, NotSent, Throttled
from bot.backends.replicate.api import MAX_ATTEMPTS
from tests.backends.replicate.fake_server import (
    ID,
    Answer,
    FakeServer,
    failing,
    json_response,
    prediction,
    problem_response,
)


@pytest.mark.parametrize(
    "failure",
    [
        failing(httpx.ConnectError("refused")),
        failing(httpx.ReadTimeout("slow")),
        httpx.Response(500, html="<h1>Sorry</h1>"),
        httpx.Response(521),
        problem_response(429, retry_after=0),
    ],
)
async def test_a_failed_get_is_retried(failure: Answer | httpx.Response) -> None:
    server = FakeServer(failure, json_response(prediction()))
    assert (await server.replicate.predictions.get(ID)).id == ID
    assert len(server.clock.waits) == 1


async def test_delays_double() -> None:
    server = FakeServer(httpx.Response(503), httpx.Response(503), httpx.Response(503), json_response(prediction()))
    await server.replicate.predictions.get(ID)
    assert server.clock.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "answer", [problem_response(429, retry_after=7), httpx.Response(503, headers={"retry-after": "7"})]
)
async def test_retry_after_is_honoured(answer: Answer | httpx.Response) -> None:
    server = FakeServer(answer, json_response(prediction()))
    await server.replicate.predictions.get(ID)
    assert server.clock.waits == [7.0]


async def test_a_long_retry_after_is_left_to_the_caller() -> None:
    server = FakeServer(problem_response(429, retry_after=600))
    with pytest.raises(Throttled) as caught:
        await server.replicate.predictions.get(ID)
    assert caught.value.retry_after == 600
    assert server.clock.waits == []


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpx.Response(502), NoResponse), (failing(httpx.ConnectError("refused")), NotSent)],
)
async def test_the_last_error_is_raised(failure: Answer | httpx.Response, error: type[BackendError]) -> None:
    server = FakeServer(failure)
    with pytest.raises(error):
        await server.replicate.predictions.get(ID)
    assert len(server.requests) == MAX_ATTEMPTS


async def test_a_refusal_is_not_retried() -> None:
    server = FakeServer(problem_response(404, "The requested resource could not be found."))
    with pytest.raises(NotFound):
        await server.replicate.predictions.get(ID)
    assert len(server.requests) == 1


async def test_every_attempt_is_counted_with_its_outcome() -> None:
    server = FakeServer(
        failing(httpx.ConnectError("refused")),
        failing(httpx.ReadError("reset")),
        problem_response(429),
        json_response(prediction()),
    )
    await server.replicate.predictions.get(ID)
    for outcome in ("not_sent", "no_answer", "429", "200"):
        assert server.count("replicate_request_seconds_count", operation="predictions.get", outcome=outcome) == 1
