"""The answer to a first response is lost: whatever was asked for happens once, and nobody is left with "thinking"."""

from collections.abc import Callable

import pytest

from sandbox.discord.faults import Fault, Faults
from sandbox.discord.person import InteractionResult
from sandbox.discord.state.components import iter_components
from sandbox.discord.state.models import CallbackType, Message
from sandbox.discord.validation.messages import MessagePayload
from tests.faults.conftest import OpenBot
from tests.faults.environment import LONG, BotUnderTest, StartedRun, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

CALLBACK = "POST /interactions/*"
EDIT = "PATCH /webhooks/*"
Break = Callable[[Faults, str], Fault]
BREAKS: list[Break] = [Faults.cut_after, Faults.cut_before]
NAMES = ["taken", "not taken"]


async def shown(result: InteractionResult, text: str) -> str:
    """Wait until the person sees a text, and return all that they see."""
    await result.wait_for(lambda result: text in result.text, timeout=LONG)
    assert "Something went wrong" not in result.text
    return result.text


def cut_twice(faults: Faults, route: str) -> Fault:
    """Take the request and break the connection; break it again at the request that is sent to make sure."""
    return faults.cut_after(route, times=2)


def thumbnails(message: Message) -> list[str]:
    """Return the URLs of the small images beside texts."""
    found = iter_components(message.components)
    return [item["accessory"]["media"]["url"] for item in found if item.get("accessory", {}).get("type") == 11]


@pytest.mark.parametrize(
    "break_connection", [*BREAKS, cut_twice, Faults.hang_after], ids=[*NAMES, "taken, twice", "taken, no answer"]
)
async def test_a_run_goes_on_without_its_acknowledgement(shared_bot: BotUnderTest, break_connection: Break) -> None:
    fault = break_connection(shared_bot.discord.faults, CALLBACK)
    run = await shared_bot.generate(images=1)
    await run.assert_consistent(images=1)
    assert fault.hits == fault.times
    assert len(run.message.channel.messages) == len(set(run.message.channel.messages.values()))


async def test_a_run_goes_on_after_a_5xx_that_was_taken(shared_bot: BotUnderTest) -> None:
    held = shared_bot.discord.faults.delay(CALLBACK, seconds=0.0)
    shared_bot.discord.faults.fail_after(CALLBACK, status=502)
    run = await shared_bot.generate(images=1)
    await run.assert_consistent(images=1)
    assert held.hits == 1


@pytest.mark.parametrize("break_connection", BREAKS, ids=NAMES)
async def test_a_press_is_answered_without_its_answer(shared_bot: BotUnderTest, break_connection: Break) -> None:
    run = await shared_bot.generate(images=1)
    await run.assert_consistent(images=1)
    for button in ("Details", "Edit", "Again"):
        fault = break_connection(shared_bot.discord.faults, CALLBACK)
        pressed = await shared_bot.mia.press(run.message, button)
        assert fault.hits == 1
        match button:
            case "Details":
                await shown(pressed, "Requested")
            case "Edit":
                assert pressed.modal is not None
                submitted = await shared_bot.mia.submit(pressed, {"number_of_outputs": "1"})
                assert submitted.message is not None
                await StartedRun(shared_bot, submitted.message, run.prompt).wait_until_delivered()
            case _:
                assert pressed.message is not None
                await StartedRun(shared_bot, pressed.message, run.prompt).wait_until_delivered()
    assert len(run.predictions) == 3


@pytest.mark.parametrize("break_connection", BREAKS, ids=NAMES)
async def test_commands_answer_without_their_answer(shared_bot: BotUnderTest, break_connection: Break) -> None:
    for command, values, text in (
        ("models list", {}, "Models"),
        ("models info", {"model": "generate"}, "input"),
        ("runs list", {}, "Your runs"),
        ("privacy show", {}, "Your stored data"),
        ("about", {}, "Replicord"),
    ):
        for route in (CALLBACK, EDIT):
            shared_bot.clear()
            break_connection(shared_bot.discord.faults, route)
            await shown(await shared_bot.mia.use_command(shared_bot.channel(), command, values), text)


async def test_buttons_of_a_card_work_without_its_answer(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        run = await bot.generate(images=1)
        await run.assert_consistent(images=1)
        bot.discord.faults.cut_after(CALLBACK)
        asked = await bot.mia.use_command(bot.channel(), "privacy delete")
        await shown(asked, "Delete everything")
        assert asked.message is not None
        await eventually(lambda: "response_answer_lost" in bot.log_text())
        bot.discord.faults.cut_after(CALLBACK)
        pressed = await bot.mia.press(asked.message, "Delete my data")
        await shown(pressed, "Deleted 1 run.")


async def test_a_refusal_is_told_without_its_answer(shared_bot: BotUnderTest) -> None:
    for route in (CALLBACK, "POST /webhooks/*", "DELETE /webhooks/*"):
        shared_bot.clear()
        fault = shared_bot.discord.faults.cut_after(route)
        refused = await shared_bot.mia.use_command(shared_bot.channel(), "runs cancel", {"run": "nothing"})
        await shown(refused, "That isn't one of your runs")
        assert fault.hits == 1


async def test_what_another_process_answered_is_left_alone(shared_bot: BotUnderTest) -> None:
    before = len(shared_bot.query("SELECT 1 FROM runs"))
    held = shared_bot.discord.faults.delay(CALLBACK, seconds=0.5)
    result = await shared_bot.mia.use_command(shared_bot.channel(), "draw", {"prompt": "whose is this?"}, wait=False)
    interaction = result.interaction
    shared_bot.discord.services.interactions.respond(
        interaction.id, interaction.token, CallbackType.DEFERRED_MESSAGE, MessagePayload({}, {})
    )
    await eventually(lambda: "interaction_answered_elsewhere" in shared_bot.log_text())
    assert held.hits == 1
    assert len(shared_bot.query("SELECT 1 FROM runs")) == before
    assert not result.followups
    assert result.message is not None
    assert not result.message.deleted


async def test_the_list_of_runs_survives_lost_messages(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        kept, deleted, cut = [await bot.generate(images=1) for _ in range(3)]
        for run in (kept, deleted, cut):
            await run.assert_consistent(images=1)
        bot.discord.services.messages.delete(deleted.message)
        fault = bot.discord.faults.cut_before(f"GET /channels/*/messages/{cut.message.id}", times=None)
        listed = await bot.mia.use_command(bot.channel(), "runs list")
        text = await shown(listed, "Your runs")
        assert fault.hits
        assert all(run.prompt in text for run in (kept, deleted, cut))
        assert listed.message is not None
        assert len(thumbnails(listed.message)) == 1
