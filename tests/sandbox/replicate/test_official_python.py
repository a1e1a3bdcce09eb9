"""The official Python package against the stand-in."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator

import pytest
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.pagination import async_paginate

from sandbox.replicate import ReplicateStandIn
from tests.sandbox.replicate.conftest import CHARACTER, LLAMA, SUBJECT

REF = f"fofr/consistent-character:{CHARACTER}"


@pytest.fixture
async def client(standin: ReplicateStandIn) -> AsyncIterator[Client]:
    client = Client(api_token=standin.token, base_url=standin.base_url)
    client.poll_interval = 0.01
    yield client
    # The package never closes the clients that it creates on first use.
    client._client.close()
    await client._async_client.aclose()


async def test_run_returns_the_images(client: Client) -> None:
    images = await client.async_run(REF, input={"subject": SUBJECT, "number_of_outputs": 2})
    urls = [str(image) async for image in images]
    assert [url.rpartition("/")[2] for url in urls] == ["ComfyUI_00001_.webp", "ComfyUI_00002_.webp"]


async def test_run_works_from_a_thread_that_blocks(client: Client) -> None:
    def run() -> list[str]:
        assert threading.current_thread() is not threading.main_thread()
        return [str(url) for url in client.run(REF, input={"subject": SUBJECT, "number_of_outputs": 1})]

    assert len(await asyncio.to_thread(run)) == 1


async def test_run_uploads_an_open_file(client: Client, standin: ReplicateStandIn, photo: bytes) -> None:
    file = io.BytesIO(photo)
    file.name = "me.png"
    urls = [url async for url in await client.async_run(REF, input={"subject": file, "number_of_outputs": 1})]
    assert len(urls) == 1
    prediction = next(iter(standin.predictions.values()))
    assert prediction.input["subject"].startswith(f"{standin.base_url}/v1/files/")


async def test_run_of_an_official_model_needs_no_version(client: Client) -> None:
    tokens = await client.async_run(LLAMA, input={"prompt": "hello", "max_tokens": 10})
    assert isinstance(tokens, list)
    assert len(tokens) == 10


async def test_run_raises_the_models_error(client: Client) -> None:
    with pytest.raises(ModelError, match="not NoneType"):
        [image async for image in await client.async_run(REF, input={}, wait=False)]


async def test_stream_yields_tokens_and_then_done(client: Client) -> None:
    events = [event async for event in await client.async_stream(LLAMA, input={"prompt": "hello", "max_tokens": 12})]
    assert [event.event.value for event in events] == ["output"] * 12 + ["done"]
    assert events[-1].data == "{}"
    assert "".join(str(event) for event in events).strip()


async def test_stream_yields_images(client: Client) -> None:
    events = [
        event async for event in await client.async_stream(REF, input={"subject": SUBJECT, "number_of_outputs": 2})
    ]
    assert [str(event).rpartition("/")[2] for event in events] == ["ComfyUI_00001_.webp", "ComfyUI_00002_.webp", ""]


async def test_predictions_can_be_created_polled_listed_and_cancelled(
    client: Client, standin: ReplicateStandIn
) -> None:
    standin.faults.add("never-ends", after=1)
    prediction = await client.predictions.async_create(version=CHARACTER, input={"subject": SUBJECT})
    assert prediction.status == "starting"
    while not prediction.output:
        await prediction.async_reload()
    await prediction.async_cancel()
    await prediction.async_reload()
    assert (prediction.status, len(prediction.output)) == ("canceled", 1)
    assert (await client.predictions.async_list()).results[0].id == prediction.id


async def test_progress_can_be_read_from_the_logs(client: Client) -> None:
    prediction = await client.predictions.async_create(version=CHARACTER, input={"subject": SUBJECT})
    await prediction.async_wait()
    assert prediction.progress is not None
    assert prediction.progress.current == prediction.progress.total == 4


async def test_every_page_of_the_list_is_followed(client: Client) -> None:
    for _ in range(103):
        await client.models.predictions.async_create(LLAMA, input={"prompt": "x", "max_tokens": 1})
    pages = [page async for page in async_paginate(client.predictions.async_list)]
    assert [len(page.results) for page in pages] == [100, 3]


async def test_a_deployment_runs(client: Client) -> None:
    prediction = await client.deployments.predictions.async_create("sandbox/portraits", input={"subject": SUBJECT})
    await prediction.async_wait()
    assert prediction.status == "succeeded"


async def test_files_can_be_created_listed_read_and_deleted(client: Client, photo: bytes) -> None:
    file = await client.files.async_create(io.BytesIO(photo), filename="me.png", metadata={"who": "me"})
    assert (file.name, file.content_type, file.metadata) == ("me.png", "image/png", {"who": "me"})
    assert [listed.id for listed in await client.files.async_list()] == [file.id]
    assert (await client.files.async_get(file.id)).checksums == file.checksums
    assert await client.files.async_delete(file.id)
    with pytest.raises(ReplicateError, match="File not found"):
        await client.files.async_get(file.id)


async def test_models_versions_and_search(client: Client) -> None:
    model = await client.models.async_get("fofr/consistent-character")
    assert model.latest_version is not None
    assert model.latest_version.id == CHARACTER
    assert model.latest_version.openapi_schema["components"]["schemas"]["Output"]["x-cog-array-type"] == "iterator"
    assert [version.id for version in (await model.versions.async_list()).results] == [CHARACTER]
    assert model.id in [found.id for found in (await client.models.async_list()).results]
    assert (await client.models.async_search("consistent-character")).results[0].name == "consistent-character"


async def test_account_hardware_and_webhook_secret(client: Client, standin: ReplicateStandIn) -> None:
    assert (await client.accounts.async_current()).username == "sandbox"
    assert "gpu-t4" in [hardware.sku for hardware in await client.hardware.async_list()]
    assert (await client.webhooks.default.async_secret()).key == standin.webhook_secret


async def test_errors_are_raised_with_their_status_and_title(client: Client, standin: ReplicateStandIn) -> None:
    with pytest.raises(ReplicateError) as refused:
        await client.predictions.async_create(version=CHARACTER, input={"number_of_outputs": 0})
    assert (refused.value.status, refused.value.title) == (422, "Input validation failed")
    standin.faults.add("no-credit")
    with pytest.raises(ReplicateError, match="Insufficient credit"):
        await client.predictions.async_create(version=CHARACTER, input={"subject": SUBJECT})
    other_client = Client(api_token="wrong", base_url=standin.base_url)
    with pytest.raises(ReplicateError, match="valid authentication token"):
        await other_client.accounts.async_current()
    await other_client._async_client.aclose()


async def test_a_throttled_read_is_retried(client: Client, standin: ReplicateStandIn) -> None:
    standin.faults.add("throttled", form="header", seconds=0)
    assert (await client.accounts.async_current()).username == "sandbox"
    assert [call.status for call in standin.calls] == [429, 200]
