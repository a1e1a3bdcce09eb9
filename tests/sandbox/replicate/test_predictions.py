import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from sandbox.replicate import Throttle
from tests.replicate_spec import ABSENT, SPEC, check_replicate_calls

from .conftest import CHARACTER, LLAMA, SUBJECT, wait_until


@pytest.mark.skipif(not SPEC.exists(), reason=ABSENT)
async def test_what_goes_over_the_wire_is_held_against_the_official_document(api):
    await api.create({"subject": SUBJECT})
    check_replicate_calls(api.standin.calls)
    wrong = replace(api.standin.calls[0], response={"id": "something else"})
    with pytest.raises(AssertionError, match="status"):
        check_replicate_calls([wrong])


async def test_a_created_prediction_looks_like_replicates(api):
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
async def test_a_version_may_be_named_in_three_ways(api, version):
    created = await api.create({"subject": SUBJECT, "prompt": "hello"}, version=version)
    assert created["version"] == ("hidden" if version == LLAMA else CHARACTER)


@pytest.mark.parametrize(
    "version",
    ["fofr/consistent-character", "fofr/consistent-character:latest", "0" * 64, f"meta/other:{CHARACTER}", "", "x"],
)
async def test_other_versions_are_refused(api, version):
    status, problem, headers = await api.call("POST", "/v1/predictions", body={"version": version, "input": {}})
    assert (status, problem["title"]) == (422, "Invalid version or not permitted")
    assert headers["Content-Type"] == "application/problem+json"


async def test_a_community_model_has_no_road_without_a_version(api):
    path = "/v1/models/{}/predictions"
    assert (await api.call("POST", path.format("fofr/consistent-character"), body={"input": {}}))[0] == 404
    status, made, _ = await api.call("POST", path.format(LLAMA), body={"input": {"prompt": "hi"}})
    assert (status, made["version"]) == (201, "hidden")


async def test_a_deployment_says_what_it_runs(api):
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
async def test_an_input_that_does_not_fit_is_refused_in_replicates_words(api, given, field):
    status, problem, _ = await api.call("POST", "/v1/predictions", body={"version": CHARACTER, "input": given})
    assert status == 422
    assert problem["title"] == "Input validation failed"
    assert problem["invalid_fields"] == [field]
    assert problem["detail"] == f"- {field['field']}: {field['description']}\n"
    assert not api.standin.predictions


async def test_a_missing_input_is_the_whole_inputs_fault(api):
    path = "/v1/models/black-forest-labs/flux-schnell/predictions"
    _, problem, _ = await api.call("POST", path, body={"input": {}})
    assert problem["detail"] == "- input: prompt is required\n"
    assert problem["invalid_fields"] == [{"type": "required", "field": "input", "description": "prompt is required"}]


async def test_unknown_keys_are_refused_at_the_top_and_ignored_in_the_input(api):
    body = {"version": CHARACTER, "input": {"subject": SUBJECT, "colour": "red"}}
    status, problem, _ = await api.call("POST", "/v1/predictions", body={**body, "colour": "red"})
    assert status == 422
    assert "Additional property colour is not allowed" in problem["detail"]
    assert (await api.finished((await api.create(body["input"]))["id"]))["status"] == "succeeded"


async def test_the_character_model_fails_without_a_subject_although_its_schema_allows_it(api):
    over = await api.finished((await api.create({}))["id"])
    assert over["status"] == "failed"
    assert over["error"] == "expected str, bytes or os.PathLike object, not NoneType"


@pytest.mark.parametrize("token", ["wrong", "r8_"])
async def test_a_wrong_token_is_not_let_in(api, token):
    status, problem, _ = await api.call("GET", "/v1/account", token=token)
    assert status == 401
    assert problem == {
        "title": "Unauthenticated",
        "detail": "You did not pass a valid authentication token",
        "status": 401,
    }


async def test_calls_do_not_show_the_token(api):
    await api.call("GET", "/v1/account")
    assert api.standin.token not in str(api.standin.calls)
    assert api.standin.calls[-1].headers["authorization"] == "Bearer (hidden)"


async def test_waiting_answers_with_the_outputs_while_the_prediction_is_still_processing(timed, clock):
    asked = asyncio.create_task(
        timed.create({"prompt": "hi", "max_tokens": 3}, version=LLAMA, headers={"Prefer": "wait=10"})
    )
    while not asked.done():
        await clock.advance(0.02)
    answer = asked.result()
    assert answer["status"] == "processing"
    assert len(answer["output"]) == 3
    assert "completed_at" not in answer
    assert timed.standin.calls[-1].response_headers["preference-applied"] == "wait=10"


async def test_waiting_ends_when_the_time_is_up(timed, clock):
    asked = asyncio.create_task(timed.create({"subject": SUBJECT}, headers={"Prefer": "wait=1"}))
    await wait_until(lambda: bool(timed.standin.predictions))
    while not asked.done():
        await clock.advance(0.2)
    assert asked.result()["status"] == "starting"


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("5m", 300), ("1h30m45s", 5445), ("30", 30), ("2h", 7200)])
async def test_cancel_after_becomes_a_deadline(api, text, seconds):
    created = await api.create({"subject": SUBJECT}, headers={"Cancel-After": text})
    made, deadline = (datetime.fromisoformat(created[name]) for name in ("created_at", "deadline"))
    assert abs((deadline - made).total_seconds() - seconds) < 0.01


@pytest.mark.parametrize("text", ["4s", "0", "soon", "", "5 m"])
async def test_a_cancel_after_that_makes_no_sense_is_refused(api, text):
    body = {"version": CHARACTER, "input": {"subject": SUBJECT}}
    status, _, _ = await api.call("POST", "/v1/predictions", body=body, headers={"Cancel-After": text})
    assert status == 422
    assert not api.standin.predictions


@pytest.mark.parametrize(("fault", "status"), [("never-starts", "aborted"), ("never-ends", "canceled")])
async def test_at_its_deadline_a_prediction_is_aborted_or_canceled(timed, clock, fault, status):
    timed.standin.faults.add(fault)
    created = await timed.create({"prompt": "hi"}, version=LLAMA, headers={"Cancel-After": "10s"})
    await wait_until(lambda: clock.sleepers >= 1)
    await clock.advance(9)
    assert "completed_at" not in await timed.get(created["id"])
    await clock.advance(2)
    over = await timed.finished(created["id"])
    assert over["status"] == status


async def test_cancelling_keeps_what_was_made_and_is_told_at_once(api):
    api.standin.faults.add("never-ends", after=2)
    created = await api.create({"subject": SUBJECT, "number_of_outputs": 5})
    async with asyncio.timeout(20):
        await api.stream(created["urls"]["stream"], until=b"00002_")
    status, canceled, _ = await api.call("POST", created["urls"]["cancel"])
    assert (status, canceled["status"], len(canceled["output"])) == (200, "canceled", 2)
    assert canceled["metrics"]["total_time"] >= 0
    assert (await api.stream(created["urls"]["stream"])).endswith(b'data: {"reason":"canceled"}\n\n')


async def test_cancelling_after_the_end_changes_nothing(api):
    created = await api.create({"prompt": "hi"}, version=LLAMA)
    over = await api.finished(created["id"])
    status, answer, _ = await api.call("POST", created["urls"]["cancel"])
    assert (status, answer["status"], answer["output"]) == (200, "succeeded", over["output"])


async def test_cancelling_before_the_start_leaves_no_logs(timed):
    created = await timed.create({"subject": SUBJECT})
    _, canceled, _ = await timed.call("POST", created["urls"]["cancel"])
    assert (canceled["status"], canceled["logs"], canceled["output"]) == ("canceled", None, None)


async def test_what_is_unknown_is_not_found(api):
    for method, path in (("GET", "/v1/predictions/x"), ("POST", "/v1/predictions/x/cancel"), ("GET", "/v1/nothing")):
        status, problem, _ = await api.call(method, path)
        assert (status, problem) == (404, {"detail": "The requested resource could not be found.", "status": 404})


async def test_the_list_is_paged_newest_first_and_every_prediction_is_on_one_page(api):
    made = [(await api.create({"prompt": "hi", "max_tokens": 1}, version=LLAMA))["id"] for _ in range(205)]
    seen, url, pages = [], "/v1/predictions", []
    while url:
        _, page, _ = await api.call("GET", url)
        seen += [row["id"] for row in page["results"]]
        pages.append(page)
        url = page["next"]
    assert seen == made[::-1]
    assert [len(page["results"]) for page in pages] == [100, 100, 5]
    assert pages[1]["next"].startswith(f"{api.standin.base_url}/v1/predictions?cursor=")
    _, back, _ = await api.call("GET", pages[2]["previous"])
    assert back["results"][0]["id"] == pages[1]["results"][0]["id"]


async def test_the_list_can_be_cut_by_time(timed, clock):
    first = await timed.create({"prompt": "hi"}, version=LLAMA)
    await clock.advance(60)
    border = clock.now().isoformat()
    second = await timed.create({"prompt": "hi"}, version=LLAMA)
    _, newer, _ = await timed.call("GET", f"/v1/predictions?created_after={border.replace('+', '%2B')}")
    _, older, _ = await timed.call("GET", f"/v1/predictions?created_before={border.replace('+', '%2B')}")
    assert [row["id"] for row in newer["results"]] == [second["id"]]
    assert [row["id"] for row in older["results"]] == [first["id"]]


async def test_an_hour_after_its_end_a_predictions_data_is_gone(timed, clock):
    created = await timed.create({"prompt": "hi", "max_tokens": 2}, version=LLAMA)
    while not timed.standin.predictions[created["id"]].finished:
        await clock.advance(0.1)
    await clock.advance(3590)
    assert (await timed.get(created["id"]))["output"]
    await clock.advance(20)
    gone = await timed.get(created["id"])
    assert (gone["data_removed"], gone["output"], gone["input"], gone["logs"]) == (True, None, {}, "")
    assert gone["status"] == "succeeded"


async def test_a_secret_input_is_never_repeated(api):
    secret = "the key of the cellar"
    created = await api.create(
        {"prompt": "hi", "api_key": secret}, version=api.standin.catalog.find_model("sandbox/keeper").versions[0].id
    )
    over = await api.finished(created["id"])
    assert secret not in str(over)
    assert over["input"]["api_key"] == "[REDACTED]"


async def test_timestamps_have_three_six_or_nine_digits(api):
    stamps = [(await api.create({"subject": SUBJECT}))["created_at"] for _ in range(3)]
    assert sorted(len(stamp.partition(".")[2]) - 1 for stamp in stamps) == [3, 6, 9]


async def test_an_account_with_little_credit_is_throttled_in_replicates_words(timed, clock):
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


async def test_each_kind_of_request_has_a_rate_of_its_own(api):
    created = await api.create({"prompt": "hi"}, version=LLAMA)
    await api.get(created["id"])
    await api.call("GET", "/v1/account")
    assert [call.response_headers["ratelimit-remaining"] for call in api.standin.calls] == ["599", "59999", "2999"]
