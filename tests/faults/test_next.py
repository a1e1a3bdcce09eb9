"""Killed between what was chosen under a result and what came of it."""

from importlib import resources

from sandbox.discord.state.models import Message
from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, eventually

PAINTER = {
    "owner": "someone",
    "name": "painter",
    "latest_version": {
        "openapi_schema": {
            "components": {
                "schemas": {
                    "Input": {
                        "type": "object",
                        "required": ["prompt"],
                        "properties": {"prompt": {"type": "string"}, "seed": {"type": "integer"}},
                    },
                    "Output": {"type": "string", "format": "uri"},
                }
            }
        }
    },
}
ROLES = str(resources.files("sandbox") / "commands.toml")


def has_next(message: Message) -> bool:
    return any("next:" in str(component) for component in message.components)


def is_over(message: Message) -> bool:
    return "Again" in message.buttons


def children(bot: BotUnderTest) -> list[dict[str, object]]:
    return bot.query("SELECT * FROM runs WHERE parent_run_id IS NOT NULL ORDER BY created_at")


async def test_killed_while_one_press_starts_several_runs(open_bot: OpenBot) -> None:
    async with open_bot(COMMANDS_FILE=ROLES, RUNS_PER_USER="10") as bot:
        source = await bot.generate(images=4)
        await source.wait_for(lambda: has_next(source.message))
        asked = await bot.mia.choose(source.message, "Next", ["Upscale"])
        card = await asked.wait_for(lambda shown: next((one for one in shown.followups if "4" in one.buttons), None))
        bot.replicate.faults.add("slow-start", seconds=3, times=4)
        pressed = await bot.mia.press(card, "All 4")
        await eventually(lambda: len(children(bot)) >= 2)
        await bot.restart()
        known = {row["message_id"]: row for row in children(bot)}
        replies = [one for one in pressed.followups if one.id in known]
        await source.wait_for(lambda: all(map(is_over, replies)))
        await eventually(lambda: all(row["delivered_at"] for row in children(bot)))
        upscaled = [one for one in bot.replicate.predictions.values() if one.model.full_name == "sandbox/upscaler"]
        assert len(upscaled) == len(known) == len(replies)
        assert {row["prediction_id"] for row in children(bot)} == {one.id for one in upscaled}
        assert [f"image {number}" in reply.text for number, reply in enumerate(replies, start=1)] == [True] * len(known)
        assert all("from [Mia's run]" in reply.text for reply in replies)


async def test_next_works_under_a_result_of_a_bot_before(open_bot: OpenBot) -> None:
    async with open_bot(COMMANDS_FILE=ROLES) as bot:
        # A model without a command is asked for anew, after the press was acknowledged.
        bot.replicate.add_model(PAINTER)
        olga = bot.discord.person("olga")
        form = await olga.use_command(bot.channel(), "run", {"model": "someone/painter"})
        painted = (await olga.submit(form, {"Prompt": "a hat", "Seed": "7"})).message
        assert painted is not None
        source = await bot.generate(images=1)
        await source.wait_until_delivered()
        await source.wait_for(lambda: has_next(painted))
        await eventually(lambda: all(row["delivered_at"] for row in bot.query("SELECT delivered_at FROM runs")))
        await bot.restart()
        varied = await olga.choose(painted, "Next", ["Vary"])
        chosen = await bot.mia.choose(source.message, "Next", ["Upscale"])
        larger = await chosen.wait_for(lambda shown: shown.followups[0] if shown.followups else None)
        await source.wait_for(lambda: is_over(larger))
        assert "from [Mia's run]" in larger.text
        await source.wait_for(lambda: len(varied.followups) == 1 and is_over(varied.followups[0]))
        assert [row["parent_output"] for row in children(bot)] == [None, 1]
        seeds = [one.input["seed"] for one in bot.replicate.predictions.values() if one.input.get("prompt") == "a hat"]
        assert len(set(seeds)) == 2
