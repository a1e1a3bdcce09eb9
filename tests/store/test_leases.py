"""Leases: one holder, fences that grow, and runs that only their owner changes."""

import asyncio
import itertools
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.store.errors import LeaseLost
from bot.store.leases import ProcessInfo
from bot.store.models import RunState
from bot.store.store import Store
from tests.clock import VirtualClock
from tests.postgresql import PostgresqlServer
from tests.store.databases import postgresql_only
from tests.store.samples import T0, after, make_run, store_run_in_state

pytestmark = postgresql_only

LONG = timedelta(hours=1)
SHORT = timedelta(milliseconds=1)
SHARDS = ("shard:0", "shard:1", "shard:2")


def process(name: str) -> ProcessInfo:
    return ProcessInfo(id=name, host="test", pid=1, version="1")


@asynccontextmanager
async def open_processes(url: str, *names: str) -> AsyncIterator[dict[str, Store]]:
    stores = {name: await Store.open(url, clock=VirtualClock(T0), exclusive=False) for name in names}
    yield stores
    for store in stores.values():
        await store.close()


async def test_lease_has_one_owner(created_url: str) -> None:
    async with open_processes(created_url, "a", "b", "c") as stores:
        claims = await asyncio.gather(
            *(store.leases.claim(name, SHARDS, most=2, ttl=LONG) for name, store in stores.items())
        )
        assert sorted(name for claim in claims for name in claim) == list(SHARDS)
        assert await stores["a"].leases.claim("a", SHARDS, most=3, ttl=LONG) == {}


async def test_expired_lease_is_claimed_with_a_new_fence(created_url: str) -> None:
    async with open_processes(created_url, "a", "b") as stores:
        old = await stores["a"].leases.claim("a", SHARDS, most=3, ttl=SHORT)
        await asyncio.sleep(0.01)
        new = await stores["b"].leases.claim("b", SHARDS, most=3, ttl=LONG)
        assert new.keys() == old.keys()
        assert min(new.values()) > max(old.values())
        beat = await stores["a"].leases.beat(process("a"), ttl=LONG)
        assert beat.held == {}
        assert set(beat.owners.values()) == {"b"}


async def test_expired_lease_that_nobody_took_is_not_renewed(created_url: str) -> None:
    async with open_processes(created_url, "a") as stores:
        await stores["a"].leases.claim("a", SHARDS, most=3, ttl=SHORT)
        await asyncio.sleep(0.01)
        assert (await stores["a"].leases.beat(process("a"), ttl=LONG)).held == {}


async def test_released_lease_is_free_at_once(created_url: str) -> None:
    async with open_processes(created_url, "a", "b") as stores:
        await stores["a"].leases.beat(process("a"), ttl=LONG)
        await stores["a"].leases.claim("a", SHARDS, most=3, ttl=LONG)
        await stores["a"].leases.release("a", SHARDS[:1])
        assert (await stores["b"].leases.claim("b", SHARDS, most=3, ttl=LONG)).keys() == set(SHARDS[:1])
        await stores["a"].leases.leave("a")
        beat = await stores["b"].leases.beat(process("b"), ttl=LONG)
        assert [one.id for one in beat.processes] == ["b"]
        assert set(await stores["b"].leases.claim("b", SHARDS, most=3, ttl=LONG)) == set(SHARDS[1:])


async def test_new_owner_adopts_undelivered_runs(created_url: str) -> None:
    async with open_processes(created_url, "a", "b") as stores:
        [(_, old)] = (await stores["a"].leases.claim("a", SHARDS[1:2], most=1, ttl=SHORT)).items()
        await store_run_in_state(stores["a"].runs, make_run("under-way", fence=old), RunState.RUNNING)
        await store_run_in_state(stores["a"].runs, make_run("over", fence=old), RunState.FAILED, delivered=True)
        await asyncio.sleep(0.01)
        [(_, new)] = (await stores["b"].leases.claim("b", SHARDS[1:2], most=1, ttl=LONG)).items()
        assert [run.id for run in await stores["b"].runs.list_undelivered(fence=new)] == ["under-way"]


async def test_first_lease_adopts_runs_of_no_lease(created_url: str) -> None:
    async with open_processes(created_url, "a") as stores:
        await stores["a"].runs.reserve(make_run("of-one-process"), ())
        await stores["a"].leases.claim("a", SHARDS[1:], most=2, ttl=LONG)
        assert await stores["a"].runs.list_undelivered(fence=1) == ()
        fence = (await stores["a"].leases.claim("a", SHARDS, most=1, ttl=LONG, orphans=SHARDS[0]))[SHARDS[0]]
        assert [run.id for run in await stores["a"].runs.list_undelivered(fence=fence)] == ["of-one-process"]


async def test_runs_of_shards_that_are_no_more_are_adopted(created_url: str) -> None:
    """The number of shards changed: nobody claims the lease of a shard that no longer exists."""
    async with open_processes(created_url, "a", "b") as stores:
        [(_, old)] = (await stores["a"].leases.claim("a", ["shard:4/5"], most=1, ttl=SHORT)).items()
        [(_, live)] = (await stores["a"].leases.claim("a", ["shard:3/5"], most=1, ttl=LONG)).items()
        await stores["a"].runs.reserve(make_run("left", fence=old), ())
        await stores["a"].runs.reserve(make_run("under-way", fence=live), ())
        await asyncio.sleep(0.01)
        [(_, fence)] = (await stores["b"].leases.claim("b", ["shard:0/2"], most=1, ttl=LONG)).items()
        assert await stores["a"].leases.adopt_orphans("a", fence, shards=["shard:0/2", "shard:1/2"]) == 0
        assert await stores["b"].leases.adopt_orphans("b", fence, shards=["shard:0/2", "shard:1/2"]) == 1
        assert [run.id for run in await stores["b"].runs.list_undelivered(fence=fence)] == ["left"]
        assert [run.id for run in await stores["a"].runs.list_undelivered(fence=live)] == ["under-way"]


async def test_lost_lease_changes_no_row(created_url: str) -> None:
    async with open_processes(created_url, "a", "b") as stores:
        [(_, old)] = (await stores["a"].leases.claim("a", SHARDS, most=1, ttl=SHORT)).items()
        runs = stores["a"].runs
        await runs.reserve(make_run(fence=old), ())
        await asyncio.sleep(0.01)
        await stores["b"].leases.claim("b", SHARDS, most=1, ttl=LONG)
        runs.fence_by(lambda: [old])
        assert not await runs.mark_sent("run-1", at=after(1))
        assert not await runs.mark_message_sending("run-1", 1)
        assert not await runs.mark_ended("run-1", state=RunState.FAILED, at=after(1))
        with pytest.raises(LeaseLost):
            await runs.reserve(make_run("another", fence=old), ())
        assert await runs.request_cancel("run-1", by_id=1, at=after(1)), "anybody may ask for a cancel"


async def test_transition_that_waited_is_judged_by_the_new_fence(created_url: str) -> None:
    """The row is locked by the adoption when the old owner's UPDATE arrives."""
    async with open_processes(created_url, "a", "b") as stores:
        [(_, old)] = (await stores["a"].leases.claim("a", SHARDS, most=1, ttl=SHORT)).items()
        await stores["a"].runs.reserve(make_run(fence=old), ())
        stores["a"].runs.fence_by(lambda: [old])
        await asyncio.sleep(0.01)
        waiting: list[asyncio.Task[bool]] = []
        loop = asyncio.get_running_loop()

        def send() -> None:
            waiting.append(loop.create_task(stores["a"].runs.mark_sent("run-1", at=after(1))))

        def adopt_slowly(connection: object) -> None:
            connection.exec_driver_sql("UPDATE runs SET fence = 99").close()  # type: ignore[attr-defined]
            loop.call_soon_threadsafe(send)
            time.sleep(0.3)

        await stores["b"].database.write(adopt_slowly)
        assert not await waiting[0]


@dataclass
class Claimer:
    """One process: claims, renews and acts with pauses and kills; ``until`` is when it believes its lease ends."""

    name: str
    store: Store
    moves: list[str]
    jump: float
    beliefs: list[tuple[float, float]]
    fences: list[int] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    ttl: timedelta = timedelta(milliseconds=60)

    def __post_init__(self) -> None:
        self.held: dict[str, int] = {}
        self.until = 0.0
        self.store.runs.fence_by(lambda: list(self.held.values()))

    async def run(self) -> None:
        for move in self.moves:
            if move == "pause":
                await asyncio.sleep(0.1)
            elif move == "kill":  # it comes back as a new process that holds nothing
                self.held, self.until, self.name = {}, 0.0, f"{self.name}'"
            elif move == "beat":
                started = time.monotonic()
                beat = await self.store.leases.beat(process(self.name), ttl=self.ttl)
                self.held = {name: fence for name, fence in self.held.items() if beat.held.get(name) == fence}
                self.believe(started)
            elif move == "claim":
                started = time.monotonic()
                claimed = await self.store.leases.claim(self.name, ["only"], most=1, ttl=self.ttl, orphans="only")
                if claimed:
                    self.fences.append(claimed["only"])
                    self.held |= claimed
                    self.believe(started)
            elif move == "send" and await self.store.runs.mark_sent("run-1", at=after(1)):
                self.sent.append(self.name)
            await asyncio.sleep(0.005 * self.jump)

    def believe(self, started: float) -> None:
        if self.held:
            self.until = started + self.ttl.total_seconds()
            self.beliefs.append((time.monotonic(), self.until))


@settings(max_examples=12, deadline=None)
@given(
    moves=st.lists(
        st.lists(st.sampled_from(["claim", "claim", "beat", "send", "pause", "kill"]), min_size=4, max_size=12),
        min_size=2,
        max_size=4,
    ),
    jump=st.floats(0, 3),
)
def test_one_valid_holder_at_any_time(postgresql_server: PostgresqlServer, moves: list[list[str]], jump: float) -> None:
    url = postgresql_server.create_database(migrated=True)
    claimers: list[Claimer] = []
    beliefs: dict[int, list[tuple[float, float]]] = defaultdict(list)

    async def go() -> None:
        async with open_processes(url, *(f"p{number}" for number in range(len(moves)))) as stores:
            first = next(iter(stores.values()))
            await first.runs.reserve(make_run(), ())  # of no lease: whoever claims first adopts it
            for number, (name, store) in enumerate(stores.items()):
                claimers.append(Claimer(name, store, moves[number], jump, beliefs[number]))
            await asyncio.gather(*(claimer.run() for claimer in claimers))

    asyncio.run(go())
    postgresql_server.drop_database(url)
    spans = sorted((begin, end, number) for number, found in beliefs.items() for begin, end in found if begin < end)
    for (_, end, holder), (begin, _, other) in itertools.pairwise(spans):
        assert holder == other or begin >= end, "two held the lease at once"
    fences = [fence for claimer in claimers for fence in claimer.fences]
    assert len(set(fences)) == len(fences)
    assert all(claimer.fences == sorted(claimer.fences) for claimer in claimers)
    assert sum(len(claimer.sent) for claimer in claimers) <= 1
