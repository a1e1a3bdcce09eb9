"""The faults of predictions."""

import pytest

from .conftest import SUBJECT


@pytest.mark.parametrize(
    "error",
    ["", "CUDA out of memory.", "The input or output was flagged as sensitive. Please try again. (E005) (x1)"],
)
async def test_a_prediction_can_fail_in_any_words_after_some_outputs(api, error):
    api.standin.faults.add("fails", error=error, after=2)
    over = await api.finished((await api.five_tokens())["id"])
    assert (over["status"], over["error"], len(over["output"])) == ("failed", error, 2)


async def test_a_prediction_can_be_aborted(api):
    api.standin.faults.add("aborted")
    over = await api.finished((await api.five_tokens())["id"])
    assert (over["status"], over["output"]) == ("aborted", None)
    assert "started_at" not in over


async def test_a_prediction_can_lose_its_data_at_once(api):
    api.standin.faults.add("data-removed")
    over = await api.finished((await api.five_tokens())["id"])
    assert (over["status"], over["output"], over["data_removed"]) == ("succeeded", None, True)


async def test_a_prediction_can_be_without_a_stream_or_a_web_address(api):
    api.standin.faults.add("no-stream-url")
    api.standin.faults.add("no-web-url")
    assert (await api.five_tokens())["urls"].keys() == {"get", "cancel"}


async def test_outputs_can_be_data_uris(api):
    api.standin.faults.add("inline-outputs")
    over = await api.finished((await api.create({"subject": SUBJECT, "number_of_outputs": 1}))["id"])
    assert over["output"][0].startswith("data:image/webp;base64,")


async def test_a_cancellation_can_lag(timed, clock):
    timed.standin.faults.add("never-ends")
    timed.standin.faults.add("cancel-lags", seconds=5)
    created = await timed.five_tokens()
    await clock.advance(1)
    assert (await timed.call("POST", created["urls"]["cancel"]))[1]["status"] == "processing"
    await clock.advance(6)
    assert (await timed.get(created["id"]))["status"] == "canceled"


async def test_a_cancellation_and_an_upload_can_fail(api):
    created = await api.five_tokens()
    api.standin.faults.add("cancel-fails")
    api.standin.faults.add("upload-fails")
    assert (await api.call("POST", created["urls"]["cancel"]))[0] == 500
    assert (await api.call("POST", "/v1/files"))[0] == 500


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


async def test_a_model_can_take_its_time_to_wake(timed, clock):
    timed.standin.faults.add("slow-start", seconds=600)
    created = await timed.five_tokens()
    await clock.advance(599)
    assert (await timed.get(created["id"]))["status"] == "starting"
    await clock.advance(2)
    assert (await timed.finished(created["id"]))["status"] == "succeeded"
