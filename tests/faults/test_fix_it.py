"""Killed between a refusal and what its person made of it."""

import json

from sandbox.discord.person import InteractionResult
from sandbox.discord.state.models import Message
from tests.faults.conftest import OpenBot
from tests.faults.environment import ME, BotUnderTest, eventually


async def find_refusal(result: InteractionResult, button: str) -> Message:
    return await result.wait_for(
        lambda shown: next((one for one in (shown.message, *shown.followups) if one and button in one.buttons), None)
    )


def kept_files(bot: BotUnderTest) -> list[str]:
    return [path.name for path in (bot.folder / "spool" / ".refused").rglob("*") if path.is_file()]


async def test_a_refusal_gives_everything_back_after_a_kill(bot: BotUnderTest) -> None:
    values = {"prompt": "a red hat", "subject": ME, "negative_prompt": "blue", "subject_url": "@nobody"}
    refused = await find_refusal(await bot.mia.use_command(bot.channel(), "generate", values), "Fix it")
    await eventually(lambda: kept_files(bot) == ["0"])
    await bot.restart()
    form = await bot.mia.press(refused, "Fix it")
    assert "a red hat" in json.dumps(form.modal)
    submitted = await bot.mia.submit(form, {"⚠ Subject: address or @name": ""})
    reply = await submitted.wait_for(lambda shown: next((one for one in shown.followups if not one.ephemeral), None))
    await submitted.wait_for(lambda _: "Again" in reply.buttons, 60)
    [prediction] = bot.replicate.predictions.values()
    assert (prediction.input["prompt"], prediction.input["negative_prompt"]) == ("a red hat", "blue")
    assert str(prediction.input["subject"]).startswith("data:image/png")
    await eventually(lambda: not kept_files(bot) and not bot.query("SELECT id FROM refused_runs"))


async def test_killed_between_a_press_and_its_run_starts_it_once(open_bot: OpenBot) -> None:
    async with open_bot(RUNS_PER_USER="1") as bot:
        bot.replicate.faults.add("slow-start", seconds=600, times=1)
        running = await bot.talk("slow")
        await running.wait_for(lambda: "Cancel" in running.message.buttons)
        result = await bot.mia.use_command(bot.channel(), "generate", {"prompt": "a hat", "subject": ME})
        refused = await find_refusal(result, "Try again")
        await eventually(lambda: kept_files(bot) == ["0"])
        await bot.mia.press(running.message, "Cancel")
        await running.wait_for(lambda: "Again" in running.message.buttons)
        hung = bot.discord.faults.hang_before("POST /webhooks/*", times=None)
        await bot.mia.press(refused, "Try again", wait=False)
        await eventually(lambda: hung.hits > 0)
        await bot.restart()
        assert [row["command"] for row in bot.query("SELECT command FROM runs")] == ["talk"]
        await bot.mia.press(refused, "Try again")
        await eventually(lambda: refused.text == "Started.")
        await eventually(lambda: len(bot.replicate.predictions) == 2)
        assert not bot.query("SELECT id FROM refused_runs")
