"""The process is killed at a named point of a run and started again: the run ends once, with what it had paid for."""

from collections.abc import Awaitable, Callable

import pytest

from tests.faults.conftest import Open
from tests.faults.environment import Asked, Stage, eventually, has_image, shows_end
from tests.faults.photos import large_photo

CREATE = "POST /v1/predictions"
EDIT = "PATCH /webhooks/*"


async def _accepted_and_not_answered(stage: Stage) -> Asked:
    fault = stage.replicate.faults.add("silence", on=CREATE)
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    return asked


async def _submitted(stage: Stage) -> Asked:
    stage.replicate.faults.add("slow-start", seconds=3)
    asked = await stage.ask()
    await eventually(lambda: asked.state == "submitted")
    return asked


async def _first_look(stage: Stage) -> Asked:
    stage.replicate.faults.add("slow-start", seconds=3)
    fault = stage.replicate.faults.add("stuck", on="GET /v1/predictions/*")
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    return asked


async def _first_event_of_the_stream(stage: Stage) -> Asked:
    fault = stage.replicate.faults.add("stuck", on="GET /delivery/*")
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    return asked


async def _file_half_downloaded(stage: Stage) -> Asked:
    stage.replicate.faults.add("file-slow", bytes=500, seconds=0.5)
    asked = await stage.ask()
    spool = stage.folder / "spool"
    await eventually(lambda: any(file.is_file() and file.stat().st_size for file in spool.rglob("*")))
    return asked


async def _first_edit(stage: Stage) -> Asked:
    fault = stage.discord.faults.hang_before(EDIT)
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    return asked


async def _upload_under_way(stage: Stage) -> Asked:
    fault = stage.discord.faults.hang_before(EDIT, when=has_image)
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    return asked


async def _upload_taken_and_not_answered(stage: Stage) -> Asked:
    fault = stage.discord.faults.hang_after(EDIT, when=has_image)
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    return asked


async def _ended_before_the_last_edit(stage: Stage) -> Asked:
    fault = stage.discord.faults.hang_before(EDIT, when=shows_end)
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    assert asked.state == "succeeded"
    return asked


async def _last_edit_taken_and_not_written_down(stage: Stage) -> Asked:
    fault = stage.discord.faults.hang_after(EDIT, when=shows_end)
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    assert asked.over
    assert asked.row["delivered_at"] is None
    return asked


POINTS: dict[str, Callable[[Stage], Awaitable[Asked]]] = {
    "request accepted, no answer": _accepted_and_not_answered,
    "submitted": _submitted,
    "first look": _first_look,
    "first event of the stream": _first_event_of_the_stream,
    "file half downloaded": _file_half_downloaded,
    "first edit": _first_edit,
    "upload of a file under way": _upload_under_way,
    "upload taken, not answered": _upload_taken_and_not_answered,
    "ended, before the last edit": _ended_before_the_last_edit,
    "last edit taken, not written down": _last_edit_taken_and_not_written_down,
}


@pytest.mark.parametrize("point", POINTS)
async def test_killed_between_two_steps(stage: Stage, point: str) -> None:
    asked = await POINTS[point](stage)
    await stage.restart()
    await asked.sound(images=2)
    assert asked.replies == []
    assert len(stage.replicate.calls.creates) == 1


async def test_killed_before_the_create_was_sent(stage: Stage) -> None:
    fault = stage.replicate.faults.add("stuck", on=CREATE)
    asked = await stage.ask()
    await eventually(lambda: fault.hits)
    await stage.kill()
    stage.passed(120)  # longer than a prediction is looked for
    await stage.start()
    await asked.sound("failed", predictions=0)
    assert "did not" in asked.words
    assert len(stage.replicate.calls.creates) == 1


async def test_killed_in_the_queue(house_of: Open) -> None:
    async with house_of(CREATES_PER_MINUTE="1") as stage:
        first = await stage.ask("noah")
        await eventually(lambda: first.row.get("sent_at"))
        asked = await stage.ask("mia")
        await asked.until(lambda: "In line" in asked.words)
        assert asked.row["sent_at"] is None
        await stage.restart()
        await asked.sound(images=2)
        await first.sound(images=2)
        assert len(stage.replicate.calls.creates) == 2


async def test_killed_during_the_file_upload(stage: Stage) -> None:
    fault = stage.replicate.faults.add("stuck", on="POST /v1/files")
    asked = await stage.ask(subject=large_photo())
    await eventually(lambda: fault.hits)
    await stage.restart()
    await asked.sound(images=2)


async def test_killed_with_a_cancel_during_the_create(stage: Stage) -> None:
    fault = stage.replicate.faults.add("silence", on=CREATE)
    asked = await stage.ask(images=20)
    await eventually(lambda: fault.hits)
    await asked.until(lambda: "Cancel" in asked.message.buttons)
    await stage.mia.press(asked.message, "Cancel")
    await eventually(lambda: asked.row["cancel_requested_at"])
    await stage.restart()
    await asked.sound("canceled")
    assert asked.predictions[0].status == "canceled"


async def test_killed_before_the_cancel_was_sent(stage: Stage) -> None:
    fault = stage.replicate.faults.add("stuck", on="POST /v1/predictions/*/cancel")
    asked = await stage.ask(images=20)
    await asked.until(lambda: asked.images)
    await stage.mia.press(asked.message, "Cancel")
    await eventually(lambda: fault.hits)
    await stage.restart()
    await asked.sound("canceled")
    assert asked.predictions[0].status == "canceled"
    assert "Stopped by" in asked.words


async def test_killed_after_an_unrecorded_follow_up(stage: Stage) -> None:
    fault = stage.discord.faults.hang_after("POST /webhooks/*")
    asked = await stage.talk("Tell me a long story about rivers.")
    await eventually(lambda: fault.hits)
    assert len(asked.replies) == 1
    await stage.restart()
    await asked.sound()
    numbers = [one.text.rpartition("\n")[2] for one in asked.replies]
    assert len(set(numbers)) == len(numbers) >= 1


async def test_killed_after_an_unrecorded_notice(stage: Stage) -> None:
    stage.replicate.faults.add("slow-start", seconds=2)
    asked = await stage.ask()
    await eventually(lambda: asked.state == "submitted")
    await stage.kill()
    stage.passed(90)
    fault = stage.discord.faults.hang_after("POST /channels/*/messages")
    await stage.start()
    await eventually(lambda: fault.hits)
    await stage.restart()
    await asked.sound(images=2)
    [notice] = asked.replies
    assert asked.stage.mia.user.id in notice.pinged
    assert "it is done" in notice.text
