"""A refusal at the page: the form comes back with everything in it, and one correction is enough."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from sandbox.portrait import draw_portrait
from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a portrait and a damaged picture."""
    folder = tmp_path_factory.mktemp("pictures")
    (folder / "portrait.png").write_bytes(draw_portrait())
    (folder / "damaged.png").write_bytes(draw_portrait()[:200])
    return folder


async def test_a_damaged_picture_is_replaced_without_retyping(driver: PageDriver, files: Path) -> None:
    await driver.start_command("generate")
    await driver.fill_option("prompt", "a knight with a red hat")
    await driver.attach_file("subject", files / "damaged.png")
    await driver.fill_option("number_of_outputs", "2")
    await driver.send()
    refused = driver.page.locator(".message.ephemeral").last
    await expect(refused).to_contain_text("“damaged.png” can't be used")
    await refused.get_by_role("button", name="Fix it").click()
    form = driver.page.get_by_role("dialog", name="Fix /generate")
    await expect(form.locator(".form-field .label").first).to_contain_text("⚠ Subject")
    await expect(form.get_by_label("Prompt", exact=False).first).to_have_value("a knight with a red hat")
    await expect(form.get_by_label("Number of outputs", exact=False)).to_have_value("2")
    async with driver.page.expect_file_chooser() as chooser:
        await form.locator(".choose").click()
    await (await chooser.value).set_files(files / "portrait.png")
    result = await driver.new_message_after(form.get_by_role("button", name="Submit").click)
    await driver.wait_until_finished(result)
    await expect(result).to_contain_text("a knight with a red hat")
    await expect(refused).to_contain_text("Started.")
    await expect(refused.get_by_role("button", name="Fix it")).to_have_count(0)
