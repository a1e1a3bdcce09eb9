"""The faults of predictions."""

import pytest

from tests.clock import VirtualClock
from tests.sandbox.replicate.conftest import SUBJECT, ApiClient


@pytest.mark.parametrize(
    "error",
    ["", "CUDA out of memory.", "The input or output was flagged as sensitive. Please try again. (E005) (x1)"],
)
async def test_a_prediction_can_fail_with_any_error_after_outputs(api: ApiClient, error: str) -> None:
    api.standin.faults.add("fails", error=error, after=2)
    finished = await api.wait_for_end((await api.create_short_text())["id"])
    assert (finished["status"], finished["error"], len(finished["output"])) == ("failed", error, 2)


async def test_a_prediction_can_be_aborted(api: ApiClient) -> None:
    api.standin.faults.add("aborted")
    finished = await api.wait_for_end((await api.create_short_text())["id"])
    assert (finished["status"], finished["output"]) == ("aborted", None)
    assert "started_at" not in finished


async def test_a_prediction_can_lose_its_data_at_once(api: ApiClient) -> None:
    api.standin.faults.add("data-removed")
    finished = await api.wait_for_end((await api.create_short_text())["id"])
    assert (finished["status"], finished["output"], finished["data_removed"]) == ("succeeded", None, True)


async def test_a_prediction_can_lack_its_stream_and_web_urls(api: ApiClient) -> None:
    api.standin.faults.add("no-stream-url")
    api.standin.faults.add("no-web-url")
    assert (await api.create_short_text())["urls"].keys() == {"get", "cancel"}


async def test_outputs_can_be_data_uris(api: ApiClient) -> None:
    api.standin.faults.add("inline-outputs")
    finished = await api.wait_for_end((await api.create({"subject": SUBJECT, "number_of_outputs": 1}))["id"])
    assert finished["output"][0].startswith("data:image/webp;base64,")


async def test_a_cancellation_can_lag(timed: ApiClient, clock: VirtualClock) -> None:
    timed.standin.faults.add("never-ends")
    timed.standin.faults.add("cancel-lags", seconds=5)
    created = await timed.create_short_text()
    await clock.advance(1)
    assert (await timed.call("POST", created["urls"]["cancel"]))[1]["status"] == "processing"
    await clock.advance(6)
    assert (await timed.get(created["id"]))["status"] == "canceled"


async def test_a_cancellation_and_an_upload_can_fail(api: ApiClient) -> None:
    created = await api.create_short_text()
    api.standin.faults.add("cancel-fails")
    api.standin.faults.add("upload-fails")
    assert (await api.call("POST", created["urls"]["cancel"]))[0] == 500
    assert (await api.call("POST", "/v1/files"))[0] == 500


async def test_images_can_be_withheld_one_or_all(api: ApiClient) -> None:
    api.standin.faults.add("image-withheld")
    finished = await api.wait_for_end((await api.create({"subject": SUBJECT, "number_of_outputs": 3}))["id"])
    assert len(finished["output"]) == 2
    assert "Not returning image 1 as it has NSFW content.\n" in finished["logs"]
    api.standin.faults.add("image-withheld", times=None)
    finished = await api.wait_for_end((await api.create({"subject": SUBJECT, "number_of_outputs": 2}))["id"])
    assert finished["status"] == "failed"
    assert finished["error"].startswith("NSFW content detected in all outputs.")


async def test_an_error_in_a_predictor_fails_the_prediction(api: ApiClient) -> None:
    schemas = {"Input": {"properties": {}}, "Output": {"type": "string", "enum": []}}
    version = {"openapi_schema": {"components": {"schemas": schemas}}}
    model = api.standin.add_model({"owner": "sandbox", "name": "broken", "latest_version": version})
    finished = await api.wait_for_end((await api.create({}, version=model.versions[0].id))["id"])
    assert finished["status"] == "failed"
    assert finished["error"].startswith("Prediction failed: ")


async def test_a_model_can_be_slow_to_start(timed: ApiClient, clock: VirtualClock) -> None:
    timed.standin.faults.add("slow-start", seconds=600)
    created = await timed.create_short_text()
    await clock.advance(599)
    assert (await timed.get(created["id"]))["status"] == "starting"
    await clock.advance(2)
    assert (await timed.wait_for_end(created["id"]))["status"] == "succeeded"
