"""The official JavaScript package, running the examples of the model's page against the stand-in."""

import asyncio
import json
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.replicate.conftest import ApiClient

SCRIPT = Path(__file__).with_name("examples.mjs")
HOSTED = "https://replicate.delivery/pbxt/L0gy7uyLE5UP0uz12cndDdSOIgw5R3rV5N6G2pbt7kEK9dCr/0_3.webp"
FIVE_FILES = [f"ComfyUI_{number:05d}_.webp" for number in range(1, 6)]

RunExample = Callable[[str], Awaitable[Any]]


@pytest.fixture
def run_example(api: ApiClient, npm_folder: Path, photo: bytes, tmp_path: Path) -> RunExample:
    """A function that runs one example and returns what it prints, as JSON."""
    # Node.js resolves imports from the script's own folder, which all test processes share: each has its own copy.
    script = shutil.copy(SCRIPT, npm_folder / f"{SCRIPT.stem}-{os.getpid()}.mjs")
    photo_path = tmp_path / "subject.png"
    photo_path.write_bytes(photo)

    async def run(name: str) -> Any:
        process = await asyncio.create_subprocess_exec(
            "node",
            script,
            name,
            env=os.environ
            | {
                "BASE_URL": api.standin.base_url,
                "REPLICATE_API_TOKEN": api.standin.token,
                "PHOTO": str(photo_path),
            },
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return json.loads(output)

    return run


def file_names(urls: list[str]) -> list[str]:
    return [url.rpartition("/")[2] for url in urls]


async def test_run_with_a_hosted_file(api: ApiClient, run_example: RunExample) -> None:
    assert file_names(await run_example("runWithUrl")) == FIVE_FILES
    assert api.standin.calls.creates[0].body["input"]["subject"] == HOSTED


async def test_run_with_a_buffer_uploads_it(api: ApiClient, run_example: RunExample, photo: bytes) -> None:
    assert file_names(await run_example("runWithBuffer")) == FIVE_FILES
    (upload,) = api.standin.calls.to("POST /v1/files")
    assert upload.body["size"] == len(photo)
    assert api.standin.calls.creates[0].body["input"]["subject"].startswith(f"{api.standin.base_url}/v1/files/")


async def test_run_with_a_data_uri(api: ApiClient, run_example: RunExample) -> None:
    assert file_names(await run_example("runWithDataUri")) == FIVE_FILES
    subject = api.standin.calls.creates[0].body["input"]["subject"]
    assert subject.startswith("data:application/octet-stream;base64,")


async def test_stream_yields_each_image(run_example: RunExample) -> None:
    events = await run_example("stream")
    assert [event for event, _, _ in events] == ["output"] * 5 + ["done"]
    assert file_names([text for _, text, _ in events][:5]) == FIVE_FILES


async def test_stream_yields_a_text(api: ApiClient, run_example: RunExample) -> None:
    text = await run_example("streamText")
    (prediction,) = api.standin.predictions.values()
    assert text == "".join(prediction.output)
    assert "```python\n" in text


async def test_create_and_poll(run_example: RunExample) -> None:
    assert await run_example("createAndPoll") == ["starting", "succeeded", 5]


async def test_cancel(api: ApiClient, run_example: RunExample) -> None:
    api.standin.faults.add("never-starts")
    assert await run_example("cancel") == "canceled"


async def test_a_webhook_is_signed(run_example: RunExample) -> None:
    assert await run_example("webhook") == [True, "succeeded"]


async def test_an_invalid_input_is_reported(run_example: RunExample) -> None:
    assert await run_example("invalidInput") == [422, True]
