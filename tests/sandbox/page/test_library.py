"""What people make and like, at the page: found by a word, liked by others, in the gallery, exported, erased."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from playwright.async_api import Locator, expect

from bot.clock import SystemClock
from bot.rules.server_rules import Section, ServerRules
from bot.store.store import Store
from sandbox.environment import Environment
from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")

GALLERY = "general"


@pytest.fixture(scope="module")
def gallery_rules(environment: Environment) -> ServerRules:
    """The rules of a server that shows what three others like."""
    return ServerRules(gallery_channel_id=environment.discord.state.channel(GALLERY).id, gallery_stars=3)


async def draw(driver: PageDriver, prompt: str) -> Locator:
    await driver.start_command("draw")
    await driver.fill_option("prompt", prompt)
    message = await driver.new_message_after(driver.send)
    await driver.wait_until_finished(message)
    return message


async def use(driver: PageDriver, command: str) -> Locator:
    await driver.start_command(command)
    return await driver.new_message_after(driver.send)


async def react_with_star(driver: PageDriver, message: Locator) -> None:
    await message.hover()
    await message.get_by_role("button", name="Add a reaction").first.click()
    await driver.page.get_by_role("menuitem", name="⭐").click()


async def test_what_is_liked_is_found_shown_exported_and_erased(
    driver: PageDriver, environment: Environment, gallery_rules: ServerRules
) -> None:
    state = environment.discord.state
    guild = state.channel(GALLERY).guild
    assert guild is not None
    store = await Store.open(f"sqlite+aiosqlite:///{environment.database_path}", clock=SystemClock(), exclusive=False)
    await store.servers.change_rules(
        guild.id, Section.GALLERY, lambda _: gallery_rules, by=guild.owner_id, at=datetime.now(UTC)
    )
    try:
        await _like_find_show_export_and_erase(driver)
    finally:
        await store.servers.change_rules(
            guild.id,
            Section.GALLERY,
            lambda rules: replace(rules, gallery_channel_id=None),
            by=guild.owner_id,
            at=datetime.now(UTC),
        )
        await store.close()


async def _like_find_show_export_and_erase(driver: PageDriver) -> None:
    await driver.open_channel("pictures")
    liked = await draw(driver, "a walrus in a top hat")
    await draw(driver, "an empty street")
    menu = await driver.new_message_after(liked.get_by_role("button", name="⋯").click)
    answer = await driver.new_message_after(menu.get_by_role("button", name="⭐ Favourite").click)
    await expect(answer).to_contain_text("Added to your favourites")

    page = await use(driver, "library browse")
    await expect(page).to_contain_text("an empty street")
    await page.get_by_role("button", name="Search").click()
    form = driver.page.get_by_role("dialog", name="Search your library")
    await form.get_by_label("Words of the prompt").fill("WALRUS hat")
    await form.get_by_role("button", name="Submit").click()
    await expect(page).not_to_contain_text("an empty street")
    await expect(page).to_contain_text("a walrus in a top hat")
    await expect(page.locator(".cell img")).to_have_count(1)
    await driver.choose(page, "Open a result", "1 · a walrus in a top hat")
    await expect(page.get_by_role("button", name="Remove ⭐")).to_be_visible()
    await expect(page.get_by_role("combobox", name="Next")).to_be_visible()

    for name in ("Noah", "Ada", "Olga"):
        await driver.act_as(name)
        await react_with_star(driver, driver.page.locator(".message", has_text="a walrus in a top hat").first)
    await driver.act_as("Mia")
    await driver.open_channel(GALLERY)
    copy = driver.page.locator(".message", has_text="by Mia")
    await expect(copy).to_contain_text("3 · /draw by Mia", timeout=20_000)
    await expect(copy.locator(".cell img")).to_have_count(1)

    exported = await use(driver, "library export")
    await expect(exported).to_contain_text("to your DMs", timeout=20_000)
    await driver.open_channel("replicord")
    await expect(driver.page.get_by_text("library-1.zip")).to_be_visible(timeout=20_000)

    erasing = await use(driver, "privacy delete")
    await erasing.get_by_role("button", name="Delete data and messages").click()
    await expect(erasing).to_contain_text("Deleted")
    await expect(driver.page.get_by_text("library-1.zip")).to_have_count(0, timeout=60_000)
    await driver.open_channel(GALLERY)
    await expect(copy).to_have_count(0, timeout=20_000)
    await driver.open_channel("pictures")
    # Private answers are the person's own: Discord drops them when its client is closed.
    messages = driver.page.locator(".message:not(.ephemeral)", has_text="a walrus in a top hat")
    await expect(messages).to_have_count(0, timeout=20_000)
