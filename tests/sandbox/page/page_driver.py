"""What a person does at the page, a few words an act."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Locator, Page

LIMIT = 25.0
RUNS_OUT = 25_000


class PageDriver:
    """Uses the page with keys and clicks; ``asked`` are the addresses that the page loaded."""

    def __init__(self, page: Page, asked: list[str]) -> None:
        self.page = page
        self.asked = asked

    @property
    def messages(self) -> Locator:
        return self.page.locator("#messages > .message")

    async def open(self, channel: str) -> None:
        await self.page.locator(".channel", has_text=channel).click()
        await self.page.locator("h1", has_text=channel).wait_for()

    async def speak_as(self, name: str) -> None:
        await self.page.get_by_role("radio", name=name).click()
        await self.page.get_by_role("radio", name=name, checked=True).wait_for()

    async def type_command(self, name: str) -> None:
        """Type ``/name``, and choose what the page offers with Enter."""
        await self.page.locator("#text").click()
        await self.page.keyboard.type(f"/{name}")
        await self.page.get_by_role("option", name=f"/{name}").first.wait_for()
        await self.page.keyboard.press("Enter")
        await self.page.locator(".command-name", has_text=f"/{name}").wait_for()

    async def option(self, name: str, value: str) -> None:
        """Fill in an option, asking for its field if it is not shown."""
        field = self.page.locator(f".option[data-option={name}] input[type=text]")
        if not await field.count():
            await self.page.get_by_role("button", name=f"+ {name}", exact=True).click()
        await field.fill(value)

    async def attach(self, name: str, path: Path) -> None:
        async with self.page.expect_file_chooser() as chooser:
            await self.page.locator(f".option[data-option={name}] .choose").click()
        await (await chooser.value).set_files(path)
        await self.page.locator(f".option[data-option={name}] .given").wait_for()

    async def send(self) -> None:
        await self.page.locator(".send").click()

    async def answer_after(self, act: Callable[[], Awaitable[None]]) -> Locator:
        """Do something that a new message answers, and return that message for as long as it lives."""
        before = await self.messages.count()
        await act()
        new = self.messages.nth(before)
        await new.wait_for()
        return self.page.locator(f".message[data-id='{await new.get_attribute('data-id')}']")

    async def generate(self, portrait: Path, images: int) -> Locator:
        """Use /generate by hand and return the reply."""
        await self.type_command("generate")
        await self.option("prompt", "a red hat")
        await self.attach("subject", portrait)
        await self.option("number_of_outputs", str(images))
        return await self.answer_after(self.send)

    async def over(self, message: Locator) -> None:
        await message.get_by_role("button", name="Again").wait_for(timeout=RUNS_OUT)

    async def press_switch(self, label: str) -> None:
        await self.page.get_by_role("tab", name="Break").click()
        await self.page.locator(".switch", has_text=label).first.click()


async def wait_until(look: Callable[[], Awaitable[object]], limit: float = LIMIT) -> None:
    """Return as soon as ``look`` says something true."""
    async with asyncio.timeout(limit):
        while not await look():
            await asyncio.sleep(0.02)
