"""The faults of streams."""

import asyncio

import aiohttp
import pytest

from .conftest import read_events, wait_until


async def test_a_stream_can_close_early_and_goes_on_from_where_it_was(api):
    created = await api.five_tokens()
    await api.finished(created["id"])
    whole = read_events(await api.stream(created["urls"]["stream"]))
    api.standin.faults.add("stream-close", after=2)
    first = read_events(await api.stream(created["urls"]["stream"]))
    assert first == whole[:2]
    assert first + read_events(await api.stream(created["urls"]["stream"], last=first[-1][1])) == whole


async def test_an_open_stream_closes_the_moment_the_switch_is_thrown(api):
    api.standin.faults.add("never-ends", after=2)
    created = await api.five_tokens()
    reading = asyncio.create_task(api.stream(created["urls"]["stream"], until=b"never"))
    await wait_until(lambda: len(api.standin.predictions[created["id"]].channel.messages) == 2)
    api.standin.faults.add("stream-close")
    async with asyncio.timeout(10):
        assert len(read_events(await reading)) <= 2


async def test_a_stream_can_be_cut_in_the_middle_of_an_event(api):
    created = await api.five_tokens()
    await api.finished(created["id"])
    api.standin.faults.add("stream-cut", after=1)
    with pytest.raises(aiohttp.ClientError):
        await api.stream(created["urls"]["stream"])


async def test_a_stalled_stream_is_silent_past_the_idle_time(timed, clock):
    created = await timed.five_tokens()
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
async def test_a_stream_can_say_too_much_or_too_little(api, fault, events):
    created = await api.five_tokens()
    await api.finished(created["id"])
    api.standin.faults.add(fault)
    wire = await api.stream(created["urls"]["stream"])
    told = [event for event, _, _ in read_events(wire)]
    assert told[: len(events)] == events


async def test_a_stream_can_be_without_ids_or_with_wrong_ones(api):
    created = await api.five_tokens()
    await api.finished(created["id"])
    api.standin.faults.add("stream-no-ids")
    assert b"\nid:" not in await api.stream(created["urls"]["stream"])
    api.standin.faults.add("stream-shuffled")
    ids = [event_id for _, event_id, _ in read_events(await api.stream(created["urls"]["stream"]))]
    assert ids == sorted(ids, reverse=True)


async def test_a_stream_can_hold_nonsense_that_is_no_utf_8(api):
    created = await api.five_tokens()
    api.standin.faults.add("stream-corrupt")
    wire = await api.stream(created["urls"]["stream"])
    with pytest.raises(UnicodeDecodeError):
        wire.decode()
    assert wire.count(b"event: output") == 5


@pytest.mark.parametrize(("fault", "status"), [("stream-gone", 404), ("stream-408", 408), ("stream-json", 200)])
async def test_a_stream_can_refuse(api, fault, status):
    created = await api.five_tokens()
    api.standin.faults.add(fault)
    async with api.http.get(created["urls"]["stream"]) as response:
        assert response.status == status
        assert "event-stream" not in response.headers.get("Content-Type", "")


async def test_the_stream_host_can_be_down_until_it_is_mended(api):
    created = await api.five_tokens()
    fault = api.standin.faults.add("stream-down", times=None)
    for _ in range(3):
        with pytest.raises(aiohttp.ClientError):
            await api.stream(created["urls"]["stream"])
    api.standin.faults.clear(fault)
    assert read_events(await api.stream(created["urls"]["stream"]))
