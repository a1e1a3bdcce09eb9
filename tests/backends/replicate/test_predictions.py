"""Requests about predictions: what is sent, what is returned, and that a create is never sent twice."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bot.backends.errors import BackendError, InvalidInput, InvalidResponse, NoResponse, NotSent, Throttled
from bot.backends.prediction import Status
from bot.backends.replicate.types import ModelRef
from tests.backends.replicate.fake_server import (
    BASE,
    ID,
    VERSION,
    Answer,
    FakeServer,
    failing,
    json_response,
    prediction,
    problem_response,
)


class NewConnectError(httpx.ConnectError):
    """An exception that a library could add: nobody has found out yet what it proves."""


VERSIONED = ModelRef.parse(f"fofr/consistent-character:{VERSION}")


@pytest.mark.parametrize(
    ("target", "path", "body"),
    [
        (VERSIONED, "/v1/predictions", {"version": VERSION, "input": {"prompt": "a fox"}}),
        (ModelRef.parse("owner/official"), "/v1/models/owner/official/predictions", {"input": {"prompt": "a fox"}}),
        (ModelRef.parse("deployments/me/mine"), "/v1/deployments/me/mine/predictions", {"input": {"prompt": "a fox"}}),
    ],
)
async def test_each_kind_of_model_has_its_own_endpoint(target: ModelRef, path: str, body: dict[str, Any]) -> None:
    server = FakeServer(json_response(prediction(), 201))
    made = await server.replicate.predictions.create(target, {"prompt": "a fox"})
    assert (made.id, made.status) == (ID, Status.STARTING)
    assert (server.requests[0].method, server.requests[0].url.path) == ("POST", path)
    assert server.sent == body


async def test_webhook_events_are_sent_only_with_a_webhook() -> None:
    server = FakeServer(json_response(prediction(), 201))
    await server.replicate.predictions.create(
        VERSIONED, {}, webhook="https://bot.example.test/w", webhook_events=("start", "completed")
    )
    assert server.sent["webhook"] == "https://bot.example.test/w"
    assert server.sent["webhook_events_filter"] == ["start", "completed"]
    await server.replicate.predictions.create(VERSIONED, {}, webhook_events=("start",))
    assert "webhook_events_filter" not in server.sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (timedelta(minutes=30), "1800s"),
        (timedelta(seconds=1), "5s"),
        (timedelta(seconds=90.2), "91s"),
    ],
)
async def test_cancel_after_is_rounded_up_and_has_a_minimum(given: timedelta, sent: str) -> None:
    server = FakeServer(json_response(prediction(), 201))
    await server.replicate.predictions.create(VERSIONED, {}, cancel_after=given)
    assert server.requests[0].headers["cancel-after"] == sent
    assert "prefer" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failing(httpx.ConnectError("refused")), NotSent),
        (failing(httpx.ReadTimeout("slow")), NoResponse),
        (failing(httpx.RemoteProtocolError("gone")), NoResponse),
        (failing(httpx.WriteError("reset")), NoResponse),
        (failing(httpx.ConnectTimeout("of a connection that was reset")), NoResponse),
        (failing(RuntimeError("of a library's next version")), NoResponse),
        (failing(ExceptionGroup("several", [httpx.ConnectError("refused")])), NoResponse),
        (failing(NewConnectError("refused")), NoResponse),
        (failing(UnicodeError("in a header")), NoResponse),
        (httpx.Response(502, html="<h1>Bad gateway</h1>"), NoResponse),
        (httpx.Response(500), NoResponse),
        (problem_response(429, retry_after=0), Throttled),
        (json_response({"hello": "world"}, 201), InvalidResponse),
        (httpx.Response(201, html="<h1>Welcome</h1>"), InvalidResponse),
    ],
)
async def test_a_create_is_sent_exactly_once(answer: Answer | httpx.Response, error: type[BackendError]) -> None:
    server = FakeServer(answer)
    with pytest.raises(error):
        await server.replicate.predictions.create(VERSIONED, {})
    assert len(server.requests) == 1
    assert server.clock.waits == []


async def test_an_input_that_is_no_json_is_refused_unsent() -> None:
    server = FakeServer(json_response(prediction(), 201))
    for value in (math.inf, [{"deep": -math.inf}], math.nan):
        with pytest.raises(InvalidInput):
            await server.replicate.predictions.create(VERSIONED, {"scale": value})
    assert server.requests == []


async def test_a_closed_client_sends_nothing() -> None:
    server = FakeServer(json_response(prediction()))
    await server.http.aclose()
    with pytest.raises(NotSent):
        await server.replicate.predictions.create(VERSIONED, {})


async def test_lone_surrogates_in_a_prompt_are_replaced() -> None:
    server = FakeServer(json_response(prediction(), 201))
    await server.replicate.predictions.create(VERSIONED, {"prompt": "a \ud83e fox \ud83e\udd8a"})
    assert server.sent["input"] == {"prompt": "a � fox 🦊"}


async def test_only_creates_update_the_create_allowance() -> None:
    headers = {"ratelimit-remaining": "599", "ratelimit-reset": "1"}
    other = {"ratelimit-remaining": "2999", "ratelimit-reset": "1"}
    server = FakeServer(
        json_response(prediction(), 200, other),
        json_response(prediction(), 201, headers),
        json_response(prediction(), 201),
    )
    await server.replicate.predictions.get(ID)
    assert server.replicate.create_allowance is None
    await server.replicate.predictions.create(VERSIONED, {})
    await server.replicate.predictions.create(VERSIONED, {})
    rate = server.replicate.create_allowance
    assert rate is not None
    assert (rate.remaining, rate.reset) == (599, 1.0)


async def test_a_throttled_create_updates_the_allowance() -> None:
    refused = problem_response(429, retry_after=7)
    refused.headers.update({"ratelimit-remaining": "0", "ratelimit-reset": "7"})
    server = FakeServer(refused)
    with pytest.raises(Throttled):
        await server.replicate.predictions.create(VERSIONED, {})
    assert server.replicate.create_allowance is not None
    assert server.replicate.create_allowance.remaining == 0


async def test_pages_of_a_list_are_requested_when_needed() -> None:
    second = f"{BASE}/v1/predictions?cursor=bz0x"
    server = FakeServer(
        json_response({"next": second, "previous": None, "results": [prediction(id="one"), prediction(id="two")]}),
        json_response({"next": None, "previous": None, "results": [prediction(id="three")]}),
    )
    since = datetime(2025, 7, 29, 7, 0, tzinfo=UTC)
    listed = server.replicate.predictions.list(created_after=since)
    assert [(await anext(listed)).id for _ in range(2)] == ["one", "two"]
    assert len(server.requests) == 1
    assert [each.id async for each in listed] == ["three"]
    assert server.requests[0].url.params["created_after"] == "2025-07-29T07:00:00Z"
    assert str(server.requests[1].url) == second


async def test_invalid_entries_of_a_list_are_skipped() -> None:
    server = FakeServer(json_response({"next": None, "results": [None, {"id": 3}, prediction(id="three")]}))
    assert [each.id async for each in server.replicate.predictions.list()] == ["three"]


async def test_a_list_whose_next_page_is_itself_ends() -> None:
    here = f"{BASE}/v1/predictions"
    server = FakeServer(json_response({"next": here, "results": [prediction()]}))
    assert len([each async for each in server.replicate.predictions.list()]) == 1


async def test_a_cancel_is_retried() -> None:
    server = FakeServer(
        failing(httpx.ReadTimeout("slow")), httpx.Response(503), json_response(prediction(status="canceled", logs=None))
    )
    ended = await server.replicate.predictions.cancel(ID)
    assert ended.status is Status.CANCELED
    assert [(each.method, each.url.path) for each in server.requests] == [("POST", f"/v1/predictions/{ID}/cancel")] * 3


@pytest.mark.parametrize("id", ["..", ".", "", "a/b", "a?b", "a#b", "%2e%2e"])
async def test_no_id_leads_to_another_resource(id: str) -> None:  # noqa: A002 - the parameter's own name
    server = FakeServer(json_response(prediction()))
    try:
        await server.replicate.predictions.get(id)
    except (ValueError, BackendError):
        assert server.requests == []
    else:
        assert server.requests[0].url.raw_path.count(b"/") == 3
        assert server.requests[0].url.query == b""
