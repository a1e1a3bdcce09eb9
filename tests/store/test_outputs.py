"""The files that Discord got are stored with the delivery of their run."""

from dataclasses import replace

from bot.store.models import Run, RunOutput, RunParent, RunState
from bot.store.runs import Runs
from bot.visibility import Visibility, stricter_visibility
from tests.store.samples import MIA, PNG, after, make_run, store_run_in_state


def make_output(number: int, *, run_id: str = "run-1") -> RunOutput:
    return RunOutput(
        run_id=run_id,
        number=number,
        name=f"generate-{number:02d}.webp",
        mime="image/webp",
        size=12_000,
        width=1024,
        height=768,
        message_id=1_400_000_000_000_000_000 + number,
        attachment_id=1_500_000_000_000_000_000 + number,
    )


async def ended_run(runs: Runs) -> Run:
    run = make_run()
    await store_run_in_state(runs, run, RunState.SUCCEEDED)
    return run


async def test_outputs_are_stored_with_the_delivery(runs: Runs) -> None:
    await ended_run(runs)
    outputs = (make_output(1), replace(make_output(2), mime="video/mp4", width=None, height=None))
    assert await runs.list_outputs("run-1") == ()
    assert await runs.mark_delivered("run-1", at=after(5), outputs=outputs)
    assert await runs.list_outputs("run-1") == outputs


async def test_a_second_delivery_stores_nothing(runs: Runs) -> None:
    await ended_run(runs)
    assert await runs.mark_delivered("run-1", at=after(5), outputs=[make_output(1)])
    assert not await runs.mark_delivered("run-1", at=after(6), outputs=[make_output(1), make_output(2)])
    assert await runs.list_outputs("run-1") == (make_output(1),)


async def test_outputs_of_an_erased_run_are_not_stored(runs: Runs) -> None:
    await ended_run(runs)
    await runs.erase(MIA)
    assert await runs.mark_delivered("run-1", at=after(5), outputs=[make_output(1)])
    assert await runs.get("run-1") is None
    assert await runs.list_outputs("run-1") == ()


async def test_outputs_are_erased_with_their_run(runs: Runs) -> None:
    await ended_run(runs)
    await runs.mark_delivered("run-1", at=after(5), outputs=[make_output(1)])
    await runs.erase(MIA)
    assert await runs.list_outputs("run-1") == ()


async def test_an_export_has_the_outputs(runs: Runs) -> None:
    await ended_run(runs)
    await runs.mark_delivered("run-1", at=after(5), outputs=[make_output(1)])
    (run,) = (await runs.export(MIA))["runs"]
    assert [output["name"] for output in run["outputs"]] == ["generate-01.webp"]


async def test_where_a_run_came_from_is_read_back(runs: Runs) -> None:
    run = make_run(parent=RunParent("run-0", 2), visibility=Visibility.SPOILER)
    await runs.reserve(run, (PNG,))
    assert await runs.get("run-1") == run


async def test_the_seed_of_the_logs_is_stored_with_the_end(runs: Runs) -> None:
    await runs.reserve(make_run(), ())
    assert await runs.mark_ended("run-1", state=RunState.FAILED, at=after(1), seed=2**63 - 1)
    run = await runs.get("run-1")
    assert run is not None
    assert run.seed == 2**63 - 1


def test_a_run_shows_no_more_than_the_one_it_came_from() -> None:
    assert stricter_visibility(Visibility.PUBLIC, Visibility.PRIVATE) is Visibility.PRIVATE
    assert stricter_visibility(Visibility.SPOILER, Visibility.PUBLIC) is Visibility.SPOILER
    assert stricter_visibility() is Visibility.PUBLIC
