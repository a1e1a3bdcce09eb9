"""Logs: one form for every logger, with the run's id, and nothing secret."""

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

from bot.observability.logs import bind_run, configure_logging

SECRET = "a-secret-of-this-test"
PIECE = "notarealsecret0123456789"


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is written by logging that is set up in the test; afterwards everything is as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level, sys.excepthook
    yield io.StringIO()
    for handler in root.handlers:
        if handler not in before[0]:
            handler.close()
    root.handlers[:], root.level, sys.excepthook = before[0], before[1], before[2]
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    for name in ("httpx", "httpcore", "aiohttp.access", "aiosqlite", "alembic.runtime.migration"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_json_lines_have_event_level_logger_time_and_values(written):
    configure_logging(log_format="json", stream=written)
    structlog.get_logger("bot.runs").info("Run ended.", end="succeeded", seconds=4.5)
    [line] = lines(written)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "Run ended.", "level": "info", "logger": "bot.runs", "end": "succeeded", "seconds": 4.5}


def test_libraries_log_in_the_same_form(written):
    configure_logging(log_format="json", stream=written)
    logging.getLogger("discord.gateway").warning("Shard %s is back", 3, extra={"shard": 3})
    [line] = lines(written)
    assert (line["event"], line["logger"], line["shard"]) == ("Shard 3 is back", "discord.gateway", 3)


def test_lines_of_a_run_carry_its_ids_whoever_writes_them(written):
    configure_logging(log_format="json", stream=written)
    with bind_run("run-1", prediction=lambda: "5pcm"):
        structlog.get_logger("bot").info("one")
        logging.getLogger("discord").info("two")
    logging.getLogger("discord").info("three")
    assert [(line.get("run"), line.get("prediction")) for line in lines(written)] == [("run-1", "5pcm")] * 2 + [
        (None, None)
    ]


async def test_runs_beside_each_other_keep_their_ids(written):
    configure_logging(log_format="json", stream=written)

    async def work(run: str) -> None:
        with bind_run(run):
            await asyncio.sleep(0)
            structlog.get_logger("bot").info(run)

    await asyncio.gather(*(work(f"run-{n}") for n in range(5)))
    assert all(line["run"] == line["event"] for line in lines(written))


def test_for_people_a_line_is_a_line(written):
    configure_logging(log_format="people", stream=written)
    structlog.get_logger("bot").info("Run ended.", end="succeeded")
    [line] = written.getvalue().splitlines()
    assert "Run ended." in line
    assert "end=succeeded" in line
    assert "\x1b" not in line


def test_what_is_below_the_level_is_not_written(written):
    configure_logging(level="warning", stream=written)
    structlog.get_logger("bot").info("quiet")
    logging.getLogger("discord").info("quiet")
    assert written.getvalue() == ""


def refuse(url: str) -> None:
    raise ValueError(url)


def leak(secret: str) -> None:
    hidden_local = f"https://discord.com/api/webhooks/1/{secret}/x"
    try:
        refuse(hidden_local)
    except ValueError as error:
        raise RuntimeError(f"could not send {secret}") from error


@pytest.mark.parametrize("form", ["json", "people"])
@pytest.mark.parametrize("level", ["info", "debug"])
async def test_no_secret_is_written_by_any_road(written, form, level):
    configure_logging(log_format=form, level=level, secrets=[SECRET], stream=written)
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
    assert "could not send" in written.getvalue()
    assert "lost task" in written.getvalue()
    assert "a warning with" in written.getvalue()
    assert SECRET not in written.getvalue()
    assert PIECE not in written.getvalue()


@pytest.mark.parametrize("form", ["json", "people"])
def test_an_exception_comes_with_its_traceback_but_not_with_local_variables(written, form):
    configure_logging(log_format=form, stream=written)
    try:
        leak("plain")
    except RuntimeError:
        structlog.get_logger("bot").exception("failed")
    assert "RuntimeError: could not send plain" in written.getvalue()
    assert "in leak" in written.getvalue()
    assert "hidden_local = " not in written.getvalue()


def test_an_exception_that_nobody_catches_is_logged_without_secrets():
    program = (
        "from bot.observability.logs import configure_logging\n"
        f"configure_logging(log_format='json', secrets=['{SECRET}'])\n"
        f"raise RuntimeError('oh no {SECRET}'.upper().lower())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert SECRET not in done.stderr
    assert json.loads(done.stderr)["level"] == "critical"
    assert "RuntimeError: oh no" in done.stderr
