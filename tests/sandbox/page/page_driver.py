"""Drives the page as a person does, with keys and clicks."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from playwright.async_api import Locator, Page

TIMEOUT = 25.0
RUN_TIMEOUT_MS = 25_000


class PageDriver:
    """An open page; ``requested_urls`` are the URLs that it has loaded."""

    def __init__(self, page: Page, requested_urls: list[str]) -> None:
        self.page = page
        self.requested_urls = requested_urls

    @property
    def messages(self) -> Locator:
        return self.page.locator("#messages > .message")

    @property
    def bot_status(self) -> Locator:
        return self.page.locator("#bot-status")

    def images_of(self, message: Locator) -> Locator:
        """The images of a result that are there; a place where one is still to come is none."""
        return message.locator(".cell img:not([alt$='on its way'])")

    async def open_channel(self, channel: str) -> None:
        await self.page.locator(".channel", has_text=channel).click()
        await self.page.locator("h1", has_text=channel).wait_for()

    async def act_as(self, name: str) -> None:
        await self.page.get_by_role("radio", name=name).click()
        await self.page.get_by_role("radio", name=name, checked=True).wait_for()

    async def start_command(self, name: str) -> None:
        """Type ``/name`` and pick the suggestion with Enter."""
        await self.page.locator("#text").click()
        await self.page.keyboard.type(f"/{name}")
        await self.page.locator("#suggestions").get_by_role("option", name=f"/{name}").first.wait_for()
        await self.page.keyboard.press("Enter")
        await self.page.locator(".command-name", has_text=f"/{name}").wait_for()

    async def fill_option(self, name: str, value: str) -> None:
        """Fill in an option, adding its field if it is not shown."""
        field = self.page.locator(f".option[data-option={name}] input[type=text]")
        if not await field.count():
            await self.page.get_by_role("button", name=f"+ {name}", exact=True).click()
        await field.fill(value)

    async def attach_file(self, name: str, path: Path) -> None:
        """Attach a file to an option, adding its field if it is not shown."""
        if not await self.page.locator(f".option[data-option={name}]").count():
            await self.page.get_by_role("button", name=f"+ {name}", exact=True).click()
        async with self.page.expect_file_chooser() as chooser:
            await self.page.locator(f".option[data-option={name}] .choose").click()
        await (await chooser.value).set_files(path)
        await self.page.locator(f".option[data-option={name}] .chosen-file").wait_for()

    async def send(self) -> None:
        await self.page.locator(".send").click()

    async def send_text(self, text: str) -> Locator:
        """Send a message and return it."""
        await self.page.locator("#text").fill(text)
        return await self.new_message_after(lambda: self.page.keyboard.press("Enter"))

    async def new_message_after(self, action: Callable[[], Awaitable[None]]) -> Locator:
        """Perform an action that leads to a new message and return that message."""
        before = await self.messages.count()
        await action()
        new = self.messages.nth(before)
        await new.wait_for()
        return self.page.locator(f".message[data-id='{await new.get_attribute('data-id')}']")

    async def generate(self, portrait: Path, images: int, *, prompt: str = "a red hat") -> Locator:
        """Use /generate by hand and return the reply."""
        await self.start_command("generate")
        await self.fill_option("prompt", prompt)
        await self.attach_file("subject", portrait)
        await self.fill_option("number_of_outputs", str(images))
        return await self.new_message_after(self.send)

    async def choose(self, message: Locator, select: str, label: str) -> None:
        """Choose an option in a select of a message."""
        await message.get_by_role("combobox", name=select).select_option(label=label)

    async def wait_until_finished(self, message: Locator) -> None:
        await message.get_by_role("button", name="Again").wait_for(timeout=RUN_TIMEOUT_MS)

    async def toggle_fault(self, label: str) -> None:
        await self.page.get_by_role("tab", name="Faults").click()
        await self.page.locator(".switch", has_text=label).first.click()


async def wait_until(condition: Callable[[], Awaitable[object]], timeout: float = TIMEOUT) -> None:  # noqa: ASYNC109
    """Return as soon as ``condition`` returns something true."""
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.02)
