"""A chain of three steps is killed between two of them, stopped, or failed: no step is paid for twice."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.discord.state.models import Message
from sandbox.request_log import Call
from tests.faults.conftest import running_bot
from tests.faults.environment import LONG, ME, BotUnderTest, eventually

CREATE = "POST /v1/predictions"
EDIT = "PATCH /webhooks/*"
CHAIN = '[poster]\nsteps = ["generate", "generate", "generate"]\n'


@dataclass
class StartedChain:
    """A chain that Mia started."""

    bot: BotUnderTest
    message: Message

    @property
    def runs(self) -> list[dict[str, Any]]:
        question = "SELECT * FROM runs WHERE message_id = ? ORDER BY created_at, id"
        return self.bot.query(question, self.message.id)

    @property
    def states(self) -> list[str]:
        return [str(run["state"]) for run in self.runs]

    @property
    def images(self) -> list[str]:
        return [one.filename for one in self.message.attachments if "-generate-" in one.filename]

    async def assert_complete(self) -> None:
        """Check that every step was paid for once, and that its picture is on the card once."""
        await eventually(lambda: len(self.runs) == 3 and self.runs[-1]["delivered_at"])
        assert self.states == ["succeeded"] * 3
        assert len(self.bot.replicate.predictions) == 3
        assert len({run["prediction_id"] for run in self.runs}) == 3
        names = ["1-generate-01", "2-generate-01", "3-generate-01", "3-generate-02", "3-generate-03"]
        assert sorted(self.images) == [f"{name}.webp" for name in names]
        uploads = [(one.filename, one.id) for state in self.message.history for one in state.body.attachments]
        assert len(set(uploads)) == len({name for name, _ in uploads}), uploads
        assert "Again" in self.message.buttons
        assert self.bot.query("SELECT * FROM chain_runs") == []


async def start_poster(bot: BotUnderTest) -> StartedChain:
    given = {"prompt": "a red hat", "subject": ME}
    exchange = await bot.mia.use_command(bot.channel(), "poster", given)
    assert exchange.message is not None, exchange.text
    return StartedChain(bot, exchange.message)


@pytest.fixture
async def bot(tmp_path: Path) -> AsyncIterator[BotUnderTest]:
    file = tmp_path / "chains.toml"
    file.write_text(CHAIN)
    async with running_bot(tmp_path, {"COMMANDS_FILE": str(file)}) as bot:
        yield bot


def moves_on(call: Call) -> bool:
    """Whether an edit shows that the first step is done and the second begins."""
    return "/generate · **Starting**" in json.dumps(call.body, ensure_ascii=False)


async def _before_the_step_is_shown(bot: BotUnderTest) -> StartedChain:
    fault = bot.discord.faults.hang_before(EDIT, when=moves_on)
    chain = await start_poster(bot)
    await eventually(lambda: fault.hits)
    return chain


async def _shown_and_not_written_down(bot: BotUnderTest) -> StartedChain:
    fault = bot.discord.faults.hang_after(EDIT, when=moves_on)
    chain = await start_poster(bot)
    await eventually(lambda: fault.hits)
    assert chain.runs[0]["delivered_at"] is None
    return chain


async def _next_step_not_sent(bot: BotUnderTest) -> StartedChain:
    hang = bot.discord.faults.hang_before(EDIT, when=moves_on)
    chain = await start_poster(bot)
    await eventually(lambda: hang.hits)
    fault = bot.replicate.faults.add("silence", on=CREATE)
    bot.discord.faults.clear()
    await eventually(lambda: fault.hits)
    return chain


async def _next_step_running(bot: BotUnderTest) -> StartedChain:
    chain = await start_poster(bot)
    await eventually(lambda: len(bot.replicate.predictions) == 2)
    return chain


POINTS: dict[str, Callable[[BotUnderTest], Awaitable[StartedChain]]] = {
    "before the step is shown": _before_the_step_is_shown,
    "shown, not written down": _shown_and_not_written_down,
    "next step accepted, no answer": _next_step_not_sent,
    "next step running": _next_step_running,
}


@pytest.mark.parametrize("point", POINTS)
async def test_a_chain_is_killed_between_two_steps(bot: BotUnderTest, point: str) -> None:
    chain = await POINTS[point](bot)
    await bot.restart()
    await chain.assert_complete()


async def test_a_reaction_stops_a_chain(bot: BotUnderTest) -> None:
    chain = await start_poster(bot)
    await eventually(lambda: len(bot.replicate.predictions) == 2)
    await bot.mia.react(chain.message, "❌")
    await bot.discord.state.wait_for(lambda: "Again" in chain.message.buttons, timeout=LONG)
    assert len(bot.replicate.predictions) == 2
    assert "1-generate-01.webp" in chain.images
    assert "Not started" in chain.message.text


async def test_a_failed_step_ends_its_chain(bot: BotUnderTest) -> None:
    hang = bot.discord.faults.hang_before(EDIT, when=moves_on)
    chain = await start_poster(bot)
    await eventually(lambda: hang.hits)
    bot.replicate.faults.add("fails")
    bot.discord.faults.clear()
    await bot.discord.state.wait_for(lambda: "Again" in chain.message.buttons, timeout=LONG)
    assert chain.states == ["succeeded", "failed"]
    assert chain.images == ["1-generate-01.webp"]
