"""A server's rules, set in the forms of /server rules, and what members meet of them; and reports of results.

One bot serves all tests: each sets the rules that it needs, and clears them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
import pytest_asyncio

from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.discord.state.permissions import Permission
from sandbox.environment import COMMANDS, Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, eventually, over, reached, words
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")

ME = Upload("me.png", draw_portrait())
EVERYONE = "Choose a role, or @everyone"
NO_RULE = {"Offer it in this server": True, "Only in these channels": [], "Only for these roles": []}
NO_LIMITS = {"Runs at once": "", "Runs in 24 hours": "", "Dollars a month": "", "Most outputs of a run": ""}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    """A started bot; at the end all its requests must match the specifications of both services."""
    settings = {"COMMANDS": f"{COMMANDS},check=sandbox/classifier"}
    folder = tmp_path_factory.mktemp("server")
    async with open_environment(folder, timings=PACE, settings=settings) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
def general(environment: Environment) -> Channel:
    return environment.discord.state.channel("general")


@pytest.fixture
def ada(environment: Environment) -> Person:
    """A moderator, who may manage messages and the server."""
    return environment.discord.person("ada")


@pytest.fixture
def noah(environment: Environment) -> Person:
    return environment.discord.person("noah")


async def open_rules(person: Person, channel: Channel) -> Message:
    result = await person.use_command(channel, "server rules")
    await private_text(result, "Server rules")
    assert result.message is not None
    return result.message


async def submit(person: Person, opened: InteractionResult, values: Mapping[str, Any], *shown: str) -> None:
    """Submit the form that a button opened; the card is brought up to date."""
    assert opened.modal is not None, opened.text
    await private_text(await person.submit(opened, values), *shown)


async def set_section(person: Person, channel: Channel, section: str, values: Mapping[str, Any]) -> None:
    card = await open_rules(person, channel)
    await submit(person, await person.press(card, f"Edit {section}"), values, "Server rules")


async def set_command(person: Person, channel: Channel, name: str, values: Mapping[str, Any]) -> None:
    card = await open_rules(person, channel)
    await private_text(await person.press(card, "Edit commands"), "Commands")
    await submit(person, await person.choose(card, "Choose a command", [name]), values, "Commands")


async def set_limits(person: Person, channel: Channel, values: Mapping[str, Any]) -> None:
    card = await open_rules(person, channel)
    await private_text(await person.press(card, "Edit limits"), "most generous number")
    assert channel.guild is not None
    opened = await person.choose(card, EVERYONE, [channel.guild.everyone])
    await submit(person, opened, {**NO_LIMITS, **values}, "Limits")


async def open_people(person: Person, channel: Channel) -> Message:
    card = await open_rules(person, channel)
    await private_text(await person.press(card, "Edit people"), "People")
    return card


def billed(environment: Environment) -> int:
    return len(environment.replicate.predictions)


async def draw(environment: Environment, person: Person, channel: Channel, prompt: str = "a fox") -> Message:
    message = answered(await person.use_command(channel, "draw", {"prompt": prompt}))
    await reached(environment, lambda: over(message))
    return message


async def test_only_who_manages_the_server_sets_its_rules(
    mia: Person, ada: Person, olga: Person, pictures: Channel
) -> None:
    await private_text(await mia.use_command(pictures, "server rules"), "Only people with Manage Server")
    card = await open_rules(ada, pictures)
    state = card.channel.guild
    assert state is not None
    moderators = next(role for role in state.roles.values() if role.name == "moderators")
    opened = await ada.press(card, "Edit results")
    permissions, moderators.permissions = moderators.permissions, 0
    try:
        await private_text(await ada.press(card, "Edit log"), "Only people with Manage Server")
        await private_text(await ada.submit(opened, {}), "Only people with Manage Server")
    finally:
        moderators.permissions = permissions
    await open_rules(olga, pictures)


async def test_a_members_refusals_say_what_to_do_and_cost_nothing(
    environment: Environment, mia: Person, ada: Person, pictures: Channel, general: Channel
) -> None:
    assert pictures.guild is not None
    moderators = next(role for role in pictures.guild.roles.values() if role.name == "moderators")
    before = billed(environment)
    await set_command(ada, pictures, "/draw", {"Only in these channels": [general]})
    await private_text(await mia.use_command(pictures, "draw", {"prompt": "a fox"}), f"Use it in <#{general.id}>")
    await set_command(ada, pictures, "/draw", {**NO_RULE, "Only for these roles": [moderators]})
    await private_text(await mia.use_command(pictures, "draw", {"prompt": "a fox"}), f"only for <@&{moderators.id}>")
    await set_command(ada, pictures, "/draw", {**NO_RULE, "Only in age-restricted channels": True})
    await private_text(await mia.use_command(pictures, "draw", {"prompt": "a fox"}), "age-restricted channels")
    await set_command(ada, pictures, "/draw", {"Offer it in this server": False})
    refused = await mia.use_command(pictures, "draw", {"prompt": "a fox"})
    await private_text(refused, "switched off", "/server show", "Your prompt:\n```\na fox")
    await set_command(ada, pictures, "/draw", {**NO_RULE, "Only in age-restricted channels": False})
    opened = await ada.press(await open_rules(ada, pictures), "Edit safety")
    saved = await ada.submit(opened, {"Refused words, one per line": "gun\nbig knife\n!!!"})
    await private_text(saved, "2 refused words", "Saved without !!!")
    await private_text(
        await mia.use_command(pictures, "draw", {"prompt": "a ｂｉｇ kni\u200bfe"}), "“big knife”", "Change"
    )
    await set_section(ada, pictures, "safety", {"Refused words, one per line": ""})
    await set_limits(ada, pictures, {"Most outputs of a run": "2"})
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 3}
    await private_text(await mia.use_command(pictures, "generate", values), "2 outputs at a time", "asks for 3")
    assert billed(environment) == before
    await set_limits(ada, pictures, {})
    await draw(environment, mia, pictures)
    assert billed(environment) == before + 1


async def test_limits_count_in_the_reservation_and_show_what_is_left(
    environment: Environment, noah: Person, ada: Person, pictures: Channel
) -> None:
    await set_limits(ada, pictures, {"Runs at once": "1", "Runs in 24 hours": "2"})
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 20}
    running = answered(await noah.use_command(pictures, "generate", values))
    await reached(environment, lambda: "Cancel" in running.buttons)
    await private_text(
        await noah.use_command(pictures, "draw", {"prompt": "a fox"}), "1 run in progress in this server"
    )
    await private_text(await noah.use_command(pictures, "server show"), "1 of 1 in progress", "1 of 2 left")
    await noah.press(running, "Cancel")
    await reached(environment, lambda: over(running))
    await draw(environment, noah, pictures)
    await private_text(await noah.use_command(pictures, "draw", {"prompt": "a fox"}), "limit of 2 runs in 24 hours")
    await draw(environment, noah, environment.discord.state.dm("noah"))
    await set_limits(ada, pictures, {})


async def test_a_block_stops_new_runs_and_lets_one_go_on(
    environment: Environment, noah: Person, ada: Person, pictures: Channel
) -> None:
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 6}
    running = answered(await noah.use_command(pictures, "generate", values))
    await reached(environment, lambda: "Cancel" in running.buttons)
    card = await open_people(ada, pictures)
    block = {"Whom": [noah.user], "How long": "An hour", "Reason": "too many foxes"}
    await submit(ada, await ada.press(card, "Block somebody"), block, f"<@{noah.user.id}>", "too many foxes")
    await private_text(await noah.use_command(pictures, "generate"), "can't use this bot", "Reason: too many foxes")
    await private_text(await noah.use_command(pictures, "server show"), "can't use this bot")
    await reached(environment, lambda: over(running))
    assert "6 images" in words(running)
    await private_text(await noah.press(running, "Again"), "can't use this bot")
    await draw(environment, noah, environment.discord.state.dm("noah"))
    await private_text(await ada.press(card, "Lift"), "Nobody is blocked")
    await draw(environment, noah, pictures)


async def test_neither_bots_nor_oneself_are_blocked(environment: Environment, ada: Person, pictures: Channel) -> None:
    card = await open_people(ada, pictures)
    for whom, refusal in ((environment.discord.state.bot, "Bots can't be blocked"), (ada.user, "block yourself")):
        block = {"Whom": [whom], "How long": "For good"}
        await submit(ada, await ada.press(card, "Block somebody"), block, refusal)
    await private_text(await ada.use_command(pictures, "server rules"), "Nobody is blocked")


async def test_nobody_is_locked_out_of_the_rules(ada: Person, olga: Person, pictures: Channel) -> None:
    block = {"Whom": [ada.user], "How long": "For good"}
    await submit(olga, await olga.press(await open_people(olga, pictures), "Block somebody"), block, "for good")
    await private_text(await ada.use_command(pictures, "draw", {"prompt": "a fox"}), "can't use this bot")
    await private_text(await ada.press(await open_people(ada, pictures), "Lift"), "Nobody is blocked")


async def test_a_report_reaches_the_log_and_is_handled_once(environment: Environment, general: Channel) -> None:
    mia, noah, ada = (environment.discord.person(name) for name in ("mia", "noah", "ada"))
    pictures = environment.discord.state.channel("pictures")
    message = await draw(environment, mia, pictures)
    refused = await noah.use_context_menu(message, "Report result")
    await private_text(refused, "no channel for reports")
    await set_section(ada, pictures, "log", {"Log channel": [general], "Lines": ["Blocks"], "Show prompts": True})
    opened = await noah.use_context_menu(message, "Report result")
    await private_text(await noah.submit(opened, {"What is wrong with it?": "rude"}), "moderators have your report")
    again = await ada.use_context_menu(message, "Report result")
    await private_text(await ada.submit(again, {}), "reported already")

    def cards() -> list[Message]:
        return [one for one in general.messages.values() if "reported" in one.text and "Dismiss" in one.buttons]

    await eventually(cards)
    [card] = cards()
    assert all(part in card.text for part in ("Mia", "/draw", "a fox", "rude", f"<@{noah.user.id}>"))
    await private_text(await mia.press(card, "Remove"), "Only people who manage messages")
    opened = await ada.press(card, "Block author")
    await ada.submit(opened, {"How long": "A day", "Reason": "rude pictures"})
    await eventually(lambda: "Author blocked" in card.text)
    assert not card.buttons
    await private_text(await mia.use_command(pictures, "draw", {"prompt": "a fox"}), "rude pictures")
    await eventually(lambda: any("blocked" in one.text and one is not card for one in general.messages.values()))
    await private_text(await ada.press(await open_people(ada, pictures), "Lift"), "Nobody is blocked")

    opened = await noah.use_context_menu(message, "Report result")
    await private_text(await noah.submit(opened, {}), "moderators have your report")
    await eventually(cards)
    [card] = cards()
    await ada.press(card, "Remove")
    await eventually(lambda: message.deleted)
    await eventually(lambda: "Removed" in card.text)
    await set_section(ada, pictures, "log", {"Log channel": []})


async def test_results_are_shown_where_the_server_wants_them(environment: Environment, general: Channel) -> None:
    mia, ada = environment.discord.person("mia"), environment.discord.person("ada")
    state = environment.discord.state
    await set_section(ada, general, "results", {"Where results are shown": "In private"})
    private = await draw(environment, mia, general)
    assert private.ephemeral
    await set_section(
        ada, general, "results", {"Where results are shown": "In a thread", "Hide pictures behind a spoiler": True}
    )
    places = []
    for _run in range(2):
        answer = await mia.use_command(general, "draw", {"prompt": "a fox"})
        thread_id = re.search(r"<#(\d+)>", await private_text(answer, "Your result will be in"))
        assert thread_id is not None
        places.append(int(thread_id[1]))
    thread = state.channels[places[0]]
    assert places == [thread.id] * 2, "a person has one thread in a channel"
    assert (thread.parent, thread.name, mia.user in thread.recipients) == (general, "Results of Mia", True)
    first, second = thread.messages.values()
    await reached(environment, lambda: over(first) and over(second))
    assert all(one.spoiler for one in first.attachments)
    uncover = "Remove the spoiler"
    card = await open_menu(mia, first, uncover)
    await private_text(await mia.press(card, uncover), "keeps pictures behind a spoiler")
    state.deny(general, Permission.CREATE_PUBLIC_THREADS)
    await eventually(lambda: not state.permissions(general) & Permission.CREATE_PUBLIC_THREADS)
    await private_text(await ada.use_command(general, "server rules"), "can't open threads in", f"<#{general.id}>")
    assert (await draw(environment, mia, general)).channel is general
    state.allow(general, Permission.CREATE_PUBLIC_THREADS)
    await set_section(
        ada, general, "results", {"Where results are shown": "In the channel", "Hide pictures behind a spoiler": False}
    )


async def test_a_log_tells_of_runs_and_never_stops_one(environment: Environment, general: Channel) -> None:
    mia, ada, state = environment.discord.person("mia"), environment.discord.person("ada"), environment.discord.state
    pictures, calls = state.channel("pictures"), environment.discord.calls
    lines = {"Log channel": [general], "Lines": ["Runs", "Refusals"], "Show prompts": True}
    await set_section(ada, pictures, "log", lines)
    await set_limits(ada, pictures, {"Dollars a month": "2.50"})
    await private_text(await mia.use_command(pictures, "server show"), "left this month")
    state.deny(general, Permission.SEND_MESSAGES)
    await draw(environment, mia, pictures, "a quiet fox")
    await eventually(lambda: any("a quiet fox" in str(call.body) and call.status == 403 for call in calls))
    await private_text(await ada.use_command(pictures, "server rules"), "can't write there", "$2.50 a month")
    state.allow(general, Permission.SEND_MESSAGES)
    await draw(environment, mia, pictures, "a loud fox")
    await set_limits(ada, pictures, {"Most outputs of a run": "1"})
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 3}
    await private_text(await mia.use_command(pictures, "generate", values), "1 output at a time")

    def log_text() -> str:
        return "\n".join(message.text for message in general.messages.values())

    await eventually(lambda: "a loud fox" in log_text() and "1 output at a time" in log_text())
    assert "**Mia** · /draw · done" in log_text()
    assert "a quiet fox" not in log_text()
    await set_limits(ada, pictures, {})
    await set_section(ada, pictures, "log", {"Log channel": []})


async def test_pictures_are_looked_at_before_they_are_shown(environment: Environment, pictures: Channel) -> None:
    mia, ada = environment.discord.person("mia"), environment.discord.person("ada")
    await set_section(ada, pictures, "safety", {"Refused words, one per line": "", "Look at pictures with": ["/check"]})
    before = billed(environment)
    safe = await draw(environment, mia, pictures)
    assert len(safe.body.images) == 1
    tall = answered(await mia.use_command(pictures, "draw", {"prompt": "a fox", "aspect_ratio": "9:16"}))
    await reached(environment, lambda: over(tall))
    assert "isn't safe to show" in words(tall)
    shown = {one.filename for version in tall.history for one in version.body.images}
    assert shown <= {"place-1.png"}, "nobody saw it at any time"
    assert billed(environment) == before + 4
    await set_section(ada, pictures, "safety", {"Look at pictures with": []})
    assert len((await draw(environment, mia, pictures)).body.images) == 1
    assert billed(environment) == before + 5


async def open_menu(person: Person, message: Message, button: str) -> Message:
    """Open the private menu under a result that is perhaps just being noted as delivered."""
    async with asyncio.timeout(30):
        while True:
            menu = await person.press(message, "⋯")
            await menu.wait_for(lambda shown: shown.text, timeout=30)
            if menu.message is not None and button in menu.message.buttons:
                return menu.message


async def test_the_card_and_its_history_work_after_a_restart(
    environment: Environment, ada: Person, pictures: Channel
) -> None:
    card = await open_rules(ada, pictures)
    await environment.bot.kill()
    await environment.start_bot()
    await submit(ada, await ada.press(card, "Edit results"), {"Hide pictures behind a spoiler": True}, "spoiler")
    await private_text(await ada.press(card, "History"), f"<@{ada.user.id}>", "spoiler: off → on")
    await set_section(ada, pictures, "results", {"Hide pictures behind a spoiler": False})


async def test_a_long_prompt_that_is_refused_comes_back_whole(
    environment: Environment, mia: Person, ada: Person, pictures: Channel
) -> None:
    before = billed(environment)
    typed = "a fox in the snow, " * 270 + "a gun"
    await set_section(ada, pictures, "safety", {"Refused words, one per line": "gun"})
    result = await mia.use_command(pictures, "draw", {"prompt": typed})
    refused = await result.wait_for(lambda shown: shown.message)
    form = await mia.press(refused, "Fix it")
    assert form.modal is not None
    labels = [item["label"] for item in form.modal["components"] if "label" in item]
    assert labels[:2] == ["⚠ Prompt", "Prompt (continued)"]
    rest = form.modal["components"][labels.index("Prompt (continued)")]["component"]["value"]
    await mia.submit(form, {"Prompt (continued)": rest.replace("a gun", "a hat")})
    await reached(environment, lambda: billed(environment) == before + 1)
    assert [*environment.replicate.predictions.values()][-1].input["prompt"] == typed.replace("a gun", "a hat")
    await set_section(ada, pictures, "safety", {"Refused words, one per line": ""})
    await set_command(ada, pictures, "/draw", {"Offer it in this server": False})
    result = await mia.use_command(pictures, "draw", {"prompt": typed})
    await private_text(result, "switched off", "Your prompt:")
    assert result.message is not None
    assert [file.data.decode() for file in result.message.attachments] == [typed]
    await set_command(ada, pictures, "/draw", {**NO_RULE, "Only in age-restricted channels": False})


async def test_who_brings_the_bot_along_meets_the_servers_rules(
    environment: Environment, mia: Person, ada: Person, pictures: Channel
) -> None:
    """The rules of a server stay when the bot is removed from it."""
    await set_section(ada, pictures, "safety", {"Refused words, one per line": "gun"})
    assert pictures.guild is not None
    environment.discord.person("olga").remove_bot(pictures.guild)
    mia.user.installed = True
    await private_text(await mia.use_command(pictures, "draw", {"prompt": "a gun"}), "“gun”")
