"""A chain of three steps at the page: one card, also when the bot is killed between two steps."""

import re

import pytest
from playwright.async_api import Locator, expect

from sandbox.environment import Environment
from tests.sandbox.page.page_driver import RUN_TIMEOUT_MS, PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHAIN_TIMEOUT_MS = 3 * RUN_TIMEOUT_MS


async def start_poster(driver: PageDriver, prompt: str) -> Locator:
    await driver.start_command("poster")
    await driver.fill_option("prompt", prompt)
    return await driver.new_message_after(driver.send)


async def wait_until_all_steps_ended(message: Locator) -> None:
    await message.get_by_role("button", name="Again").wait_for(timeout=CHAIN_TIMEOUT_MS)


async def test_a_chain_survives_a_kill_between_two_steps(driver: PageDriver, environment: Environment) -> None:
    before = len(environment.replicate.predictions)
    message = await start_poster(driver, "a lighthouse")
    await expect(message).to_contain_text(re.compile(r"1 · /draw · Done"), timeout=RUN_TIMEOUT_MS)
    await driver.toggle_fault("Kill the bot")
    await expect(driver.bot_status).to_have_text("Bot not running")
    await expect(driver.bot_status).to_have_text("Bot online", timeout=RUN_TIMEOUT_MS)
    await wait_until_all_steps_ended(message)

    for line in ("1 · /draw · Done", "2 · /enhance · Done", "3 · /cutout · Done"):
        await expect(message).to_contain_text(line)
    await expect(message).to_contain_text("Mia · /poster")
    await expect(message.locator(".cell img")).to_have_count(1)
    await expect(message.locator(".section img")).to_have_count(2)
    assert len(environment.replicate.predictions) == before + 3


async def test_cancel_stops_a_chain(driver: PageDriver, environment: Environment) -> None:
    before = len(environment.replicate.predictions)
    message = await start_poster(driver, "a harbour")
    await expect(message).to_contain_text("1 · /draw · Done", timeout=RUN_TIMEOUT_MS)
    await message.get_by_role("button", name="Cancel").click()
    await wait_until_all_steps_ended(message)
    await expect(message).to_contain_text("Stopped")
    await expect(message.locator(".cell img")).not_to_have_count(0)
    assert len(environment.replicate.predictions) < before + 3
