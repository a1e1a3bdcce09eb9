"""What is harmless is repeated, with growing pauses, and as long as Replicate asks for."""

import httpx
import pytest

from bot.backends.replicate.api import MAX_ATTEMPTS
from bot.backends.replicate.errors import NoResponse, NotFound, NotSent, Throttled
from tests.backends.replicate.fake_server import ID, FarEnd, breaking, ok, prediction, problem


@pytest.mark.parametrize(
    "failure",
    [
        breaking(httpx.ConnectError("refused")),
        breaking(httpx.ReadTimeout("slow")),
        httpx.Response(500, html="<h1>Sorry</h1>"),
        httpx.Response(521),
        problem(429, retry_after=0),
    ],
)
async def test_a_get_that_fails_once_is_repeated(failure):
    end = FarEnd(failure, ok(prediction()))
    assert (await end.replicate.predictions.get(ID)).id == ID
    assert len(end.clock.waits) == 1


async def test_pauses_grow():
    end = FarEnd(httpx.Response(503), httpx.Response(503), httpx.Response(503), ok(prediction()))
    await end.replicate.predictions.get(ID)
    assert end.clock.waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("answer", [problem(429, retry_after=7), httpx.Response(503, headers={"retry-after": "7"})])
async def test_the_wait_that_replicate_asks_for_is_kept(answer):
    end = FarEnd(answer, ok(prediction()))
    await end.replicate.predictions.get(ID)
    assert end.clock.waits == [7.0]


async def test_a_very_long_wait_is_left_to_the_caller():
    end = FarEnd(problem(429, retry_after=600))
    with pytest.raises(Throttled) as caught:
        await end.replicate.predictions.get(ID)
    assert caught.value.retry_after == 600
    assert end.clock.waits == []


@pytest.mark.parametrize(
    ("failure", "error"),
    [(httpx.Response(502), NoResponse), (breaking(httpx.ConnectTimeout("slow")), NotSent)],
)
async def test_it_gives_up_in_the_end(failure, error):
    end = FarEnd(failure)
    with pytest.raises(error):
        await end.replicate.predictions.get(ID)
    assert len(end.requests) == MAX_ATTEMPTS


async def test_a_no_is_not_asked_for_twice():
    end = FarEnd(problem(404, "The requested resource could not be found."))
    with pytest.raises(NotFound):
        await end.replicate.predictions.get(ID)
    assert len(end.requests) == 1


async def test_every_attempt_is_metered_with_what_became_of_it():
    end = FarEnd(
        breaking(httpx.ConnectError("refused")), breaking(httpx.ReadError("reset")), problem(429), ok(prediction())
    )
    await end.replicate.predictions.get(ID)
    for outcome in ("not_sent", "no_answer", "429", "200"):
        assert end.count("replicate_request_seconds_count", operation="predictions.get", outcome=outcome) == 1
