"""The process is killed: nothing is counted twice, nothing stays reserved, and who waits keeps waiting."""

import asyncio

import pytest

from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, StartedRun, eventually, shows_end

CREATE = "POST /v1/predictions"
EDIT = "PATCH /webhooks/*"


def assert_counted_once(bot: BotUnderTest) -> None:
    """The sums equal the rows, and nothing is reserved for a run that has ended."""
    (runs,) = bot.query("SELECT SUM(cost) AS cost, COUNT(*) AS number FROM runs")
    for key in ("bot", "command:generate"):
        (sums,) = bot.query("SELECT SUM(reserved) AS reserved, SUM(spent) AS spent FROM budget_sums WHERE key = ?", key)
        assert sums == {"reserved": 0, "spent": runs["cost"]}
    (usage,) = bot.query("SELECT SUM(spent) AS spent, SUM(runs) AS number FROM usage_days")
    assert usage == {"spent": runs["cost"], "number": runs["number"]}


async def _reach(bot: BotUnderTest, point: str) -> StartedRun:
    """Start a run, and return when it is at a point."""
    if point == "ended":
        last_edit = bot.discord.faults.hang_before(EDIT, when=shows_end)
        run = await bot.generate()
        await eventually(lambda: last_edit.hits)
        return run
    name, target = ("silence", CREATE) if point == "reserved" else ("stuck", "GET /v1/predictions/*")
    fault = bot.replicate.faults.add(name, on=target)
    run = await bot.generate()
    await eventually(lambda: fault.hits)
    return run


@pytest.mark.parametrize("point", ["reserved", "paid for", "ended"])
async def test_killed_with_money_reserved(bot: BotUnderTest, point: str) -> None:
    run = await _reach(bot, point)
    assert run.row["estimate"] > 0
    await bot.restart()
    await run.assert_consistent(images=2)
    assert run.row["cost"] > 0
    assert_counted_once(bot)


async def test_killed_while_a_run_waits_for_others_of_its_author(open_bot: OpenBot) -> None:
    async with open_bot(RUNS_PER_USER="1", RUNS_OVER_LIMIT="wait") as bot:
        bot.replicate.faults.add("slow-start", seconds=2)
        first = await bot.generate()
        await eventually(lambda: first.state == "submitted")
        waiting = await bot.generate()
        await waiting.wait_for(lambda: "1st in line behind your other runs" in waiting.card_text)
        assert waiting.row["sent_at"] is None
        await bot.restart()
        await asyncio.gather(first.assert_consistent(images=2), waiting.assert_consistent(images=2))
        assert waiting.row["sent_at"] >= first.row["ended_at"]
        assert len(bot.replicate.calls.creates) == 2
        assert_counted_once(bot)
