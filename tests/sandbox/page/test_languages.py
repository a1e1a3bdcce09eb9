"""Somebody whose Discord is in another language uses the bot at the page."""

import pytest
from playwright.async_api import expect

from bot.language import _, use_language
from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


def said(language: str, sentence: str) -> str:
    with use_language(language):
        return _(sentence)


async def test_answers_are_in_the_chosen_language(driver: PageDriver) -> None:
    await driver.act_as("Noah")
    language = driver.page.get_by_role("combobox", name="Language")
    await language.select_option("de")
    try:
        await driver.start_command("runs list")
        listed = await driver.new_message_after(driver.send)
        await expect(listed).to_contain_text(said("de", "Your runs"))
        await driver.act_as("Mia")  # each person has a language of their own
        await expect(language).to_have_value("en-US")
        await driver.act_as("Noah")
        await expect(language).to_have_value("de")
    finally:
        await language.select_option("en-US")


async def test_menus_and_choices_are_in_the_chosen_language(driver: PageDriver) -> None:
    await driver.act_as("Noah")
    language = driver.page.get_by_role("combobox", name="Language")
    await language.select_option("de")
    try:
        await driver.start_command("usage")
        await driver.page.get_by_role("button", name="+ whose", exact=True).click()
        await driver.page.locator(".option[data-option=whose] input").click()
        await driver.page.locator("#suggestions").get_by_role("option", name="alle", exact=True).click()
        used = await driver.new_message_after(driver.send)  # what was chosen is sent by its value
        refusal = said("de", "Only the bot's editors can see everybody's usage. Yours is `/usage`.")
        await expect(used).to_contain_text(refusal.partition(".")[0])

        await driver.page.locator("#text").fill("Hallo")
        note = await driver.new_message_after(lambda: driver.page.locator("#text").press("Enter"))
        await note.click(button="right")
        await expect(driver.page.get_by_role("menuitem", name="Ergebnis melden")).to_be_visible()
        await driver.page.keyboard.press("Escape")
    finally:
        await language.select_option("en-US")
