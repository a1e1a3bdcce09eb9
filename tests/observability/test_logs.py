"""Logs: one format for every logger, with the ids of the run and without secrets."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog

from bot.observability.logs import LogFormat, bind_run, configure_logging
from tests.logs import configure_logs

SECRET = "a-secret-of-this-test"
PIECE = "notarealsecret0123456789"


@pytest.fixture
def output() -> Iterator[io.StringIO]:
    """The output of logging that is configured in the test; the configuration is restored afterwards."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    yield io.StringIO()
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], root.level, sys.excepthook = before[0], before[1], before[2]
    logging.captureWarnings(capture=False)
    configure_logs()
    for name in ("httpx", "httpcore", "aiohttp.access", "aiosqlite", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def log_lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_json_lines_have_event_level_logger_and_values(output: io.StringIO) -> None:
    configure_logging(log_format="json", stream=output)
    structlog.get_logger("bot.runs").info("run_ended", end="succeeded", seconds=4.5)
    [line] = log_lines(output)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "run_ended", "level": "info", "logger": "bot.runs", "end": "succeeded", "seconds": 4.5}


def test_libraries_log_in_the_same_format(output: io.StringIO) -> None:
    configure_logging(log_format="json", stream=output)
    logging.getLogger("discord.gateway").warning("Shard %s is back", 3, extra={"shard": 3})
    [line] = log_lines(output)
    assert (line["event"], line["logger"], line["shard"]) == ("Shard 3 is back", "discord.gateway", 3)


def test_a_delay_that_was_never_measured_is_not_logged(output: io.StringIO) -> None:
    configure_logging(log_format="json", stream=output)
    gateway, words = logging.getLogger("discord.gateway"), "Can't keep up, shard ID %s websocket is %.1fs behind."
    gateway.warning(words, None, 41.3)
    gateway.warning(words, None, 12.5)
    assert [line["event"] for line in log_lines(output)] == ["Can't keep up, shard ID None websocket is 12.5s behind."]


def test_every_line_within_a_run_has_its_ids(output: io.StringIO) -> None:
    configure_logging(log_format="json", stream=output)
    with bind_run("run-1", prediction=lambda: "5pcm"):
        structlog.get_logger("bot").info("one")
        logging.getLogger("discord").info("two")
    logging.getLogger("discord").info("three")
    assert [(line.get("run"), line.get("prediction")) for line in log_lines(output)] == [("run-1", "5pcm")] * 2 + [
        (None, None)
    ]


async def test_concurrent_runs_keep_their_ids(output: io.StringIO) -> None:
    configure_logging(log_format="json", stream=output)

    async def work(run: str) -> None:
        with bind_run(run):
            await asyncio.sleep(0)
            structlog.get_logger("bot").info(run)

    await asyncio.gather(*(work(f"run-{n}") for n in range(5)))
    assert all(line["run"] == line["event"] for line in log_lines(output))


def test_the_people_format_is_one_line_per_event(output: io.StringIO) -> None:
    configure_logging(log_format="people", stream=output)
    structlog.get_logger("bot").info("run_ended", end="succeeded")
    [line] = output.getvalue().splitlines()
    assert "run_ended" in line
    assert "end=succeeded" in line
    assert "\x1b" not in line


def test_lines_below_the_level_are_not_written(output: io.StringIO) -> None:
    configure_logging(level="warning", stream=output)
    structlog.get_logger("bot").info("quiet")
    logging.getLogger("discord").info("quiet")
    assert output.getvalue() == ""


def refuse(url: str) -> None:
    raise ValueError(url)


def leak(secret: str) -> None:
    hidden_local = f"https://discord.com/api/webhooks/1/{secret}/x"
    try:
        refuse(hidden_local)
    except ValueError as error:
        raise RuntimeError(f"could not send {secret}") from error


@pytest.mark.parametrize("log_format", ["json", "people"])
@pytest.mark.parametrize("level", ["info", "debug"])
async def test_no_secret_is_written_in_any_way(output: io.StringIO, log_format: LogFormat, level: str) -> None:
    configure_logging(log_format=log_format, level=level, secrets=[SECRET], stream=output)
    ours, theirs = structlog.get_logger("bot"), logging.getLogger("discord.http")
    ours.info(f"in the text {SECRET}", value=SECRET, nested={"a": [SECRET]}, api_token=PIECE)
    ours.info("a stream", url=f"https://stream.replicate.com/v1/files/abcd-{PIECE}")
    theirs.info("%s with %s", f"https://discord.com/api/v10/webhooks/1/{PIECE}", {"token": PIECE})
    theirs.info("extra", extra={"password": PIECE, "image": f"data:image/png;base64,{PIECE}"})
    for log in (ours, theirs):
        try:
            leak(SECRET)
        except RuntimeError:
            log.exception("failed")
    ours.info("a stack", stack_info=True)
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as http:
        await http.get(f"https://cdn.example.test/a.png?ex=1&hm={PIECE}", headers={"authorization": f"Bearer {PIECE}"})
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"a warning with {SECRET}", UserWarning, stacklevel=1)
    asyncio.get_running_loop().call_exception_handler({"message": f"lost task {SECRET}"})
    assert "could not send" in output.getvalue()
    assert "lost task" in output.getvalue()
    assert "a warning with" in output.getvalue()
    assert SECRET not in output.getvalue()
    assert PIECE not in output.getvalue()


@pytest.mark.parametrize("log_format", ["json", "people"])
def test_tracebacks_have_no_local_variables(output: io.StringIO, log_format: LogFormat) -> None:
    configure_logging(log_format=log_format, stream=output)
    try:
        leak("plain")
    except RuntimeError:
        structlog.get_logger("bot").exception("failed")
    assert "RuntimeError: could not send plain" in output.getvalue()
    assert "in leak" in output.getvalue()
    assert "hidden_local = " not in output.getvalue()


def test_uncaught_exceptions_are_logged_without_secrets() -> None:
    program = (
        "from bot.observability.logs import LogFormat, configure_logging\n"
        f"configure_logging(log_format='json', secrets=['{SECRET}'])\n"
        f"raise RuntimeError('oh no {SECRET}'.upper().lower())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert SECRET not in done.stderr
    assert json.loads(done.stderr)["level"] == "critical"
    assert "RuntimeError: oh no" in done.stderr
