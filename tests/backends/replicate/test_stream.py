"""Streams: every event once and in order, over as many connections as it takes."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.backends.replicate.client import Replicate
from bot.backends.replicate.errors import StreamLost
from bot.backends.replicate.stream import MAX_FAILURES, StreamBatch
from bot.observability.metrics import Metrics
from tests.backends.replicate.fake_server import BASE, TOKEN, FarEnd, HastyClock, breaking
from tests.backends.replicate.fake_streams import DONE, URL, Body, Said, heard, numbered, output, stream, texts, told

RESET = httpx.ReadError("reset")
IDLE = b":408: 408 Request Timeout\n\n"


async def test_events_come_with_kind_and_text():
    _, events = await heard(stream(numbered(["Once", " upon"]), DONE))
    assert events == [
        Said("output", "Once"),
        Said("output", " upon"),
        Said("done", ""),
    ]


@pytest.mark.parametrize("text", ["a\nb", "ends\n", "\n", "\n\n", "", " leads", "a\u2028b\u2029c\x85d\x0be\x0cf", "😀"])
async def test_any_text_arrives_as_it_was(text):
    _, events = await heard(stream(output(text, "1:0"), DONE))
    assert texts(events) == [text]


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
async def test_done_is_the_end_and_tells_why(sent, reason):
    end, events = await heard(stream(sent))
    assert events == [("done", reason)]
    assert len(end.requests) == 1


@pytest.mark.parametrize(
    ("sent", "words"),
    [(b'{"detail":"Out of memory"}', "Out of memory"), (b"Out of memory", "Out of memory"), (b"[1]", "[1]")],
)
async def test_an_error_comes_in_words_and_then_done(sent, words):
    failed = b"event: error\nid: 1:0\ndata: " + sent + b'\n\nevent: done\nid: 1:1\ndata: {"reason":"error"}\n\n'
    _, events = await heard(stream(failed))
    assert events == [("error", words), ("done", "error")]


async def test_comments_make_no_events_and_unknown_events_are_counted_and_left_out():
    odd = b"event: heartbeat\nid: 1:5\ndata: x\n\n: a comment\n\nnonsense\nretry: 3\n\n\xff\xfe\n\n" + IDLE
    end, events = await heard(stream(numbered(["a"]), odd, numbered(["b"], 1), DONE))
    assert texts(events) == ["a", "b"]
    assert end.count("stream_events_ignored_total") == 1


async def test_a_lost_connection_goes_on_after_the_last_event():
    end, events = await heard(
        stream(numbered(["a", "b"]), breaks=RESET),
        stream(numbered(["c"], 2), DONE),
    )
    assert texts(events) == ["a", "b", "c"]
    assert "last-event-id" not in end.requests[0].headers
    assert end.requests[1].headers["last-event-id"] == "1690212292:1"
    assert end.count("stream_reconnects_total", reason="cut") == 1


async def test_an_event_that_was_cut_in_half_comes_whole_from_the_next_connection():
    half = b"event: output\nid: 1690212292:1\ndata: half of"
    _, events = await heard(stream(numbered(["a"]), half, breaks=RESET), stream(numbered(["half of it"], 1), DONE))
    assert texts(events) == ["a", "half of it"]


async def test_a_replay_from_the_start_doubles_nothing():
    _, events = await heard(
        stream(numbered(["a", "a", "b"]), breaks=RESET),
        stream(numbered(["a", "a", "b", "a"]), breaks=RESET),
        stream(numbered(["a", "a", "b", "a", "c"]), DONE),
    )
    assert texts(events) == ["a", "a", "b", "a", "c"]


async def test_a_replay_without_ids_doubles_nothing():
    said = [output(text, None) for text in ("ha", "ha", "ha", "!")]
    end, events = await heard(
        stream(*said[:2], breaks=RESET), stream(*said[:3], breaks=RESET), stream(*said, b"event: done\n\n")
    )
    assert texts(events) == ["ha", "ha", "ha", "!"]
    assert all("last-event-id" not in request.headers for request in end.requests)


async def test_ids_that_appear_or_vanish_between_connections_double_nothing():
    bare = [output(text, None) for text in ("a", "b", "c")]
    _, events = await heard(
        stream(*bare[:2], breaks=RESET),
        stream(numbered(["a", "b", "c"]), breaks=RESET),
        stream(output("d", None), breaks=RESET),
        stream(numbered(["a", "b", "c", "d", "e"]), DONE),
    )
    assert texts(events) == ["a", "b", "c", "d", "e"]


async def test_an_event_sent_twice_on_one_connection_comes_once():
    _, events = await heard(stream(*[output(text, f"1:{n // 2}") for n, text in enumerate("aabbcc")], DONE))
    assert texts(events) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "idle",
    [
        lambda: httpx.Response(408),
        lambda: stream(IDLE),
        stream,
    ],
    ids=["408", "comment", "end"],
)
async def test_idle_closes_are_waited_out_for_as_long_as_it_takes(idle):
    times = 4 * MAX_FAILURES
    end, events = await heard(*(idle() for _ in range(times)), stream(numbered(["a"]), DONE))
    assert texts(events) == ["a"]
    assert end.count("stream_reconnects_total", reason="idle") == times
    assert max(end.clock.waits) <= 10


async def test_a_line_that_is_silent_for_too_long_is_dead(monkeypatch):
    monkeypatch.setattr("bot.backends.replicate.stream.SILENCE_TIMEOUT", 0.2)
    dead = Silent()
    headers = {"content-type": "text/event-stream"}
    end, events = await heard(
        httpx.Response(200, headers=headers, stream=dead),
        lambda _: stream(numbered(["a"]), DONE),
    )
    assert texts(events) == ["a"]
    assert end.count("stream_reconnects_total", reason="idle") >= 1
    assert dead.closed


async def test_an_answer_that_does_not_come_is_a_failure(monkeypatch):
    monkeypatch.setattr("bot.backends.replicate.stream.SILENCE_TIMEOUT", 0.01)

    async def nothing(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(StreamLost):
        await heard(nothing)


async def test_after_30_idle_seconds_it_is_opened_again_at_once_every_time():
    end = FarEnd(stream(DONE))

    def after_a_while(_request: httpx.Request) -> httpx.Response:
        end.clock.elapsed += 30
        return stream(IDLE)

    end.answers[:] = [*[after_a_while] * 20, stream(DONE)]
    assert await told(end.replicate)
    assert set(end.clock.waits) == {0.5}


@pytest.mark.parametrize("failure", [breaking(httpx.ConnectError("refused")), httpx.Response(502), httpx.Response(429)])
async def test_a_stream_that_cannot_be_had_is_given_up_with_growing_pauses(failure):
    end = FarEnd(failure)
    with pytest.raises(StreamLost):
        await told(end.replicate)
    assert len(end.requests) == MAX_FAILURES
    assert end.clock.waits == [0.5, 1, 2, 4, 8]


async def test_failures_that_are_not_in_a_row_do_not_end_it():
    connections = [stream(numbered([str(n)], n), breaks=RESET) for n in range(3 * MAX_FAILURES)]
    _, events = await heard(*connections, stream(DONE))
    assert texts(events) == [str(n) for n in range(3 * MAX_FAILURES)]


async def test_the_wait_that_the_stream_server_asks_for_is_kept():
    end, _ = await heard(httpx.Response(503, headers={"retry-after": "7"}), stream(DONE))
    assert end.clock.waits == [7]


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
async def test_what_is_no_stream_is_lost_at_once(answer, status):
    end = FarEnd(answer)
    with pytest.raises(StreamLost) as caught:
        await told(end.replicate)
    assert caught.value.status == status
    assert len(end.requests) == 1


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://x/y", "/v1/streams/x"])
async def test_an_address_that_cannot_be_opened_is_lost_at_once(url):
    clock = HastyClock()
    async with httpx.AsyncClient() as http:
        replicate = Replicate(http, token=TOKEN, base_url=BASE, clock=clock, metrics=Metrics(process=False))
        with pytest.raises(StreamLost):
            await told(replicate, url)
    assert clock.waits == []


async def test_no_error_tells_the_capability():
    end = FarEnd(httpx.Response(404))
    with pytest.raises(StreamLost) as caught:
        await told(end.replicate)
    assert "capability" not in str(caught.value)


async def test_what_was_read_together_is_told_together_and_before_the_next_read():
    begun, rest = numbered(["c"], 2) + output("d", "1:0")[:-4], output("d", "1:0")[-4:] + DONE
    end = FarEnd(stream(numbered(["a", "b"]), begun, rest))
    gulps = []
    await end.replicate.stream(URL, gulps.append)
    assert gulps == [StreamBatch(["a", "b"]), StreamBatch(["c"]), StreamBatch(["d"], end="")]


async def test_a_listener_that_breaks_closes_the_connection():
    body = Body([numbered(["a", "b"]), DONE])
    end = FarEnd(httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=body))

    def stumble(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await end.replicate.stream(URL, stumble)
    assert body.closed


class Silent(httpx.AsyncByteStream):
    """A body that never comes."""

    closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    async def aclose(self) -> None:
        self.closed = True


words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\0"), max_size=12)
events = st.lists(st.tuples(st.sampled_from(["output", "logs", "error"]), words, st.booleans()), max_size=8)


def errors(events: list[Said]) -> list[str]:
    return [event.data for event in events if event.kind == "error"]


def written(said: list[tuple[str, str, bool]], newline: str) -> bytes:
    blocks = [": hi\n\n"]
    for n, (kind, text, commented) in enumerate(said):
        lines = "".join(f"data: {line}\n" for line in text.split("\n"))
        blocks.append((": still here\n\n" if commented else "") + f"event: {kind}\nid: 7:{n}\n{lines}\n")
    blocks.append("event: done\nid: 8:0\ndata: {}\n\n")
    return "".join(blocks).replace("\n", newline).encode()


@given(said=events, newline=st.sampled_from(["\n", "\r\n", "\r"]), data=st.data())
async def test_any_chunking_of_the_same_bytes_gives_the_same_events(said, newline, data):
    whole = written(said, newline)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1), max_size=30)))
    chunks = [whole[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    _, events = await heard(stream(*chunks))
    assert [(e.kind, e.data) for e in events if e.kind == "output"] == [
        (kind, text) for kind, text, _ in said if kind == "output"
    ]
    _, at_once = await heard(stream(whole))
    assert [texts(events), errors(events)[-1:], events[-1]] == [texts(at_once), errors(at_once)[-1:], at_once[-1]]


@given(said=st.lists(words, max_size=12), numbers=st.booleans(), resumes=st.booleans(), data=st.data())
async def test_connections_lost_anywhere_lose_and_double_nothing(said, numbers, resumes, data):
    """Lose the connection after any byte, any number of times; the server replays or resumes, with ids or without."""
    blocks = [output(text, f"7:{n}" if numbers else None) for n, text in enumerate(said)]
    blocks.append(b"event: done\n" + (b"id: 8:0\n" if numbers else b"") + b"data: {}\n\n")
    losses = data.draw(st.lists(st.integers(0, sum(map(len, blocks))), max_size=MAX_FAILURES - 1))

    def answer(request: httpx.Request) -> httpx.Response:
        last = request.headers.get("last-event-id")
        rest = b"".join(blocks[int(last.split(":")[1]) + 1 :] if resumes and last else blocks)
        return stream(rest[: losses.pop()], breaks=RESET) if losses else stream(rest)

    _, events = await heard(answer)
    assert texts(events) == said
