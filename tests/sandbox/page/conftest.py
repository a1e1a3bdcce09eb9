"""The page in a real browser, used as a person uses it. A message in the browser's console fails the test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext, ConsoleMessage, Page, Request, async_playwright

from sandbox.environment import Environment
from sandbox.page.server import PageServer
from sandbox.replicate.job import Timings
from tests.bot_environment import open_environment
from tests.sandbox.page.page_driver import PageDriver

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu", "--disable-dev-shm-usage"]
QUICK = Timings(boot=0.2, queue=0.1, image=0.35, tokens_per_second=120)
WINDOW = {"width": 1360, "height": 880}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def environment(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Environment]:
    """Both stand-ins and the started bot."""
    async with open_environment(tmp_path_factory.mktemp("environment"), timings=QUICK) as environment:
        await environment.start_bot()
        yield environment


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def address(environment: Environment) -> AsyncIterator[str]:
    """Where the environment's page is, key and all."""
    async with PageServer(environment) as page:
        yield page.url


@pytest.fixture(scope="module")
def chromium() -> Path:
    if not CHROMIUM.exists():
        pytest.skip(f"{CHROMIUM} is not installed")
    return CHROMIUM


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser(chromium: Path) -> AsyncIterator[BrowserContext]:
    """A browser's window; what a page of it keeps goes with its tab."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield await browser.new_context(viewport=WINDOW)
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def mia(browser: BrowserContext, address: str, environment: Environment) -> AsyncIterator[PageDriver]:
    """A person at the page, who speaks as mia; whatever lay in wait from the test before is taken back."""
    environment.replicate.faults.clear()
    page = await browser.new_page()
    page.set_default_timeout(20_000)
    troubles: list[str] = []
    asked: list[str] = []
    _listen(page, troubles, asked, address)
    await page.goto(address, wait_until="domcontentloaded")
    await page.get_by_text("Bot online").wait_for()
    yield PageDriver(page, asked)
    await page.close()
    assert troubles == []


def _listen(page: Page, troubles: list[str], asked: list[str], address: str) -> None:
    def console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            troubles.append(message.text)

    def request(one: Request) -> None:
        asked.append(one.url)
        if not one.url.startswith((address, "blob:")):
            troubles.append(f"asked {one.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", request)
