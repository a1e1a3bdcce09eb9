"""What comes next after a result, at the page: one image larger, then changed with words, then moving."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from sandbox.portrait import draw_portrait
from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "portrait.png"
    path.write_bytes(draw_portrait())
    return path


async def height_above_select(message: Locator) -> float:
    """Return how far the select is below the top of its card, in pixels."""
    box, select = await message.bounding_box(), await message.get_by_role("combobox").bounding_box()
    assert box is not None
    assert select is not None
    return select["y"] - box["y"]


async def test_an_image_is_enlarged_changed_and_animated(driver: PageDriver, portrait_file: Path) -> None:
    result = await driver.generate(portrait_file, 5)
    await driver.wait_until_finished(result)
    before = await height_above_select(result)

    card = await driver.new_message_after(lambda: driver.choose(result, "Next", "Upscale"))
    await expect(card).to_contain_text("Upscale: which image?")
    await expect(card.locator(".cell img")).to_have_count(5)
    await card.get_by_role("button", name="3", exact=True).click()
    larger = driver.messages.filter(has_text="from Mia's run · image 3")
    await driver.wait_until_finished(larger)
    await expect(card).to_have_count(0)
    assert await height_above_select(result) == before, "the card of the result should not move"
    await expect(result.get_by_role("combobox")).to_have_value("")  # so that the same can be chosen again

    await driver.choose(larger, "Next", "Edit with words")
    form = driver.page.get_by_role("dialog", name="Edit with words")
    await expect(form).to_contain_text("image 1")
    await form.get_by_label("Prompt", exact=False).fill("in the rain")
    edited = await driver.new_message_after(form.get_by_role("button", name="Submit").click)
    await driver.wait_until_finished(edited)
    await expect(edited).to_contain_text("in the rain")

    moving = await driver.new_message_after(lambda: driver.choose(edited, "Next", "Animate"))
    await driver.wait_until_finished(moving)
    await expect(moving.locator("video")).to_have_count(1)
    await expect(moving.get_by_role("combobox")).to_have_count(0)


async def test_the_menu_of_a_photo_describes_it(driver: PageDriver, portrait_file: Path) -> None:
    result = await driver.generate(portrait_file, 1)
    await driver.wait_until_finished(result)
    await result.click(button="right", position={"x": 4, "y": 4})
    await driver.page.get_by_role("menuitem", name="Describe").click()
    described = driver.page.locator(".message.ephemeral").last
    await expect(described).to_contain_text("a tall picture")
    await driver.choose(described, "Next", "Use as prompt in /draw…")
    form = driver.page.get_by_role("dialog", name="/draw")
    await expect(form.get_by_label("Prompt", exact=False).first).to_have_value(re.compile("a tall picture"))
