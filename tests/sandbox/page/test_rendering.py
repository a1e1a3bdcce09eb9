"""Every part of a message is drawn, and updated in place when the message changes."""

from typing import Any

import pytest
from playwright.async_api import expect

from sandbox.environment import Environment
from tests.sandbox.discord.http_client import HttpClient, http_client, make_image, text_display
from tests.sandbox.discord.test_messages import gallery, v2
from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEXT = """# Title
A line with *slant*, __under__, ~~gone~~ and <@{mia}> in <#{channel}> at <t:1795402260:D>.
> a quote
> of two lines
- one
  - below one
2. two
-# small print
```yaml
key: <value>
```"""


def every_component(environment: Environment) -> dict[str, Any]:
    state = environment.discord.state
    words = TEXT.format(mia=state.user("mia").id, channel=state.channel("general").id)
    link = {"type": 2, "style": 5, "label": "Read", "url": "https://example.org/"}
    choices = [{"label": "Red", "value": "r"}, {"label": "Blue", "value": "b"}]
    components = [
        text_display(words),
        {
            "type": 9,
            "components": [text_display("beside it")],
            "accessory": {**gallery("attachment://a.png")["items"][0], "type": 11},
        },
        {"type": 9, "components": [text_display("a section")], "accessory": link},
        {"type": 14, "spacing": 2},
        gallery("attachment://a.png", "attachment://b.png", "https://example.org/elsewhere.png"),
        {"type": 13, "file": {"url": "attachment://all.zip"}},
        {"type": 1, "components": [{"type": 3, "custom_id": "colour", "placeholder": "Colour", "options": choices}]},
        {"type": 1, "components": [{"type": 2, "style": 4, "label": "Off", "custom_id": "off", "disabled": True}]},
    ]
    return v2({"type": 17, "accent_color": 0xE0A030, "components": components})


async def post_message(
    http: HttpClient, environment: Environment, payload: dict[str, Any], files: dict[str, bytes] | None = None
) -> str:
    channel = environment.discord.state.channel("general").id
    answer = await http.request("POST", f"/channels/{channel}/messages", payload, files)
    assert answer.status == 200, answer.body
    return str(answer.body["id"])


async def test_every_component_is_drawn(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("general")
    files = {
        "a.png": make_image("#c05050", 300),
        "b.png": make_image("#5070c0", 300),
        "all.zip": b"PK\x05\x06" + bytes(18),
    }
    async with http_client(environment.discord) as http:
        id_ = await post_message(http, environment, every_component(environment), files)
    card = driver.page.locator(f".message[data-id='{id_}'] .card")
    await expect(card).to_have_css("--accent", "#e0a030")
    await expect(card.get_by_role("heading")).to_have_text("Title")
    for tag, words in {
        "em": "slant",
        "u": "under",
        "s": "gone",
        "blockquote": "a quote\nof two lines",
        "pre": "key: <value>",
    }.items():
        await expect(card.locator(tag)).to_have_text(words)
    await expect(card.locator(".mention")).to_have_text(["@Mia", "#general"])
    await expect(card.locator("time")).to_have_text("23 November 2026")
    await expect(card.locator("li")).to_have_text(["one", "below one", "two"])
    await expect(card.locator(".thumbnail img")).to_be_visible()
    await expect(card.locator(".cell img")).to_have_count(2)
    await expect(card.locator(".external-media")).to_be_visible()
    await expect(card.get_by_role("link", name="all.zip")).to_have_attribute("download", "all.zip")
    await expect(card.get_by_role("combobox", name="Colour").get_by_role("option")).to_have_text(
        ["Colour", "Red", "Blue"]
    )
    await expect(card.get_by_role("button", name="Off")).to_be_disabled()
    await expect(card.get_by_role("link", name="Read")).to_have_attribute("rel", "noopener noreferrer")


async def test_embeds_and_attachments_are_drawn(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("general")
    embed = {
        "title": "An embed", "url": "https://example.org/", "description": "with **words**", "color": 0x3F8F6B,
        "author": {"name": "Somebody"}, "footer": {"text": "the end"}, "image": {"url": "attachment://a.png"},
        "fields": [{"name": "One", "value": "1", "inline": True}, {"name": "Two", "value": "2", "inline": True}],
    }  # fmt: skip
    files = {
        "a.png": make_image(),
        "b.png": make_image("blue"),
        "c.png": make_image("green"),
        "tune.wav": b"RIFF\0\0\0\0WAVE",
    }
    async with http_client(environment.discord) as http:
        id_ = await post_message(http, environment, {"content": "look", "embeds": [embed]}, files)
    message = driver.page.locator(f".message[data-id='{id_}']")
    for words in ("An embed", "Somebody", "the end", "One"):
        await expect(message.locator(".embed")).to_contain_text(words)
    await expect(message.locator(".embed img")).to_have_count(1)
    await expect(message.locator(".gallery img")).to_have_count(2)
    await expect(message.locator("audio")).to_be_visible()


async def test_a_file_component_has_no_player_as_in_discord(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("general")
    payload = v2({"type": 13, "file": {"url": "attachment://tune.wav"}})
    async with http_client(environment.discord) as http:
        id_ = await post_message(http, environment, payload, {"tune.wav": b"RIFF\0\0\0\0WAVE"})
    message = driver.page.locator(f".message[data-id='{id_}']")
    await expect(message.get_by_role("link", name="tune.wav")).to_be_visible()
    await expect(message.locator("audio")).to_have_count(0)


async def test_an_edit_keeps_the_elements_that_did_not_change(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("general")
    async with http_client(environment.discord) as http:
        before = v2(text_display("first"), gallery("attachment://a.png"), text_display("last"))
        id_ = await post_message(http, environment, before, {"a.png": make_image()})
        message = driver.page.locator(f".message[data-id='{id_}']")
        image = await message.locator(".gallery img").element_handle()
        assert image is not None
        channel = environment.discord.state.channel("general").id
        after = v2(text_display("new"), text_display("first"), gallery("attachment://a.png"))
        answer = await http.request("PATCH", f"/channels/{channel}/messages/{id_}", after)
        assert answer.status == 200
        await expect(message.locator(".text")).to_have_text(["new", "first"])
        await expect(message).to_contain_text("(edited)")
        assert await image.evaluate("image => image.isConnected")
        await http.request("DELETE", f"/channels/{channel}/messages/{id_}")
        await expect(message).to_have_count(0)


async def test_an_ephemeral_reply_is_marked_and_can_be_dismissed(driver: PageDriver) -> None:
    await driver.open_channel("general")
    await driver.start_command("generate")
    await driver.fill_option("prompt", "no picture")
    message = await driver.new_message_after(driver.send)
    await expect(message).to_contain_text("Attach an image")
    await expect(message).to_contain_text("Only you can see this")
    await message.get_by_role("button", name="Dismiss message").click()
    await expect(message).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1360])
async def test_drawers_and_themes_work_at_any_width(driver: PageDriver, width: int) -> None:
    await driver.page.set_viewport_size({"width": width, "height": 800})
    inspector, sidebar = driver.page.locator("#inspector"), driver.page.locator("#sidebar")
    narrow = width < 760
    await expect(inspector).to_be_visible(visible=not narrow)
    await expect(sidebar).to_be_visible(visible=not narrow)
    if narrow:
        await driver.page.get_by_role("button", name="Channels and people").click()
        await expect(sidebar).to_be_visible()
        await driver.page.keyboard.press("Escape")
        await expect(sidebar).to_be_hidden()
    await driver.page.get_by_role("button", name="Light or dark theme").click()
    theme = await driver.page.locator("html").get_attribute("data-theme")
    await driver.page.reload()
    await driver.page.get_by_text("Bot online").wait_for()
    await expect(driver.page.locator("html")).to_have_attribute("data-theme", str(theme))
    overflow = await driver.page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    assert not overflow
