"""The main job at the page: run, watch, zoom, stop, be refused, edit, break, survive."""

from pathlib import Path

import pytest
from playwright.async_api import Locator, expect

from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.sandbox.page.page_driver import RUNS_OUT, PageDriver, wait_until

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def me(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures") / "me.png"
    path.write_bytes(draw_portrait())
    return path


async def numbers_until_over(message: Locator) -> list[int]:
    """Return how many images the message showed, each number once, in order."""
    seen = [0]

    async def look() -> bool:
        over = await message.get_by_role("button", name="Again").count()
        shown = await message.locator(".cell img").count()
        if shown != seen[-1]:
            seen.append(shown)
        return bool(over)

    await wait_until(look)
    return seen


async def test_five_images_arrive_one_by_one_and_one_is_looked_at_closely(mia: PageDriver, me: Path) -> None:
    message = await mia.generate(me, 5)
    numbers = await numbers_until_over(message)
    assert numbers == sorted(numbers)
    assert numbers[-1] == 5
    assert len(numbers) >= 4, "the images should appear one by one"
    await expect(message).to_contain_text("Done · 5 images")
    pictures = [url.split("?")[0] for url in mia.asked if "/cdn/attachments/" in url]
    assert len(pictures) == len(set(pictures)) == 6, "each picture is loaded once, however often the message changed"

    await message.get_by_role("button", name="Look closer").nth(2).click()
    box = mia.page.get_by_role("dialog", name="Picture")
    await expect(box).to_contain_text("2 / 5")
    await mia.page.keyboard.press("ArrowRight")
    await expect(box).to_contain_text("3 / 5")
    assert await box.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 500
    await mia.page.keyboard.press("Escape")
    await expect(box).to_be_hidden()


async def test_a_cross_by_the_author_stops_and_a_strangers_does_not(mia: PageDriver, me: Path) -> None:
    message = await mia.generate(me, 20)
    cross = message.locator(".reaction[data-emoji='❌']")
    await expect(message.locator(".cell img").first).to_be_visible()

    await mia.speak_as("Noah")
    await cross.click()
    await expect(cross).to_have_attribute("aria-pressed", "true")
    await message.get_by_role("button", name="Cancel").click()
    refusal = mia.page.locator(".message.ephemeral").last
    await expect(refusal).to_contain_text("Only Mia")
    await expect(refusal).to_contain_text("Only you can see this")
    shown = await message.locator(".cell img").count()
    await expect(message.locator(".cell img").nth(shown)).to_be_visible()

    await mia.speak_as("Mia")
    await expect(refusal).to_have_count(0)
    await cross.click()
    await mia.over(message)
    await expect(message).to_contain_text("Stopped by @Mia")


async def test_edit_opens_a_form_and_what_is_submitted_runs(
    mia: PageDriver, environment: Environment, me: Path
) -> None:
    message = await mia.generate(me, 1)
    await mia.over(message)
    await message.get_by_role("button", name="Edit", exact=True).click()
    form = mia.page.get_by_role("dialog", name="Edit /generate")
    await expect(form.get_by_label("Prompt", exact=False).first).to_have_value("a red hat")
    await form.get_by_label("Number of outputs").fill("many")
    answer = await mia.answer_after(form.get_by_role("button", name="Submit").click)
    await expect(answer).to_contain_text("number_of_outputs")
    await expect(form).to_be_hidden()

    await message.get_by_role("button", name="Edit", exact=True).click()
    await form.get_by_label("Prompt", exact=False).first.fill("a blue hat")
    again = await mia.answer_after(form.get_by_role("button", name="Submit").click)
    await mia.over(again)
    await expect(again).to_contain_text("a blue hat")
    assert list(environment.replicate.predictions.values())[-1].input["prompt"] == "a blue hat"


@pytest.mark.parametrize("switch", ["Close the stream", "Stall the stream", "Replicate answers 500"])
async def test_a_run_survives_what_the_switches_break(
    mia: PageDriver, environment: Environment, me: Path, switch: str
) -> None:
    message = await mia.generate(me, 6)
    await expect(message.locator(".cell img").first).to_be_visible()
    await mia.press_switch(switch)
    await mia.over(message)
    await expect(message).to_contain_text("Done · 6 images")
    assert not environment.replicate.faults.active, "the switch should have struck"


async def test_a_killed_bot_comes_back_in_the_same_message(mia: PageDriver, environment: Environment, me: Path) -> None:
    message = await mia.generate(me, 8)
    await expect(message.locator(".cell img").first).to_be_visible()
    made, first = len(environment.replicate.predictions), environment.bot.pid
    messages = await mia.messages.count()
    await mia.press_switch("Kill and restart the bot")
    await expect(mia.page.locator("#bot-state")).to_have_text("Bot not running")
    await expect(mia.page.locator("#bot-state")).to_have_text("Bot online", timeout=RUNS_OUT)
    await mia.over(message)
    await expect(message.locator(".cell img")).to_have_count(8)
    assert environment.bot.pid != first
    assert len(environment.replicate.predictions) == made
    await expect(mia.messages).to_have_count(messages)


async def test_words_flow_in_and_the_panel_shows_the_works(mia: PageDriver, environment: Environment) -> None:
    await mia.open("general")
    await mia.type_command("talk")
    await mia.option("prompt", "Tell me about tea.")
    message = await mia.answer_after(mia.send)
    await mia.over(message)
    prediction = list(environment.replicate.predictions)[-1]
    await mia.page.get_by_role("tab", name="Run").click()
    pane = mia.page.get_by_role("tabpanel")
    await expect(pane).to_contain_text(prediction)
    await expect(pane).to_contain_text("delivered_at")
    await expect(pane.locator(".event.done")).to_have_count(1)
    await mia.page.get_by_role("tab", name="Calls").click()
    create = mia.page.locator(".call", has_text="/predictions").filter(has_text="201").last
    await create.locator("summary").click()
    await expect(create).to_contain_text("Tell me about tea.")
