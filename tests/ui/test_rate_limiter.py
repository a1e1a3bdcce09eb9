"""The gate lets through what may leave, and nobody when it closes."""

import asyncio

import pytest

from bot.ui.rate_limit import BucketKey, RateLimiter
from tests.clock import VirtualClock, settle

REACTIONS = BucketKey(11, bot=True, reactions=True)


async def test_who_waits_beside_the_edits_is_let_through_after_the_answer_to_the_one_before() -> None:
    clock = VirtualClock()
    gate = RateLimiter(clock)
    answer, left = asyncio.Event(), []

    async def react(number: int) -> None:
        async with gate.request(REACTIONS):
            left.append(number)
            await answer.wait()

    reactions = [asyncio.create_task(react(number)) for number in range(2)]
    await settle()
    await clock.advance(60)
    assert left == [0]
    answer.set()
    await settle()
    await clock.advance(1)
    assert left == [0, 1]
    await asyncio.wait(reactions)
    await gate.close()


async def test_who_fails_makes_room_for_the_next() -> None:
    clock = VirtualClock()
    gate = RateLimiter(clock)
    with pytest.raises(ZeroDivisionError):
        async with gate.request(REACTIONS):
            raise ZeroDivisionError
    following = asyncio.create_task(pass_by(gate))
    await settle()
    await clock.advance(1)
    await settle()
    assert following.done()
    await gate.close()


async def test_who_still_waits_when_it_closes_does_so_in_vain() -> None:
    clock = VirtualClock()
    gate = RateLimiter(clock)
    async with gate.request(REACTIONS):
        waiting = asyncio.create_task(pass_by(gate))
        await settle()
        await gate.close()
    await asyncio.wait({waiting})
    assert waiting.cancelled()


async def pass_by(gate: RateLimiter) -> None:
    async with gate.request(REACTIONS):
        pass
