"""The faults of streams."""

import asyncio

import aiohttp
import pytest

from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import ApiClient, parse_events, wait_until


async def test_a_closed_stream_resumes_where_it_stopped(api: ApiClient) -> None:
    created = await api.create_short_text()
    await api.wait_for_end(created["id"])
    whole = parse_events(await api.stream(created["urls"]["stream"]))
    api.standin.faults.add("stream-close", after=2)
    first = parse_events(await api.stream(created["urls"]["stream"]))
    assert first == whole[:2]
    assert first + parse_events(await api.stream(created["urls"]["stream"], last=first[-1][1])) == whole


async def test_an_open_stream_closes_as_soon_as_the_fault_is_added(api: ApiClient) -> None:
    api.standin.faults.add("never-ends", after=2)
    created = await api.create_short_text()
    reading = asyncio.create_task(api.stream(created["urls"]["stream"], until=b"never"))
    channel = api.standin.predictions[created["id"]].channel
    assert channel is not None
    await wait_until(lambda: len(channel.messages) == 2)
    api.standin.faults.add("stream-close")
    async with asyncio.timeout(10):
        assert len(parse_events(await reading)) <= 2


async def test_a_stream_can_be_cut_in_the_middle_of_an_event(api: ApiClient) -> None:
    created = await api.create_short_text()
    await api.wait_for_end(created["id"])
    api.standin.faults.add("stream-cut", after=1)
    with pytest.raises(aiohttp.ClientError):
        await api.stream(created["urls"]["stream"])


async def test_a_stalled_stream_is_silent_past_the_idle_timeout(timed: ApiClient, clock: VirtualClock) -> None:
    created = await timed.create_short_text()
    timed.standin.faults.add("stream-stall")
    reading = asyncio.create_task(timed.stream(created["urls"]["stream"], until=b"never"))
    await clock.advance(300)
    assert not reading.done()
    reading.cancel()


@pytest.mark.parametrize(
    ("fault", "events"),
    [
        ("stream-duplicate", ["output"] * 10 + ["done"] * 2),
        ("stream-unknown", ["heartbeat", "output"] * 5 + ["heartbeat", "done"]),
        ("no-outputs", ["done"]),
        ("no-done", ["output"] * 5),
        ("early-done", ["done"]),
    ],
)
async def test_a_stream_can_send_too_many_or_too_few_events(api: ApiClient, fault: str, events: list[str]) -> None:
    created = await api.create_short_text()
    await api.wait_for_end(created["id"])
    api.standin.faults.add(fault)
    wire = await api.stream(created["urls"]["stream"])
    sent = [event for event, _, _ in parse_events(wire)]
    assert sent[: len(events)] == events


async def test_event_ids_can_be_missing_or_decreasing(api: ApiClient) -> None:
    created = await api.create_short_text()
    await api.wait_for_end(created["id"])
    api.standin.faults.add("stream-no-ids")
    assert b"\nid:" not in await api.stream(created["urls"]["stream"])
    api.standin.faults.add("stream-shuffled")
    ids = [event_id for _, event_id, _ in parse_events(await api.stream(created["urls"]["stream"]))]
    assert ids == sorted(ids, reverse=True)


async def test_a_stream_can_contain_invalid_utf_8(api: ApiClient) -> None:
    created = await api.create_short_text()
    api.standin.faults.add("stream-corrupt")
    wire = await api.stream(created["urls"]["stream"])
    with pytest.raises(UnicodeDecodeError):
        wire.decode()
    assert wire.count(b"event: output") == 5


@pytest.mark.parametrize(("fault", "status"), [("stream-gone", 404), ("stream-408", 408), ("stream-json", 200)])
async def test_a_stream_can_refuse(api: ApiClient, fault: str, status: int) -> None:
    created = await api.create_short_text()
    api.standin.faults.add(fault)
    async with api.http.get(created["urls"]["stream"]) as response:
        assert response.status == status
        assert "event-stream" not in response.headers.get("Content-Type", "")


async def test_the_stream_host_can_be_down_until_cleared(api: ApiClient) -> None:
    created = await api.create_short_text()
    fault = api.standin.faults.add("stream-down", times=None)
    for _ in range(3):
        with pytest.raises(aiohttp.ClientError):
            await api.stream(created["urls"]["stream"])
    api.standin.faults.clear(fault)
    assert parse_events(await api.stream(created["urls"]["stream"]))
