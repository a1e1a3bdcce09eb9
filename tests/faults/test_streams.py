"""The stream closes, stalls, repeats, lies or is not there: every run ends in the right last message."""

import pytest

from tests.faults.conftest import Open
from tests.faults.environment import Stage

pytestmark = pytest.mark.asyncio(loop_scope="session")

LOST = {
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
ODD = {
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
async def test_a_lost_stream_loses_no_image(shared: Stage, trouble: str) -> None:
    fault, how = LOST[trouble]
    shared.replicate.faults.add(fault, **how)
    asked = await shared.ask(images=3)
    await asked.sound(images=3)


@pytest.mark.parametrize("trouble", ODD)
async def test_a_malformed_stream_shows_every_image_once(shared: Stage, trouble: str) -> None:
    fault, how = ODD[trouble]
    shared.replicate.faults.add(fault, **how)
    asked = await shared.ask(images=3)
    await asked.sound(images=3)


async def test_a_replaying_stream_shows_every_image_once(shared: Stage) -> None:
    for fault in ("stream-no-ids", "stream-duplicate"):
        shared.replicate.faults.add(fault, times=None)
    shared.replicate.faults.add("stream-close", after=2, times=3)
    asked = await shared.ask(images=4)
    await asked.sound(images=4)


@pytest.mark.parametrize("fault", ["stream-cut", "stream-duplicate", "stream-no-ids", "stream-down", "no-outputs"])
async def test_streamed_text_is_complete_and_not_repeated(shared: Stage, fault: str) -> None:
    shared.replicate.faults.add(fault, times=None if fault != "stream-cut" else 1, after=20)
    asked = await shared.talk(f"Tell me of {fault} in 90 words.")
    await asked.settled()
    whole = "".join(asked.predictions[0].output)
    shown = "".join(one.text for one in (asked.message, *asked.replies))
    for line in filter(None, whole.splitlines()[2:]):
        assert shown.count(line) == 1, line


ENDS = {
    "fails": ({"after": 1}, "failed", "interrupted the run"),
    "aborted": ({}, "aborted", "Ended early"),
    "inline-outputs": ({}, "succeeded", "2 images"),
    "image-withheld": ({}, "succeeded", "1 image"),
    "no-web-url": ({}, "succeeded", "2 images"),
}


@pytest.mark.parametrize("fault", ENDS)
async def test_every_final_status_ends_the_run(shared: Stage, fault: str) -> None:
    how, state, said = ENDS[fault]
    shared.replicate.faults.add(fault, **how)
    asked = await shared.ask(images=2)
    await asked.sound(state)
    assert said in asked.words


async def test_output_from_before_a_failure_stays(shared: Stage) -> None:
    shared.replicate.faults.add("fails", after=2)
    asked = await shared.ask(images=3)
    await asked.sound("failed")
    assert len(asked.images) == len(asked.predictions[0].output) > 0
    assert "kept" in asked.words


async def test_removed_data_is_shown_from_the_stream(shared: Stage) -> None:
    shared.replicate.faults.add("data-removed")
    asked = await shared.ask(images=2)
    await asked.sound(images=2)


async def test_data_removed_before_the_first_poll_is_reported(shared: Stage) -> None:
    shared.replicate.faults.add("data-removed")
    shared.replicate.faults.add("no-stream-url")
    shared.replicate.faults.add("error-503", on="GET /v1/predictions/*", times=5)
    asked = await shared.ask(images=1)
    await asked.settled()
    assert asked.state == "failed"
    assert "already deleted the output" in asked.words


@pytest.mark.parametrize(("fault", "state"), [("never-starts", "aborted"), ("never-ends", "canceled")])
async def test_replicate_stops_the_run_at_the_deadline(house_of: Open, fault: str, state: str) -> None:
    async with house_of(RUN_DEADLINE="5s") as stage:
        stage.replicate.faults.add(fault)
        asked = await stage.ask(images=3)
        await asked.sound(state)
        assert asked.predictions[0].deadline is not None
        assert "5 s" in asked.words


async def test_an_outage_of_replicate_is_shown_and_survived(shared: Stage) -> None:
    shared.replicate.faults.add("no-stream-url")
    shared.replicate.faults.add("slow-start", seconds=1)
    fault = shared.replicate.faults.add("error-503", on="GET /v1/predictions/*", times=None)
    asked = await shared.ask(images=2)
    await asked.until(lambda: "cannot be reached" in asked.words)
    shared.replicate.faults.clear(fault)
    await asked.sound(images=2)
    assert "cannot be reached" not in asked.words
