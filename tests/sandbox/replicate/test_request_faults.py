"""The faults themselves, and those of requests."""

import asyncio

import aiohttp
import pytest

from sandbox.replicate import FAULT_TYPES, Faults

from .conftest import LLAMA, wait_until

BODY = {"version": LLAMA, "input": {"prompt": "hi", "max_tokens": 5}}


async def make(api):
    return await api.call("POST", "/v1/predictions", body=BODY)


def test_a_fault_strikes_as_often_as_it_was_told_and_where_it_was_aimed():
    faults = Faults()
    faults.add("error-500", on="GET /v1/*", times=2, skip=1)
    places = ["GET /v1/a", "POST /v1/a", "GET /v1/b", "GET /v1/c", "GET /v1/d"]
    assert [faults.trigger("error-500", place) is not None for place in places] == [False, False, True, True, False]
    assert not faults.active


def test_a_fault_without_a_number_strikes_until_it_is_cleared():
    faults, changes = Faults(), []
    faults.on_change.append(lambda: changes.append(len(faults.active)))
    fault = faults.add("error-500", times=None)
    assert all(faults.trigger("error-500", "GET /v1/x") for _ in range(5))
    assert fault.hits == 5
    faults.clear("error-500")
    assert faults.trigger("error-500", "GET /v1/x") is None
    assert changes[-1] == 0


def test_a_switch_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="“error-5000” is not a fault"):
        Faults().add("error-5000")


def test_every_switch_says_what_it_does_in_a_sentence():
    assert all(switch.description.endswith(".") for switch in FAULT_TYPES.values())


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
    await wait_until(lambda: bool(api.standin.predictions))
    assert not asked.done()
    assert api.standin.calls[-1].status is None
    asked.cancel()


async def test_a_request_can_be_neither_done_nor_answered(api):
    fault = api.standin.faults.add("stuck")
    asked = asyncio.create_task(make(api))
    await wait_until(lambda: fault.hits == 1)
    assert not asked.done()
    asked.cancel()
    assert (await make(api))[0] == 201
    assert len(api.standin.predictions) == 1


async def test_a_success_can_be_no_json(api):
    api.standin.faults.add("garbled")
    with pytest.raises(ValueError, match="Unterminated string"):
        await make(api)


async def test_an_answer_can_be_late(timed, clock):
    timed.standin.faults.add("delay", seconds=20)
    asked = asyncio.create_task(make(timed))
    await wait_until(lambda: bool(timed.standin.predictions))
    assert not asked.done()
    while not asked.done():
        await clock.advance(1)
    assert clock.monotonic() >= 20


async def test_the_api_can_refuse_connections_and_come_back(api):
    await api.call("GET", "/v1/account")
    await api.standin.go_offline()
    for _ in range(2):  # the first meets the connection that was kept open
        with pytest.raises(aiohttp.ClientError):
            await make(api)
    await api.standin.come_online()
    assert (await make(api))[0] == 201
    assert len(api.standin.predictions) == 1
