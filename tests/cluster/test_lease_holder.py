"""Which leases a process holds, and for how long it believes so."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.aio import cancel_and_wait
from bot.cluster.lease_holder import MAINTENANCE, Lease, LeaseHolder, shard_lease
from bot.store.errors import LeaseLost
from bot.store.leases import Leases, ProcessInfo
from tests.clock import VirtualClock, settle
from tests.cluster.fake_leases import FakeLeases, LeaseTable
from tests.store.samples import make_run

TTL = 8.0
BEAT = 2.0
PLACE = make_run().place


class Member:
    """One process: its holder, its connection, and what its holder told."""

    def __init__(self, name: str, table: LeaseTable, shards: int) -> None:
        self.table = table
        self.leases = FakeLeases(table)
        self.gained: list[Lease] = []
        self.lost: list[Lease] = []
        self.working: dict[str, Lease] = {}  # what would be edited now
        self.holder = LeaseHolder(
            cast("Leases", self.leases),
            me=ProcessInfo(id=name, host="test", pid=1, version="1"),
            ttl=timedelta(seconds=TTL),
            clock=table.clock,
            on_gained=self.on_gained,
            on_lost=self.on_lost,
        )
        self.task = asyncio.create_task(self.holder.run(shards))

    def on_gained(self, lease: Lease) -> None:
        assert lease.name not in self.working
        self.working[lease.name] = lease
        self.gained.append(lease)

    async def on_lost(self, lease: Lease, _grace: float) -> None:
        self.lost.append(self.working.pop(lease.name))

    @property
    def shards(self) -> list[int]:
        return sorted(lease.shard for lease in self.holder.held if lease.shard is not None)

    async def kill(self) -> None:
        await cancel_and_wait([self.task])


@pytest.fixture
def table(clock: VirtualClock) -> LeaseTable:
    return LeaseTable(clock)


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@asynccontextmanager
async def members(table: LeaseTable, *names: str, shards: int) -> AsyncIterator[list[Member]]:
    found = [Member(name, table, shards) for name in names]
    await settle()
    yield found
    await cancel_and_wait([member.task for member in found])


async def test_one_process_holds_everything(table: LeaseTable) -> None:
    async with members(table, "a", shards=3) as [a]:
        assert a.shards == [0, 1, 2]
        assert a.holder.get(MAINTENANCE)


async def test_joining_process_gets_a_fair_share(table: LeaseTable, clock: VirtualClock) -> None:
    async with members(table, "a", shards=4) as [a]:
        b = Member("b", table, 4)
        moved: list[int] = []
        for _ in range(8):
            await clock.advance(BEAT)
            moved.append(len(a.lost))
        assert (len(a.shards), len(b.shards)) == (2, 2)
        assert max(later - sooner for sooner, later in itertools.pairwise(moved)) == 1, "one at a time"
        assert a.holder.get(MAINTENANCE)
        await b.kill()


async def test_healthy_leases_stay_where_they_are(table: LeaseTable, clock: VirtualClock) -> None:
    async with members(table, "a", "b", shards=4) as found:
        await clock.advance(10 * BEAT)
        before = [member.shards for member in found]
        assert sorted(map(len, before)) == [2, 2]
        lost = [len(member.lost) for member in found]
        await clock.advance(60)
        assert [member.shards for member in found] == before
        assert [len(member.lost) for member in found] == lost


async def test_killed_process_is_replaced_within_its_time(table: LeaseTable, clock: VirtualClock) -> None:
    async with members(table, "a", "b", shards=4) as [a, b]:
        await clock.advance(10 * BEAT)
        await a.kill()
        await clock.advance(TTL + BEAT)
        assert b.shards == [0, 1, 2, 3]
        assert b.holder.get(MAINTENANCE)


async def test_process_that_leaves_is_replaced_at_once(table: LeaseTable, clock: VirtualClock) -> None:
    async with members(table, "a", "b", shards=2) as [a, b]:
        await clock.advance(6 * BEAT)
        await a.kill()
        await a.holder.leave()
        await clock.advance(BEAT)
        assert b.shards == [0, 1]


@pytest.mark.parametrize("partition", ["refused", "frozen"])
async def test_cut_off_process_stops_before_others_claim(
    table: LeaseTable, clock: VirtualClock, partition: str
) -> None:
    async with members(table, "a", "b", shards=1) as [a, b]:
        fence = a.gained[0].fence
        if partition == "refused":
            a.leases.refusing = True
        else:
            a.leases.to_server = 1000.0
        while a.holder.seconds_left(fence):
            assert b.shards == []
            await clock.advance(0.1)
        await clock.advance(0.1)
        assert [lease.fence for lease in a.lost][:1] == [fence]
        assert b.shards == [], "the other one claims later than this one stops"
        await clock.advance(BEAT + 1)
        assert b.shards == [0]


async def test_slow_answer_makes_no_lease_longer(table: LeaseTable, clock: VirtualClock) -> None:
    async with members(table, "a", "b", shards=1) as [a, b]:
        a.leases.from_server = 4.0
        await clock.advance(BEAT + 5)
        assert a.shards == [0]
        a.leases.refusing = True
        for _ in range(150):
            await clock.advance(0.1)
            assert not (a.shards and b.shards)
        assert b.shards == [0]


async def test_recovered_process_owns_nothing_of_before(table: LeaseTable, clock: VirtualClock) -> None:
    """Its heartbeat arrives in time at the database, and its answer comes after it had to stop."""
    async with members(table, "a", shards=1) as [a]:
        before = a.gained[0]
        a.leases.from_server = TTL - 0.5
        await clock.advance(TTL + BEAT)
        assert before in a.lost
        a.leases.from_server = 0.0
        await clock.advance(TTL + 2 * BEAT)
        assert a.shards == [0]
        assert a.gained[-1].fence > before.fence


async def test_late_claim_is_not_acted_upon(table: LeaseTable, clock: VirtualClock) -> None:
    a = Member("a", table, 1)
    a.leases.from_server = TTL
    await settle()
    await clock.advance(3 * TTL)
    assert a.gained == []
    a.leases.from_server = 0.0
    await clock.advance(3 * TTL)
    assert a.shards == [0]
    await a.kill()


async def test_run_belongs_to_the_shard_of_its_server(table: LeaseTable) -> None:
    async with members(table, "a", shards=2) as [a]:
        first, second = (a.working[shard_lease(number, 2)].fence for number in range(2))
        assert a.holder.choose_fence(replace(PLACE, guild_id=5 << 22)) == second
        assert a.holder.choose_fence(replace(PLACE, guild_id=5 << 22, token_only=True)) == first
        assert a.holder.choose_fence(replace(PLACE, guild_id=None)) == first


async def test_process_without_a_shard_takes_no_run(table: LeaseTable) -> None:
    async with members(table, "a", "b", shards=1) as [_, b]:
        with pytest.raises(LeaseLost):
            b.holder.choose_fence(PLACE)


async def test_run_of_a_shard_that_moved_stays_here(table: LeaseTable, clock: VirtualClock) -> None:
    async with members(table, "a", "b", shards=2) as [a, b]:
        await clock.advance(6 * BEAT)
        assert (a.shards, b.shards) == ([0], [1])
        assert a.holder.choose_fence(replace(PLACE, guild_id=5 << 22)) == a.working[shard_lease(0, 2)].fence


class Group:
    """Any number of processes, and what must hold for them at any time."""

    def __init__(self, shards: int) -> None:
        self.shards = shards
        self.clock = VirtualClock()
        self.table = LeaseTable(self.clock)
        self.names = [*(shard_lease(number, shards) for number in range(shards)), MAINTENANCE]
        self.members: list[Member] = []
        self.newest: dict[str, int] = {}
        for _ in range(3):
            self.join()

    def join(self) -> None:
        if len(self.members) < 6:
            self.members.append(Member(f"p{len(self.members)}", self.table, self.shards))

    @property
    def alive(self) -> list[Member]:
        return [member for member in self.members if not member.task.done()]

    async def act(self, move: str, who: int, seconds: float) -> None:
        member = self.members[who % len(self.members)]
        match move:
            case "advance":
                for _ in range(8):
                    await self.clock.advance(seconds / 8)
                    self.check()
            case "delay":
                member.leases.to_server = seconds
            case "lose":
                member.leases.from_server = seconds
            case "refuse":
                member.leases.refusing = True
            case "heal":
                member.leases.heal()
            case "kill":
                await member.kill()
            case "leave":
                await member.kill()
                member.leases.heal()
                await member.holder.leave()
            case _:
                self.join()

    def check(self) -> None:
        for name in self.names:
            leases = [lease for member in self.alive if (lease := member.holder.get(name))]
            assert len(leases) <= 1, name
            for lease in leases:
                assert lease.fence >= self.newest.get(name, 0), "fences only grow"
                assert self.table.rows[name].fence == lease.fence, "the database knows of nobody else"
                self.newest[name] = lease.fence
        for member in self.alive:
            assert {lease.fence for lease in member.holder.held} <= {one.fence for one in member.working.values()}

    async def settle(self) -> None:
        """Let everything work again, and check that all shards are shared out."""
        for member in self.members:
            member.leases.heal()
        await self.clock.advance(6 * TTL + 20 * BEAT)
        self.check()
        held = [member.shards for member in self.alive]
        assert sorted(shard for shards in held for shard in shards) == (list(range(self.shards)) if held else [])
        assert not held or max(map(len, held)) - min(map(len, held)) < 2, "a fair share each"
        await cancel_and_wait([member.task for member in self.members])


MOVES = ("advance", "advance", "delay", "lose", "refuse", "heal", "kill", "join", "leave")


@settings(max_examples=60, deadline=None)
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(MOVES), st.integers(0, 3), st.floats(0.05, 2 * TTL)), min_size=5, max_size=30
    ),
    shards=st.integers(1, 5),
)
def test_at_most_one_believes_to_hold_a_lease(moves: list[tuple[str, int, float]], shards: int) -> None:
    async def go() -> None:
        group = Group(shards)
        for move in moves:
            await group.act(*move)
            group.check()
        await group.settle()

    asyncio.run(go())
