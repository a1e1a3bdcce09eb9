import asyncio
import re
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sandbox.replicate.streams import Channel, EventId, encode_event
from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import LLAMA, SUBJECT, ApiClient, parse_events, wait_until

# A lone carriage return ends a line for readers and not for Nchan: such a payload does not survive the real one.
payloads = st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"]))


@given(st.sampled_from(["output", "error", "done"]), payloads, st.integers(0, 2**40), st.integers(0, 10**6))
def test_any_payload_survives_encoding(event: str, data: str, time: int, tag: int) -> None:
    assert parse_events(encode_event(event, data, f"{time}:{tag}")) == [(event, f"{time}:{tag}", data)]


@given(st.lists(st.tuples(payloads, st.floats(0, 3)), max_size=30), st.integers(0, 30))
def test_event_ids_increase_and_each_allows_resuming(steps: list[tuple[str, float]], place: int) -> None:
    now = [datetime(2026, 1, 1, tzinfo=UTC)]
    channel = Channel(prediction_id="p", model="m", now=lambda: now[0])
    for text, seconds in steps:
        now[0] += timedelta(seconds=seconds)
        channel.publish("output", text)
    ids = [message.id for message in channel.messages]
    assert ids == sorted(set(ids))
    if place < len(ids):
        assert channel.index_after(str(ids[place])) == place + 1
    assert channel.index_after(None) == channel.index_after("nonsense") == 0


def test_ids_count_the_messages_of_one_second() -> None:
    channel = Channel(prediction_id="p", model="m", now=lambda: datetime.fromtimestamp(1690212292.9, UTC))
    assert [str(channel.publish("output", "x").id) for _ in range(2)] == ["1690212292:0", "1690212292:1"]
    assert EventId.parse("1690212292:1") == channel.messages[1].id


async def test_a_text_stream_matches_nchan_to_the_byte(timed: ApiClient, clock: VirtualClock) -> None:
    created = await timed.create({"prompt": "hi", "max_tokens": 2}, version=LLAMA)
    url = created["urls"]["stream"]
    assert url.startswith(f"{timed.standin.stream_url}/v1/streams/")
    while not timed.standin.predictions[created["id"]].finished:
        await clock.advance(0.1)
    second = int(timed.standin.predictions[created["id"]].created_at.timestamp())
    wire = (await timed.stream(url)).decode()
    words = timed.standin.predictions[created["id"]].output
    assert wire == (
        ": hi\n\n"
        f"event: output\nid: {second}:0\ndata: {words[0]}\n\n"
        f"event: output\nid: {second}:1\ndata: {words[1]}\n\n"
        f"event: done\nid: {second}:2\ndata: {{}}\n\n"
    )
    assert timed.standin.calls[-1].response_headers["content-type"] == "text/event-stream; charset=utf-8"


async def test_a_stream_needs_no_token(api: ApiClient) -> None:
    created = await api.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA)
    await api.stream(created["urls"]["stream"])
    assert "authorization" not in api.standin.calls[-1].headers


async def test_the_streamed_text_equals_the_output(api: ApiClient) -> None:
    created = await api.create({"prompt": "a python function, please", "max_tokens": 500}, version=LLAMA)
    wire = await api.stream(created["urls"]["stream"])
    finished = await api.wait_for_end(created["id"])
    text = "".join(data for event, _, data in parse_events(wire) if event == "output")
    assert text == "".join(finished["output"])
    assert "```python\n" in text


async def test_subscribers_get_the_same_events_and_can_resume(api: ApiClient) -> None:
    created = await api.create({"prompt": "hi", "max_tokens": 6}, version=LLAMA)
    url = created["urls"]["stream"]
    one, other = await asyncio.gather(api.stream(url), api.stream(url))
    assert one == other
    events = parse_events(one)
    rest = parse_events(await api.stream(url, last=events[2][1]))
    assert rest == events[3:]
    assert parse_events(await api.stream(f"{url}?last_event_id={events[2][1]}")) == rest


async def test_a_file_stream_sends_the_url_of_each_file(api: ApiClient) -> None:
    created = await api.create({"subject": SUBJECT, "number_of_outputs": 3})
    assert re.search(r"/v1/files/[a-z2-7]{4}-[a-z2-7]+$", created["urls"]["stream"])
    urls = [data for event, _, data in parse_events(await api.stream(created["urls"]["stream"])) if event == "output"]
    assert urls == (await api.wait_for_end(created["id"]))["output"]


async def test_an_idle_stream_closes_after_thirty_seconds(timed: ApiClient, clock: VirtualClock) -> None:
    timed.standin.faults.add("never-starts")
    created = await timed.create({"prompt": "hi"}, version=LLAMA)
    reading = asyncio.create_task(timed.stream(created["urls"]["stream"]))
    await wait_until(lambda: clock.sleepers >= 1)
    await clock.advance(29)
    assert not reading.done()
    await clock.advance(1.1)
    assert await asyncio.wait_for(reading, 10) == b": hi\n\n:408: 408 Request Timeout\n\n"


async def test_each_event_restarts_the_idle_timeout(timed: ApiClient, clock: VirtualClock) -> None:
    created = await timed.create({"prompt": "hi"}, version=LLAMA)
    channel = timed.standin.predictions[created["id"]].channel
    assert channel is not None
    reading = asyncio.create_task(timed.stream(created["urls"]["stream"], until=b"never"))
    while not timed.standin.predictions[created["id"]].finished:
        await clock.advance(0.5)
    last = channel.messages[-1].id.time
    while not reading.done():
        await clock.advance(0.5)
    closed = clock.now().timestamp()
    assert 29 <= closed - last <= 33
    assert (await reading).endswith(b"data: {}\n\n:408: 408 Request Timeout\n\n")


async def test_a_failure_sends_error_and_then_done(api: ApiClient) -> None:
    api.standin.faults.add("fails", error="CUDA out of memory.")
    created = await api.create({"prompt": "hi"}, version=LLAMA)
    assert [(event, data) for event, _, data in parse_events(await api.stream(created["urls"]["stream"]))] == [
        ("error", '{"detail": "CUDA out of memory."}'),
        ("done", '{"reason":"error"}'),
    ]


async def test_a_stream_expires_an_hour_after_the_end(timed: ApiClient, clock: VirtualClock) -> None:
    created = await timed.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA)
    while not timed.standin.predictions[created["id"]].finished:
        await clock.advance(0.5)
    await clock.advance(3601)
    status, _, _ = await timed.call("GET", created["urls"]["stream"])
    assert status == 410
    assert (await timed.call("GET", f"{timed.standin.stream_url}/v1/streams/unknown"))[0] == 404
