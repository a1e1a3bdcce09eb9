"""The status line and the notice: done means done, and what is missing is said."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.outputs.items import LinkItem, TextItem
from bot.runs.outcome import FailureCode
from bot.runs.snapshot import FINAL_PHASES, Phase, Progress, RunSnapshot
from bot.store.models import Run, RunOutput, RunState
from bot.ui.render.cards import Tone
from bot.ui.render.rendered_message import DEFAULT_OPTIONS, RenderOptions
from bot.ui.render.run_card import render_run, render_stored_status, tone_of
from bot.ui.render.status import (
    ResultCounts,
    count_outputs,
    count_stored,
    format_completion_notice,
    format_status,
    format_times,
)
from tests.ui.factories import NOW, PDF, lasting, make_file, make_run, make_snapshot
from tests.ui.message_rules import iter_components, text_contents

PICTURES = {"type": "array", "items": {"type": "string", "format": "uri"}}
LINK = LinkItem("generate-02.webp", "https://x.example/2", "Too large to upload here: 12 MB (limit 10 MB)")


def finished(images: int, *, expected: int | None = 2, cause: str | None = None, **changes: Any) -> RunSnapshot:
    run = make_run(output_schema=PICTURES, expected=expected, cause=cause, prediction_id="p", **changes)
    return make_snapshot(Phase.SUCCEEDED, *[make_file(number) for number in range(1, images + 1)], run=run)


def rows(images: int, *, removed: int = 0) -> list[RunOutput]:
    """Return the rows of delivered images, the first of which are removed."""
    return [
        RunOutput(
            run_id="r1", number=number, name=f"generate-{number:02}.webp", mime="image/webp", size=1, width=8, height=8,
            message_id=400, attachment_id=number, remove_requested_at=NOW if number <= removed else None,
        )
        for number in range(1, images + 1)
    ]  # fmt: skip


def colour(snapshot: RunSnapshot, options: RenderOptions = DEFAULT_OPTIONS) -> int:
    return int(render_run(snapshot, options)[0].components[0]["accent_color"])


@pytest.mark.parametrize(
    ("snapshot", "hidden", "line"),
    [
        (finished(2), (), "**Done** · 2 images"),
        (
            finished(1, cause="filtered"),
            (),
            "**Done** · 1 of 2 images · 1 was held back by the model's safety filter",
        ),
        (
            finished(1, expected=4, cause="filtered"),
            (),
            "**Done** · 1 of 4 images · 3 were held back by the model's safety filter",
        ),
        (finished(1), (), "**Done** · 1 of 2 images"),
        (finished(2), ("generate-02.webp",), "**Done** · 1 of 2 images · 1 couldn't be shown"),
        (finished(1, expected=None), ("generate-01.webp",), "**Done** · 0 of 1 image · 1 couldn't be shown"),
        (finished(3), (), "**Done** · 3 images"),
    ],
)
def test_a_result_says_what_it_lacks(snapshot: RunSnapshot, hidden: tuple[str, ...], line: str) -> None:
    options = RenderOptions(withheld=dict.fromkeys(hidden, "Discord rejected it."))
    assert f"{line}\n-# took 41 s" in text_contents(render_run(snapshot, options)[0].components)
    is_complete = "of" not in line
    assert colour(snapshot, options) == (Tone.SUCCESS if is_complete else Tone.WARNING)


def test_a_file_that_is_only_linked_is_missing() -> None:
    snapshot = replace(finished(1), items=(make_file(1), LINK))
    assert format_status(snapshot) == "**Done** · 1 of 2 images · 1 couldn't be shown"


def test_a_model_of_one_file_lacks_nothing_of_a_count() -> None:
    run = make_run(output_schema={"type": "string", "format": "uri"}, expected=4)
    assert format_status(make_snapshot(Phase.SUCCEEDED, make_file(1), run=run)) == "**Done** · 1 image"


def test_a_file_that_discord_refused_is_missing_in_the_notice() -> None:
    snapshot = lasting(finished(2), 75)
    counts = count_outputs(snapshot, {"generate-02.webp"})
    assert format_completion_notice(snapshot, counts) == (
        "<@111111111111111111>, your run is done: 1 of 2 images · 1 couldn't be shown (1 min 15 s)"
    )


@pytest.mark.parametrize(
    ("snapshot", "notice"),
    [
        (finished(2), "your images are ready (2, 41 s)"),
        (finished(1, expected=1), "your image is ready (41 s)"),
        (make_snapshot(Phase.SUCCEEDED, TextItem("words")), "your result is ready (41 s)"),
        (make_snapshot(Phase.SUCCEEDED, make_file(1, type_=PDF)), "your file is ready (41 s)"),
        (make_snapshot(Phase.CANCELED), "your run was stopped (41 s)"),
        (
            make_snapshot(Phase.FAILED, run=make_run(cause="memory")),
            "your run failed: The model ran out of memory. Try a smaller image or fewer outputs.",
        ),
        (make_snapshot(Phase.FAILED), "your run failed"),
    ],
)
def test_the_notice_says_what_came_of_a_run(snapshot: RunSnapshot, notice: str) -> None:
    assert format_completion_notice(snapshot) == f"<@111111111111111111>, {notice}"


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        (Phase.QUEUED, "**Queued**"),
        (Phase.STARTING, "**Starting the model**"),
        (Phase.RUNNING, "**Running**"),
        (Phase.DELIVERING, "**Finishing**"),
    ],
)
def test_the_age_of_a_run_is_that_of_its_request(phase: Phase, words: str) -> None:
    run = make_run(created_at=NOW - timedelta(minutes=4), sent_at=NOW)
    snapshot = RunSnapshot(run=run, progress=Progress(phase=phase))
    assert format_status(snapshot).startswith(words)
    assert format_times(snapshot).startswith(f"requested <t:{int(NOW.timestamp()) - 240}:R>")


def test_what_is_expected_stays_until_there_are_pictures() -> None:
    run = make_run(usual_seconds=20)
    for phase in (Phase.QUEUED, Phase.STARTING, Phase.RUNNING):
        times = format_times(make_snapshot(phase, run=run), makes_pictures=True)
        assert times == "requested <t:1767225600:R> · usually 20 s"
    assert format_times(make_snapshot(Phase.RUNNING, run=run)) == "requested <t:1767225600:R>"
    assert format_times(make_snapshot(Phase.STARTING)) == "requested <t:1767225600:R> · can take a minute or two"


def test_who_stops_a_run_is_named() -> None:
    run = make_run(canceled_by_id=222222222222222222)
    assert format_status(make_snapshot(Phase.CANCELING, run=run)) == "**Stopping** at <@222222222222222222>'s request"


def test_a_lost_create_says_how_long_it_is_looked_for() -> None:
    until = NOW + timedelta(seconds=90)
    line = format_status(make_snapshot(Phase.RECONCILING, until=until))
    time = f"<t:{int(until.timestamp())}:T>"
    assert line.startswith(f"**No answer from Replicate** · checking whether the run started, until {time} at most")


@pytest.mark.parametrize(
    ("progress", "line"),
    [
        ({"total": 4}, "**Image 1 of 4** · ▱▱▱▱▱▱▱▱▱▱"),
        ({"total": 1}, "**Running** · ▱▱▱▱▱▱▱▱▱▱"),
        ({"total": 1, "phase": Phase.QUEUED, "queue_position": 3}, "**Queued** · 3rd in line · ▱▱▱▱▱▱▱▱▱▱"),
        ({"total": 4, "phase": Phase.STARTING}, "**Starting the model** · ▱▱▱▱▱▱▱▱▱▱"),
        ({"total": 4, "phase": Phase.DELIVERING, "done": 4}, "**Finishing** · ▰▰▰▰▰▰▰▰▰▰"),
        ({"total": 4, "step": 1, "steps": 4, "fraction": 0.0625}, "**Image 1 of 4** · ▱▱▱▱▱▱▱▱▱▱"),
        ({"total": 1, "step": 2, "steps": 4}, "**Running** · ▰▰▰▰▰▱▱▱▱▱"),
        ({"total": 4, "done": 3}, "**Image 4 of 4** · ▰▰▰▰▰▰▰▱▱▱"),
    ],
)
def test_progress_has_ten_cells_from_the_first_image(progress: dict[str, Any], line: str) -> None:
    run = make_run(output_schema=PICTURES, expected=progress["total"])
    snapshot = make_snapshot(run=run, **progress)
    assert format_status(snapshot, shows_bar=True) == line
    assert line in text_contents(render_run(snapshot)[0].components)[2]


# After a file was taken out of a delivered result


def stored(phase: Phase = Phase.SUCCEEDED, **changes: Any) -> Run:
    urls = [f"https://replicate.delivery/{number}.webp" for number in range(4)]
    values = {"output_schema": PICTURES, "expected": 4, "output": urls, "prediction_id": "p", **changes}
    return make_snapshot(phase, run=make_run(**values)).run


@pytest.mark.parametrize(
    ("run", "outputs", "line"),
    [
        (stored(), rows(4), "**Done** · 4 images"),
        (stored(), rows(4, removed=1), "**Done** · 3 of 4 images · 1 was removed"),
        (
            stored(),
            rows(3, removed=2),
            "**Done** · 1 of 4 images · 1 couldn't be shown · 2 were removed",
        ),
        (
            stored(output=["https://replicate.delivery/0.webp"], cause="filtered"),
            rows(1, removed=1),
            "**Done** · 0 of 4 images · 3 were held back by the model's safety filter · 1 was removed",
        ),
        (
            stored(Phase.CANCELED, canceled_by_id=222222222222222222, output=None),
            rows(2, removed=1),
            "**Stopped** by <@222222222222222222> · 1 of 4 images kept · 1 was removed",
        ),
        (stored(output=None, output_schema={}), rows(2, removed=1), "**Done** · 1 of 2 images · 1 was removed"),
    ],
)
def test_what_is_left_is_counted_by_the_rows(run: Run, outputs: list[RunOutput], line: str) -> None:
    counts = count_stored(run, outputs)
    assert render_stored_status(run, counts, shown="").removesuffix("\n-# took 41 s") == line
    is_complete = run.state is RunState.CANCELED or not counts.removed
    assert (tone_of(FINAL_PHASES[run.state], counts) is Tone.WARNING) is not is_complete


def test_a_reason_that_was_left_out_stays_out() -> None:
    run = stored(Phase.FAILED, cause="model", failure='{"message": "a forbidden word"}')
    counts = count_stored(run, rows(2, removed=1))
    with_reason = format_status(make_snapshot(Phase.FAILED, run=run), counts)
    assert "a forbidden word" in render_stored_status(run, counts, shown=with_reason)
    assert "a forbidden word" not in render_stored_status(run, counts, shown="**Failed:** The model failed.")


def test_the_delivered_card_and_the_rows_count_alike() -> None:
    snapshot = finished(4, expected=4, output=["https://replicate.delivery/x"] * 4)
    assert count_stored(snapshot.run, rows(4)) == count_outputs(snapshot)


@pytest.mark.parametrize("code", FailureCode)
def test_edit_stands_out_where_the_input_has_to_change(code: FailureCode) -> None:
    snapshot = make_snapshot(Phase.FAILED, run=make_run(cause=code.value))
    buttons = [one for one in iter_components(render_run(snapshot)[0].components) if one["type"] == 2]
    cured = {FailureCode.INVALID_INPUT, FailureCode.MODERATION, FailureCode.MODEL, FailureCode.OUT_OF_MEMORY}
    assert buttons[0]["label"] == "Edit"  # under Cancel's place: it starts nothing
    standing_out = [button["label"] for button in buttons if button["style"] == 1]
    if code in cured:
        assert standing_out == ["Edit"]
    if code in {FailureCode.UNREACHABLE, FailureCode.BUSY, FailureCode.INTERRUPTED, FailureCode.INTERNAL}:
        assert standing_out == ["Again"]


def test_nothing_counted_is_complete() -> None:
    assert ResultCounts().is_complete
