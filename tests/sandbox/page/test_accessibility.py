"""The page for people who use a keyboard, a screen reader, a finger, or large letters."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUN_AXE = "async () => (await axe.run(document, {resultTypes: ['violations']})).violations"
SMALL_TARGETS = """() => {
    const targets = [...document.querySelectorAll("button, select, input, textarea, a[href], summary, [role=option]")];
    const isShown = (element) => element.checkVisibility({visibilityProperty: true, opacityProperty: true});
    const inText = (element) => element.matches("p a, .also button, .text a, .text button");
    const isUnseen = (element) => element.matches(".visually-hidden, .skip");
    return targets.filter((element) => isShown(element) && !inText(element) && !isUnseen(element))
        .map((element) => [element, (element.closest("label") ?? element).getBoundingClientRect()])
        .filter(([, box]) => box.width && (box.width < 31.5 || box.height < 31.5))
        .map(([element, box]) => `${element.outerHTML.slice(0, 90)} ${box.width.toFixed()}×${box.height.toFixed()}`);
}"""


@pytest.fixture(scope="module")
def axe(npm_folder: Path) -> str:
    """The source of axe-core, https://github.com/dequelabs/axe-core."""
    return (npm_folder / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


async def find_violations(page: Page, axe: str) -> list[str]:
    """Return what axe finds on the page as it is now: the rule, and the elements that break it."""
    if not await page.evaluate("() => 'axe' in window"):
        await page.evaluate(axe)
    violations: list[dict[str, Any]] = await page.evaluate(RUN_AXE)
    return [
        f"{found['id']}: {node['html']} {node['failureSummary']}" for found in violations for node in found["nodes"]
    ]


async def show_tab(driver: PageDriver, name: str) -> None:
    await driver.page.get_by_role("tab", name=name).click()
    await driver.page.locator("#pane details.group").evaluate_all(
        "groups => groups.forEach((one) => { one.open = true; })"
    )


VIEWS: dict[str, Callable[[PageDriver], Awaitable[None]]] = {
    "an empty channel": lambda driver: driver.open_channel("hidden"),
    "a command": lambda driver: driver.start_command("draw"),
    "suggestions": lambda driver: driver.page.locator("#text").press_sequentially("/"),
    "the run": lambda driver: show_tab(driver, "Run"),
    "the calls": lambda driver: show_tab(driver, "Calls"),
    "the faults": lambda driver: show_tab(driver, "Faults"),
    "the log": lambda driver: show_tab(driver, "Log"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def finished_run(browser: BrowserContext, page_url: str) -> None:
    """A run in #general, of which every view shows something."""
    page = await browser.new_page()
    await page.goto(page_url, wait_until="domcontentloaded")
    await page.get_by_text("Bot online").wait_for()
    driver = PageDriver(page, [])
    await driver.open_channel("general")
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a hill")
    await driver.wait_until_finished(await driver.new_message_after(driver.send))
    await page.close()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.usefixtures("finished_run")
async def test_axe_finds_nothing(driver: PageDriver, axe: str, theme: str) -> None:
    await driver.page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
    found = {}
    for view, show in VIEWS.items():
        await driver.open_channel("general")
        await show(driver)
        found[view] = await find_violations(driver.page, axe)
    assert found == {view: [] for view in VIEWS}


@pytest.mark.usefixtures("finished_run")
async def test_axe_finds_nothing_in_a_form(driver: PageDriver, axe: str) -> None:
    await driver.open_channel("general")
    await driver.page.get_by_role("button", name="Edit", exact=True).last.click()
    await driver.page.get_by_role("dialog").wait_for()
    assert await find_violations(driver.page, axe) == []


@pytest.mark.usefixtures("finished_run")
async def test_targets_are_large_enough_for_a_finger(browser: BrowserContext, page_url: str) -> None:
    assert isinstance(browser.browser, Browser)
    phone = await browser.browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, reduced_motion="reduce"
    )
    page = await phone.new_page()
    await page.goto(page_url, wait_until="domcontentloaded")
    await page.get_by_text("Bot online").wait_for()
    driver = PageDriver(page, [])
    await page.get_by_role("button", name="Channels and people").click()
    assert await page.evaluate(SMALL_TARGETS) == []
    await driver.open_channel("general")
    assert await page.evaluate(SMALL_TARGETS) == []
    await driver.start_command("generate")
    assert await page.evaluate(SMALL_TARGETS) == []
    await page.get_by_role("button", name="Inspector", exact=True).click()
    for tab in ("Run", "Calls", "Faults", "Log"):
        await show_tab(driver, tab)
        assert await page.evaluate(SMALL_TARGETS) == [], tab
    await phone.close()


@pytest.mark.usefixtures("finished_run")
async def test_arrow_keys_move_between_messages(driver: PageDriver) -> None:
    await driver.open_channel("general")
    await driver.send_text("one")
    await driver.send_text("two")
    await driver.page.keyboard.press("ArrowUp")
    await expect(driver.messages.last).to_be_focused()
    await driver.page.keyboard.press("ArrowUp")
    await expect(driver.messages.nth(-2)).to_be_focused()
    await driver.page.keyboard.press("Home")
    await expect(driver.messages.first).to_be_focused()
    await driver.page.keyboard.press("End")
    await driver.page.keyboard.press("ArrowDown")
    await expect(driver.page.locator("#text")).to_be_focused()
    assert await driver.page.locator(".message[tabindex='0']").count() == 1


async def test_only_an_open_list_is_announced_as_open(driver: PageDriver) -> None:
    await driver.start_command("draw")
    finder = driver.page.get_by_role("combobox", name="Add an option")
    await finder.click()
    await expect(finder).to_have_attribute("aria-expanded", "false")
    await driver.page.keyboard.type("asp")
    await expect(finder).to_have_attribute("aria-expanded", "true")
    await driver.page.keyboard.type("x")
    await expect(finder).to_have_attribute("aria-expanded", "false")
    await driver.page.keyboard.press("Backspace")
    await expect(finder).to_have_attribute("aria-expanded", "true")
    await driver.page.keyboard.press("Tab")
    choices = driver.page.get_by_role("combobox", name="aspect_ratio")
    await expect(choices).to_have_attribute("aria-expanded", "true")
    await expect(finder).to_have_attribute("aria-expanded", "false")


async def test_images_and_the_end_of_a_run_are_announced(driver: PageDriver) -> None:
    await driver.page.evaluate(
        """() => {
            window.said = [];
            const announcer = document.getElementById("announcer");
            new MutationObserver(() => window.said.push(announcer.textContent)).observe(announcer, {childList: true});
        }"""
    )
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a hill")
    await driver.wait_until_finished(await driver.new_message_after(driver.send))
    said = await driver.page.evaluate("() => window.said")
    assert any(text.startswith("Done") for text in said), said
