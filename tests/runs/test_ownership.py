"""Two processes, one of which loses a run to the other: one owner acts, whatever the other believes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from bot.backends.prediction import Status
from bot.runs.cancels import CancelResult
from bot.runs.engine import Restarting
from bot.runs.policy import Policy
from bot.store.errors import LeaseLost
from bot.store.models import Place, RunState
from bot.store.store import Store
from tests.runs.chains import finished, start_chain, succeed, until
from tests.runs.environment import AUTHOR, OTHER, Environment, StoreClock, make_photo
from tests.runs.fake_replicate import LOST_ANSWER, NEVER_ARRIVED, FakeReplicate
from tests.store.databases import postgresql_only

pytestmark = postgresql_only

LEASE = "shard:0"
LONG = timedelta(hours=1)


@dataclass
class Belief:
    """What a process believes to own, right or wrong."""

    fence: int | None = None
    seconds: float = 100.0

    def choose_fence(self, place: Place) -> int | None:
        del place
        if self.fence is None:
            raise LeaseLost
        return self.fence

    def seconds_left(self, fence: int | None) -> float:
        return self.seconds if fence == self.fence else 0.0


class Process(Environment):
    """One of the processes; they share the database, the clock and Replicate."""

    @classmethod
    async def join(cls, url: str, clock: StoreClock, replicate: FakeReplicate) -> "Process":
        store = await Store.open(url, clock=clock)
        belief = Belief()
        process = cls(store, clock, Policy(active_per_user=5), ownership=belief, replicate=replicate)
        process.belief = belief
        store.runs.fence_by(lambda: [] if belief.fence is None else [belief.fence])
        return process

    belief: Belief

    async def claim(self, lease: str = LEASE) -> None:
        """Take the lease as if nobody had it, with its runs."""
        await self.store.leases.release("owner", [lease])
        self.belief.fence = (await self.store.leases.claim("owner", [lease], most=1, ttl=LONG))[lease]

    async def take_over(self) -> None:
        await self.claim()
        await self.engine.recover(fence=self.belief.fence)
        await self.clock.settle()


@pytest.fixture
async def processes(created_url: str) -> AsyncIterator[tuple[Process, Process]]:
    clock = StoreClock()
    replicate = FakeReplicate(clock)
    first, second = [await Process.join(created_url, clock, replicate) for _ in range(2)]
    await first.claim()
    yield first, second
    await first.close()
    await second.close()


async def test_only_the_new_owner_delivers(processes: tuple[Process, Process]) -> None:
    old, new = processes
    run = await old.start()
    old.replicate.only.start(old.clock.now())
    await old.clock.advance(3)
    await new.take_over()
    new.replicate.only.end(Status.SUCCEEDED, new.clock.now(), output=["https://replicate.delivery/1.webp"])
    await new.clock.advance(20)
    assert len(new.reply(run).finished) == 1
    assert old.reply(run).finished == []
    assert (await new.row(run)).delivered_at is not None
    assert len(new.replicate.creates) == 1


async def test_disowned_run_ends_without_a_word(processes: tuple[Process, Process]) -> None:
    old, new = processes
    run = await old.start()
    old.replicate.only.start(old.clock.now())
    await old.clock.advance(3)
    fence = old.belief.fence
    assert fence is not None
    before = await old.row(run)
    shown = len(old.reply(run).snapshots)
    await old.engine.disown(fence, grace=1.0)
    assert old.active_runs() == 0
    assert old.reply(run).abandoned
    assert (old.reply(run).closed, len(old.reply(run).snapshots)) == (0, shown)
    assert await old.row(run) == before
    await new.take_over()
    assert new.active_runs() == 1


async def test_create_answered_too_late_is_not_canceled(processes: tuple[Process, Process]) -> None:
    old, new = processes
    old.runs.stall("mark_submitted")
    run = await old.start()
    assert len(old.replicate.creates) == 1
    await old.clock.advance(old.policy.save_timeout + 1)
    await new.claim()
    old.runs.resume()
    await old.clock.advance(10)
    assert new.replicate.only.cancels == 0
    await new.engine.recover(fence=new.belief.fence)
    await new.clock.advance(60)
    assert new.replicate.only.cancels == 0
    assert (await new.row(run)).prediction_id == new.replicate.only.now.id
    new.replicate.only.end(Status.SUCCEEDED, new.clock.now(), output=["https://replicate.delivery/1.webp"])
    await new.clock.advance(20)
    assert len(new.reply(run).finished) == 1
    assert old.reply(run).finished == []
    assert new.replicate.only.cancels == 0


async def test_lease_over_after_sent_creates_nothing(processes: tuple[Process, Process]) -> None:
    """The database takes ``sent`` for so long that the lease is over: nothing is sent, and nothing is looked for."""
    old, new = processes
    old.runs.stall("mark_sent")
    run = await old.start()
    old.belief.seconds = 0.0
    old.runs.resume()
    await old.clock.advance(5)
    assert old.replicate.creates == []
    assert (await old.row(run)).sent_at is None
    await new.take_over()
    await new.clock.advance(5)
    assert len(new.replicate.creates) == 1


async def test_lease_lost_before_sent_creates_nothing(processes: tuple[Process, Process]) -> None:
    old, new = processes
    old.runs.stall("mark_sent")
    run = await old.start()
    await new.claim()
    old.runs.resume()
    await old.clock.advance(60)
    assert old.replicate.creates == []
    assert (await old.row(run)).state is RunState.RESERVED
    assert old.metrics.registry.get_sample_value("replicord_errors_total", {"component": "runs"}) is None
    await new.engine.recover(fence=new.belief.fence)
    await new.clock.advance(5)
    assert len(new.replicate.creates) == 1


async def test_create_in_flight_may_finish_before_a_handover(processes: tuple[Process, Process]) -> None:
    old, new = processes
    old.runs.stall("mark_submitted")
    run = await old.start()
    fence = old.belief.fence
    assert fence is not None
    old.belief.seconds = 0.0
    handing_over = asyncio.create_task(old.engine.disown(fence, grace=2.0))
    await old.clock.advance(1)
    old.runs.resume()
    await old.clock.advance(2)
    await handing_over
    assert (await old.row(run)).prediction_id == old.replicate.only.now.id
    await new.take_over()
    new.replicate.only.end(Status.SUCCEEDED, new.clock.now(), output=["https://replicate.delivery/1.webp"])
    await new.clock.advance(20)
    assert len(new.reply(run).finished) == 1


async def test_cancel_in_another_process_reaches_the_owner(processes: tuple[Process, Process]) -> None:
    owner, other = processes
    run = await owner.start()
    owner.replicate.only.start(owner.clock.now())
    await owner.clock.advance(3)
    assert await other.engine.cancel(run.id, by=AUTHOR) is CancelResult.REQUESTED
    assert owner.replicate.only.cancels == 0
    await owner.engine.take_over_cancels(run.id)
    await owner.clock.advance(2)
    assert owner.replicate.only.cancels == 1
    assert (await owner.row(run)).state is RunState.CANCELED
    assert owner.snapshot(run).run.canceled_by_id == AUTHOR


async def test_lost_message_of_a_cancel_is_made_up_for(processes: tuple[Process, Process]) -> None:
    owner, other = processes
    run, untouched = await owner.start(), await owner.start(input={"prompt": "another"})
    await other.engine.cancel(run.id, by=AUTHOR)
    await owner.engine.take_over_cancels()
    await owner.clock.advance(5)
    assert (await owner.row(run)).state is RunState.CANCELED
    assert (await owner.row(untouched)).cancel_requested_at is None


async def test_zombie_cancels_nothing(processes: tuple[Process, Process]) -> None:
    old, new = processes
    run = await old.start()
    old.replicate.only.start(old.clock.now())
    await old.clock.advance(2)
    old.belief.seconds = 0.0
    await old.engine.cancel(run.id, by=AUTHOR)
    await old.clock.advance(30)
    assert old.replicate.only.cancels == 0
    await new.take_over()
    await new.clock.advance(5)
    assert new.replicate.only.cancels == 1


async def test_process_without_a_lease_starts_nothing(processes: tuple[Process, Process]) -> None:
    _, other = processes
    with pytest.raises(Restarting):
        await other.engine.start(other.new_run())
    assert other.replicate.creates == []


async def test_run_of_a_lease_lost_while_starting_is_left(processes: tuple[Process, Process]) -> None:
    old, new = processes
    old.runs.stall("reserve")
    starting = asyncio.create_task(old.engine.start(old.new_run()))
    await old.clock.settle()
    fence, old.belief.fence = old.belief.fence, None
    old.runs.resume()
    run = await starting
    assert run.fence == fence
    assert old.active_runs() == 0
    await new.take_over()
    await new.clock.advance(5)
    assert len(new.replicate.creates) == 1


async def test_nobody_sees_what_another_process_has_lost(processes: tuple[Process, Process]) -> None:
    """Two people attach different pictures to the same wish; one create got lost on the way, the other's answer did."""
    one, other = processes
    await other.claim("shard:1")
    one.replicate.stores_input_files = True
    one.replicate.create_results.extend([NEVER_ARRIVED, LOST_ANSWER])
    wish = {"prompt": "a fox", "subject": "file:0"}
    first = await one.start(input=wish, files=(make_photo(),))
    second = await other.start(id="theirs", input=wish, author_id=OTHER, files=(make_photo(),))
    await one.clock.advance(300)
    assert len(one.replicate.by_id) == 1
    assert (await other.row(second)).prediction_id is None
    assert (await other.row(second)).cause == "lost"
    assert (await one.row(first)).cause == "lost", "whose it is cannot be known"


async def test_sure_match_waits_for_the_create_of_another(processes: tuple[Process, Process]) -> None:
    """The prediction in the list is that of a create whose answer is not on disk yet, in another process."""
    one, other = processes
    await other.claim("shard:1")
    other.runs.stall("mark_submitted")
    second = await other.start(id="theirs", author_id=OTHER)
    one.replicate.create_results.append(NEVER_ARRIVED)
    first = await one.start()
    await one.clock.advance(20)
    assert (await one.row(first)).prediction_id is None
    other.runs.resume()
    await one.clock.advance(300)
    assert (await other.row(second)).prediction_id == one.replicate.only.now.id
    assert (await one.row(first)).cause == "lost"


async def test_start_meets_a_takeover(processes: tuple[Process, Process]) -> None:
    """The process does not know yet that it lost the lease: the person is asked to try again, and nothing is left."""
    old, new = processes
    await new.claim()
    with pytest.raises(Restarting):
        await old.engine.start(old.new_run())
    assert await new.store.runs.list_undelivered() == ()
    assert old.replicate.creates == []


async def test_a_chain_goes_on_with_its_new_owner(processes: tuple[Process, Process], tmp_path: Path) -> None:
    old, new = processes
    old.picture = new.picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(tmp_path / "picture.png")
    await start_chain(old)
    old.runs.stall("mark_step_delivered")
    await succeed(old, 1)
    await until(old, lambda: old.runs.calls["mark_step_delivered"] == 1)
    await new.take_over()
    await until(new, lambda: len(new.replicate.by_id) == 2)
    old.runs.resume()
    await old.clock.advance(60)
    await succeed(new, 2)
    await succeed(new, 3)
    assert (await finished(new, "c-3")).state is RunState.SUCCEEDED
    assert len(new.replicate.creates) == 3
    assert "c-2" not in old.replies
