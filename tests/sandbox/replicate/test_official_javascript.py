"""The official JavaScript package running the examples of the model's page, against the stand-in."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent / "javascript"
HOSTED = "https://replicate.delivery/pbxt/L0gy7uyLE5UP0uz12cndDdSOIgw5R3rV5N6G2pbt7kEK9dCr/0_3.webp"


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The examples in a folder of their own, with the package installed beside them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js is not on this machine.")
    folder = tmp_path_factory.mktemp("javascript")
    for name in ("package.json", "examples.mjs"):
        shutil.copy(SOURCE / name, folder)
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        pytest.skip(f"The replicate package cannot be had from npm: {done.stderr.strip()[-200:]}")
    return folder


@pytest.fixture
def example(api, project, photo, tmp_path):
    (tmp_path / "subject.png").write_bytes(photo)

    async def run(name: str) -> Any:
        environment = os.environ | {
            "BASE_URL": api.standin.base_url,
            "REPLICATE_API_TOKEN": api.standin.token,
            "PHOTO": str(tmp_path / "subject.png"),
        }
        process = await asyncio.create_subprocess_exec(
            "node",
            "examples.mjs",
            name,
            cwd=project,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, problems = await process.communicate()
        assert process.returncode == 0, problems.decode()
        return json.loads(out)

    return run


def names(urls: list[str]) -> list[str]:
    return [url.rpartition("/")[2] for url in urls]


FIVE = [f"ComfyUI_{number:05d}_.webp" for number in range(1, 6)]


async def test_run_with_a_hosted_file(api, example):
    assert names(await example("runWithUrl")) == FIVE
    assert api.standin.calls.creates[0].body["input"]["subject"] == HOSTED


async def test_run_with_a_buffer_uploads_it(api, example, photo):
    assert names(await example("runWithBuffer")) == FIVE
    (upload,) = api.standin.calls.to("POST /v1/files")
    assert upload.body["size"] == len(photo)
    assert api.standin.calls.creates[0].body["input"]["subject"].startswith(f"{api.standin.base_url}/v1/files/")


async def test_run_with_a_data_uri(api, example):
    assert names(await example("runWithDataUri")) == FIVE
    subject = api.standin.calls.creates[0].body["input"]["subject"]
    assert subject.startswith("data:application/octet-stream;base64,")


async def test_stream_tells_each_picture(example):
    events = await example("stream")
    assert [event for event, _, _ in events] == ["output"] * 5 + ["done"]
    assert names([text for _, text, _ in events][:5]) == FIVE


async def test_stream_tells_a_text(api, example):
    text = await example("streamText")
    (prediction,) = api.standin.predictions.values()
    assert text == "".join(prediction.output)
    assert "```python\n" in text


async def test_create_and_poll(example):
    assert await example("createAndPoll") == ["starting", "succeeded", 5]


async def test_cancel(api, example):
    api.standin.faults.add("never-starts")
    assert await example("cancel") == "canceled"


async def test_a_webhook_arrives_signed(example):
    assert await example("webhook") == [True, "succeeded"]


async def test_a_wrong_input_is_told(example):
    assert await example("wrongInput") == [422, True]
