"""The token goes to the API's own origin and nowhere else."""

import httpx
import pytest

from bot.backends.replicate.errors import ApiError, InvalidResponse
from bot.backends.replicate.types import ModelRef
from tests.backends.replicate.fake_server import BASE, ID, TOKEN, FarEnd, ok, prediction
from tests.backends.replicate.fake_streams import told


async def test_the_api_gets_the_token():
    end = FarEnd(ok(prediction()))
    await end.replicate.predictions.get(ID)
    assert end.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_a_stream_does_not_get_it_even_from_a_client_that_adds_one():
    done = httpx.Response(200, text="event: done\ndata: {}\n\n", headers={"content-type": "text/event-stream"})
    end = FarEnd(done)
    end.http.headers["authorization"] = f"Bearer {TOKEN}"
    assert await told(end.replicate, f"{BASE}/v1/streams/capability")
    assert TOKEN not in str(end.requests[0].headers.raw)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example.test/v1/predictions?cursor=x",
        "http://api.example.test/v1/predictions?cursor=x",
        "https://api.example.test:8443/v1/predictions?cursor=x",
        "https://api.example.test@evil.example.test/v1/predictions",
        "https://api.example.test.evil.test/v1/predictions",
        "//evil.example.test/v1/predictions",
        "/v1/predictions",
        "https://[",
        "javascript:alert(1)",
    ],
)
async def test_a_next_page_elsewhere_is_not_asked_for(elsewhere):
    end = FarEnd(ok({"next": elsewhere, "results": [prediction()]}))
    with pytest.raises(InvalidResponse):
        _ = [each async for each in end.replicate.predictions.list()]
    assert {request.url.host for request in end.requests} == {"api.example.test"}
    assert len(end.requests) == 1


async def test_the_urls_of_a_prediction_are_not_where_it_is_asked_for_or_cancelled():
    urls = {"get": "https://evil.example.test/g", "cancel": "https://evil.example.test/c"}
    end = FarEnd(ok(prediction(urls=urls)))
    made = await end.replicate.predictions.create(ModelRef.parse("owner/official"), {})
    await end.replicate.predictions.get(made.id)
    await end.replicate.predictions.cancel(made.id)
    assert {request.url.host for request in end.requests} == {"api.example.test"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_by_a_client_that_would(status):
    end = FarEnd(httpx.Response(status, headers={"location": "https://evil.example.test/"}))
    end.http.follow_redirects = True
    with pytest.raises(ApiError):
        await end.replicate.predictions.get(ID)
    assert len(end.requests) == 1


async def test_no_error_and_no_repr_tells_it():
    end = FarEnd(httpx.Response(401, json={"detail": "You did not pass a valid authentication token"}))
    with pytest.raises(ApiError) as caught:
        await end.replicate.get_account()
    assert TOKEN not in repr(caught.value) + str(caught.value) + repr(end.replicate) + repr(vars(end.replicate))


async def test_a_base_url_with_a_path_keeps_it():
    end = FarEnd(ok(prediction()), base_url="http://127.0.0.1:9/proxy/")
    await end.replicate.predictions.get(ID)
    assert str(end.requests[0].url) == f"http://127.0.0.1:9/proxy/v1/predictions/{ID}"
