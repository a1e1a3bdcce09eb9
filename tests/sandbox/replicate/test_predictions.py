import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from sandbox.replicate import Throttle
from tests.clock import VirtualClock
from tests.replicate_spec import ABSENT, SPEC, check_replicate_calls
from tests.sandbox.replicate.conftest import CHARACTER, LLAMA, SUBJECT, ApiClient, wait_until


@pytest.mark.skipif(not SPEC.exists(), reason=ABSENT)
async def test_responses_are_checked_against_the_official_document(api: ApiClient) -> None:
    await api.create({"subject": SUBJECT})
    check_replicate_calls(api.standin.calls)
    wrong = replace(api.standin.calls[0], response={"id": "something else"})
    with pytest.raises(AssertionError, match="status"):
        check_replicate_calls([wrong])


async def test_a_created_prediction_looks_like_replicates(api: ApiClient) -> None:
    status, created, headers = await api.call(
        "POST", "/v1/predictions", body={"version": CHARACTER, "input": {"subject": SUBJECT}}
    )
    assert status == 201
    assert created["status"] == "starting"
    assert created["version"] == CHARACTER
    assert len(created["id"]) == 26
    assert headers["Location"] == created["urls"]["get"]
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    assert int(headers["ratelimit-remaining"]) == 599
    assert created["urls"]["stream"].startswith(f"{api.standin.stream_url}/v1/files/")


@pytest.mark.parametrize("version", [CHARACTER, f"fofr/consistent-character:{CHARACTER}", LLAMA])
async def test_a_version_can_be_given_in_three_forms(api: ApiClient, version: str) -> None:
    created = await api.create({"subject": SUBJECT, "prompt": "hello"}, version=version)
    assert created["version"] == ("hidden" if version == LLAMA else CHARACTER)


@pytest.mark.parametrize(
    "version",
    ["fofr/consistent-character", "fofr/consistent-character:latest", "0" * 64, f"meta/other:{CHARACTER}", "", "x"],
)
async def test_other_versions_are_refused(api: ApiClient, version: str) -> None:
    status, problem, headers = await api.call("POST", "/v1/predictions", body={"version": version, "input": {}})
    assert (status, problem["title"]) == (422, "Invalid version or not permitted")
    assert headers["Content-Type"] == "application/problem+json"


async def test_a_community_model_needs_a_version(api: ApiClient) -> None:
    path = "/v1/models/{}/predictions"
    assert (await api.call("POST", path.format("fofr/consistent-character"), body={"input": {}}))[0] == 404
    status, made, _ = await api.call("POST", path.format(LLAMA), body={"input": {"prompt": "hi"}})
    assert (status, made["version"]) == (201, "hidden")


async def test_a_deployment_returns_its_model_and_version(api: ApiClient) -> None:
    path = "/v1/deployments/sandbox/portraits"
    status, made, _ = await api.call("POST", f"{path}/predictions", body={"input": {"subject": SUBJECT}})
    assert (status, made["deployment"], made["version"]) == (201, "sandbox/portraits", CHARACTER)
    assert (await api.call("GET", path))[1]["current_release"]["version"] == CHARACTER


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (
            {"output_format": "gif"},
            {
                "type": "enum",
                "field": "input.output_format",
                "description": 'output_format must be one of the following: "webp", "jpg", "png"',
            },
        ),
        (
            {"number_of_outputs": 21},
            {
                "type": "number_lte",
                "field": "input.number_of_outputs",
                "description": "Must be less than or equal to 20",
            },
        ),
        (
            {"output_quality": "high"},
            {
                "type": "invalid_type",
                "field": "input.output_quality",
                "description": "Invalid type. Expected: integer, given: string",
            },
        ),
        (
            {"subject": "me.png"},
            {"type": "format", "field": "input.subject", "description": "Does not match format 'uri'"},
        ),
    ],
)
async def test_an_invalid_input_is_rejected_in_replicates_wording(
    api: ApiClient, given: dict[str, Any], field: dict[str, str]
) -> None:
    status, problem, _ = await api.call("POST", "/v1/predictions", body={"version": CHARACTER, "input": given})
    assert status == 422
    assert problem["title"] == "Input validation failed"
    assert problem["invalid_fields"] == [field]
    assert problem["detail"] == f"- {field['field']}: {field['description']}\n"
    assert not api.standin.predictions


async def test_a_missing_input_is_reported_for_the_whole_input(api: ApiClient) -> None:
    path = "/v1/models/black-forest-labs/flux-schnell/predictions"
    _, problem, _ = await api.call("POST", path, body={"input": {}})
    assert problem["detail"] == "- input: prompt is required\n"
    assert problem["invalid_fields"] == [{"type": "required", "field": "input", "description": "prompt is required"}]


async def test_unknown_fields_are_rejected_but_unknown_inputs_ignored(api: ApiClient) -> None:
    values = {"subject": SUBJECT, "colour": "red"}
    body = {"version": CHARACTER, "input": values, "colour": "red"}
    status, problem, _ = await api.call("POST", "/v1/predictions", body=body)
    assert status == 422
    assert "Additional property colour is not allowed" in problem["detail"]
    assert (await api.wait_for_end((await api.create(values))["id"]))["status"] == "succeeded"


async def test_the_character_model_fails_without_a_subject(api: ApiClient) -> None:
    finished = await api.wait_for_end((await api.create({}))["id"])
    assert finished["status"] == "failed"
    assert finished["error"] == "expected str, bytes or os.PathLike object, not NoneType"


@pytest.mark.parametrize("token", ["wrong", "r8_"])
async def test_a_wrong_token_is_rejected(api: ApiClient, token: str) -> None:
    status, problem, _ = await api.call("GET", "/v1/account", token=token)
    assert status == 401
    assert problem == {
        "title": "Unauthenticated",
        "detail": "You did not pass a valid authentication token",
        "status": 401,
    }


async def test_the_request_log_masks_the_token(api: ApiClient) -> None:
    await api.call("GET", "/v1/account")
    assert api.standin.token not in str(api.standin.calls)
    assert api.standin.calls[-1].headers["authorization"] == "Bearer (hidden)"


async def test_wait_returns_the_outputs_while_still_processing(timed: ApiClient, clock: VirtualClock) -> None:
    request = asyncio.create_task(
        timed.create({"prompt": "hi", "max_tokens": 3}, version=LLAMA, headers={"Prefer": "wait=10"})
    )
    while not request.done():
        await clock.advance(0.02)
    answer = request.result()
    assert answer["status"] == "processing"
    assert len(answer["output"]) == 3
    assert "completed_at" not in answer
    assert timed.standin.calls[-1].response_headers["preference-applied"] == "wait=10"


async def test_wait_ends_when_the_time_is_up(timed: ApiClient, clock: VirtualClock) -> None:
    request = asyncio.create_task(timed.create({"subject": SUBJECT}, headers={"Prefer": "wait=1"}))
    await wait_until(lambda: bool(timed.standin.predictions))
    while not request.done():
        await clock.advance(0.2)
    assert request.result()["status"] == "starting"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m45s", 5445), ("30", 30), ("2h", 7200)])
async def test_cancel_after_becomes_a_deadline(api: ApiClient, text: str, seconds: int) -> None:
    created = await api.create({"subject": SUBJECT}, headers={"Cancel-After": text})
    created_at, deadline = (datetime.fromisoformat(created[name]) for name in ("created_at", "deadline"))
    assert abs((deadline - created_at).total_seconds() - seconds) < 0.01


@pytest.mark.parametrize("text", ["4s", "0", "soon", "", "5 m"])
async def test_an_invalid_cancel_after_is_rejected(api: ApiClient, text: str) -> None:
    body = {"version": CHARACTER, "input": {"subject": SUBJECT}}
    status, _, _ = await api.call("POST", "/v1/predictions", body=body, headers={"Cancel-After": text})
    assert status == 422
    assert not api.standin.predictions


@pytest.mark.parametrize(("fault", "status"), [("never-starts", "aborted"), ("never-ends", "canceled")])
async def test_a_prediction_ends_at_its_deadline(
    timed: ApiClient, clock: VirtualClock, fault: str, status: str
) -> None:
    timed.standin.faults.add(fault)
    created = await timed.create({"prompt": "hi"}, version=LLAMA, headers={"Cancel-After": "10s"})
    await wait_until(lambda: clock.sleepers >= 1)
    await clock.advance(9)
    assert "completed_at" not in await timed.get(created["id"])
    await clock.advance(2)
    finished = await timed.wait_for_end(created["id"])
    assert finished["status"] == status


async def test_cancelling_keeps_the_outputs_and_ends_the_stream(api: ApiClient) -> None:
    api.standin.faults.add("never-ends", after=2)
    created = await api.create({"subject": SUBJECT, "number_of_outputs": 5})
    async with asyncio.timeout(20):
        await api.stream(created["urls"]["stream"], until=b"00002_")
    status, canceled, _ = await api.call("POST", created["urls"]["cancel"])
    assert (status, canceled["status"], len(canceled["output"])) == (200, "canceled", 2)
    assert canceled["metrics"]["total_time"] >= 0
    assert (await api.stream(created["urls"]["stream"])).endswith(b'data: {"reason":"canceled"}\n\n')


async def test_cancelling_after_the_end_changes_nothing(api: ApiClient) -> None:
    created = await api.create({"prompt": "hi"}, version=LLAMA)
    finished = await api.wait_for_end(created["id"])
    status, answer, _ = await api.call("POST", created["urls"]["cancel"])
    assert (status, answer["status"], answer["output"]) == (200, "succeeded", finished["output"])


async def test_cancelling_before_the_start_leaves_no_logs(timed: ApiClient) -> None:
    created = await timed.create({"subject": SUBJECT})
    _, canceled, _ = await timed.call("POST", created["urls"]["cancel"])
    assert (canceled["status"], canceled["logs"], canceled["output"]) == ("canceled", None, None)


async def test_unknown_paths_are_not_found(api: ApiClient) -> None:
    for method, path in (("GET", "/v1/predictions/x"), ("POST", "/v1/predictions/x/cancel"), ("GET", "/v1/nothing")):
        status, problem, _ = await api.call(method, path)
        assert (status, problem) == (404, {"detail": "The requested resource could not be found.", "status": 404})


async def test_the_list_is_paginated_newest_first_without_gaps(api: ApiClient) -> None:
    created = [(await api.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA))["id"] for _ in range(205)]
    url, pages = "/v1/predictions", []
    while url:
        _, page, _ = await api.call("GET", url)
        pages.append(page)
        url = page["next"]
    assert [row["id"] for page in pages for row in page["results"]] == created[::-1]
    assert [len(page["results"]) for page in pages] == [100, 100, 5]
    assert pages[1]["next"].startswith(f"{api.standin.base_url}/v1/predictions?cursor=")
    _, back, _ = await api.call("GET", pages[2]["previous"])
    assert back["results"][0]["id"] == pages[1]["results"][0]["id"]


async def test_the_list_can_be_filtered_by_time(timed: ApiClient, clock: VirtualClock) -> None:
    first = await timed.create({"prompt": "hi"}, version=LLAMA)
    await clock.advance(60)
    boundary = clock.now().isoformat()
    second = await timed.create({"prompt": "hi"}, version=LLAMA)
    _, newer, _ = await timed.call("GET", f"/v1/predictions?created_after={boundary.replace('+', '%2B')}")
    _, older, _ = await timed.call("GET", f"/v1/predictions?created_before={boundary.replace('+', '%2B')}")
    assert [row["id"] for row in newer["results"]] == [second["id"]]
    assert [row["id"] for row in older["results"]] == [first["id"]]


async def test_data_is_removed_an_hour_after_the_end(timed: ApiClient, clock: VirtualClock) -> None:
    created = await timed.create({"prompt": "hi", "max_tokens": 2}, version=LLAMA)
    while not timed.standin.predictions[created["id"]].finished:
        await clock.advance(0.1)
    await clock.advance(3590)
    assert (await timed.get(created["id"]))["output"]
    await clock.advance(20)
    gone = await timed.get(created["id"])
    assert (gone["data_removed"], gone["output"], gone["input"], gone["logs"]) == (True, None, {}, "")
    assert gone["status"] == "succeeded"


async def test_a_secret_input_is_redacted(api: ApiClient) -> None:
    secret = "a-secret-value"
    created = await api.create({"prompt": "hi", "api_key": secret}, version=api.latest_version("sandbox/keeper").id)
    finished = await api.wait_for_end(created["id"])
    assert secret not in str(finished)
    assert finished["input"]["api_key"] == "[REDACTED]"


async def test_timestamps_have_three_six_or_nine_digits(api: ApiClient) -> None:
    times = [(await api.create({"subject": SUBJECT}))["created_at"] for _ in range(3)]
    assert sorted(len(time.partition(".")[2]) - 1 for time in times) == [3, 6, 9]


async def test_an_account_with_low_credit_is_throttled(timed: ApiClient, clock: VirtualClock) -> None:
    timed.standin.throttle = Throttle(clock=clock)
    timed.standin.throttle.set_low_credit()
    body = {"version": LLAMA, "input": {"prompt": "hi"}}
    assert (await timed.call("POST", "/v1/predictions", body=body))[0] == 201
    status, problem, headers = await timed.call("POST", "/v1/predictions", body=body)
    assert status == 429
    assert problem["retry_after"] == 10
    assert "reduced to 6 requests per minute with a burst of 1" in problem["detail"]
    assert problem["detail"].endswith("Your rate limit resets in ~10s.")
    assert headers["ratelimit-remaining"] == "0"
    await clock.advance(10)
    assert (await timed.call("POST", "/v1/predictions", body=body))[0] == 201


async def test_each_kind_of_request_has_its_own_rate_limit(api: ApiClient) -> None:
    created = await api.create({"prompt": "hi"}, version=LLAMA)
    await api.get(created["id"])
    await api.call("GET", "/v1/account")
    assert [call.response_headers["ratelimit-remaining"] for call in api.standin.calls] == ["599", "59999", "2999"]
