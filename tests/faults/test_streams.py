"""The stream closes, stalls, repeats, lies or is not there: every run ends in the right last message."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import QUICK, OpenBot, running_bot
from tests.faults.environment import BotUnderTest

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOST: dict[str, tuple[str, dict[str, Any]]] = {
    "it closes early": ("stream-close", {"after": 1}),
    "it closes again and again before anything comes": ("stream-close", {"times": 3}),
    "it is cut in the middle of an event": ("stream-cut", {"after": 1}),
    "it stalls": ("stream-stall", {"after": 1}),
    "it is down": ("stream-down", {"times": None}),
    "it is gone": ("stream-gone", {}),
    "it times out before it begins": ("stream-408", {"times": 2}),
    "it is no stream": ("stream-json", {}),
    "it has no address": ("no-stream-url", {}),
    "it is silent": ("no-events", {"times": None}),
}
ODD: dict[str, tuple[str, dict[str, Any]]] = {
    "events come twice": ("stream-duplicate", {"times": None}),
    "events have no ids": ("stream-no-ids", {"times": None}),
    "ids do not grow": ("stream-shuffled", {"times": None}),
    "unknown events come between": ("stream-unknown", {"times": None}),
    "nonsense comes between": ("stream-corrupt", {"times": None}),
    "it never says done": ("no-done", {"times": None}),
    "it says done too early": ("early-done", {"times": None}),
    "it says done and shows nothing": ("no-outputs", {"times": None}),
}


@pytest.mark.parametrize("trouble", LOST)
async def test_a_lost_stream_loses_no_image(shared_bot: BotUnderTest, trouble: str) -> None:
    fault, how = LOST[trouble]
    shared_bot.replicate.faults.add(fault, **how)
    run = await shared_bot.generate(images=3)
    await run.assert_consistent(images=3)


@pytest.mark.parametrize("trouble", ODD)
async def test_a_malformed_stream_shows_every_image_once(shared_bot: BotUnderTest, trouble: str) -> None:
    fault, how = ODD[trouble]
    shared_bot.replicate.faults.add(fault, **how)
    run = await shared_bot.generate(images=3)
    await run.assert_consistent(images=3)


async def test_a_replaying_stream_shows_every_image_once(shared_bot: BotUnderTest) -> None:
    for fault in ("stream-no-ids", "stream-duplicate"):
        shared_bot.replicate.faults.add(fault, times=None)
    shared_bot.replicate.faults.add("stream-close", after=2, times=3)
    run = await shared_bot.generate(images=4)
    await run.assert_consistent(images=4)


@pytest.mark.parametrize("fault", ["stream-cut", "stream-duplicate", "stream-no-ids", "stream-down", "no-outputs"])
async def test_streamed_text_is_complete_and_not_repeated(shared_bot: BotUnderTest, fault: str) -> None:
    shared_bot.replicate.faults.add(fault, times=None if fault != "stream-cut" else 1, after=20)
    run = await shared_bot.talk(f"Tell me of {fault} in 90 words.")
    await run.wait_until_delivered()
    whole = "".join(run.predictions[0].output)
    shown = "".join(one.text for one in (run.message, *run.follow_ups))
    for line in filter(None, whole.splitlines()[2:]):
        assert shown.count(line) == 1, line


@pytest.mark.parametrize(("fault", "how"), [("stream-stall", {"after": 60}), ("no-done", {})])
async def test_a_text_whose_stream_never_ends_is_over_soon(tmp_path: Path, fault: str, how: dict[str, Any]) -> None:
    slow = replace(QUICK, tokens_per_second=25)
    async with running_bot(tmp_path, timings=slow) as bot:
        bot.replicate.faults.add(fault, times=None, **how)
        run = await bot.talk(f"Tell me of {fault} in 60 words.")
        await run.assert_consistent()  # within LONG, which is half of what a silent connection is given


ENDS: dict[str, tuple[dict[str, Any], str, str]] = {
    "fails": ({"after": 1}, "failed", "interrupted the run"),
    "aborted": ({}, "aborted", "Ended early"),
    "inline-outputs": ({}, "succeeded", "2 images"),
    "image-withheld": ({}, "succeeded", "1 of 2 images · 1 was held back by the model's safety filter"),
    "no-web-url": ({}, "succeeded", "2 images"),
}


@pytest.mark.parametrize("fault", ENDS)
async def test_every_final_status_ends_the_run(shared_bot: BotUnderTest, fault: str) -> None:
    how, state, said = ENDS[fault]
    shared_bot.replicate.faults.add(fault, **how)
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(state)
    assert said in run.card_text


ERRORS: dict[str, tuple[str, str]] = {
    "colours": ("\x1b[31mNo face\x1b[0m found in\x07 the \u202eimage", "“No face found in the image”"),
    "a download": ("Error: download of https://example.test/a.png timed out", "couldn't download a file"),
    "a name that is taken": ("A LoRA called 'fox' already exists", "“A LoRA called 'fox' already exists”"),
    "a traceback": ("Traceback (most recent call last):\n safety_checker.py\nValueError: no face", "“no face”"),
}


@pytest.mark.parametrize("error", ERRORS)
async def test_a_models_error_is_told_plainly_by_its_cause(shared_bot: BotUnderTest, error: str) -> None:
    text, said = ERRORS[error]
    shared_bot.replicate.faults.add("fails", error=text)
    run = await shared_bot.generate(images=1)
    await run.assert_consistent("failed")
    assert said in run.card_text
    assert run.card_text.replace("\n", "").isprintable()


async def test_output_from_before_a_failure_stays(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("fails", after=2)
    run = await shared_bot.generate(images=3)
    await run.assert_consistent("failed")
    assert len(run.images) == len(run.predictions[0].output) > 0
    assert "kept" in run.card_text


async def test_removed_data_is_shown_from_the_stream(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("data-removed")
    run = await shared_bot.generate(images=2)
    await run.assert_consistent(images=2)


async def test_data_removed_before_the_first_poll_is_reported(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("data-removed")
    shared_bot.replicate.faults.add("no-stream-url")
    shared_bot.replicate.faults.add("error-503", on="GET /v1/predictions/*", times=5)
    run = await shared_bot.generate(images=1)
    await run.wait_until_delivered()
    assert run.state == "failed"
    assert "already deleted the output" in run.card_text


@pytest.mark.parametrize(("fault", "state"), [("never-starts", "aborted"), ("never-ends", "canceled")])
async def test_replicate_stops_the_run_at_the_deadline(open_bot: OpenBot, fault: str, state: str) -> None:
    async with open_bot(RUN_DEADLINE="5s") as bot:
        bot.replicate.faults.add(fault)
        run = await bot.generate(images=3)
        await run.assert_consistent(state)
        assert run.predictions[0].deadline is not None
        assert "5 s" in run.card_text


async def test_an_outage_of_replicate_is_shown_and_survived(shared_bot: BotUnderTest) -> None:
    shared_bot.replicate.faults.add("no-stream-url")
    shared_bot.replicate.faults.add("slow-start", seconds=1)
    fault = shared_bot.replicate.faults.add("error-503", on="GET /v1/predictions/*", times=None)
    run = await shared_bot.generate(images=2)
    await run.wait_for(lambda: "can't be reached" in run.card_text)
    shared_bot.replicate.faults.clear(fault)
    await run.assert_consistent(images=2)
    assert "can't be reached" not in run.card_text
