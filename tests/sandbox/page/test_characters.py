"""A character from a photo, used in three commands by its name; a preset of one of them, run with other words."""

import json
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.sandbox.page.page_driver import PageDriver, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "portrait.png"
    path.write_bytes(draw_portrait())
    return path


async def submit(driver: PageDriver, form: Locator) -> Locator:
    """Submit a form and return the private answer to it."""
    return await driver.new_message_after(form.get_by_role("button", name="Submit").click)


async def run(driver: PageDriver, command: str, **options: str) -> Locator:
    await driver.start_command(command)
    for name, value in options.items():
        await driver.fill_option(name, value)
    message = await driver.new_message_after(driver.send)
    await driver.wait_until_finished(message)
    return message


def last_input(environment: Environment) -> str:
    *_, prediction = environment.replicate.predictions.values()
    return json.dumps(prediction.input)


async def open_form(driver: PageDriver, result: Locator, entry: str) -> Locator:
    """Open the menu under a result, once it is delivered, and in it a form."""

    async def opens() -> bool:
        menu = await driver.new_message_after(result.get_by_role("button", name="⋯").click)
        button = menu.get_by_role("button", name=entry)
        if not await button.count():
            return False
        await button.click()
        return True

    await wait_until(opens)
    return driver.page.get_by_role("dialog", name=entry)


async def test_a_character_and_a_preset_are_there_tomorrow(
    driver: PageDriver, environment: Environment, portrait_file: Path
) -> None:
    await driver.open_channel("pictures")
    await driver.start_command("character save")
    await driver.fill_option("name", "juno")
    await driver.attach_file("photo", portrait_file)
    await driver.send()
    form = driver.page.get_by_role("dialog", name="Save @juno")
    await form.get_by_label("Description").fill("a person with round glasses")
    await form.get_by_role("button", name="Submit").click()
    await expect(form.get_by_role("alert")).to_contain_text("Consent")
    await form.get_by_label("I may use the pictures of this person").check()
    await expect(await submit(driver, form)).to_contain_text("Saved @juno")

    pictured = await run(driver, "generate", prompt="@juno in space", number_of_outputs="1")
    await expect(pictured).to_contain_text("@juno in space")
    await expect(pictured.locator("img[alt='Input image']")).to_have_count(1)
    assert "a person with round glasses in space" in last_input(environment)

    described = await run(driver, "draw", prompt="@juno and @stranger", seed="7", num_outputs="1")
    await expect(described).to_contain_text("This model takes no pictures, so @juno is in words only.")
    await expect(described).to_contain_text("Not one of your characters, so just words: @stranger")

    await driver.start_command("enhance")
    await driver.fill_option("image_url", "")
    field = driver.page.locator(".option[data-option=image_url] input[type=text]")
    await field.press_sequentially("@ju")
    await driver.page.get_by_role("option", name="@juno").click()
    await expect(field).to_have_value("@juno · a person with round glasses")
    enlarged = await driver.new_message_after(driver.send)
    await driver.wait_until_finished(enlarged)
    await expect(enlarged).to_contain_text("@juno")

    form = await open_form(driver, described, "Save as preset")
    await form.get_by_label("Name").fill("space")
    await form.get_by_label("Prompt", exact=False).fill("@juno, {prompt}")
    await expect(await submit(driver, form)).to_contain_text("Saved space")
    used = await run(driver, "preset use", name="space", prompt="on the moon")
    await expect(used).to_contain_text("@juno, on the moon")
    assert "a person with round glasses, on the moon" in last_input(environment)
    assert '"seed": 7' in last_input(environment)
