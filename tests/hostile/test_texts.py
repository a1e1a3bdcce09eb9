"""Texts without end: bounded messages, no stall, and a press or a deletion ends them."""

import pytest

from sandbox.replicate.job import Timings
from tests.faults.environment import StartedRun, eventually
from tests.hostile.conftest import OpenBot
from tests.hostile.measure import assert_bounded, measure


def squeeze(text: str) -> str:
    return "".join(text.split())


def kept(run: StartedRun) -> str:
    """Return the letters of the file with the rest of the text, or else of what the last message shows of it."""
    last = (run.message, *run.follow_ups)[-1]
    if last.attachments:
        return squeeze(last.attachments[0].data.decode())
    return squeeze(last.text.rpartition("-# ")[0])


SHAPES = {
    "words": " ".join(f"word{number}" for number in range(40_000)),
    "lines": "# a heading\n" * 33_000,
    "marks": "<\u4e16`\u4e16" * 100_000,
    "fences": "```" * 133_000,
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_text_of_400_kb_fills_five_messages(open_bot: OpenBot, shape: str) -> None:
    text = SHAPES[shape] + " the end"
    async with open_bot() as bot, measure(bot) as figures:
        bot.replicate.faults.add("other-output", output=text)
        run = await bot.talk("Tell me everything.")
        await run.assert_consistent()
        assert len(run.follow_ups) == 4
        (rest,) = run.follow_ups[-1].attachments
        assert rest.filename.endswith(".md")
        assert len(rest.data) > 350_000
        assert rest.data.decode().endswith("the end")
    assert_bounded(figures)


async def test_a_cancel_sends_no_further_message_of_text(open_bot: OpenBot) -> None:
    async with open_bot(TEXT_MESSAGES="20") as bot, measure(bot) as figures:
        bot.replicate.timings = Timings(boot=0.05, queue=0.05, finish=0.05, tokens_per_second=2000)
        run = await bot.talk("Tell me everything in 20000 words.", max_tokens=1_000_000)
        await run.wait_for(lambda: len(run.follow_ups) >= 2)
        await bot.mia.press(run.message, "Cancel")
        sent = len(run.follow_ups)
        await run.assert_consistent("canceled")
        assert len(run.follow_ups) <= sent + 1  # one may have been on its way
        assert kept(run).endswith(squeeze("".join(run.predictions[0].output))[-30:])
    assert_bounded(figures)


async def test_a_press_under_a_finished_run_ends_its_messages(open_bot: OpenBot) -> None:
    async with open_bot(TEXT_MESSAGES="20") as bot, measure(bot) as figures:
        bot.replicate.faults.add("other-output", output=SHAPES["words"])
        run = await bot.talk("Tell me everything.")
        await run.wait_for(lambda: run.is_over and len(run.follow_ups) >= 2)
        await bot.mia.react(run.message, "❌")
        sent = len(run.follow_ups)
        await run.assert_consistent()
        assert len(run.follow_ups) <= sent + 2
        assert any(one.attachments for one in run.follow_ups)
    assert_bounded(figures)


async def test_a_deleted_card_ends_the_messages_of_its_text(open_bot: OpenBot) -> None:
    async with open_bot(TEXT_MESSAGES="20") as bot, measure(bot) as figures:
        bot.replicate.faults.add("other-output", output=SHAPES["words"])
        run = await bot.talk("Tell me everything.")
        await run.wait_for(lambda: run.is_over and len(run.follow_ups) >= 2)
        sent = len(run.follow_ups)
        await bot.discord.person("ada").delete(run.message)
        await eventually(lambda: run.row.get("delivered_at"))
        assert len(run.follow_ups) <= sent + 6
    assert_bounded(figures)
