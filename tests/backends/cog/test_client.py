"""The client sends each create once, whatever becomes of its connection, and reads what servers answer."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bot.backends.cog.client import AtCapacity, CogClient, Health, HealthStatus, NotReady, open_cog_http
from bot.backends.errors import ApiError, BackendError, InvalidInput, InvalidResponse, NoResponse, NotSent


class RawServer:
    """A server that answers each request on a connection with the next of ``answers``; None cuts the connection."""

    def __init__(self, *answers: bytes | None) -> None:
        self.requests: list[bytes] = []
        self._answers = list(answers)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")), b":0"
                )
                self.requests.append(head + await reader.readexactly(int(length.split(b":")[1])))
                answer = self._answers.pop(0) if self._answers else None
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.transport.abort()


def respond(status: int, body: object, **headers: str) -> bytes:
    content = json.dumps(body).encode() if not isinstance(body, bytes) else body
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


@asynccontextmanager
async def serve(*answers: bytes | None) -> AsyncIterator[tuple[CogClient, RawServer]]:
    raw = RawServer(*answers)
    server = await asyncio.start_server(raw.handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_cog_http(tls=False) as http:
        yield CogClient(http, f"http://127.0.0.1:{port}"), raw
    server.close()


ACCEPTED = respond(202, {"id": "a", "status": "starting"})


async def test_a_create_on_a_connection_that_breaks_is_sent_once() -> None:
    async with serve(ACCEPTED, None, ACCEPTED) as (client, raw):
        await client.create("a", {})  # its connection could be used again
        with pytest.raises(NoResponse):
            await client.create("b", {})
        assert [request.split(b" ", 2)[1] for request in raw.requests] == [b"/predictions/a", b"/predictions/b"]


async def test_a_create_without_a_server_was_not_sent() -> None:
    async with open_cog_http(tls=False) as http:
        with pytest.raises(NotSent):
            await CogClient(http, "http://127.0.0.1:9").create("a", {})


async def test_a_create_asks_for_the_end_alone() -> None:
    async with serve(ACCEPTED) as (client, raw):
        await client.create("a", {"prompt": "Füchse 🦊"}, webhook="http://bot/x", events=("completed",))
        head, _, body = raw.requests[0].partition(b"\r\n\r\n")
    assert b"prefer: respond-async" in head.lower()
    assert json.loads(body) == {
        "input": {"prompt": "Füchse 🦊"},
        "webhook": "http://bot/x",
        "webhook_events_filter": ["completed"],
    }


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (409, {"error": "At capacity - all prediction slots busy"}, AtCapacity),
        (503, {"error": "not ready"}, NotReady),
        (422, {"detail": [{"loc": ["body", "input", "x"], "msg": "m", "type": "value_error"}]}, InvalidInput),
        (422, b"no json", InvalidInput),
        (413, b"Failed to buffer the request body", ApiError),
        (400, b"\xff\xfe", ApiError),
        (500, b"", NoResponse),
        (502, b"<html>", NoResponse),
        (408, b"", NoResponse),
    ],
)
async def test_what_refuses_is_told_from_what_may_have_run(
    status: int, body: object, error: type[BackendError]
) -> None:
    async with serve(respond(status, body)) as (client, _):
        with pytest.raises(error) as caught:
            await client.create("a", {})
    assert caught.type is error


async def test_missing_and_wrong_inputs_are_named() -> None:
    detail = [
        {"loc": ["body", "input", "prompt"], "msg": "Field required", "type": "value_error.missing"},
        {"loc": ["body", "input", "size"], "msg": "9 is greater than 5", "type": "value_error"},
        {"loc": 7},
        "odd",
    ]
    async with serve(respond(422, {"detail": detail})) as (client, _):
        with pytest.raises(InvalidInput) as caught:
            await client.create("a", {})
    described = [(field.field, field.type, field.description) for field in caught.value.fields]
    assert described == [
        ("input.prompt", "required", "prompt is required"),
        ("input.size", "value_error", "9 is greater than 5"),
    ]


async def test_an_input_that_json_cannot_express_is_not_sent() -> None:
    async with serve(ACCEPTED) as (client, raw):
        with pytest.raises(InvalidInput):
            await client.create("a", {"x": float("nan")})
        assert raw.requests == []


@pytest.mark.parametrize(
    ("body", "date", "expected"),
    [
        (
            {
                "status": "READY",
                "setup": {"started_at": "2026-11-27T22:52:26.922835687+00:00"},
                "version": {"coglet": "1"},
            },
            "Fri, 27 Nov 2026 22:53:26 GMT",
            Health(
                status=HealthStatus.READY,
                uptime=timedelta(seconds=59, microseconds=77165),
                started_at="2026-11-27T22:52:26.922835687+00:00",
                version="1",
            ),
        ),
        ({"status": "NEW"}, None, Health(status=HealthStatus.OTHER)),
        (
            {"status": ["BUSY"], "setup": {"started_at": "soon"}, "version": 3},
            "soon",
            Health(status=HealthStatus.OTHER, started_at="soon"),
        ),
        (
            {"status": "BUSY", "setup": {"started_at": "2026-11-27T22:52:26+00:00"}},
            "Fri, 27 Nov 2026 22:52:20 GMT",
            Health(status=HealthStatus.BUSY, uptime=timedelta(), started_at="2026-11-27T22:52:26+00:00"),
        ),
        (
            {"status": "BUSY", "setup": {"started_at": "2026-11-27T22:52:26"}},
            "Fri, 27 Nov 2026 22:53:20 GMT",
            Health(status=HealthStatus.BUSY, started_at="2026-11-27T22:52:26"),
        ),
    ],
)
async def test_health_is_read_by_the_servers_own_clock(body: object, date: str | None, expected: Health) -> None:
    headers = {} if date is None else {"Date": date}
    async with serve(respond(200, body, **headers)) as (client, _):
        assert await client.get_health() == expected


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"x" * 2_000_000])
async def test_an_answer_that_is_no_object_is_an_error(body: bytes) -> None:
    async with serve(respond(200, body)) as (client, _):
        with pytest.raises(InvalidResponse):
            await client.get_schema()


async def test_an_id_cannot_leave_its_place_in_the_address() -> None:
    async with serve(respond(200, {})) as (client, raw):
        await client.cancel("../a?b")
    assert raw.requests[0].startswith(b"POST /predictions/..%2Fa%3Fb/cancel ")


async def test_a_redirect_is_not_followed() -> None:
    async with serve(respond(307, b"", Location="http://127.0.0.1:9/")) as (client, raw):
        with pytest.raises(ApiError):
            await client.create("a", {})
        assert len(raw.requests) == 1


async def test_what_speaks_no_tls_is_not_asked_over_https() -> None:
    raw = RawServer(ACCEPTED)

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw.requests.append(await reader.read(1000))
        writer.transport.abort()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with open_cog_http(tls=True) as http:
        with pytest.raises(NotSent):
            await CogClient(http, f"https://127.0.0.1:{port}").create("a", {"prompt": "owl"})
    server.close()
    assert b"owl" not in b"".join(raw.requests)
