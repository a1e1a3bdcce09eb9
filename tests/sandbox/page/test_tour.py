"""Someone who has never seen the bot: the tour, the time line, and what the switches say."""

import re

import pytest
from playwright.async_api import Locator, expect

from sandbox.environment import Environment
from tests.sandbox.page.page_driver import RUN_TIMEOUT_MS, PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def send_what_is_filled_in(driver: PageDriver) -> Locator:
    """Press Enter as soon as the command is there, and return the reply."""
    await expect(driver.page.locator(".option[data-option=subject]")).to_contain_text("portrait.png")
    return await driver.new_message_after(lambda: driver.page.keyboard.press("Enter"))


async def test_a_newcomer_finishes_the_tour_with_nothing_but_the_page(
    driver: PageDriver, environment: Environment
) -> None:
    page, tour = driver.page, driver.page.locator("#tour")
    await driver.act_as("Ada")
    await page.locator(".channel", has_text="replicord").click()  # her conversation with the bot, empty so far
    await page.get_by_role("button", name=re.compile("Make a picture")).click()
    first = await send_what_is_filled_in(driver)
    await driver.wait_until_finished(first)
    await expect(tour.locator("li.done")).to_contain_text(["Make a picture"])

    await tour.get_by_role("button", name="Fill in").click()
    second = await send_what_is_filled_in(driver)
    await expect(tour).to_contain_text("or press Cancel under the images")
    await second.get_by_role("button", name="Cancel").press("Enter")  # an image that arrives moves the button
    await driver.wait_until_finished(second)
    await expect(tour.locator("li.done")).to_have_count(2)

    await tour.get_by_role("button", name="Fill in").click()
    third = await send_what_is_filled_in(driver)
    predictions = len(environment.replicate.predictions)
    await expect(page.locator(".timeline .now")).to_have_count(1)  # drawn while it happens
    await tour.get_by_role("button", name="Kill the bot now").click()
    await driver.wait_until_finished(third)
    await expect(tour.locator("li.done")).to_have_count(3)
    assert len(environment.replicate.predictions) <= predictions + 1

    moments = page.locator(".moments li")
    for kind in ("killed", "started", "resumed", "output", "done"):
        await expect(page.locator(f".moments .{kind}").first).to_be_visible(timeout=RUN_TIMEOUT_MS)
    order = [await moment.get_attribute("class") for moment in await moments.all()]
    assert order.index("killed") < order.index("started") < order.index("resumed") < order.index("done")
    await expect(page.locator(".timeline .band.dead")).to_have_count(1)
    assert await page.locator(".timeline .edit").count() > 2
    await tour.get_by_role("button", name="Close the tour").click()
    await expect(tour).to_be_hidden()


async def test_switches_say_what_happened_and_are_taken_back(driver: PageDriver, environment: Environment) -> None:
    await driver.toggle_fault("No credit left")
    toggle = driver.page.locator(".toggle", has_text="No credit left")
    await expect(toggle).to_contain_text("armed")
    await driver.toggle_fault("No credit left")
    await expect(toggle.locator(".toggle-status")).to_have_count(0)
    assert not environment.replicate.faults.active

    await driver.toggle_fault("No credit left")
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a hill")
    await driver.new_message_after(driver.send)
    await expect(toggle).to_contain_text("happened at")

    await driver.toggle_fault("End the 15 minutes")
    expired = driver.page.locator(".toggle", has_text="End the 15 minutes")
    await expect(expired).to_contain_text("done at")
    await expired.get_by_role("button", name="Make them valid again").click()
    await expect(expired.get_by_role("button", name="Make them valid again")).to_have_count(0)
    assert not environment.discord.faults.has_expired_tokens()


async def test_the_page_follows_the_persons_own_run(driver: PageDriver) -> None:
    await driver.open_channel("general")
    await driver.send_text("a line\n" * 60)
    await driver.messages.last.hover()
    await driver.page.mouse.wheel(0, -900)
    await expect(driver.page.get_by_role("button", name="Jump to latest")).to_be_visible()
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a hill")
    message = await driver.new_message_after(driver.send)
    await expect(message).to_be_in_viewport()
    await driver.wait_until_finished(message)
    await expect(message.get_by_role("button", name="Again")).to_be_in_viewport()
    await expect(driver.page.get_by_role("button", name="Jump to latest")).to_be_hidden()


async def test_a_dragged_file_shows_where_it_can_be_dropped(driver: PageDriver) -> None:
    drag = """(body, type) => {
        const data = new DataTransfer();
        data.items.add(new File(["x"], "photo.png", {type: "image/png"}));
        body.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
    }"""
    note = driver.page.locator("#drop-note")
    await driver.start_command("generate")
    await driver.page.locator("body").evaluate(drag, "dragenter")
    await expect(note).to_have_text("Drop the file for “subject”")
    await driver.page.locator("body").evaluate(drag, "dragleave")
    await expect(note).to_be_hidden()


async def test_an_inspector_that_closes_before_it_is_drawn_draws_nothing(driver: PageDriver) -> None:
    await driver.open_channel("general")
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a hill")
    await driver.new_message_after(driver.send)
    await driver.page.locator(".timeline").wait_for()
    toggle_in_one_frame = """async () => {
        const opener = document.getElementById("open-inspector");
        for (const _ of ["closed", "open", "closed"]) opener.click();
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }"""
    await driver.page.evaluate(toggle_in_one_frame)
    await expect(driver.page.locator("#inspector")).to_be_hidden()


async def test_ticks_stay_when_their_runs_are_no_longer_listed(driver: PageDriver) -> None:
    draw_before_and_after = """async () => {
        const { Tour } = await import(document.querySelector("script[type=module]").src.replace("main.js", "tour.js"));
        const at = "2026-11-23T12:00:00Z";
        const row = {author_id: "1", state: "succeeded", created_at: at, delivered_at: at};
        const prediction = {output: ["https://example.org/1.png"], created_at: at, status: "succeeded"};
        const chat = {me: {id: "1"}, availableCommands: () => [{name: "generate"}]};
        const remembered = {};
        const recallDone = (person) => remembered[person] ?? [];
        const rememberDone = (person, done) => (remembered[person] = done);
        const count = (person, runs) => {
            chat.me.id = person;
            const state = {listRuns: () => runs, calls: [], events: [], moments: []};
            return new Tour({chat, state, recallDone, rememberDone}).drawList().querySelectorAll("li.done").length;
        };
        return [count("1", [{row, prediction}]), count("1", []), count("2", [])];
    }"""
    assert await driver.page.evaluate(draw_before_and_after) == [1, 1, 0]
