"""The page in a real browser, used as a person uses it. Anything in the browser's console fails the test."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, ViewportSize, async_playwright, expect

from sandbox.environment import Environment
from sandbox.page.server import PageServer
from sandbox.replicate.job import Timings
from tests.bot_environment import open_environment
from tests.sandbox.page.page_driver import PageDriver

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-dev-shm-usage"]
TIMINGS = Timings(boot=0.2, queue=0.1, image=0.35, tokens_per_second=120)
PICTURE_SCALE = 0.75  # here they are looked at
WINDOW: ViewportSize = {"width": 1360, "height": 880}


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab of the browser, what went wrong in it, and the URLs that it has loaded."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requested_urls: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    """Both stand-ins and the running bot, shared by all tests of the page."""
    async with open_environment(tmp_path_factory.mktemp("environment"), timings=TIMINGS, roles=True) as environment:
        environment.replicate.picture_scale = PICTURE_SCALE
        await environment.start_bot()
        yield environment


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def page_url(environment: Environment) -> AsyncIterator[str]:
    async with PageServer(environment) as server:
        yield server.url


@pytest.fixture(scope="session")
def chromium() -> Path:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    return CHROMIUM


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(chromium: Path) -> AsyncIterator[BrowserContext]:
    """One browser for all tests."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield await browser.new_context(viewport=WINDOW, reduced_motion="reduce")
        await browser.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def tab(browser: BrowserContext, page_url: str) -> AsyncIterator[Tab]:
    """One tab for all tests: opening one takes twice the time of loading the page again."""
    page = await browser.new_page()
    page.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    tab = Tab(page)
    _watch_page(tab, page_url)
    yield tab
    await page.close()


@pytest_asyncio.fixture(loop_scope="session")
async def driver(tab: Tab, page_url: str, environment: Environment) -> AsyncIterator[PageDriver]:
    """The page, loaded anew, with nothing remembered; it acts as Mia, and no fault is active."""
    environment.replicate.faults.clear()
    page = tab.page
    await page.set_viewport_size(WINDOW)
    await page.mouse.move(0, 0)
    if page.url.startswith(page_url):
        await page.evaluate("() => sessionStorage.clear()")
    tab.problems.clear()
    tab.requested_urls.clear()
    await page.goto(page_url, wait_until="domcontentloaded")
    await page.get_by_text("Bot online").wait_for()
    yield PageDriver(page, tab.requested_urls)
    assert tab.problems == []


def _watch_page(tab: Tab, page_url: str) -> None:
    page, problems = tab.page, tab.problems

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            problems.append(message.text)

    def on_request(request: Request) -> None:
        tab.requested_urls.append(request.url)
        if not request.url.startswith((page_url, "blob:")):
            problems.append(f"requested {request.url}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", on_request)
