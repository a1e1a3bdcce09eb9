"""The composer: commands are validated as Discord's client does, and text is never HTML."""

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from sandbox.environment import Environment
from tests.sandbox.page.page_driver import PageDriver

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_slash_suggests_every_registered_command(driver: PageDriver, environment: Environment) -> None:
    await driver.page.locator("#text").click()
    await driver.page.keyboard.type("/")
    suggested = await driver.page.locator("#suggestions").get_by_role("option").all_inner_texts()
    for command in environment.discord.commands.all():
        if command.type == 1:
            assert any(text.startswith(f"/{command.name}") for text in suggested), command.name


@pytest.mark.parametrize(
    ("options", "invalid", "problem"),
    [
        ({}, "prompt", "The option “prompt” is required."),
        ({"prompt": "x", "num_outputs": "lots"}, "num_outputs", "The option “num_outputs” must be a whole number."),
        ({"prompt": "x", "num_outputs": "9"}, "num_outputs", "The option “num_outputs” must be a number from 1 to 4."),
        ({"prompt": "x", "aspect_ratio": "7:5"}, "aspect_ratio", "The option “aspect_ratio” must be one of: 1:1"),
        ({"prompt": "x", "go_fast": "perhaps"}, "go_fast", "The option “go_fast” must be True or False."),
    ],
)
async def test_an_invalid_value_is_rejected_and_its_option_marked(
    driver: PageDriver, environment: Environment, options: dict[str, str], invalid: str, problem: str
) -> None:
    predictions = len(environment.replicate.predictions)
    await driver.start_command("draw")
    for name, value in options.items():
        await driver.fill_option(name, value)
    await driver.send()
    await expect(driver.page.get_by_role("alert").filter(has_text=problem)).to_be_visible()
    await expect(driver.page.locator(f".option.invalid[data-option={invalid}]")).to_be_visible()
    assert len(environment.replicate.predictions) == predictions


async def test_enter_sends_a_command_as_it_is_picked(driver: PageDriver) -> None:
    await driver.start_command("generate")
    await expect(driver.page.locator(".option")).to_have_count(0)
    await expect(driver.page.get_by_role("button", name="+ prompt", exact=True)).to_be_visible()
    message = await driver.new_message_after(lambda: driver.page.keyboard.press("Enter"))
    await expect(message).to_contain_text("Only you can see this")
    await message.get_by_role("button", name="Dismiss message").click()


async def test_an_option_is_found_by_typing_its_name(driver: PageDriver) -> None:
    await driver.start_command("generate")
    await driver.page.keyboard.type("neg")
    await expect(driver.page.locator("#suggestions [aria-selected=true]")).to_contain_text("negative_prompt")
    await driver.page.keyboard.press("Tab")
    await expect(driver.page.locator(".option[data-option=negative_prompt] input")).to_be_focused()
    await driver.page.keyboard.press("Backspace")
    await driver.page.keyboard.type("wings")
    await driver.page.keyboard.press("Enter")
    await expect(driver.page.get_by_role("alert").filter(has_text="/generate has no option “wings”.")).to_be_visible()


async def test_message_menu_has_the_registered_commands(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("ideas")
    message = await driver.send_text("what can be done with this?")
    await message.click(button="right", position={"x": 300, "y": 8})
    items = await driver.page.get_by_role("menuitem").all_inner_texts()
    registered = [command.name for command in environment.discord.commands.all() if command.type == 3]
    assert set(registered) <= set(items)
    await driver.page.keyboard.press("Escape")
    await expect(driver.page.get_by_role("menu")).to_have_count(0)


async def test_choices_can_be_picked_with_the_arrow_keys(driver: PageDriver, environment: Environment) -> None:
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a hill")
    await driver.page.get_by_role("button", name="+ aspect_ratio").click()
    await driver.page.keyboard.press("ArrowDown")
    await driver.page.keyboard.press("Enter")
    await expect(driver.page.locator(".option[data-option=aspect_ratio] input")).to_have_value("16:9")
    message = await driver.new_message_after(lambda: driver.page.keyboard.press("Enter"))
    await driver.wait_until_finished(message)
    assert list(environment.replicate.predictions.values())[-1].input["aspect_ratio"] == "16:9"


async def test_the_hint_starts_a_command_that_runs(driver: PageDriver) -> None:
    await driver.open_channel("quiet")
    await driver.page.get_by_role("button", name=re.compile("Make a picture")).click()
    await expect(driver.page.locator(".option[data-option=subject]")).to_contain_text("portrait.png")
    message = await driver.new_message_after(driver.send)
    await expect(driver.page.locator(".hint")).to_have_count(0)
    await driver.wait_until_finished(message)
    await expect(message).not_to_contain_text("I don't have permission to add reactions here")


async def test_text_is_not_html_and_markdown_is_rendered(driver: PageDriver) -> None:
    await driver.open_channel("ideas")
    await driver.page.locator("#text").fill(
        "<img src=x onerror=alert(1)> **bold** ||hush|| `<b>` [evil](javascript:alert(1)) https://example.org/a_b_c"
    )
    message = await driver.new_message_after(lambda: driver.page.keyboard.press("Enter"))
    await expect(message.locator(".text")).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(message.locator(".text img")).to_have_count(0)
    await expect(message.locator("strong")).to_have_text("bold")
    await expect(message.locator("code")).to_have_text("<b>")
    await expect(message.locator(".text a")).to_have_count(1)
    await expect(message.locator(".text a")).to_have_attribute("href", "https://example.org/a_b_c")
    await message.locator(".spoiler").click()
    await expect(message.get_by_text("hush")).to_be_visible()


async def test_reply_reaction_and_deletion_by_permission(driver: PageDriver) -> None:
    await driver.open_channel("ideas")
    message = await driver.send_text("delete me")
    await driver.act_as("Noah")
    await message.hover()
    await message.get_by_role("button", name="More").click()
    await expect(driver.page.get_by_role("menuitem", name="Delete message")).to_have_count(0)
    await driver.page.get_by_role("menuitem", name="Reply").click()
    reply = await driver.send_text("why?")
    await expect(reply.locator(".origin")).to_contain_text("delete me")
    await message.hover()
    await message.get_by_role("button", name="React with ❌").click()
    await expect(message.locator(".reaction.mine")).to_have_text("1")
    await driver.act_as("Ada")
    await expect(message.locator(".reaction.mine")).to_have_count(0)
    await message.hover()
    await message.get_by_role("button", name="More").click()
    await driver.page.get_by_role("menuitem", name="Delete message").click()
    await expect(message).to_have_count(0)
    await expect(reply.locator(".origin")).to_have_text("Original message was deleted")


async def test_a_reply_shows_names_and_blanks_between_lines(driver: PageDriver, environment: Environment) -> None:
    await driver.open_channel("ideas")
    text = f"-# Title\nfor <@{environment.discord.state.user('olga').id}>\n- one\n- two\n-# done"
    await driver.page.locator("#text").fill(text)
    message = await driver.new_message_after(lambda: driver.page.keyboard.press("Enter"))
    await message.hover()
    await message.get_by_role("button", name="Reply").click()
    reply = await driver.send_text("why?")
    await expect(reply.locator(".quoted")).to_have_text("Title for @Olga one two done")


@pytest.mark.parametrize("event", ["paste", "drop"])
async def test_a_pasted_or_dropped_file_fills_an_attachment_option(driver: PageDriver, event: str) -> None:
    await driver.start_command("generate")
    await driver.fill_option("prompt", "a hill")
    await driver.page.get_by_role("button", name="+ subject", exact=True).click()
    files = await driver.page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["not really"], "pasted.png", { type: "image/png" }));
            return data;
        }"""
    )
    field = ".option[data-option=prompt] input" if event == "paste" else ".option[data-option=subject] .drop"
    data_property = "clipboardData" if event == "paste" else "dataTransfer"
    await driver.page.locator(field).evaluate(
        """(field, [type, property, data]) => {
            const Event = type === "paste" ? ClipboardEvent : DragEvent;
            field.dispatchEvent(new Event(type, { [property]: data, bubbles: true, cancelable: true }));
        }""",
        [event, data_property, files],
    )
    await expect(driver.page.locator(".option[data-option=subject] .file-name")).to_have_text(["pasted.png"])


async def test_files_are_sent_with_text(driver: PageDriver, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("one line", "utf-8")
    await driver.open_channel("general")
    async with driver.page.expect_file_chooser() as chooser:
        await driver.page.get_by_role("button", name="Attach files").first.click()
    await (await chooser.value).set_files(notes)
    message = await driver.send_text("see this")
    await expect(message.locator(".file")).to_contain_text("notes.txt")


async def test_a_killed_bot_does_not_respond(driver: PageDriver, environment: Environment) -> None:
    await environment.bot.kill()
    await expect(driver.bot_status).to_have_text("Bot not running")
    await driver.start_command("draw")
    await driver.fill_option("prompt", "a hill")
    await driver.send()
    environment.discord.skip(environment.discord.state.ack_seconds)
    await expect(driver.page.locator(".pending.failed")).to_have_text("The application did not respond.")
    await environment.start_bot()


async def test_the_placeholder_is_short_where_the_page_is_narrow(driver: PageDriver) -> None:
    box = driver.page.locator("#text")
    await driver.open_channel("pictures")
    await driver.act_as("Olga")
    await expect(box).to_have_attribute("placeholder", "Olga in #pictures · / for commands")
    await box.fill("kept")
    await driver.page.set_viewport_size({"width": 390, "height": 844})
    await expect(box).to_have_attribute("placeholder", "Olga · / for commands")
    await expect(box).to_have_value("kept")
