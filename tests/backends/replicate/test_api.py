"""The token goes to the API's own origin and nowhere else."""

import httpx
import pytest

from bot.backends.replicate.errors import ApiError, InvalidResponse
from bot.backends.replicate.types import ModelRef
from tests.backends.replicate.fake_server import BASE, ID, TOKEN, FakeServer, json_response, prediction
from tests.backends.replicate.fake_streams import read_events


async def test_api_requests_carry_the_token() -> None:
    server = FakeServer(json_response(prediction()))
    await server.replicate.predictions.get(ID)
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


async def test_stream_requests_never_carry_the_token() -> None:
    done = httpx.Response(200, text="event: done\ndata: {}\n\n", headers={"content-type": "text/event-stream"})
    server = FakeServer(done)
    server.http.headers["authorization"] = f"Bearer {TOKEN}"
    assert await read_events(server.replicate, f"{BASE}/v1/streams/capability")
    assert TOKEN not in str(server.requests[0].headers.raw)


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
async def test_a_next_page_on_another_origin_is_not_requested(elsewhere: str) -> None:
    server = FakeServer(json_response({"next": elsewhere, "results": [prediction()]}))
    with pytest.raises(InvalidResponse):
        _ = [each async for each in server.replicate.predictions.list()]
    assert {request.url.host for request in server.requests} == {"api.example.test"}
    assert len(server.requests) == 1


async def test_urls_in_a_prediction_are_not_used_for_requests() -> None:
    urls = {"get": "https://evil.example.test/g", "cancel": "https://evil.example.test/c"}
    server = FakeServer(json_response(prediction(urls=urls)))
    made = await server.replicate.predictions.create(ModelRef.parse("owner/official"), {})
    await server.replicate.predictions.get(made.id)
    await server.replicate.predictions.cancel(made.id)
    assert {request.url.host for request in server.requests} == {"api.example.test"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_never_followed(status: int) -> None:
    server = FakeServer(httpx.Response(status, headers={"location": "https://evil.example.test/"}))
    server.http.follow_redirects = True
    with pytest.raises(ApiError):
        await server.replicate.predictions.get(ID)
    assert len(server.requests) == 1


async def test_the_token_is_in_no_error_and_no_repr() -> None:
    server = FakeServer(httpx.Response(401, json={"detail": "You did not pass a valid authentication token"}))
    with pytest.raises(ApiError) as caught:
        await server.replicate.get_account()
    assert TOKEN not in repr(caught.value) + str(caught.value) + repr(server.replicate) + repr(vars(server.replicate))


async def test_the_path_of_the_base_url_is_kept() -> None:
    server = FakeServer(json_response(prediction()), base_url="http://127.0.0.1:9/proxy/")
    await server.replicate.predictions.get(ID)
    assert str(server.requests[0].url) == f"http://127.0.0.1:9/proxy/v1/predictions/{ID}"
