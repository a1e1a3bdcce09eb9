"""Take the README's pictures of the sandbox's page: ``python -m tests.docs.pictures``, in a checkout.

They are real runs of the bot between the stand-ins, in the size in which the README shows them.
"""

import asyncio
import io
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image
from playwright.async_api import Browser, Locator, Page, ViewportSize, async_playwright

from sandbox.page.server import PageServer
from sandbox.portrait import draw_portrait
from sandbox.replicate.job import Timings
from tests.bot_environment import open_environment
from tests.sandbox.page.page_driver import PageDriver

FOLDER = Path(__file__).parents[2] / "docs" / "images"
CHROMIUM = Path("/usr/bin/chromium")
DESKTOP: ViewportSize = {"width": 1440, "height": 1000}
TALL: ViewportSize = {"width": 1440, "height": 1500}
PHONE: ViewportSize = {"width": 390, "height": 780}
SCALE = 1.5
QUALITY = 82
TIMINGS = Timings(boot=1.2, image=1.2, tokens_per_second=160)
SHOW_ALL_MOMENTS = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(".moments { max-height: none; }");
    document.adoptedStyleSheets = [sheet];
}"""
PROMPT = "a friendly astronaut, orange suit, short hair"
WISHES = (
    "a lighthouse in a storm", "a fox asleep in autumn leaves", "a glass city at night", "an old map of the moon",
    "a teapot shaped like a whale", "a garden on a rooftop", "a red balloon", "a cat reading a newspaper",
    "mountains made of paper",
)  # fmt: skip
STORY = "Tell me a short story about a lighthouse that was afraid of the dark."


async def take_pictures(folder: Path) -> list[Path]:
    """Play the runs, write a picture of each into ``folder`` and return their paths."""
    with tempfile.TemporaryDirectory() as scratch:
        portrait = Path(scratch) / "portrait.png"
        portrait.write_bytes(draw_portrait())
        async with (
            open_environment(Path(scratch) / "environment", timings=TIMINGS) as environment,
            async_playwright() as playwright,
        ):
            environment.replicate.picture_scale = 1.0  # tests draw small ones
            await environment.start_bot()
            async with PageServer(environment) as server:
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
                taker = Taker(browser, server.url, portrait, folder)
                try:
                    return [await take() for take in taker.all()]
                finally:
                    await browser.close()


class Taker:
    """Takes each picture; the phone's shows what the others have made."""

    def __init__(self, browser: Browser, url: str, portrait: Path, folder: Path) -> None:
        self._browser = browser
        self._url = url
        self._portrait = portrait
        self._folder = folder

    def all(self) -> list[Callable[[], Awaitable[Path]]]:
        """Return what takes the pictures, in order."""
        return [
            self.take_running,
            self.take_stopped,
            self.take_text,
            self.take_timeline,
            self.take_phone,
            self.take_character,
            self.take_library,
        ]

    async def take_running(self) -> Path:
        """A card while it runs, with three of five images."""
        async with self._open(DESKTOP) as driver:
            message = await driver.generate(self._portrait, 5, prompt=PROMPT)
            await driver.images_of(message).nth(2).wait_for()
            path = await self._save(message, "running")
            await driver.wait_until_finished(message)
            return path

    async def take_character(self) -> Path:
        """A card of a run that was given a character by its name."""
        async with self._open(DESKTOP) as driver:
            await driver.start_command("character save")
            await driver.fill_option("name", "mia")
            await driver.attach_file("photo", self._portrait)
            await driver.send()
            form = driver.page.get_by_role("dialog", name="Save @mia")
            await form.get_by_label("Description").fill("a woman with short hair and round glasses")
            await form.get_by_label("I may use the pictures of this person").check()
            await form.get_by_role("button", name="Submit").click()
            await driver.page.get_by_text("Saved @mia").wait_for()
            await driver.start_command("generate")
            await driver.fill_option("prompt", "@mia as an astronaut")
            await driver.fill_option("number_of_outputs", "2")
            message = await driver.new_message_after(driver.send)
            await driver.wait_until_finished(message)
            return await self._save(message, "character")

    async def take_stopped(self) -> Path:
        """A card that was stopped with a ❌ after two images."""
        async with self._open(DESKTOP) as driver:
            message = await driver.generate(self._portrait, 4, prompt="a red hat, by the sea")
            await driver.images_of(message).nth(1).wait_for()
            await message.locator(".reaction[data-emoji='❌']").click()
            await driver.wait_until_finished(message)
            return await self._save(message, "stopped")

    async def take_text(self) -> Path:
        """A story."""
        async with self._open(TALL) as driver:
            await driver.open_channel("general")
            await driver.start_command("talk")
            await driver.fill_option("prompt", STORY)
            message = await driver.new_message_after(driver.send)
            await driver.wait_until_finished(message)
            return await self._save(message, "text", height=620)

    async def take_timeline(self) -> Path:
        """The time line of a run in whose middle the bot was killed."""
        async with self._open(DESKTOP) as driver:
            message = await driver.generate(self._portrait, 8, prompt="a lighthouse keeper")
            await driver.images_of(message).nth(1).wait_for()
            await driver.toggle_fault("Kill the bot")
            await driver.page.get_by_role("tab", name="Run").click()
            await driver.wait_until_finished(message)
            await driver.page.locator(".moments .done").wait_for()
            await driver.page.evaluate(SHOW_ALL_MOMENTS)
            return await self._save(driver.page.locator("#pane [data-key^='t']").first, "timeline")

    async def take_phone(self) -> Path:
        """The page on a phone."""
        async with self._open(PHONE, phone=True) as driver:
            await driver.messages.first.wait_for()
            await driver.messages.first.scroll_into_view_if_needed()
            await driver.page.locator(".message .cell img").first.scroll_into_view_if_needed()
            await _settle(driver.page)
            return self._write(await driver.page.screenshot(), "phone")

    async def take_library(self) -> Path:
        """A page of somebody's library."""
        async with self._open(TALL) as driver:
            await driver.open_channel("pictures")
            for prompt in WISHES:
                await driver.start_command("draw")
                await driver.fill_option("prompt", prompt)
                message = await driver.new_message_after(driver.send)
                await driver.wait_until_finished(message)
            await driver.start_command("library browse")
            page = await driver.new_message_after(driver.send)
            await page.locator(".cell img").nth(len(WISHES) - 1).wait_for()
            return await self._save(page, "library")

    @asynccontextmanager
    async def _open(self, size: ViewportSize, *, phone: bool = False) -> AsyncIterator[PageDriver]:
        context = await self._browser.new_context(
            viewport=size, device_scale_factor=SCALE, has_touch=phone, is_mobile=phone, color_scheme="dark",
            reduced_motion="reduce",
        )  # fmt: skip
        page = await context.new_page()
        page.set_default_timeout(60_000)
        await page.add_init_script("sessionStorage.setItem('sandbox-tour', 'closed')")
        await page.goto(self._url, wait_until="domcontentloaded")
        await page.get_by_text("Bot online").wait_for()
        yield PageDriver(page, [])
        await context.close()

    async def _save(self, element: Locator, name: str, *, height: int | None = None) -> Path:
        """Save what an element looks like, at most ``height`` pixels of it."""
        await _settle(element.page)
        data = await element.screenshot()
        return self._write(data, name, height=height)

    def _write(self, data: bytes, name: str, *, height: int | None = None) -> Path:
        path = self._folder / f"{name}.webp"
        image = Image.open(io.BytesIO(data)).convert("RGB")
        if height is not None and image.height > height * SCALE:
            image = image.crop((0, 0, image.width, int(height * SCALE)))
        image.save(path, "WEBP", quality=QUALITY, method=6)
        return path


async def _settle(page: Page) -> None:
    """Wait until every image is drawn, and nothing is marked by the mouse."""
    await page.mouse.move(0, 0)
    await page.evaluate("() => document.activeElement?.blur()")
    await page.evaluate(
        "() => Promise.all([...document.images].filter((image) => image.src).map((image) => image.decode()))"
    )


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for taken in asyncio.run(take_pictures(FOLDER)):
        sys.stdout.write(f"{taken.relative_to(FOLDER.parents[1])}\n")
