"""The card of a chain: a line for each step, the newest picture large, the others beside their steps."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.runs.snapshot import Phase, RunSnapshot
from bot.store.models import EarlierStep, Run, RunChain, RunState, StepPlan
from bot.ui.render.payloads import Component
from bot.ui.render.rendered_message import DEFAULT_OPTIONS, RenderOptions
from bot.ui.render.run_card import render_run
from bot.ui.render.status import format_completion_notice
from tests.ui.factories import NOW, make_file, make_run, make_snapshot
from tests.ui.message_rules import check_message

NAMES = ("draw", "enhance", "cutout")


def make_step(number: int, **changes: Any) -> Run:
    steps = tuple(StepPlan(command=name, target="owner/model", input={}, output_schema={}) for name in NAMES)
    earlier = tuple(
        EarlierStep(run_id=f"r{n}", seconds=4.0 * n, picture=f"{n}-{NAMES[n - 1]}-01.webp") for n in range(1, number)
    )
    chain = RunChain(id="r1", name="/poster", number=number, steps=steps, prompt="a fox", began_at=NOW, earlier=earlier)
    return make_run(id=f"r{number}", command=NAMES[number - 1], prompt=None, chain=chain, **changes)


def components(snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS) -> list[Component]:
    messages = render_run(snapshot, options)
    assert len(messages) == 1
    (card,) = messages[0].components
    inner: list[Component] = card["components"]
    return inner


def lines(snapshot: RunSnapshot) -> list[str]:
    """Return the lines of the steps."""
    found: list[str] = []
    for component in components(snapshot):
        texts = component["components"] if component["type"] == 9 else [component]
        found += [line for text in texts if text["type"] == 10 for line in text["content"].split("\n")]
    return [line for line in found if line.startswith("**") and line[2].isdigit()]


def buttons(snapshot: RunSnapshot) -> list[str]:
    return [button["label"] for button in components(snapshot)[-1]["components"]]


def images(snapshot: RunSnapshot, type_: int) -> list[str]:
    """Return what is shown by galleries (12), or by the thumbnails of sections (9)."""
    found = [component for component in components(snapshot) if component["type"] == type_]
    if type_ == 9:
        return [section["accessory"]["media"]["url"] for section in found]
    return [item["media"]["url"] for gallery in found for item in gallery["items"]]


def test_the_first_step_runs_and_the_others_wait() -> None:
    snapshot = make_snapshot(Phase.RUNNING, run=make_step(1))
    assert lines(snapshot) == [
        "**1** · /draw · **Running**",
        "**2** · /enhance · Waiting",
        "**3** · /cutout · Waiting",
    ]
    assert components(snapshot)[0]["content"] == "**mia** · /poster"
    assert buttons(snapshot) == ["Cancel", "Details"]


def test_between_two_steps_the_chain_can_be_canceled() -> None:
    snapshot = make_snapshot(Phase.SUCCEEDED, make_file(), run=make_step(1))
    assert lines(snapshot) == [
        "**1** · /draw · **Done** · 41 s",
        "**2** · /enhance · **Starting**",
        "**3** · /cutout · Waiting",
    ]
    assert buttons(snapshot) == ["Cancel", "Details"]


def test_the_picture_stays_large_until_there_is_a_newer_one() -> None:
    running = make_snapshot(Phase.RUNNING, run=make_step(2))
    assert images(running, 12) == ["attachment://1-draw-01.webp"]
    assert images(running, 9) == []
    newer = make_snapshot(Phase.RUNNING, make_file(), run=make_step(2))
    assert images(newer, 12) == ["attachment://generate-01.webp"]
    assert images(newer, 9) == ["attachment://1-draw-01.webp"]
    (message,) = render_run(newer)
    assert message.kept == ("1-draw-01.webp",)


def test_a_finished_chain_shows_every_picture() -> None:
    snapshot = make_snapshot(Phase.SUCCEEDED, make_file(), run=make_step(3))
    assert images(snapshot, 9) == ["attachment://1-draw-01.webp", "attachment://2-enhance-01.webp"]
    assert images(snapshot, 12) == ["attachment://generate-01.webp"]
    assert lines(snapshot)[0] == "**1** · /draw · **Done** · 4 s"
    assert lines(snapshot)[2].startswith("**3** · /cutout · **Done** · 1 image")
    assert buttons(snapshot)[:3] == ["Edit", "Details", "Again"]


def test_a_failed_step_is_named_and_the_picture_stays() -> None:
    run = make_step(2, cause="model", failure='{"message": "boom"}')
    snapshot = make_snapshot(Phase.FAILED, run=run)
    assert lines(snapshot)[1].startswith("**2** · /enhance · **Failed:** “boom”")
    assert lines(snapshot)[2] == "**3** · /cutout · Not started"
    assert images(snapshot, 12) == ["attachment://1-draw-01.webp"]
    assert buttons(snapshot)[:3] == ["Edit", "Details", "Again"]


def test_a_step_that_could_not_start_says_why() -> None:
    limited = make_snapshot(Phase.FAILED, run=make_step(2, cause="step_limit"))
    assert "You've reached your limit of runs" in lines(limited)[1]
    without = make_snapshot(Phase.FAILED, run=make_step(2, cause="step_picture"))
    assert "The step before made no picture that this one could take." in lines(without)[1]


def test_a_picture_that_discord_lost_is_not_referred_to() -> None:
    snapshot = make_snapshot(Phase.RUNNING, run=make_step(2))
    options = RenderOptions(missing=frozenset({"1-draw-01.webp"}))
    assert not [one for one in components(snapshot, options) if one["type"] == 12]


def test_every_state_of_a_chain_fits_discord() -> None:
    for number in (1, 2, 3):
        for phase in Phase:
            (message,) = render_run(make_snapshot(phase, *map(make_file, range(1, 8)), run=make_step(number)))
            check_message(message.components)


def test_the_notice_counts_the_whole_chain() -> None:
    run = replace(make_step(3, created_at=NOW + timedelta(minutes=2)), ended_at=NOW + timedelta(minutes=3))
    snapshot = make_snapshot(Phase.SUCCEEDED, make_file(), run=replace(run, state=RunState.SUCCEEDED))
    assert format_completion_notice(snapshot) == "<@111111111111111111>, your image is ready (3 min)"
