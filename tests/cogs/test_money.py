"""Money as people meet it: what a run costs, questions before expensive ones, budgets, and /usage."""

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox.bot_process import BotProcess
from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, over, reached
from tests.bot_environment import open_environment, spawn_bot
from tests.cogs.conftest import PACE, choice_values, private_text
from tests.discord_spec import check_discord_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Upload("me.png", draw_portrait())
SETTINGS = {
    "COMMANDS": "draw=black-forest-labs/flux-schnell,generate=fofr/consistent-character,clip=sandbox/clip",
    "ASK_ABOVE": "0.01",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    folder = tmp_path_factory.mktemp("money")
    async with open_environment(folder, timings=PACE, settings=SETTINGS) as environment:
        log_channel = environment.discord.state.channel("general").id
        settings = environment.settings() | {"LOG_CHANNEL": str(log_channel)}
        environment.bot = BotProcess(settings=settings, folder=folder, spawn=spawn_bot())
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)


async def finished(environment: Environment, result: InteractionResult) -> Message:
    message = answered(result)
    await reached(environment, lambda: over(message))
    return message


def is_asked(result: InteractionResult) -> bool:
    return result.ephemeral and "Start it?" in result.text


async def test_cards_and_details_say_what_a_run_costs(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = answered(await mia.use_command(pictures, "draw", {"prompt": "a cat"}))
    await reached(environment, lambda: over(message))
    assert any("about $0.003" in json.dumps(call.body, ensure_ascii=False) for call in environment.discord.calls)
    await private_text(await mia.press(message, "Details"), "Cost $0.003")
    await private_text(await mia.use_command(pictures, "privacy show"), "Spending since <t:", ": $0.003")
    clip = await finished(environment, await mia.use_command(pictures, "clip", {"prompt": "a film"}))
    await private_text(await mia.press(clip, "Details"), "Cost price not known")


async def test_an_expensive_run_is_asked_about_first(environment: Environment, mia: Person, pictures: Channel) -> None:
    before = len(environment.replicate.predictions)
    question = await mia.use_command(pictures, "draw", {"prompt": "a fox", "num_outputs": 4})
    await private_text(question, "This run will cost about $0.01. Start it?")
    assert question.message is not None
    form = await mia.press(question.message, "Change it")
    assert "a fox" in json.dumps(form.modal)
    changed = await mia.submit(form, {"Num outputs": "2"})
    await finished(environment, changed)
    assert len(environment.replicate.predictions) == before + 1
    started = await mia.press(question.message, "Run it")
    message = await finished(environment, started)
    assert len(message.attachments) == 4
    assert question.message.deleted
    again = await mia.press(message, "Again")
    assert is_asked(again)
    assert len(environment.replicate.predictions) == before + 2


async def test_the_question_keeps_attached_files(environment: Environment, mia: Person, pictures: Channel) -> None:
    values = {"prompt": "a knight", "subject": ME, "number_of_outputs": 1}
    question = await mia.use_command(pictures, "generate", values)
    assert is_asked(question)
    assert question.message is not None
    form = await mia.press(question.message, "Change it")
    changed = await mia.submit(form, {"Prompt": "a queen"})
    assert is_asked(changed)
    assert changed.message is not None
    await finished(environment, await mia.press(changed.message, "Run it"))
    *_, prediction = environment.replicate.predictions.values()
    assert prediction.input["prompt"] == "a queen"
    assert str(prediction.input["subject"]).startswith(("data:image/png", "http"))


async def test_budgets_are_set_by_who_may_and_hold(environment: Environment, pictures: Channel) -> None:
    people = {name: environment.discord.person(name) for name in ("noah", "ada", "olga")}
    noah, ada, olga = people.values()
    cent = {"amount": "0.007", "period": "month"}
    await private_text(await noah.use_command(pictures, "budget set", cent), "Only people who can manage this server")
    await private_text(await noah.use_command(pictures, "budget show"), "Only people who can manage this server")
    for_noah = {**cent, "person": noah.user}
    await private_text(await ada.use_command(pictures, "budget set", for_noah), "may spend $0.007 a month from now on")
    everywhere = {**cent, "everywhere": True}
    await private_text(await ada.use_command(pictures, "budget set", everywhere), "Only the bot's editors")
    await private_text(await ada.use_command(pictures, "budget set", {**cent, "amount": "5 €"}), "Use a format like")
    both = {**for_noah, "each_person": True}
    await private_text(await ada.use_command(pictures, "budget set", both), "A budget is for one of these")

    await finished(environment, await noah.use_command(pictures, "draw", {"prompt": "one"}))
    await finished(environment, await noah.use_command(pictures, "draw", {"prompt": "two"}))
    before = len(environment.replicate.predictions)
    refused = await noah.use_command(pictures, "draw", {"prompt": "three"})
    await private_text(refused, "This run would cost about $0.003, and a budget has $0.001 left", "wait until")
    assert len(environment.replicate.predictions) == before

    await private_text(
        await olga.use_command(
            pictures, "budget set", {**cent, "amount": "0", "person": noah.user, "everywhere": True}
        ),
        "may spend $0 a month",
    )
    refused = await noah.use_command(pictures, "draw", {"prompt": "three"})
    await private_text(refused, "Your budget for this month is used up. It opens again on")
    await private_text(await noah.use_command(pictures, "server show"), "Your budget for this month is used up")
    await private_text(await olga.use_command(pictures, "budget show"), "everywhere", "in Sandbox", "$0.006 used")
    offered = choice_values(await ada.autocomplete(pictures, "budget clear", {}, "budget"))
    assert len(offered) == 1
    await private_text(await ada.use_command(pictures, "budget clear", {"budget": offered[0]}), "Cleared the budget of")
    for subject in choice_values(await olga.autocomplete(pictures, "budget clear", {}, "budget")):
        await private_text(await olga.use_command(pictures, "budget clear", {"budget": subject}), "Cleared")
    await private_text(await olga.use_command(pictures, "budget show"), "No budgets yet")


async def test_the_log_channel_is_told_at_four_fifths(environment: Environment, pictures: Channel) -> None:
    olga, ada = environment.discord.person("olga"), environment.discord.person("ada")
    general = environment.discord.state.channel("general")
    cents = {"amount": "0.0031", "period": "day", "person": ada.user}
    await private_text(await olga.use_command(pictures, "budget set", cents), "may spend")
    await finished(environment, await ada.use_command(pictures, "draw", {"prompt": "nearly"}))
    await reached(
        environment, lambda: any(f"⚠️ <@{ada.user.id}> in Sandbox" in one.text for one in general.messages.values())
    )
    refused = await ada.use_command(pictures, "draw", {"prompt": "over"})
    await private_text(refused, "a budget has $0.0001 left")
    for subject in choice_values(await olga.autocomplete(pictures, "budget clear", {}, "budget")):
        await private_text(await olga.use_command(pictures, "budget clear", {"budget": subject}), "Cleared")


async def test_usage_is_a_chart_and_a_table(environment: Environment, mia: Person, pictures: Channel) -> None:
    await finished(environment, await mia.use_command(pictures, "draw", {"prompt": "a chart"}))
    mine = await mia.use_command(pictures, "usage")
    await private_text(mine, "Your usage, the last 30 days", "/draw")
    assert mine.message is not None
    assert {one.filename for one in mine.message.attachments} == {"usage.png", "usage.csv"}
    week = await mia.press(mine.message, "7 days")
    await private_text(week, "Your usage, the last 7 days")
    await private_text(await mia.use_command(pictures, "usage", {"whose": "server"}), "Only people who can manage")
    await private_text(await mia.use_command(pictures, "usage", {"whose": "all"}), "Only the bot's editors")
    ada = environment.discord.person("ada")
    server = await ada.use_command(pictures, "usage", {"whose": "server", "days": 90})
    await private_text(server, "This server, the last 90 days", "People", f"<@{mia.user.id}>")
    exported = await mia.use_command(pictures, "privacy delete")
    assert exported.message is not None
    await mia.press(exported.message, "Delete my data")
    await reached(environment, lambda: "Deleted" in exported.text)
    later = await ada.use_command(pictures, "usage", {"whose": "server"})
    await private_text(later, "people who deleted their data")
