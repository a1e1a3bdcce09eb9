"""Predictions: what is sent, what is made of the answer, and what is never sent twice."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from bot.backends.replicate.errors import InvalidResponse, NoResponse, NotSent, ReplicateError, Throttled
from bot.backends.replicate.predictions import Status
from bot.backends.replicate.types import ModelRef
from tests.backends.replicate.fake_server import BASE, ID, VERSION, FarEnd, breaking, ok, prediction, problem

VERSIONED = ModelRef.parse(f"fofr/consistent-character:{VERSION}")


@pytest.mark.parametrize(
    ("target", "path", "body"),
    [
        (VERSIONED, "/v1/predictions", {"version": VERSION, "input": {"prompt": "a fox"}}),
        (ModelRef.parse("owner/official"), "/v1/models/owner/official/predictions", {"input": {"prompt": "a fox"}}),
        (ModelRef.parse("deployments/me/mine"), "/v1/deployments/me/mine/predictions", {"input": {"prompt": "a fox"}}),
    ],
)
async def test_each_kind_of_target_is_created_at_its_own_address(target, path, body):
    end = FarEnd(ok(prediction(), 201))
    made = await end.replicate.predictions.create(target, {"prompt": "a fox"})
    assert (made.id, made.status) == (ID, Status.STARTING)
    assert (end.requests[0].method, end.requests[0].url.path) == ("POST", path)
    assert end.sent == body


async def test_a_webhook_travels_with_the_events_it_wants_and_only_then():
    end = FarEnd(ok(prediction(), 201))
    await end.replicate.predictions.create(
        VERSIONED, {}, webhook="https://bot.example.test/w", webhook_events=("start", "completed")
    )
    assert end.sent["webhook"] == "https://bot.example.test/w"
    assert end.sent["webhook_events_filter"] == ["start", "completed"]
    await end.replicate.predictions.create(VERSIONED, {}, webhook_events=("start",))
    assert "webhook_events_filter" not in end.sent


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (timedelta(minutes=30), "1800s"),
        (timedelta(seconds=1), "5s"),
        (timedelta(seconds=90.2), "91s"),
    ],
)
async def test_cancel_after_is_whole_seconds_and_never_less_than_replicate_takes(given, sent):
    end = FarEnd(ok(prediction(), 201))
    await end.replicate.predictions.create(VERSIONED, {}, cancel_after=given)
    assert end.requests[0].headers["cancel-after"] == sent
    assert "prefer" not in end.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (breaking(httpx.ConnectError("refused")), NotSent),
        (breaking(httpx.ReadTimeout("slow")), NoResponse),
        (breaking(httpx.RemoteProtocolError("gone")), NoResponse),
        (breaking(httpx.WriteError("reset")), NoResponse),
        (httpx.Response(502, html="<h1>Bad gateway</h1>"), NoResponse),
        (httpx.Response(500), NoResponse),
        (problem(429, retry_after=0), Throttled),
        (ok({"hello": "world"}, 201), InvalidResponse),
        (httpx.Response(201, html="<h1>Welcome</h1>"), InvalidResponse),
    ],
)
async def test_a_create_is_sent_once_whatever_becomes_of_it(answer, error):
    end = FarEnd(answer)
    with pytest.raises(error):
        await end.replicate.predictions.create(VERSIONED, {})
    assert len(end.requests) == 1
    assert end.clock.waits == []


async def test_nothing_is_sent_by_a_client_that_is_closed():
    end = FarEnd(ok(prediction()))
    await end.http.aclose()
    with pytest.raises(NotSent):
        await end.replicate.predictions.create(VERSIONED, {})


async def test_half_an_emoji_in_a_prompt_does_not_keep_it_from_being_sent():
    end = FarEnd(ok(prediction(), 201))
    await end.replicate.predictions.create(VERSIONED, {"prompt": "a \ud83e fox \ud83e\udd8a"})
    assert end.sent["input"] == {"prompt": "a � fox 🦊"}


async def test_creates_tell_the_rate_limit_and_other_answers_do_not():
    headers = {"ratelimit-remaining": "599", "ratelimit-reset": "1"}
    other = {"ratelimit-remaining": "2999", "ratelimit-reset": "1"}
    end = FarEnd(ok(prediction(), 200, other), ok(prediction(), 201, headers), ok(prediction(), 201))
    await end.replicate.predictions.get(ID)
    assert end.replicate.create_allowance is None
    await end.replicate.predictions.create(VERSIONED, {})
    await end.replicate.predictions.create(VERSIONED, {})
    rate = end.replicate.create_allowance
    assert rate is not None
    assert (rate.remaining, rate.reset) == (599, 1.0)


async def test_a_throttled_create_tells_the_rate_limit_too():
    refused = problem(429, retry_after=7)
    refused.headers.update({"ratelimit-remaining": "0", "ratelimit-reset": "7"})
    end = FarEnd(refused)
    with pytest.raises(Throttled):
        await end.replicate.predictions.create(VERSIONED, {})
    assert end.replicate.create_allowance is not None
    assert end.replicate.create_allowance.remaining == 0


async def test_a_list_is_followed_page_by_page_and_only_as_far_as_it_is_wanted():
    second = f"{BASE}/v1/predictions?cursor=bz0x"
    end = FarEnd(
        ok({"next": second, "previous": None, "results": [prediction(id="one"), prediction(id="two")]}),
        ok({"next": None, "previous": None, "results": [prediction(id="three")]}),
    )
    since = datetime(2025, 7, 29, 7, 0, tzinfo=UTC)
    listed = end.replicate.predictions.list(created_after=since)
    assert [(await anext(listed)).id for _ in range(2)] == ["one", "two"]
    assert len(end.requests) == 1
    assert [each.id async for each in listed] == ["three"]
    assert end.requests[0].url.params["created_after"] == "2025-07-29T07:00:00Z"
    assert str(end.requests[1].url) == second


async def test_an_unreadable_entry_does_not_hide_the_others_of_a_list():
    end = FarEnd(ok({"next": None, "results": [None, {"id": 3}, prediction(id="three")]}))
    assert [each.id async for each in end.replicate.predictions.list()] == ["three"]


async def test_a_list_whose_next_page_is_itself_ends():
    here = f"{BASE}/v1/predictions"
    end = FarEnd(ok({"next": here, "results": [prediction()]}))
    assert len([each async for each in end.replicate.predictions.list()]) == 1


async def test_a_cancel_is_repeated_until_it_is_answered():
    end = FarEnd(breaking(httpx.ReadTimeout("slow")), httpx.Response(503), ok(prediction(status="canceled", logs=None)))
    ended = await end.replicate.predictions.cancel(ID)
    assert ended.status is Status.CANCELED
    assert [(each.method, each.url.path) for each in end.requests] == [("POST", f"/v1/predictions/{ID}/cancel")] * 3


@pytest.mark.parametrize("id", ["..", ".", "", "a/b", "a?b", "a#b", "%2e%2e"])
async def test_no_id_leads_to_another_resource(id):  # noqa: A002 - the parameter's own name
    end = FarEnd(ok(prediction()))
    try:
        await end.replicate.predictions.get(id)
    except (ValueError, ReplicateError):
        assert end.requests == []
    else:
        assert end.requests[0].url.raw_path.count(b"/") == 3
        assert end.requests[0].url.query == b""
