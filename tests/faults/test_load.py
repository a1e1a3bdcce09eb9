"""Many runs at once: people take turns before Replicate, and waiting costs nothing."""

import pytest

from tests.faults.conftest import Open
from tests.faults.environment import Asked, Stage, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def arrived(stage: Stage, who: str) -> Asked:
    """Return a run that has joined the line: what was given is read at its own pace."""
    asked = await stage.ask(who, images=1)
    await eventually(lambda: asked.row)
    return asked


async def test_the_queue_is_fair_and_shows_positions(house_of: Open) -> None:
    async with house_of(CREATES_PER_MINUTE="1", RUNS_PER_USER="9") as stage:
        first, *mine = [await arrived(stage, "mia") for _ in range(4)]
        noahs = await arrived(stage, "noah")
        await noahs.until(lambda: "In line · 2nd" in noahs.words)
        await mine[1].until(lambda: "In line · 3rd" in mine[1].words)
        await mine[2].until(lambda: "In line · 4th" in mine[2].words)
        await first.sound(images=1)
        assert len(stage.replicate.calls.creates) == 1


async def test_a_cancel_in_the_queue_moves_others_up(house_of: Open) -> None:
    async with house_of(CREATES_PER_MINUTE="1") as stage:
        await arrived(stage, "mia")
        waiting, behind = await arrived(stage, "mia"), await arrived(stage, "mia")
        await behind.until(lambda: "In line · 2nd" in behind.words)
        await waiting.until(lambda: waiting.message.reaction_users("❌"))
        await stage.mia.react(waiting.message, "❌")
        await waiting.sound("canceled", predictions=0)
        assert "nothing is paid" in waiting.words
        await behind.until(lambda: "In line · 1st" in behind.words)


async def test_reported_rate_limits_slow_the_queue(house_of: Open) -> None:
    async with house_of() as stage:
        stage.replicate.throttle.set_low_credit()  # six creates a minute, one at once
        runs = [await stage.ask(who, images=1) for who in ("mia", "noah")]
        for run in runs:
            await run.sound(images=1)
        refused = [call for call in stage.replicate.calls.creates if call.status == 429]
        assert len(refused) <= 1


async def test_the_concurrent_run_limit_holds(house_of: Open) -> None:
    async with house_of(RUNS_PER_USER="2") as stage:
        stage.replicate.faults.add("slow-start", seconds=2, times=2)
        runs = [await stage.ask(images=1) for _ in range(2)]
        await eventually(lambda: all(run.row for run in runs))
        refused = await stage.mia.use_command(stage.channel(), "talk", {"prompt": "one more"})
        await refused.wait_for(lambda it: it.text)
        assert "2" in refused.text
        others = await stage.ask("noah", images=1)
        for run in (*runs, others):
            await run.sound(images=1)
        assert len(stage.replicate.calls.creates) == 3


async def test_many_concurrent_runs_end_in_their_own_messages(shared: Stage) -> None:
    people = ["mia", "noah", "ada", "olga"] * 3
    runs = [await shared.ask(who, images=2) for who in people]
    for run in runs:
        await run.sound(images=2)
    assert len({run.message.id for run in runs}) == len(runs)
