"""Metrics and logs of a bot process after a run."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sandbox.discord.state.models import Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from sandbox.replicate.job import Timings
from tests.app.conftest import answered, eventually, over, reached
from tests.bot_environment import open_environment

PROMPT = "a private lighthouse"
ME = Upload("me.png", draw_portrait())


@pytest.fixture
async def environment(tmp_path: Path) -> AsyncIterator[Environment]:
    """A bot with an HTTP port that logs JSON."""
    settings = {"HTTP_PORT": "0", "LOG_FORMAT": "json"}
    async with open_environment(
        tmp_path, timings=Timings(boot=0.2, queue=0.1, image=0.2), settings=settings
    ) as environment:
        await environment.start_bot()
        yield environment


async def get(environment: Environment, path: str) -> tuple[int, str]:
    [started] = [line for line in log_lines(environment) if line["event"] == "http_server_started"]
    url = f"http://127.0.0.1:{started['port']}{path}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def samples(environment: Environment) -> dict[str, float]:
    """Return every sample by name and the labels transport and direction, summed over other labels."""
    _, text = await get(environment, "/metrics")
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            parts = [sample.labels[label] for label in ("transport", "direction") if label in sample.labels]
            name = ".".join([sample.name.removeprefix("replicord_"), *parts])
            values[name] = values.get(name, 0.0) + sample.value
    return values


def log_lines(environment: Environment) -> list[dict[str, object]]:
    return [json.loads(line) for line in environment.bot.log.read_text().splitlines()]


async def run(environment: Environment, values: dict[str, object]) -> None:
    mia, pictures = environment.discord.person("mia"), environment.discord.state.channel("pictures")
    message = answered(await mia.use_command(pictures, "generate", values))
    await reached(environment, lambda: over(message))
    await eventually(lambda: any(line["event"] == "run_delivered" for line in log_lines(environment)))


async def test_a_run_updates_every_metric(environment: Environment) -> None:
    await run(environment, {"prompt": PROMPT, "subject": ME, "number_of_outputs": 2})
    found = await samples(environment)
    moved = (
        "runs_started_total", "runs_ended_total", "run_seconds_count", "first_content_seconds_count",
        "acknowledgement_seconds_count", "staleness_seconds_count", "edits_total.token", "edit_seconds_count.token",
        "queue_wait_seconds_count", "creates_total", "database_seconds_count", "bytes_total.uploaded",
        "bytes_total.fetched", "bytes_total.given", "gateway_latency_seconds", "replicate_request_seconds_count",
    )  # fmt: skip
    assert [name for name in moved if not found.get(name)] == []
    assert found["acknowledgement_seconds_sum"] < 1.0
    assert found["bytes_total.given"] == len(ME.data)
    assert found["runs_active"] == found["queue_length"] == 0


async def test_throttled_edits_and_reconnects_are_counted(environment: Environment) -> None:
    environment.discord.faults.throttle("PATCH /webhooks/*", seconds=0.2)
    environment.discord.faults.drop_gateway()
    await run(environment, {"subject": ME, "number_of_outputs": 1})
    await eventually(lambda: environment.discord.gateway.connected)
    async with asyncio.timeout(20):
        while not (found := await samples(environment)).get("gateway_reconnects_total"):
            await asyncio.sleep(0.1)
    assert found["throttled_total.token"] == 1


async def test_log_lines_have_ids_and_no_private_data(environment: Environment) -> None:
    await run(environment, {"prompt": PROMPT, "subject": ME, "number_of_outputs": 2})
    lines = log_lines(environment)
    [began] = [line for line in lines if line["event"] == "run_started"]
    [prediction] = environment.replicate.predictions
    of_run = [line for line in lines if line.get("run") == began["run"]]
    assert len(of_run) >= 4
    after = of_run[[line["event"] for line in of_run].index("create_sent") :]
    assert {line.get("prediction") for line in after} == {prediction}
    whole = environment.bot.log.read_text()
    for private in (
        PROMPT,
        "data:image",
        environment.discord.bot_token,
        environment.replicate.token,
        "/delivery/",
        "/stream/",
    ):
        assert private not in whole


async def test_a_start_logs_no_noise_and_no_warnings(environment: Environment) -> None:
    loggers = {str(line["logger"]) for line in log_lines(environment)}
    assert not {name for name in loggers if name.startswith(("alembic", "discord.client", "aiosqlite", "httpx"))}
    assert not {line["level"] for line in log_lines(environment)} & {"warning", "error", "critical"}


async def test_readiness_names_its_parts(environment: Environment) -> None:
    async with asyncio.timeout(20):
        while (await get(environment, "/readyz"))[0] != 200:
            await asyncio.sleep(0.05)
    _, text = await get(environment, "/readyz")
    assert json.loads(text)["parts"] == {"discord": True, "database": True, "replicate": True}
