"""A server's rules at the page, as four people: the owner and a moderator set them, and two members meet them."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from sandbox.environment import Environment
from tests.sandbox.page.page_driver import RUN_TIMEOUT_MS, PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(loop_scope="session")
async def rules(driver: PageDriver) -> AsyncIterator["RulesPage"]:
    """The page with /server rules open as the owner; at the end the server has no rules again."""
    page = RulesPage(driver)
    await driver.open_channel("pictures")
    yield page
    await driver.act_as("Olga")
    await page.open()
    await page.edit("results", {"In the channel": True, "Hide pictures behind a spoiler": False})
    await page.edit("safety", {"Refused words": ""})
    await page.limit({"Runs at once": "", "Most outputs": ""})
    await page.rule("/draw", {"Offer it in this server": True})


class RulesPage:
    """The private card of /server rules."""

    def __init__(self, driver: PageDriver) -> None:
        self.driver = driver
        self.card: Locator

    async def open(self) -> None:
        await self.driver.start_command("server rules")
        self.card = await self.driver.new_message_after(self.driver.send)
        await expect(self.card).to_contain_text("Server rules")
        await expect(self.card).to_contain_text("Only you can see this")

    async def edit(self, section: str, values: dict[str, str | bool]) -> None:
        """Fill in the form of a section and submit it; the card is back then."""
        await self.card.get_by_role("button", name=f"Edit {section}").click()
        await self.fill(values)

    async def rule(self, command: str, values: dict[str, str | bool]) -> None:
        await self.card.get_by_role("button", name="Edit commands").click()
        await self.card.get_by_role("combobox").select_option(label=command)
        await self.fill(values)
        await self.card.get_by_role("button", name="Back").click()
        await expect(self.card).to_contain_text("Server rules")

    async def limit(self, values: dict[str, str | bool]) -> None:
        await self.card.get_by_role("button", name="Edit limits").click()
        await expect(self.card).to_contain_text("the most generous number")
        await self.card.get_by_role("combobox").select_option(label="@everyone")
        await expect(self.driver.page.get_by_role("dialog")).to_contain_text("most generous role wins")
        await self.fill(values)
        await self.card.get_by_role("button", name="Back").click()
        await expect(self.card).to_contain_text("Server rules")

    async def fill(self, values: dict[str, str | bool]) -> None:
        """Fill in the open form by the beginnings of its labels, and submit it."""
        form = self.driver.page.get_by_role("dialog")
        for label, value in values.items():
            field = form.get_by_label(label).first
            if isinstance(value, bool):
                await field.set_checked(value)
            elif await field.evaluate("field => field.tagName") == "SELECT":
                await field.select_option(label=value)
            else:
                await field.fill(value)
        await form.get_by_role("button", name="Submit").click()
        await expect(form).to_be_hidden()

    async def refused(self, prompt: str) -> Locator:
        """Use /draw, and return the private answer."""
        await self.driver.start_command("draw")
        await self.driver.fill_option("prompt", prompt)
        answer = await self.driver.new_message_after(self.driver.send)
        await expect(answer).to_contain_text("Only you can see this")
        return answer


async def test_rules_are_set_in_forms_and_met_by_members(rules: RulesPage, environment: Environment) -> None:
    driver, billed = rules.driver, len(environment.replicate.predictions)
    await driver.act_as("Olga")
    await rules.open()
    await rules.edit("safety", {"Refused words": "dragon\nbig knife"})
    await expect(rules.card).to_contain_text("2 refused words")
    await rules.limit({"Runs at once": "1", "Most outputs": "2"})
    await expect(rules.card).to_contain_text("everyone · 1 at once · 2 outputs")
    await rules.edit("results", {"In private": True})
    await expect(rules.card).to_contain_text("In private")

    await driver.act_as("Mia")
    await expect(await rules.refused("a DRAGON in the snow")).to_contain_text("“dragon” isn't allowed in this server")
    await driver.start_command("server show")
    shown = await driver.new_message_after(driver.send)
    for words in ("0 of 1 in progress", "2 at a time", "In private", "2 words are refused"):
        await expect(shown).to_contain_text(words)
    await driver.start_command("server rules")
    await expect(await driver.new_message_after(driver.send)).to_contain_text("Only people with Manage Server")

    await driver.act_as("Ada")
    await rules.open()
    await rules.rule("/draw", {"Offer it in this server": False})
    await expect(rules.card).to_contain_text("/draw · off")
    await rules.card.get_by_role("button", name="Edit people").click()
    await rules.card.get_by_role("button", name="Block somebody").click()
    await rules.fill({"Whom": "@Noah", "An hour": True, "Reason": "too many dragons"})
    await expect(rules.card).to_contain_text("too many dragons")

    await driver.act_as("Mia")
    await expect(await rules.refused("a fox")).to_contain_text("/draw is switched off in this server")
    await driver.act_as("Noah")
    blocked = await rules.refused("a fox")
    await expect(blocked).to_contain_text("You can't use this bot in this server; the block ends")
    await expect(blocked).to_contain_text("Reason: too many dragons")
    assert len(environment.replicate.predictions) == billed, "nobody pays for a refusal"

    await driver.act_as("Ada")
    await rules.open()
    await rules.card.get_by_role("button", name="Edit people").click()
    await rules.card.get_by_role("button", name="Lift").click()
    await expect(rules.card).to_contain_text("Nobody is blocked")
    await rules.card.get_by_role("button", name="Back").click()
    await rules.card.get_by_role("button", name="History").click()
    await expect(rules.card).to_contain_text("lifted the block of @Noah")
    await expect(rules.card).to_contain_text("refused words: 0 words → 2 words")


async def test_a_reported_result_is_removed_by_a_moderator(rules: RulesPage) -> None:
    driver = rules.driver
    await driver.act_as("Olga")
    await rules.open()
    await rules.edit("log", {"Log channel": "#general", "Show prompts": True})
    await expect(rules.card).to_contain_text("#general · reports")
    await driver.act_as("Mia")
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a harbour at night")
    result = await driver.new_message_after(driver.send)
    await driver.wait_until_finished(result)

    await driver.act_as("Noah")
    await result.click(button="right", position={"x": 4, "y": 4})
    await driver.page.get_by_role("menuitem", name="Report result").click()
    form = driver.page.get_by_role("dialog", name="Report this result")
    await form.get_by_label("What is wrong with it?").fill("Not for this channel")
    answer = await driver.new_message_after(form.get_by_role("button", name="Submit").click)
    await expect(answer).to_contain_text("moderators have your report")

    await driver.act_as("Ada")
    await driver.open_channel("general")
    card = driver.messages.filter(has_text="A result was reported").last
    for words in ("Mia", "a harbour at night", "Not for this channel", "@Noah"):
        await expect(card).to_contain_text(words)
    card = driver.page.locator(f".message[data-id='{await card.get_attribute('data-id')}']")
    await card.get_by_role("button", name="Remove").click()
    await expect(card).to_contain_text("by @Ada", timeout=RUN_TIMEOUT_MS)
    await expect(card.get_by_role("button", name="Remove")).to_have_count(0)
    await driver.open_channel("pictures")
    await expect(result).to_have_count(0)
    await driver.act_as("Olga")
    await rules.open()
    await rules.edit("log", {"Log channel": "Off"})
