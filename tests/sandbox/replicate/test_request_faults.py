"""The list of active faults, and the faults of requests."""

import asyncio
from typing import Any

import aiohttp
import pytest

from sandbox.replicate import FAULT_TYPES, Faults
from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import LLAMA, ApiClient, wait_until

BODY = {"version": LLAMA, "input": {"prompt": "hi", "max_tokens": 5}}


async def create(api: ApiClient) -> tuple[int, Any, Any]:
    return await api.call("POST", "/v1/predictions", body=BODY)


def test_a_fault_triggers_by_target_times_and_skip() -> None:
    faults = Faults()
    faults.add("error-500", on="GET /v1/*", times=2, skip=1)
    targets = ["GET /v1/a", "POST /v1/a", "GET /v1/b", "GET /v1/c", "GET /v1/d"]
    assert [faults.trigger("error-500", target) is not None for target in targets] == [False, False, True, True, False]
    assert not faults.active


def test_a_fault_without_times_triggers_until_cleared() -> None:
    faults = Faults()
    changes: list[int] = []
    faults.on_change.append(lambda: changes.append(len(faults.active)))
    fault = faults.add("error-500", times=None)
    assert all(faults.trigger("error-500", "GET /v1/x") for _ in range(5))
    assert fault.hits == 5
    faults.clear("error-500")
    assert faults.trigger("error-500", "GET /v1/x") is None
    assert changes[-1] == 0


def test_an_unknown_fault_is_named_in_the_error() -> None:
    with pytest.raises(ValueError, match="“error-5000” is not a fault"):
        Faults().add("error-5000")


def test_every_fault_type_has_a_description() -> None:
    assert all(fault_type.description.endswith(".") for fault_type in FAULT_TYPES.values())


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
async def test_an_error_response_can_replace_the_work(
    api: ApiClient, fault: str, settings: dict[str, Any], status: int
) -> None:
    api.standin.faults.add(fault, **settings)
    assert (await create(api))[0] == status
    assert not api.standin.predictions
    assert api.standin.calls[-1].fault == fault
    assert (await create(api))[0] == 201


async def test_an_error_response_can_follow_completed_work(api: ApiClient) -> None:
    api.standin.faults.add("error-502", handled=True)
    status, page, headers = await create(api)
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
async def test_a_429_gives_the_wait_in_one_of_three_forms(
    api: ApiClient, form: str, detail: str, retry_after: int | None, header: str | None
) -> None:
    api.standin.faults.add("throttled", form=form)
    _, problem, headers = await create(api)
    assert (problem["detail"], problem.get("retry_after"), headers.get("Retry-After")) == (detail, retry_after, header)


@pytest.mark.parametrize(("fault", "made"), [("reset-before", 0), ("reset-after", 1), ("half-answer", 1)])
async def test_a_connection_can_be_reset_before_or_after_the_work(api: ApiClient, fault: str, made: int) -> None:
    api.standin.faults.add(fault)
    with pytest.raises(aiohttp.ClientError):
        await create(api)
    assert len(api.standin.predictions) == made
    assert [call.fault for call in api.standin.calls.creates] == [fault]


async def test_a_request_can_be_accepted_without_a_response(api: ApiClient) -> None:
    api.standin.faults.add("silence")
    request = asyncio.create_task(create(api))
    await wait_until(lambda: bool(api.standin.predictions))
    assert not request.done()
    assert api.standin.calls[-1].status is None
    request.cancel()


async def test_a_request_can_be_stuck_without_being_done(api: ApiClient) -> None:
    fault = api.standin.faults.add("stuck")
    request = asyncio.create_task(create(api))
    await wait_until(lambda: fault.hits == 1)
    assert not request.done()
    request.cancel()
    assert (await create(api))[0] == 201
    assert len(api.standin.predictions) == 1


async def test_a_success_can_have_invalid_json(api: ApiClient) -> None:
    api.standin.faults.add("garbled")
    with pytest.raises(ValueError, match="Unterminated string"):
        await create(api)


async def test_a_response_can_be_delayed(timed: ApiClient, clock: VirtualClock) -> None:
    timed.standin.faults.add("delay", seconds=20)
    request = asyncio.create_task(create(timed))
    await wait_until(lambda: bool(timed.standin.predictions))
    assert not request.done()
    while not request.done():
        await clock.advance(1)
    assert clock.monotonic() >= 20


async def test_the_api_can_go_offline_and_come_back(api: ApiClient) -> None:
    await api.call("GET", "/v1/account")
    await api.standin.go_offline()
    for _ in range(2):  # the first request uses the kept-alive connection
        with pytest.raises(aiohttp.ClientError):
            await create(api)
    await api.standin.come_online()
    assert (await create(api))[0] == 201
    assert len(api.standin.predictions) == 1
