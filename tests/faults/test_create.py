"""The create request is lost, refused or put off: never two predictions for one run."""

import pytest

from tests.faults.conftest import Open
from tests.faults.environment import Stage
from tests.faults.photos import large_photo

pytestmark = pytest.mark.asyncio(loop_scope="session")

CREATE = "POST /v1/predictions"


def sent(stage: Stage, prompt: str) -> int:
    return sum(call.body["input"]["prompt"] == prompt for call in stage.replicate.calls.creates)


@pytest.mark.parametrize(
    ("fault", "how"),
    [
        ("reset-after", {}),
        ("half-answer", {}),
        ("garbled", {}),
        ("error-500", {"handled": True}),
        ("error-502", {"handled": True}),
        ("error-503", {"handled": True}),
    ],
)
async def test_a_create_without_an_answer_is_never_resent(shared: Stage, fault: str, how: dict[str, bool]) -> None:
    shared.replicate.faults.add(fault, on=CREATE, **how)
    asked = await shared.ask()
    await asked.sound(images=2)
    assert sent(shared, asked.prompt) == 1


async def test_identical_runs_never_swap_predictions(shared: Stage) -> None:
    same = "the very same words"
    shared.replicate.faults.add("reset-after", on=CREATE, skip=1)
    runs = [await shared.ask(prompt=same) for _ in range(3)]
    for run in runs:
        await run.settled()
        assert run.state == "succeeded"
    assert len({run.row["prediction_id"] for run in runs}) == 3
    assert len(runs[0].predictions) == sent(shared, same) == 3


@pytest.mark.parametrize("form", ["body", "header", "text"])
async def test_a_throttled_create_is_resent_after_the_wait(shared: Stage, form: str) -> None:
    fault = shared.replicate.faults.add("throttled", on=CREATE, seconds=1, form=form)
    asked = await shared.ask()
    await asked.sound(images=2)
    assert fault.hits == 1
    refused, taken = [call for call in shared.replicate.calls.creates if call.body["input"]["prompt"] == asked.prompt]
    assert (taken.at - refused.at).total_seconds() >= 1


async def test_a_refused_connection_is_retried(house_of: Open) -> None:
    async with house_of() as stage:
        await stage.kill()
        await stage.replicate.go_offline()
        await stage.start()  # the model is remembered from the former start
        asked = await stage.ask()
        await asked.until(lambda: "cannot be reached" in asked.words)
        assert asked.row["sent_at"] is None
        await stage.replicate.come_online()
        await asked.sound(images=2)
        assert "cannot be reached" not in asked.words
        assert sent(stage, asked.prompt) == 1


@pytest.mark.parametrize(
    ("fault", "said"),
    [("no-credit", "credit"), ("unauthenticated", "token"), ("forbidden", "not"), ("not-found", "not")],
)
async def test_a_refused_create_ends_with_a_sentence(shared: Stage, fault: str, said: str) -> None:
    shared.replicate.faults.add(fault, on=CREATE)
    asked = await shared.ask()
    await asked.sound("failed", predictions=0)
    assert said in asked.words
    assert sent(shared, asked.prompt) == 1


async def test_a_failed_file_upload_costs_nothing(shared: Stage) -> None:
    shared.replicate.faults.add("upload-fails", times=None)
    asked = await shared.ask(subject=large_photo())
    await asked.sound("failed", predictions=0)
    assert "Failed" in asked.words


async def test_every_create_carries_cancel_after(shared: Stage) -> None:
    await (await shared.ask()).sound(images=2)
    assert {call.headers["cancel-after"] for call in shared.replicate.calls.creates} == {"1800s"}
