"""Streams pass on every event once and in order, over any number of connections."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.errors import StreamLost
from bot.backends.prediction import StreamBatch
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.stream import MAX_FAILURES
from bot.observability.metrics import Metrics
from tests.backends.replicate.fake_server import BASE, TOKEN, Answer, FakeServer, InstantClock, failing
from tests.backends.replicate.fake_streams import (
    DONE,
    URL,
    Event,
    FakeBody,
    numbered_events,
    output_event,
    output_texts,
    read_events,
    stream_over,
    stream_response,
)

RESET = httpx.ReadError("reset")
IDLE = b":408: 408 Request Timeout\n\n"


async def test_events_arrive_with_kind_and_data() -> None:
    _, events = await stream_over(stream_response(numbered_events(["Once", " upon"]), DONE))
    assert events == [
        Event("output", "Once"),
        Event("output", " upon"),
        Event("done", ""),
    ]


@pytest.mark.parametrize("text", ["a\nb", "ends\n", "\n", "\n\n", "", " leads", "a\u2028b\u2029c\x85d\x0be\x0cf", "😀"])
async def test_any_text_arrives_unchanged(text: str) -> None:
    _, events = await stream_over(stream_response(output_event(text, "1:0"), DONE))
    assert output_texts(events) == [text]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"event: done\ndata: {}\n\n", ""),
        (b"event: done\ndata:\n\n", ""),
        (b"event: done\nid: 9:9\n\n", ""),
        (b'event: done\ndata: {"reason":"canceled"}\n\n', "canceled"),
        (b'event: done\ndata: {"reason": null}\n\n', ""),
        (b"event: done\ndata: finished\n\n", "finished"),
    ],
)
async def test_done_ends_the_stream_with_a_reason(sent: bytes, reason: str) -> None:
    server, events = await stream_over(stream_response(sent))
    assert events == [("done", reason)]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("sent", "words"),
    [(b'{"detail":"Out of memory"}', "Out of memory"), (b"Out of memory", "Out of memory"), (b"[1]", "[1]")],
)
async def test_an_error_arrives_as_text_before_done(sent: bytes, words: str) -> None:
    failed = b"event: error\nid: 1:0\ndata: " + sent + b'\n\nevent: done\nid: 1:1\ndata: {"reason":"error"}\n\n'
    _, events = await stream_over(stream_response(failed))
    assert events == [("error", words), ("done", "error")]


async def test_comments_and_unknown_events_are_skipped() -> None:
    odd = b"event: heartbeat\nid: 1:5\ndata: x\n\n: a comment\n\nnonsense\nretry: 3\n\n\xff\xfe\n\n" + IDLE
    server, events = await stream_over(stream_response(numbered_events(["a"]), odd, numbered_events(["b"], 1), DONE))
    assert output_texts(events) == ["a", "b"]
    assert server.count("stream_events_ignored_total") == 1


async def test_a_lost_connection_resumes_after_the_last_event() -> None:
    server, events = await stream_over(
        stream_response(numbered_events(["a", "b"]), error=RESET),
        stream_response(numbered_events(["c"], 2), DONE),
    )
    assert output_texts(events) == ["a", "b", "c"]
    assert "last-event-id" not in server.requests[0].headers
    assert server.requests[1].headers["last-event-id"] == "1690212292:1"
    assert server.count("stream_reconnects_total", reason="cut") == 1


async def test_an_event_cut_in_half_arrives_complete() -> None:
    half = b"event: output\nid: 1690212292:1\ndata: half of"
    _, events = await stream_over(
        stream_response(numbered_events(["a"]), half, error=RESET),
        stream_response(numbered_events(["half of it"], 1), DONE),
    )
    assert output_texts(events) == ["a", "half of it"]


async def test_a_replay_from_the_start_repeats_nothing() -> None:
    _, events = await stream_over(
        stream_response(numbered_events(["a", "a", "b"]), error=RESET),
        stream_response(numbered_events(["a", "a", "b", "a"]), error=RESET),
        stream_response(numbered_events(["a", "a", "b", "a", "c"]), DONE),
    )
    assert output_texts(events) == ["a", "a", "b", "a", "c"]


async def test_a_replay_without_ids_repeats_nothing() -> None:
    said = [output_event(text, None) for text in ("ha", "ha", "ha", "!")]
    server, events = await stream_over(
        stream_response(*said[:2], error=RESET),
        stream_response(*said[:3], error=RESET),
        stream_response(*said, b"event: done\n\n"),
    )
    assert output_texts(events) == ["ha", "ha", "ha", "!"]
    assert all("last-event-id" not in request.headers for request in server.requests)


async def test_ids_on_some_connections_only_repeat_nothing() -> None:
    bare = [output_event(text, None) for text in ("a", "b", "c")]
    _, events = await stream_over(
        stream_response(*bare[:2], error=RESET),
        stream_response(numbered_events(["a", "b", "c"]), error=RESET),
        stream_response(output_event("d", None), error=RESET),
        stream_response(numbered_events(["a", "b", "c", "d", "e"]), DONE),
    )
    assert output_texts(events) == ["a", "b", "c", "d", "e"]


async def test_an_event_sent_twice_arrives_once() -> None:
    _, events = await stream_over(
        stream_response(*[output_event(text, f"1:{n // 2}") for n, text in enumerate("aabbcc")], DONE)
    )
    assert output_texts(events) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "idle",
    [
        lambda: httpx.Response(408),
        lambda: stream_response(IDLE),
        stream_response,
    ],
    ids=["408", "comment", "end"],
)
async def test_idle_connections_are_reopened_without_limit(idle: Callable[[], httpx.Response]) -> None:
    times = 4 * MAX_FAILURES
    server, events = await stream_over(*(idle() for _ in range(times)), stream_response(numbered_events(["a"]), DONE))
    assert output_texts(events) == ["a"]
    assert server.count("stream_reconnects_total", reason="idle") == times
    assert max(server.clock.waits) <= 10


async def test_a_silent_connection_is_reopened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.backends.replicate.stream.SILENCE_TIMEOUT", 0.2)
    body = SilentBody()
    headers = {"content-type": "text/event-stream"}
    server, events = await stream_over(
        httpx.Response(200, headers=headers, stream=body),
        lambda _: stream_response(numbered_events(["a"]), DONE),
    )
    assert output_texts(events) == ["a"]
    assert server.count("stream_reconnects_total", reason="idle") >= 1
    assert body.closed


async def test_a_missing_response_counts_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.backends.replicate.stream.SILENCE_TIMEOUT", 0.01)

    async def nothing(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(StreamLost):
        await stream_over(nothing)


async def test_a_long_idle_connection_is_reopened_at_once() -> None:
    server = FakeServer(stream_response(DONE))

    def after_a_while(_request: httpx.Request) -> httpx.Response:
        server.clock.elapsed += 30
        return stream_response(IDLE)

    server.answers[:] = [*[after_a_while] * 20, stream_response(DONE)]
    assert await read_events(server.replicate)
    assert set(server.clock.waits) == {0.5}


@pytest.mark.parametrize("failure", [failing(httpx.ConnectError("refused")), httpx.Response(502), httpx.Response(429)])
async def test_repeated_failures_end_the_stream(failure: Answer | httpx.Response) -> None:
    server = FakeServer(failure)
    with pytest.raises(StreamLost):
        await read_events(server.replicate)
    assert len(server.requests) == MAX_FAILURES
    assert server.clock.waits == [0.5, 1, 2, 4, 8]


async def test_failures_between_events_do_not_end_the_stream() -> None:
    connections = [stream_response(numbered_events([str(n)], n), error=RESET) for n in range(3 * MAX_FAILURES)]
    _, events = await stream_over(*connections, stream_response(DONE))
    assert output_texts(events) == [str(n) for n in range(3 * MAX_FAILURES)]


async def test_the_retry_after_of_a_stream_is_honoured() -> None:
    server, _ = await stream_over(httpx.Response(503, headers={"retry-after": "7"}), stream_response(DONE))
    assert server.clock.waits == [7]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (httpx.Response(404), 404),
        (httpx.Response(410), 410),
        (httpx.Response(401), 401),
        (httpx.Response(204), 204),
        (httpx.Response(302, headers={"location": "https://elsewhere.example.test/"}), 302),
        (httpx.Response(200, json={"detail": "no"}), 200),
        (httpx.Response(200, html="<h1>Hello</h1>"), 200),
    ],
)
async def test_a_response_that_is_no_stream_is_not_retried(answer: httpx.Response, status: int) -> None:
    server = FakeServer(answer)
    with pytest.raises(StreamLost) as caught:
        await read_events(server.replicate)
    assert caught.value.status == status
    assert len(server.requests) == 1


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x/y", "/v1/streams/x"])
async def test_an_invalid_url_is_not_retried(url: str) -> None:
    clock = InstantClock()
    async with httpx.AsyncClient() as http:
        replicate = Replicate(http, token=TOKEN, base_url=BASE, clock=clock, metrics=Metrics(process=False))
        with pytest.raises(StreamLost):
            await read_events(replicate, url)
    assert clock.waits == []


async def test_no_error_contains_the_stream_url() -> None:
    server = FakeServer(httpx.Response(404))
    with pytest.raises(StreamLost) as caught:
        await read_events(server.replicate)
    assert "capability" not in str(caught.value)


async def test_events_of_one_read_are_one_batch() -> None:
    second, third = numbered_events(["c"], 2) + output_event("d", "1:0")[:-4], output_event("d", "1:0")[-4:] + DONE
    server = FakeServer(stream_response(numbered_events(["a", "b"]), second, third))
    batches: list[StreamBatch] = []
    await server.replicate.streams.read(URL, batches.append)
    assert batches == [StreamBatch(["a", "b"]), StreamBatch(["c"]), StreamBatch(["d"], end="")]


async def test_an_error_in_on_batch_closes_the_connection() -> None:
    body = FakeBody([numbered_events(["a", "b"]), DONE])
    server = FakeServer(httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body))

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await server.replicate.streams.read(URL, fail)
    assert body.closed


class SilentBody(httpx.AsyncByteStream):
    """A body without any data."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def aclose(self) -> None:
        self.closed = True


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=12)
events = st.lists(st.tuples(st.sampled_from(["output", "logs", "error"]), words, st.booleans()), max_size=8)


def errors(events: list[Event]) -> list[str]:
    return [event.data for event in events if event.kind == "error"]


def event_stream(said: list[tuple[str, str, bool]], newline: str) -> bytes:
    blocks = [": hi\n\n"]
    for n, (kind, text, commented) in enumerate(said):
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        blocks.append((": still here\n\n" if commented else "") + f"event: {kind}\nid: 7:{n}\n{lines}\n")
    blocks.append("event: done\nid: 8:0\ndata: {}\n\n")
    return "".join(blocks).replace("\n", newline).encode()


@given(said=events, newline=st.sampled_from(["\n", "\r\n", "\r"]), data=st.data())
async def test_any_chunking_gives_the_same_events(
    said: list[tuple[str, str, bool]], newline: str, data: st.DataObject
) -> None:
    whole = event_stream(said, newline)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=30)))
    chunks = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    _, events = await stream_over(stream_response(*chunks))
    assert [(e.kind, e.data) for e in events if e.kind == "output"] == [
        (kind, text) for kind, text, _ in said if kind == "output"
    ]
    _, at_once = await stream_over(stream_response(whole))
    assert [output_texts(events), errors(events)[-1:], events[-1]] == [
        output_texts(at_once),
        errors(at_once)[-1:],
        at_once[-1],
    ]


@given(said=st.lists(words, max_size=12), numbers=st.booleans(), resumes=st.booleans(), data=st.data())
async def test_connections_lost_anywhere_lose_no_event(
    said: list[str], data: st.DataObject, *, numbers: bool, resumes: bool
) -> None:
    """The connection is lost after any byte, any number of times; the server replays or resumes, with ids or not."""
    blocks = [output_event(text, f"7:{n}" if numbers else None) for n, text in enumerate(said)]
    blocks.append(b"event: done\n" + (b"id: 8:0\n" if numbers else b"") + b"data: {}\n\n")
    losses = data.draw(st.lists(st.integers(0, sum(map(len, blocks))), max_size=MAX_FAILURES - 1))

    def answer(request: httpx.Request) -> httpx.Response:
        last = request.headers.get("last-event-id")
        rest = b"".join(blocks[int(last.split(":")[1]) + 1 :] if resumes and last else blocks)
        return stream_response(rest[: losses.pop()], error=RESET) if losses else stream_response(rest)

    _, events = await stream_over(answer)
    assert output_texts(events) == said
