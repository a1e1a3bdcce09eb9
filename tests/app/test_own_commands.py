"""/about, /runs and /privacy, as people use them."""

import json
from collections.abc import Iterator
from typing import Any

from bot.language import ENGLISH, languages
from bot.settings.commands import RESERVED_NAMES, parse_commands
from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, images, over, reached, words

ME = Upload("me.png", draw_portrait())
CHAT_INPUT, MESSAGE = 1, 3


async def test_about_lists_commands_and_retention(mia: Person, pictures: Channel) -> None:
    exchange = await mia.use_command(pictures, "about")
    assert exchange.ephemeral
    text = words(answered(exchange))
    assert all(f"/{name}" in text for name in ("generate", "talk", "draw"))
    assert "/privacy delete" in text
    assert "Version " in text
    assert "https://bot.example/rules" in json.dumps(answered(exchange).components)


async def test_runs_list_shows_thumbnails_and_cancels(environment: Environment, mia: Person, pictures: Channel) -> None:
    done = answered(
        await mia.use_command(pictures, "generate", {"prompt": "first", "subject": ME, "number_of_outputs": 1})
    )
    await reached(environment, lambda: over(done))
    going = answered(
        await mia.use_command(pictures, "generate", {"prompt": "second", "subject": ME, "number_of_outputs": 20})
    )
    await reached(environment, lambda: images(going))

    listed = await mia.use_command(environment.discord.state.channel("general"), "runs list")
    await listed.wait_for(lambda it: "second" in it.text)
    card = answered(listed)
    assert listed.ephemeral
    assert "1 run in progress" in card.text
    assert "first" in card.text
    assert '"type": 11' in json.dumps(card.components), "a thumbnail of what the first run made"
    assert "Cancel" in card.buttons

    offered = await mia.autocomplete(pictures, "runs cancel", {}, "run")
    assert [choice["name"] for choice in offered.choices or []] == ["/generate · second"]
    run_id = (offered.choices or [])[0]["value"]

    refused = await environment.discord.person("noah").use_command(pictures, "runs cancel", {"run": run_id})
    await refused.wait_for(lambda it: "That isn't one of your runs" in it.text)
    stopped = await mia.use_command(pictures, "runs cancel", {"run": run_id})
    await stopped.wait_for(lambda it: "Stopping" in it.text)
    await reached(environment, lambda: over(going))
    assert "Stopped" in going.text


async def test_privacy_shows_exports_and_deletes(environment: Environment, mia: Person, pictures: Channel) -> None:
    done = answered(
        await mia.use_command(pictures, "generate", {"prompt": "a secret", "subject": ME, "number_of_outputs": 1})
    )
    await reached(environment, lambda: over(done))

    shown = await mia.use_command(pictures, "privacy show")
    await shown.wait_for(lambda it: "1 run" in it.text)
    assert shown.ephemeral
    assert "30 days" in shown.text

    taken = await mia.use_command(pictures, "privacy export")
    await taken.wait_for(lambda it: it.message and it.message.attachments)
    stored = json.loads(answered(taken).attachments[0].data)
    assert [run["prompt"] for run in stored["runs"]] == ["a secret"]
    assert "token" not in stored["runs"][0]

    asked = await mia.use_command(pictures, "privacy delete")
    pressed = await mia.press(answered(asked), "Delete my data")
    await pressed.wait_for(lambda it: "Deleted 1 run" in it.text)
    again = await mia.use_command(pictures, "privacy show")
    await again.wait_for(lambda it: "0 runs" in it.text)
    assert not done.deleted


def options_of(command: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every option of a command, also those of subcommands."""
    for option in command.get("options", []):
        yield option
        yield from options_of(option)


async def test_texts_of_the_bot_in_discord_are_translated(environment: Environment) -> None:
    others = set(languages()) - {ENGLISH}
    configured = {spec.name for spec in parse_commands(environment.settings()["COMMANDS"])}
    sent = environment.discord.commands.all()
    own = [command.data for command in sent if command.type == CHAT_INPUT and command.name not in configured]
    assert {command["name"] for command in own} == RESERVED_NAMES

    about = next(command for command in own if command["name"] == "about")
    assert about["name_localizations"]["de"] == "info"
    assert "es-ES" in about["description_localizations"]
    menu = [command.data for command in sent if command.type == MESSAGE]
    assert menu
    choices = [choice for command in own for option in options_of(command) for choice in option.get("choices", [])]
    words = [choice for choice in choices if not choice["name"].isdigit()]
    assert words
    assert [one["name"] for one in (*menu, *words) if not others <= one["name_localizations"].keys()] == []


async def test_of_a_models_command_only_visibility_is_translated(environment: Environment) -> None:
    found = environment.discord.commands.find("generate", CHAT_INPUT, None)
    assert found is not None
    *options, visibility = options_of(found.data)
    assert [option["name"] for option in options if option.get("name_localizations")] == []
    assert visibility["name_localizations"]["de"] == "sichtbarkeit"
    assert visibility["description_localizations"]["de"] == "Wer das Ergebnis sieht"
    assert [choice["name_localizations"]["de"] for choice in visibility["choices"]] == [
        "alle hier", "hinter einem Spoiler", "nur du"
    ]  # fmt: skip
