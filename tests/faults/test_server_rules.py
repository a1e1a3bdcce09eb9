"""A server's rules when the bot is killed: a report has one card, and a picture nobody looked at is never shown."""

import pytest

from sandbox.discord.state.models import Message
from sandbox.environment import COMMANDS
from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, eventually

SEND = "POST /channels/*/messages"
CREATE = "POST /v1/predictions"


async def set_rules(bot: BotUnderTest, section: str, **values: object) -> None:
    """Fill in a form of /server rules as the server's owner."""
    olga = bot.discord.person("olga")
    opened = await olga.use_command(bot.channel(), "server rules")
    card = await opened.wait_for(lambda shown: shown.message if shown.text else None, timeout=30)
    submitted = await olga.submit(await olga.press(card, f"Edit {section}"), values)
    await submitted.wait_for(lambda shown: "Server rules" in shown.text, timeout=30)


def report_cards(bot: BotUnderTest) -> list[Message]:
    return [message for message in bot.channel("general").messages.values() if "Dismiss" in message.buttons]


@pytest.mark.parametrize("point", ["before", "after"])
async def test_a_report_has_one_card_if_killed_while_it_is_sent(bot: BotUnderTest, point: str) -> None:
    await set_rules(bot, "log", **{"Log channel": [bot.channel("general")]})
    run = await bot.generate()
    await run.wait_until_delivered()
    noah = bot.discord.person("noah")
    opened = await noah.use_context_menu(run.message, "Report result")
    hang = bot.discord.faults.hang_before if point == "before" else bot.discord.faults.hang_after
    fault = hang(SEND)
    reported = await noah.submit(opened, {}, wait=False)
    await eventually(lambda: fault.hits)
    assert len(report_cards(bot)) == (0 if point == "before" else 1)
    await bot.kill()
    assert [row["log_message_id"] for row in bot.query("SELECT log_message_id FROM reports")] == [None]
    await bot.start()
    await eventually(lambda: bot.query("SELECT 1 FROM reports WHERE log_message_id IS NOT NULL"))
    [card] = report_cards(bot)
    await bot.discord.person("ada").press(card, "Dismiss")
    await eventually(lambda: "Dismissed" in card.text)
    assert reported.text == ""


async def test_a_picture_is_not_shown_if_its_check_was_cut_off(open_bot: OpenBot) -> None:
    async with open_bot(COMMANDS=f"{COMMANDS},check=sandbox/classifier") as bot:
        await set_rules(bot, "safety", **{"Look at pictures with": ["/check"]})
        bot.replicate.faults.add("slow-start", seconds=3)
        run = await bot.generate(images=1)
        await eventually(lambda: run.state == "submitted")
        fault = bot.replicate.faults.add("silence", on=CREATE)
        await eventually(lambda: fault.hits)
        await bot.kill()
        bot.replicate.faults.clear()
        await bot.start()
        await run.wait_until_delivered()
        assert "couldn't be checked" in run.card_text
        shown = {file.filename for version in run.message.history for file in version.body.attachments}
        assert not any(name.startswith("generate-") for name in shown)
        assert len(bot.replicate.predictions) == 2, "a check is paid for once"
