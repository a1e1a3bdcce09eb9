"""The token goes to the API's own origin and nowhere else."""

import httpx
import pytest

from bot.backends.errors import ApiError, InvalidResponse, NoResponse
from bot.backends.replicate.types import ModelRef
from tests.backends.replicate.fake_server import (
    BASE,
    ID,
    TOKEN,
    FakeServer,
    json_response,
    prediction,
    problem_response,
)
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
        "//evil.example.test/v1/predictions",
        "/v1/predictions",
        "https://[",
        "javascript:alert(1)",
        f"{BASE}/v1/files?cursor=x",
        "ftp://api.example.test/v1/predictions?cursor=x",
    ],
)
async def test_a_next_link_that_is_no_page_is_an_error(elsewhere: str) -> None:
    server = FakeServer(json_response({"next": elsewhere, "results": [prediction()]}))
    with pytest.raises(InvalidResponse):
        _ = [each async for each in server.replicate.predictions.list()]
    assert {request.url.host for request in server.requests} == {"api.example.test"}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "named",
    [
        "https://api.replicate.com/v1/predictions?cursor=cD0yMDIz%3D&created_after=a%2Bb",
        "https://evil.example.test/v1/predictions?cursor=cD0yMDIz%3D&created_after=a%2Bb",
        "https://api.example.test@evil.example.test/v1/predictions?cursor=cD0yMDIz%3D&created_after=a%2Bb",
        "http://api.example.test:8443/elsewhere/predictions?cursor=cD0yMDIz%3D&created_after=a%2Bb",
    ],
)
@pytest.mark.parametrize("base", [BASE, f"{BASE}/v1", f"{BASE}/v1/account/gateway/replicate"])
async def test_a_next_page_is_requested_at_the_base_url(base: str, named: str) -> None:
    first = json_response({"next": named, "results": [prediction()]})
    server = FakeServer(first, json_response({"next": None, "results": [prediction()]}), base_url=base)
    assert len([each async for each in server.replicate.predictions.list()]) == 2
    root = base if base.count("/") > 2 else f"{base}/v1"
    assert [str(request.url).partition("?")[0] for request in server.requests] == [f"{root}/predictions"] * 2
    assert dict(server.requests[1].url.params) == {"cursor": "cD0yMDIz=", "created_after": "a+b"}


async def test_a_list_that_leads_in_circles_ends() -> None:
    pages = [json_response({"next": f"{BASE}/v1/predictions?cursor={name}", "results": []}) for name in "aba"]
    server = FakeServer(*pages)
    assert [each async for each in server.replicate.predictions.list()] == []
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("base", "root"),
    [
        ("https://api.example.test", "https://api.example.test/v1"),
        ("https://api.example.test/", "https://api.example.test/v1"),
        ("https://api.example.test/v1", "https://api.example.test/v1"),
        ("https://api.example.test/v1/", "https://api.example.test/v1"),
        ("http://127.0.0.1:9/proxy/v2", "http://127.0.0.1:9/proxy/v2"),
        (
            "https://gateway.example.test/v1/account/name/replicate",
            "https://gateway.example.test/v1/account/name/replicate",
        ),
    ],
)
async def test_the_base_url_may_name_the_version(base: str, root: str) -> None:
    server = FakeServer(json_response(prediction()), base_url=base)
    await server.replicate.predictions.get(ID)
    assert str(server.requests[0].url) == f"{root}/predictions/{ID}"


@pytest.mark.parametrize(
    ("base", "root"),
    [
        ("https://api.example.test/gateway", "https://api.example.test/gateway"),
        ("https://api.example.test/v2/gateway", "https://api.example.test/v2/gateway/v1"),
    ],
)
async def test_an_unclear_base_url_is_found_out_once(base: str, root: str) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        there = str(request.url).startswith(f"{root}/models") or str(request.url).startswith(f"{root}/predictions")
        return json_response(prediction(), 201) if there else problem_response(404)

    server = FakeServer(answer, base_url=base)
    await server.replicate.predictions.create(ModelRef.parse("owner/official"), {})
    assert len(server.requests) == 2
    await server.replicate.predictions.get(ID)
    assert len(server.requests) == 3


async def test_nothing_is_repeated_elsewhere_after_a_lost_answer() -> None:
    server = FakeServer(httpx.Response(502), base_url=f"{BASE}/gateway")
    with pytest.raises(NoResponse):
        await server.replicate.predictions.create(ModelRef.parse("owner/official"), {})
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
