"""/chain: what led to a result is saved, run again, listed and deleted; and the chains of the configuration."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Message
from sandbox.environment import Environment
from tests.app.conftest import answered, over, reached, words
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, choice_values, open_menu, private_text
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    """One bot with a chain of its configuration, for all tests here."""
    folder = tmp_path_factory.mktemp("chains")
    async with open_environment(folder, timings=PACE, roles=True) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


@pytest.fixture
def mia(environment: Environment) -> Person:
    return environment.discord.person("mia")


@pytest.fixture
def noah(environment: Environment) -> Person:
    return environment.discord.person("noah")


@pytest.fixture
def olga(environment: Environment) -> Person:
    """The owner of the application, and so an editor."""
    return environment.discord.person("olga")


@pytest.fixture
def pictures(environment: Environment) -> Channel:
    return environment.discord.state.channel("pictures")


async def run_poster(environment: Environment, person: Person, channel: Channel) -> Message:
    message = answered(await person.use_command(channel, "poster", {"prompt": "a lighthouse"}))
    await reached(environment, lambda: over(message))
    return message


async def test_steps_are_saved_run_listed_and_deleted(
    environment: Environment, mia: Person, noah: Person, pictures: Channel
) -> None:
    await run_poster(environment, mia, pictures)
    saved = await mia.use_command(pictures, "chain save", {"name": "sticker"})
    await private_text(saved, "Saved sticker", "/draw → /enhance → /cutout")
    taken = await mia.use_command(pictures, "chain save", {"name": "sticker"})
    await private_text(taken, "There already is a chain called sticker.")
    assert "sticker" in choice_values(await mia.autocomplete(pictures, "chain run", {"name": "stick"}, "name"))

    form = await mia.use_command(pictures, "chain run", {"name": "sticker"})
    assert form.modal is not None
    started = await mia.submit(form, {"Prompt": "a harbour"})
    message = answered(started)
    await reached(environment, lambda: over(message))
    assert words(message).startswith("Mia · sticker")
    assert "3 · /cutout · Done" in words(message)

    await private_text(await mia.use_command(pictures, "chain list", {}), "sticker", "yours", "poster", "a command")
    unknown = await noah.use_command(pictures, "chain run", {"name": "sticker"})
    await private_text(unknown, "There is no chain called sticker.")
    deleted = await mia.use_command(pictures, "chain delete", {"name": "sticker"})
    await private_text(deleted, "Deleted sticker.")


async def test_only_editors_offer_a_chain_to_everybody(
    environment: Environment, mia: Person, noah: Person, olga: Person, pictures: Channel
) -> None:
    await run_poster(environment, olga, pictures)
    refused = await mia.use_command(pictures, "chain save", {"name": "flyer", "everybody": True})
    await private_text(refused, "Only the bot's owner and its model editors")
    offered = await olga.use_command(pictures, "chain save", {"name": "flyer", "everybody": True})
    await private_text(offered, "Saved flyer for everybody")
    form = await noah.use_command(pictures, "chain run", {"name": "flyer"})
    assert form.modal is not None
    not_theirs = await noah.use_command(pictures, "chain delete", {"name": "flyer"})
    await private_text(not_theirs, "Only the bot's editors can delete it.")
    await private_text(await olga.use_command(pictures, "chain delete", {"name": "flyer"}), "Deleted flyer.")


async def test_what_is_no_line_of_runs_cannot_be_saved(
    environment: Environment, noah: Person, pictures: Channel
) -> None:
    message = answered(await noah.use_command(pictures, "draw", {"prompt": "tea"}))
    await reached(environment, lambda: over(message))
    nothing = await noah.use_command(pictures, "chain save", {"name": "tea"})
    await private_text(nothing, "A chain needs at least two runs")
    for name, reason in (
        ("two words", "“two words” can't be a name."),
        ("draw", "/draw is a command here"),
        ("poster", "/poster is a command here"),
    ):
        await private_text(await noah.use_command(pictures, "chain save", {"name": name}), reason)
    reserved = await noah.use_command(pictures, "chain save", {"name": "runs"})
    await private_text(reserved, "one of the bot's own commands")


async def test_again_runs_the_whole_chain_again(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = await run_poster(environment, mia, pictures)
    before = len(environment.replicate.predictions)
    again = answered(await mia.press(message, "Again"))
    await reached(environment, lambda: over(again))
    assert len(environment.replicate.predictions) == before + 3
    assert "1 · /draw · Done" in words(again)


async def test_others_may_edit_a_chain_that_they_may_repeat(
    environment: Environment, mia: Person, noah: Person, pictures: Channel
) -> None:
    message = await run_poster(environment, mia, pictures)
    for person in (noah, mia):
        assert (await person.press(message, "Edit")).modal is not None


async def test_who_may_not_run_a_chain_gets_no_form(environment: Environment, noah: Person, pictures: Channel) -> None:
    ada = environment.discord.person("ada")
    rules = await ada.use_command(pictures, "server rules")
    await private_text(rules, "Server rules")
    card = answered(rules)
    await private_text(await ada.press(card, "Edit people"), "People")
    block = {"Whom": [noah.user], "How long": "An hour"}
    await private_text(await ada.submit(await ada.press(card, "Block somebody"), block), f"<@{noah.user.id}>")
    refused = await noah.use_command(pictures, "chain run", {"name": "poster"})
    assert refused.modal is None
    await private_text(refused, "can't use this bot")
    await private_text(await ada.press(card, "Lift"), "Nobody is blocked")


async def test_a_chain_goes_on_where_only_a_token_reaches(environment: Environment, mia: Person) -> None:
    mia.user.installed = True
    elsewhere = environment.discord.state.channel("lobby")
    message = await run_poster(environment, mia, elsewhere)
    assert "3 · /cutout · Done" in words(message)
    assert len(message.attachments) == 3


async def test_a_private_chain_is_seen_by_its_author_alone(
    environment: Environment, mia: Person, noah: Person, pictures: Channel
) -> None:
    given = {"prompt": "a secret", "visibility": "private"}
    message = answered(await mia.use_command(pictures, "poster", given))
    await reached(environment, lambda: over(message))
    assert message.ephemeral
    assert "3 · /cutout · Done" in words(message)
    assert message not in noah.visible_messages(pictures)


async def test_the_menu_of_a_result_saves_its_steps(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = await run_poster(environment, mia, pictures)
    menu = await open_menu(environment, mia, message)
    form = await mia.press(menu, "Save as chain")
    await private_text(await mia.submit(form, {"Name": "postcard"}), "Saved postcard: /draw → /enhance → /cutout")


async def test_all_steps_are_asked_about_and_each_keeps_to_a_budget(tmp_path: Path) -> None:
    prices = tmp_path / "prices.toml"
    steps = "\n".join(f"[commands.{step}]\nrun = 0.02" for step in ("draw", "enhance", "cutout"))
    prices.write_text(f"date = 2026-11-28\n{steps}\n")
    settings = {"ASK_ABOVE": "0.05", "PRICES_FILE": str(prices)}
    async with open_environment(tmp_path, timings=PACE, settings=settings, roles=True) as environment:
        await environment.start_bot()
        mia, olga = environment.discord.person("mia"), environment.discord.person("olga")
        pictures = environment.discord.state.channel("pictures")
        budget = {"amount": "0.05", "period": "month", "person": mia.user}
        await private_text(await olga.use_command(pictures, "budget set", budget), "may spend $0.05 a month")
        question = await mia.use_command(pictures, "poster", {"prompt": "a fox"})
        await private_text(question, "will cost about $0.06")
        assert question.message is not None
        assert len(environment.replicate.predictions) == 0
        message = answered(await mia.press(question.message, "Run it"))
        await reached(environment, lambda: over(message))
        assert "3 · /cutout · Failed: This step would cost more than the budget has left" in words(message)
        assert len(environment.replicate.predictions) == 2


async def test_a_server_rules_a_chain_by_its_name(environment: Environment, noah: Person, pictures: Channel) -> None:
    made = await run_poster(environment, noah, pictures)
    await private_text(await noah.use_command(pictures, "server show"), "/poster")
    before = len(environment.replicate.predictions)
    ada = environment.discord.person("ada")
    opened = await ada.use_command(pictures, "server rules")
    await private_text(opened, "Server rules")
    card = answered(opened)
    await private_text(await ada.press(card, "Edit commands"), "Every command, everywhere")
    form = await ada.choose(card, "Choose a command", ["/poster"])
    await private_text(await ada.submit(form, {"Offer it in this server": False}), "/poster")
    off = "/poster is switched off in this server."
    await private_text(await noah.use_command(pictures, "poster", {"prompt": "a lighthouse"}), off)
    await private_text(await noah.use_command(pictures, "chain run", {"name": "poster"}), off)
    await private_text(await noah.press(made, "Again"), off)
    await private_text(await noah.use_command(pictures, "server show"), off)
    assert len(environment.replicate.predictions) == before
    form = await ada.choose(card, "Choose a command", ["/poster"])
    await private_text(await ada.submit(form, {"Offer it in this server": True}), "Commands")
    await run_poster(environment, noah, pictures)
