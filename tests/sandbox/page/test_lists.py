"""Somebody who sees a result tries it on themselves, at the page; and lists lead to commands and results."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from sandbox.portrait import draw_portrait
from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "portrait.png"
    path.write_bytes(draw_portrait())
    return path


async def test_another_person_tries_a_result_and_finds_it_again(driver: PageDriver, portrait_file: Path) -> None:
    result = await driver.generate(portrait_file, 1, prompt="a knight in a garden")
    await driver.wait_until_finished(result)

    await driver.act_as("Noah")
    refused = await driver.new_message_after(result.get_by_role("button", name="Again").click)
    await expect(refused).to_contain_text("This run used Mia's files. Run /generate with your own.")
    await refused.get_by_role("button", name="/generate", exact=True).click()
    await expect(driver.page.locator(".command-name")).to_have_text("/generate")
    await driver.page.keyboard.press("Escape")

    await result.get_by_role("button", name="Try it on me").click()
    form = driver.page.get_by_role("dialog", name="Try it on me")
    await expect(form.get_by_label("Prompt", exact=False)).to_have_value("a knight in a garden")
    async with driver.page.expect_file_chooser() as chooser:
        await form.locator(".choose").click()
    await (await chooser.value).set_files(portrait_file)
    await form.locator(".chosen-file").wait_for()
    tried = await driver.new_message_after(form.get_by_role("button", name="Submit").click)
    await driver.wait_until_finished(tried)
    await expect(tried).to_contain_text("from Mia's run")

    await driver.start_command("runs list")
    listed = await driver.new_message_after(driver.send)
    await expect(listed).to_contain_text("a knight in a garden")
    again = await driver.new_message_after(listed.get_by_role("button", name="Again").first.click)
    await driver.wait_until_finished(again)


async def test_a_newcomer_makes_a_first_result_in_one_press(driver: PageDriver) -> None:
    await driver.start_command("about")
    about = await driver.new_message_after(driver.send)
    await expect(about).to_contain_text("Welcome to Replicord")
    result = await driver.new_message_after(about.get_by_role("button", name="Try it").first.click)
    await driver.wait_until_finished(result)
