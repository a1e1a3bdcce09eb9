import asyncio

import aiohttp
import pytest

from bot.sandbox.replicate import SWITCHES, Faults

from .conftest import SUBJECT, until
from .test_streams import read

LLAMA = "meta/meta-llama-3-8b-instruct"
BODY = {"version": LLAMA, "input": {"prompt": "hi", "max_tokens": 5}}


async def make(api):
    return await api.call("POST", "/v1/predictions", body=BODY)


async def five_tokens(api):
    return await api.create(BODY["input"], version=LLAMA)


def test_a_fault_strikes_as_often_as_it_was_told_and_where_it_was_aimed():
    faults = Faults()
    faults.add("error-500", on="GET /v1/*", times=2, skip=1)
    places = ["GET /v1/a", "POST /v1/a", "GET /v1/b", "GET /v1/c", "GET /v1/d"]
    assert [faults.take("error-500", place) is not None for place in places] == [False, False, True, True, False]
    assert not faults.active


def test_a_fault_without_a_number_strikes_until_it_is_cleared():
    faults, changes = Faults(), []
    faults.on_change.append(lambda: changes.append(len(faults.active)))
    fault = faults.add("error-500", times=None)
    assert all(faults.take("error-500", "GET /v1/x") for _ in range(5))
    assert fault.hits == 5
    faults.clear("error-500")
    assert faults.take("error-500", "GET /v1/x") is None
    assert changes[-1] == 0


def test_a_switch_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="“error-5000” is no fault"):
        Faults().add("error-5000")


def test_every_switch_says_what_it_does_in_a_sentence():
    assert all(switch.sentence.endswith(".") for switch in SWITCHES.values())


@pytest.mark.parametrize(
    ("fault", "settings", "status"),
    [
        ("error-500", {}, 500),
        ("error-502", {}, 502),
        ("error-503", {}, 503),
        ("unauthenticated", {}, 401),
        ("no-credit", {}, 402),
        ("forbidden", {}, 403),
        ("not-found", {}, 404),
        ("throttled", {"seconds": 3}, 429),
    ],
)
async def test_an_answer_can_be_wrong_and_nothing_happens(api, fault, settings, status):
    api.standin.faults.add(fault, **settings)
    answer = await make(api)
    assert answer[0] == status
    assert not api.standin.predictions
    assert api.standin.calls[-1].fault == fault
    assert (await make(api))[0] == 201


async def test_an_answer_can_be_wrong_after_the_work_was_done(api):
    api.standin.faults.add("error-502", handled=True)
    status, page, headers = await make(api)
    assert (status, headers["Content-Type"]) == (502, "text/html; charset=UTF-8")
    assert page.startswith("<!DOCTYPE html>")
    assert len(api.standin.predictions) == 1


@pytest.mark.parametrize(
    ("form", "detail", "retry_after", "header"),
    [
        ("body", "Request was throttled. Your rate limit resets in ~7s.", 7, None),
        ("header", "Request was throttled.", None, "7"),
        ("text", "Request was throttled. Your rate limit resets in ~7s.", None, None),
    ],
)
async def test_a_429_tells_the_wait_in_one_of_three_ways(api, form, detail, retry_after, header):
    api.standin.faults.add("throttled", form=form)
    _, problem, headers = await make(api)
    assert (problem["detail"], problem.get("retry_after"), headers.get("Retry-After")) == (detail, retry_after, header)


@pytest.mark.parametrize(("fault", "made"), [("reset-before", 0), ("reset-after", 1), ("half-answer", 1)])
async def test_a_connection_can_be_cut_before_or_after_the_work(api, fault, made):
    api.standin.faults.add(fault)
    with pytest.raises(aiohttp.ClientError):
        await make(api)
    assert len(api.standin.predictions) == made
    assert [call.fault for call in api.standin.calls.creates] == [fault]


async def test_a_request_can_be_accepted_and_never_answered(api):
    api.standin.faults.add("silence")
    asked = asyncio.create_task(make(api))
    await until(lambda: bool(api.standin.predictions))
    assert not asked.done()
    assert api.standin.calls[-1].status is None
    asked.cancel()


async def test_a_success_can_be_no_json(api):
    api.standin.faults.add("garbled")
    with pytest.raises(ValueError, match="Unterminated string"):
        await make(api)


async def test_an_answer_can_be_late(timed, clock):
    timed.standin.faults.add("delay", seconds=20)
    asked = asyncio.create_task(make(timed))
    await until(lambda: bool(timed.standin.predictions))
    assert not asked.done()
    while not asked.done():
        await clock.advance(1)
    assert clock.monotonic() >= 20


@pytest.mark.parametrize(
    "error",
    ["", "CUDA out of memory.", "The input or output was flagged as sensitive. Please try again. (E005) (x1)"],
)
async def test_a_prediction_can_fail_in_any_words_after_some_outputs(api, error):
    api.standin.faults.add("fails", error=error, after=2)
    over = await api.finished((await five_tokens(api))["id"])
    assert (over["status"], over["error"], len(over["output"])) == ("failed", error, 2)


async def test_a_prediction_can_be_aborted(api):
    api.standin.faults.add("aborted")
    over = await api.finished((await five_tokens(api))["id"])
    assert (over["status"], over["output"]) == ("aborted", None)
    assert "started_at" not in over


async def test_a_prediction_can_lose_its_data_at_once(api):
    api.standin.faults.add("data-removed")
    over = await api.finished((await five_tokens(api))["id"])
    assert (over["status"], over["output"], over["data_removed"]) == ("succeeded", None, True)


async def test_a_prediction_can_be_without_a_stream_or_a_web_address(api):
    api.standin.faults.add("no-stream-url")
    api.standin.faults.add("no-web-url")
    assert (await five_tokens(api))["urls"].keys() == {"get", "cancel"}


async def test_outputs_can_be_data_uris(api):
    api.standin.faults.add("inline-outputs")
    over = await api.finished((await api.create({"subject": SUBJECT, "number_of_outputs": 1}))["id"])
    assert over["output"][0].startswith("data:image/webp;base64,")


async def test_a_cancellation_can_lag(timed, clock):
    timed.standin.faults.add("never-ends")
    timed.standin.faults.add("cancel-lags", seconds=5)
    created = await five_tokens(timed)
    await clock.advance(1)
    assert (await timed.call("POST", created["urls"]["cancel"]))[1]["status"] == "processing"
    await clock.advance(6)
    assert (await timed.get(created["id"]))["status"] == "canceled"


async def test_a_cancellation_and_an_upload_can_fail(api):
    created = await five_tokens(api)
    api.standin.faults.add("cancel-fails")
    api.standin.faults.add("upload-fails")
    assert (await api.call("POST", created["urls"]["cancel"]))[0] == 500
    assert (await api.call("POST", "/v1/files"))[0] == 500


async def test_a_stream_can_close_early_and_goes_on_from_where_it_was(api):
    created = await five_tokens(api)
    await api.finished(created["id"])
    whole = read(await api.stream(created["urls"]["stream"]))
    api.standin.faults.add("stream-close", after=2)
    first = read(await api.stream(created["urls"]["stream"]))
    assert first == whole[:2]
    assert first + read(await api.stream(created["urls"]["stream"], last=first[-1][1])) == whole


async def test_an_open_stream_closes_the_moment_the_switch_is_thrown(api):
    api.standin.faults.add("never-ends", after=2)
    created = await five_tokens(api)
    reading = asyncio.create_task(api.stream(created["urls"]["stream"], until=b"never"))
    await until(lambda: len(api.standin.predictions[created["id"]].channel.messages) == 2)
    api.standin.faults.add("stream-close")
    async with asyncio.timeout(10):
        assert len(read(await reading)) <= 2


async def test_a_stream_can_be_cut_in_the_middle_of_an_event(api):
    created = await five_tokens(api)
    await api.finished(created["id"])
    api.standin.faults.add("stream-cut", after=1)
    with pytest.raises(aiohttp.ClientError):
        await api.stream(created["urls"]["stream"])


async def test_a_stalled_stream_is_silent_past_the_idle_time(timed, clock):
    created = await five_tokens(timed)
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
    created = await five_tokens(api)
    await api.finished(created["id"])
    api.standin.faults.add(fault)
    wire = await api.stream(created["urls"]["stream"])
    told = [event for event, _, _ in read(wire)]
    assert told[: len(events)] == events


async def test_a_stream_can_be_without_ids_or_with_wrong_ones(api):
    created = await five_tokens(api)
    await api.finished(created["id"])
    api.standin.faults.add("stream-no-ids")
    assert b"\nid:" not in await api.stream(created["urls"]["stream"])
    api.standin.faults.add("stream-shuffled")
    ids = [event_id for _, event_id, _ in read(await api.stream(created["urls"]["stream"]))]
    assert ids == sorted(ids, reverse=True)


async def test_a_stream_can_hold_nonsense_that_is_no_utf_8(api):
    created = await five_tokens(api)
    api.standin.faults.add("stream-corrupt")
    wire = await api.stream(created["urls"]["stream"])
    with pytest.raises(UnicodeDecodeError):
        wire.decode()
    assert wire.count(b"event: output") == 5


@pytest.mark.parametrize(("fault", "status"), [("stream-gone", 404), ("stream-408", 408), ("stream-json", 200)])
async def test_a_stream_can_refuse(api, fault, status):
    created = await five_tokens(api)
    api.standin.faults.add(fault)
    async with api.http.get(created["urls"]["stream"]) as response:
        assert response.status == status
        assert "event-stream" not in response.headers.get("Content-Type", "")


async def test_the_stream_host_can_be_down_until_it_is_mended(api):
    created = await five_tokens(api)
    fault = api.standin.faults.add("stream-down", times=None)
    for _ in range(3):
        with pytest.raises(aiohttp.ClientError):
            await api.stream(created["urls"]["stream"])
    api.standin.faults.clear(fault)
    assert read(await api.stream(created["urls"]["stream"]))


async def delivered(api):
    created = await api.create({"subject": SUBJECT, "number_of_outputs": 1})
    return (await api.finished(created["id"]))["output"][0]


async def test_a_delivered_file_can_be_missing_mistyped_elsewhere_or_huge(api):
    url = await delivered(api)
    api.standin.faults.add("file-missing")
    assert (await api.call("GET", url))[0] == 404
    api.standin.faults.add("file-mistyped")
    async with api.http.get(url) as response:
        assert response.headers["Content-Type"] == "text/html"
    api.standin.faults.add("file-redirect")
    async with api.http.get(url, allow_redirects=False) as response:
        assert (response.status, response.headers["Location"]) == (302, url.replace("127.0.0.1", "localhost"))
    api.standin.faults.add("file-huge", bytes=3_000_000, told=False)
    async with api.http.get(url) as response:
        assert response.content_length is None
        assert len(await response.read()) == 3_000_000


async def test_a_delivered_file_can_break_off(api):
    url = await delivered(api)
    api.standin.faults.add("file-cut")
    with pytest.raises(aiohttp.ClientError):
        await api.call("GET", url)


async def test_a_delivered_file_can_drip(timed, clock):
    created = await timed.create({"subject": SUBJECT, "number_of_outputs": 1})
    async with asyncio.timeout(20):
        while not timed.standin.predictions[created["id"]].over:
            await clock.advance(0.5)
    url = timed.standin.predictions[created["id"]].output[0]
    timed.standin.faults.add("file-slow", bytes=2000, seconds=1)
    reading = asyncio.create_task(timed.call("GET", url))
    began = clock.monotonic()
    while not reading.done():
        await clock.advance(1)
    assert clock.monotonic() - began >= len(reading.result()[1]) / 2000 - 1


async def test_what_happens_can_be_watched(api):
    watch = api.standin.watch()
    created = await five_tokens(api)
    await api.stream(created["urls"]["stream"])
    await api.finished(created["id"])
    watch.close()
    seen = [happening async for happening in watch]
    kinds = [type(happening).__name__ for happening in seen]
    assert {"CallSeen", "PredictionMoved", "StreamEventSent"} <= set(kinds)
    states = [happening.prediction["status"] for happening in seen if hasattr(happening, "prediction")]
    assert (states[0], states[-1]) == ("processing", "succeeded")
    assert [happening.event for happening in seen if hasattr(happening, "data")] == ["output"] * 5 + ["done"]


async def test_the_api_can_refuse_connections_and_come_back(api):
    await api.call("GET", "/v1/account")
    await api.standin.go_offline()
    for _ in range(2):  # the first meets the connection that was kept open
        with pytest.raises(aiohttp.ClientError):
            await make(api)
    await api.standin.come_online()
    assert (await make(api))[0] == 201
    assert len(api.standin.predictions) == 1


async def test_images_can_be_withheld_one_or_all(api):
    api.standin.faults.add("image-withheld")
    over = await api.finished((await api.create({"subject": SUBJECT, "number_of_outputs": 3}))["id"])
    assert len(over["output"]) == 2
    assert "Not returning image 1 as it has NSFW content.\n" in over["logs"]
    api.standin.faults.add("image-withheld", times=None)
    over = await api.finished((await api.create({"subject": SUBJECT, "number_of_outputs": 2}))["id"])
    assert over["status"] == "failed"
    assert over["error"].startswith("NSFW content detected in all outputs.")


async def test_whatever_goes_wrong_inside_a_model_fails_its_prediction(api):
    schemas = {"Input": {"properties": {}}, "Output": {"type": "string", "enum": []}}
    payload = {"owner": "sandbox", "name": "broken", "latest_version": {"openapi_schema": {"components": {}}}}
    payload["latest_version"]["openapi_schema"]["components"]["schemas"] = schemas
    model = api.standin.add_model(payload)
    over = await api.finished((await api.create({}, version=model.versions[0].id))["id"])
    assert over["status"] == "failed"
    assert over["error"].startswith("Prediction failed: ")


async def test_the_switches_that_are_on_can_be_watched(api):
    with api.standin.watch() as watch:
        api.standin.faults.add("error-500", times=2)
        assert (await anext(watch)).active == ("error-500",)
        api.standin.faults.clear()
        assert (await anext(watch)).active == ()
