"""A finished result at the page: take a picture out, cover it, send it to one's DMs and delete it."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.sandbox.page.page_driver import RUN_TIMEOUT_MS, PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def open_menu(driver: PageDriver, message: Locator) -> Locator:
    await message.get_by_role("button", name="⋯").click()
    menu = driver.page.locator(".message.ephemeral").last
    await expect(menu).to_contain_text("/generate")
    return menu


async def test_an_author_makes_a_result_their_own(driver: PageDriver, tmp_path: Path) -> None:
    portrait = tmp_path / "portrait.png"
    portrait.write_bytes(draw_portrait())
    await driver.open_channel("pictures")
    message = await driver.generate(portrait, 3)
    await driver.wait_until_finished(message)
    cells = message.locator(".cell img")
    await expect(cells).to_have_count(3)

    menu = await open_menu(driver, message)
    await menu.get_by_role("button", name="Remove a file…").click()
    await expect(menu).to_contain_text("Which one should go?")
    await driver.choose(menu, "Choose a file", "Image 2")
    await expect(menu).to_contain_text("Image 2 is gone.", timeout=RUN_TIMEOUT_MS)
    await expect(cells).to_have_count(2)

    menu = await open_menu(driver, message)
    await menu.get_by_role("button", name="Cover with a spoiler").click()
    await expect(menu).to_contain_text("behind a spoiler", timeout=RUN_TIMEOUT_MS)
    await expect(message.locator(".cell .zoom.hidden")).to_have_count(2)

    menu = await open_menu(driver, message)
    await menu.get_by_role("button", name="Send to my DMs").click()
    await expect(menu).to_contain_text("Sent.", timeout=RUN_TIMEOUT_MS)

    menu = await open_menu(driver, message)
    await menu.get_by_role("button", name="Delete…").click()
    await expect(menu).to_contain_text("Delete this result?")
    await menu.get_by_role("button", name="Delete", exact=True).click()
    await expect(menu).to_contain_text("Deleted.", timeout=RUN_TIMEOUT_MS)
    await expect(message).to_have_count(0)


async def test_a_song_has_a_player_below_its_card(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("general")
    olga, general = environment.discord.person("olga"), environment.discord.state.channel("general")
    form = await olga.use_command(general, "run", {"model": "sandbox/singer"})
    result = await olga.submit(form, {"Prompt": "a lullaby"})
    assert result.message is not None
    card = driver.page.locator(f".message[data-id='{result.message.id}']")
    await expect(card).to_contain_text("Done", timeout=RUN_TIMEOUT_MS)
    await expect(card.locator("audio, .file")).to_have_count(0)
    player = driver.messages.last
    await expect(player.locator("audio")).to_be_visible()
    await expect(player).to_contain_text("singer-01.wav")
