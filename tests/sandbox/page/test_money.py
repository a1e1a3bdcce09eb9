"""Money at the page: a card that says the cost, a budget that holds, and the chart of /usage."""

import pytest
from playwright.async_api import expect

from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def use(driver: PageDriver, slash: str, /, **options: str) -> None:
    await driver.start_command(slash)
    for name, value in options.items():
        await driver.fill_option(name, value)
    await driver.send()


async def test_a_budget_holds_and_usage_shows_its_chart(driver: PageDriver) -> None:
    answers = driver.page.locator(".message.ephemeral")
    for prompt in ("a lighthouse", "a harbour"):
        drawn = await driver.new_message_after(lambda prompt=prompt: use(driver, "draw", prompt=prompt))  # type: ignore[misc]
        await driver.wait_until_finished(drawn)
    await drawn.get_by_role("button", name="Details").click()
    await expect(answers.last).to_contain_text("Cost $0.003")

    await driver.act_as("Ada")
    await use(driver, "budget set", amount="0", period="a month", command="talk")
    await expect(answers.last).to_contain_text("/talk in Sandbox may spend $0 a month from now on.")
    await driver.act_as("Mia")
    await use(driver, "talk", prompt="Say something expensive")
    await expect(answers.last).to_contain_text("This command's budget for this month is used up.")
    await expect(answers.last).to_contain_text("Use another one, or wait until")

    await driver.act_as("Ada")
    await driver.start_command("budget clear")
    await driver.fill_option("budget", "talk")
    await driver.page.locator("#suggestions").get_by_role("option", name="/talk in Sandbox").click()
    await driver.send()
    await expect(answers.last).to_contain_text("Cleared the budget of /talk in Sandbox for a month.")
    await use(driver, "usage", whose="this server's", days="7")
    card = answers.last
    await expect(card).to_contain_text("This server, the last 7 days")
    chart = card.get_by_role("img", name="A chart of the cost per day")
    await expect(chart).to_be_visible()
    assert await chart.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1320
    await expect(card).to_contain_text("usage.csv")
    await card.get_by_role("button", name="30 days").click()
    await expect(card).to_contain_text("This server, the last 30 days")
