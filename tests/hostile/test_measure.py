"""The figures themselves: an idle bot is within the bounds, and one that stands still is not."""

import asyncio
import os
import signal

import pytest

from bot.limits import MIB
from tests.hostile.conftest import OpenBot
from tests.hostile.measure import assert_bounded, measure


async def test_an_idle_bot_is_within_the_bounds(open_bot: OpenBot) -> None:
    async with open_bot() as bot, measure(bot) as figures:
        await asyncio.sleep(1)
    assert_bounded(figures, memory=20 * MIB, disk=MIB)


async def test_a_bot_that_stands_still_is_seen(open_bot: OpenBot) -> None:
    async with open_bot() as bot, measure(bot) as figures:
        pid = bot.environment.bot.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(1)
        os.kill(pid, signal.SIGCONT)
    assert figures.stall > 0.8
    with pytest.raises(AssertionError):
        assert_bounded(figures)


async def test_growth_of_the_folder_is_seen(open_bot: OpenBot) -> None:
    async with open_bot() as bot, measure(bot) as figures:
        (bot.folder / "large").write_bytes(bytes(30 * MIB))
        await asyncio.sleep(0.5)
    assert figures.disk >= 20 * MIB  # the database itself may shrink meanwhile
