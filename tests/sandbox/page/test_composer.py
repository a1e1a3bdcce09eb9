"""Writing at the page: commands are checked as Discord's client checks them, and words are only words."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from sandbox.environment import Environment
from tests.sandbox.page.page_driver import PageDriver

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]


async def test_a_slash_offers_what_the_bot_registered(mia: PageDriver, environment: Environment) -> None:
    await mia.page.locator("#text").click()
    await mia.page.keyboard.type("/")
    offered = await mia.page.get_by_role("option").all_inner_texts()
    for command in environment.discord.commands.all():
        if command.type == 1:
            assert any(text.startswith(f"/{command.name}") for text in offered), command.name


@pytest.mark.parametrize(
    ("options", "wrong", "sentence"),
    [
        ({}, "prompt", "The option “prompt” is required."),
        ({"prompt": "x", "num_outputs": "lots"}, "num_outputs", "The option “num_outputs” takes a whole number."),
        ({"prompt": "x", "num_outputs": "9"}, "num_outputs", "The option “num_outputs” takes a number from 1 to 4."),
        ({"prompt": "x", "aspect_ratio": "7:5"}, "aspect_ratio", "The option “aspect_ratio” takes one of: 1:1"),
        ({"prompt": "x", "go_fast": "perhaps"}, "go_fast", "The option “go_fast” takes True or False."),
    ],
)
async def test_a_wrong_value_is_refused_and_the_option_is_marked(
    mia: PageDriver, environment: Environment, options: dict[str, str], wrong: str, sentence: str
) -> None:
    calls = len(environment.replicate.predictions)
    await mia.type_command("draw")
    for name, value in options.items():
        await mia.option(name, value)
    await mia.send()
    await expect(mia.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    await expect(mia.page.locator(f".option.wrong[data-option={wrong}]")).to_be_visible()
    assert len(environment.replicate.predictions) == calls


async def test_the_menu_of_a_message_offers_what_the_bot_registered_for_it(
    mia: PageDriver, environment: Environment
) -> None:
    await mia.open("ideas")
    await mia.page.locator("#text").fill("what can be done with this?")
    message = await mia.answer_after(lambda: mia.page.keyboard.press("Enter"))
    await message.click(button="right", position={"x": 300, "y": 8})
    offered = await mia.page.get_by_role("menuitem").all_inner_texts()
    registered = [command.name for command in environment.discord.commands.all() if command.type == 3]
    assert set(registered) <= set(offered)
    await mia.page.keyboard.press("Escape")
    await expect(mia.page.get_by_role("menu")).to_have_count(0)


async def test_choices_are_chosen_with_the_arrow_keys(mia: PageDriver, environment: Environment) -> None:
    await mia.type_command("draw")
    await mia.option("prompt", "a hill")
    await mia.page.get_by_role("button", name="+ aspect_ratio").click()
    await mia.page.keyboard.press("ArrowDown")
    await mia.page.keyboard.press("Enter")
    await expect(mia.page.locator(".option[data-option=aspect_ratio] input")).to_have_value("16:9")
    message = await mia.answer_after(lambda: mia.page.keyboard.press("Enter"))
    await mia.over(message)
    assert list(environment.replicate.predictions.values())[-1].input["aspect_ratio"] == "16:9"


async def test_the_hint_fills_in_a_command_that_runs(mia: PageDriver) -> None:
    await mia.open("quiet")
    await mia.page.get_by_role("button", name="Try /generate with a drawn portrait").click()
    await expect(mia.page.locator(".option[data-option=subject]")).to_contain_text("portrait.png")
    message = await mia.answer_after(lambda: mia.page.keyboard.press("Enter"))
    await expect(mia.page.locator(".hint")).to_have_count(0)
    await mia.over(message)
    await expect(message).to_contain_text("I don't have permission to add reactions here")


async def test_what_somebody_writes_is_text_and_marks_are_drawn(mia: PageDriver) -> None:
    await mia.open("ideas")
    await mia.page.locator("#text").fill(
        "<img src=x onerror=alert(1)> **bold** ||hush|| `<b>` [evil](javascript:alert(1)) https://example.org/a_b_c"
    )
    message = await mia.answer_after(lambda: mia.page.keyboard.press("Enter"))
    await expect(message.locator(".text")).to_contain_text("<img src=x onerror=alert(1)>")
    await expect(message.locator(".text img")).to_have_count(0)
    await expect(message.locator("strong")).to_have_text("bold")
    await expect(message.locator("code")).to_have_text("<b>")
    await expect(message.locator(".text a")).to_have_count(1)
    await expect(message.locator(".text a")).to_have_attribute("href", "https://example.org/a_b_c")
    await message.locator(".spoiler").click()
    await expect(message.get_by_text("hush")).to_be_visible()


async def test_a_message_is_answered_reacted_to_and_deleted_by_who_may(mia: PageDriver) -> None:
    await mia.open("ideas")
    await mia.page.locator("#text").fill("delete me")
    message = await mia.answer_after(lambda: mia.page.keyboard.press("Enter"))
    await mia.speak_as("Noah")
    await message.hover()
    await message.get_by_role("button", name="More").click()
    await expect(mia.page.get_by_role("menuitem", name="Delete message")).to_have_count(0)
    await mia.page.get_by_role("menuitem", name="Reply").click()
    await mia.page.locator("#text").fill("why?")
    reply = await mia.answer_after(lambda: mia.page.keyboard.press("Enter"))
    await expect(reply.locator(".above")).to_contain_text("delete me")
    await message.hover()
    await message.get_by_role("button", name="React with ❌").click()
    await expect(message.locator(".reaction.mine")).to_have_text("1")
    await mia.speak_as("Ada")
    await expect(message.locator(".reaction.mine")).to_have_count(0)
    await message.hover()
    await message.get_by_role("button", name="More").click()
    await mia.page.get_by_role("menuitem", name="Delete message").click()
    await expect(message).to_have_count(0)
    await expect(reply.locator(".above")).to_contain_text("delete me")


@pytest.mark.parametrize("way", ["paste", "drop"])
async def test_a_file_that_is_pasted_or_dropped_goes_where_one_is_wanted(mia: PageDriver, way: str) -> None:
    await mia.type_command("generate")
    files = await mia.page.evaluate_handle(
        """() => {
            const data = new DataTransfer();
            data.items.add(new File(["not really"], "pasted.png", { type: "image/png" }));
            return data;
        }"""
    )
    field = ".option[data-option=prompt] input" if way == "paste" else ".option[data-option=subject] .drop"
    carries = "clipboardData" if way == "paste" else "dataTransfer"
    await mia.page.locator(field).evaluate(
        """(field, [way, carries, data]) => {
            const event = way === "paste" ? ClipboardEvent : DragEvent;
            field.dispatchEvent(new event(way, { [carries]: data, bubbles: true, cancelable: true }));
        }""",
        [way, carries, files],
    )
    await expect(mia.page.locator(".option[data-option=subject] .given-name")).to_have_text(["pasted.png"])


async def test_files_are_sent_with_words(mia: PageDriver, tmp_path: Path) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("one line", "utf-8")
    await mia.open("general")
    async with mia.page.expect_file_chooser() as chooser:
        await mia.page.get_by_role("button", name="Attach files").first.click()
    await (await chooser.value).set_files(notes)
    await mia.page.locator("#text").fill("see this")
    message = await mia.answer_after(lambda: mia.page.keyboard.press("Enter"))
    await expect(message.locator(".file")).to_contain_text("notes.txt")


async def test_a_bot_that_is_not_there_does_not_answer(mia: PageDriver, environment: Environment) -> None:
    await environment.bot.kill()
    await expect(mia.page.locator("#bot-state")).to_have_text("Bot not running")
    await mia.type_command("draw")
    await mia.option("prompt", "nobody home")
    await mia.send()
    environment.discord.skip(3)
    await expect(mia.page.locator(".pending.failed")).to_have_text("The application did not respond.")
    await environment.start_bot()
