"""Runs at the page: follow, enlarge, cancel, edit, and survive faults."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.sandbox.page.page_driver import RUN_TIMEOUT_MS, PageDriver, wait_until

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.fixture(scope="module")
def portrait_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "portrait.png"
    path.write_bytes(draw_portrait())
    return path


async def image_counts_until_finished(driver: PageDriver, message: Locator) -> list[int]:
    """Return the numbers of images that the message showed, in order, each change once."""
    counts = [0]

    async def has_finished() -> bool:
        finished = await message.get_by_role("button", name="Again").count()
        shown = await driver.images_of(message).count()
        if shown != counts[-1]:
            counts.append(shown)
        return bool(finished)

    await wait_until(has_finished)
    return counts


async def test_images_arrive_one_by_one_and_can_be_enlarged(driver: PageDriver, portrait_file: Path) -> None:
    loaded_before = len(driver.requested_urls)
    message = await driver.generate(portrait_file, 5)
    counts = await image_counts_until_finished(driver, message)
    assert counts == sorted(counts)
    assert counts[-1] == 5
    assert len(counts) >= 4, "the images should appear one by one"
    await expect(message).to_contain_text("Done · 5 images")
    requested = driver.requested_urls[loaded_before:]
    images = [url.split("?")[0] for url in requested if "/cdn/attachments/" in url and "/place-" not in url]
    assert len(images) == len(set(images)) == 6, "each image is loaded once, however often the message changed"

    await message.get_by_role("button", name="Enlarge").nth(2).click()
    box = driver.page.get_by_role("dialog", name="Image")
    await expect(box).to_contain_text("2 / 5")
    await driver.page.keyboard.press("ArrowRight")
    await expect(box).to_contain_text("3 / 5")
    assert await box.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    await driver.page.keyboard.press("Escape")
    await expect(box).to_be_hidden()


MEASURE = """message => {
  const cancel = [...message.querySelectorAll("button")].find(button => button.textContent === "Cancel");
  if (!cancel) return null;
  const below = cancel.getBoundingClientRect().top - message.getBoundingClientRect().top;
  return { cells: message.querySelectorAll(".card .cell").length, cancel: Math.round(below) };
}"""


@pytest.mark.parametrize("width", [1360, 390])
async def test_nothing_moves_while_images_arrive(driver: PageDriver, portrait_file: Path, width: int) -> None:
    await driver.page.set_viewport_size({"width": width, "height": 880})
    message = await driver.generate(portrait_file, 4)
    measured: list[dict[str, int]] = []

    async def has_finished() -> bool:
        if (found := await message.evaluate(MEASURE)) is not None:
            measured.append(found)
        return bool(await message.get_by_role("button", name="Again").count())

    await wait_until(has_finished)
    assert {one["cells"] for one in measured} == {4}
    assert len({one["cancel"] for one in measured}) == 1, "Cancel stays under the finger"
    await expect(driver.images_of(message)).to_have_count(4)


async def test_only_the_authors_cross_cancels_a_run(driver: PageDriver, portrait_file: Path) -> None:
    message = await driver.generate(portrait_file, 20)
    cross = message.locator(".reaction[data-emoji='❌']")
    await expect(driver.images_of(message).first).to_be_visible()

    await driver.act_as("Noah")
    await cross.click()
    await expect(cross).to_have_attribute("aria-pressed", "true")
    await message.get_by_role("button", name="Cancel").click()
    refusal = driver.page.locator(".message.ephemeral", has_text="Only Mia")
    await expect(refusal).to_contain_text("Only you can see this")
    shown = await driver.images_of(message).count()
    await expect(driver.images_of(message).nth(shown)).to_be_visible()

    await driver.act_as("Mia")
    await expect(refusal).to_have_count(0)
    await cross.click()
    await driver.wait_until_finished(message)
    await expect(message).to_contain_text("Stopped by @Mia")


async def test_edit_opens_a_form_and_runs_what_is_submitted(
    driver: PageDriver, environment: Environment, portrait_file: Path
) -> None:
    message = await driver.generate(portrait_file, 1)
    await driver.wait_until_finished(message)
    await message.get_by_role("button", name="Edit", exact=True).click()
    form = driver.page.get_by_role("dialog", name="Edit /generate")
    await expect(form.get_by_label("Prompt", exact=False).first).to_have_value("a red hat")
    await form.get_by_label("Number of outputs").fill("many")
    answer = await driver.new_message_after(form.get_by_role("button", name="Submit").click)
    await expect(answer).to_contain_text("number_of_outputs")
    await expect(form).to_be_hidden()

    await message.get_by_role("button", name="Edit", exact=True).click()
    await form.get_by_label("Prompt", exact=False).first.fill("a blue hat")
    again = await driver.new_message_after(form.get_by_role("button", name="Submit").click)
    await driver.wait_until_finished(again)
    await expect(again).to_contain_text("a blue hat")
    assert list(environment.replicate.predictions.values())[-1].input["prompt"] == "a blue hat"


@pytest.mark.parametrize("fault", ["Close the stream", "Stall the stream", "Replicate is down"])
async def test_a_run_survives_the_suggested_faults(
    driver: PageDriver, environment: Environment, portrait_file: Path, fault: str
) -> None:
    message = await driver.generate(portrait_file, 6)
    await expect(driver.images_of(message).first).to_be_visible()
    await driver.toggle_fault(fault)
    await driver.wait_until_finished(message)
    await expect(message).to_contain_text("Done · 6 images")
    assert not environment.replicate.faults.active, "the fault should have been triggered"


async def test_a_killed_bot_continues_in_the_same_message(
    driver: PageDriver, environment: Environment, portrait_file: Path
) -> None:
    message = await driver.generate(portrait_file, 8)
    await expect(driver.images_of(message).first).to_be_visible()
    predictions, first_pid = len(environment.replicate.predictions), environment.bot.pid
    messages = await driver.messages.count()
    await driver.toggle_fault("Kill the bot")
    await expect(driver.bot_status).to_have_text("Bot not running")
    await expect(driver.bot_status).to_have_text("Bot online", timeout=RUN_TIMEOUT_MS)
    await driver.wait_until_finished(message)
    await expect(driver.images_of(message)).to_have_count(8)
    assert environment.bot.pid != first_pid
    assert len(environment.replicate.predictions) == predictions
    await expect(driver.messages).to_have_count(messages)


async def test_text_streams_and_the_inspector_shows_the_run(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("general")
    await driver.start_command("talk")
    await driver.fill_option("prompt", "Tell me about tea.")
    message = await driver.new_message_after(driver.send)
    await driver.wait_until_finished(message)
    prediction = list(environment.replicate.predictions)[-1]
    await driver.page.get_by_role("tab", name="Run").click()
    pane = driver.page.get_by_role("tabpanel")
    await expect(pane).to_contain_text(prediction)
    await expect(pane).to_contain_text("delivered_at", timeout=20_000)
    await expect(pane.locator(".event.done")).to_have_count(1)
    await driver.page.get_by_role("tab", name="Calls").click()
    create = driver.page.locator(".call", has_text="/predictions").filter(has_text="201").last
    await create.locator("summary").click()
    await expect(create).to_contain_text("Tell me about tea.")
