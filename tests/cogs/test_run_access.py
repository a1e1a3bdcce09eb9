"""The same rules on every way to a run: commands, /run, Again, Edit and Use as subject."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from sandbox.bot_process import BotProcess
from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import COMMANDS, Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, eventually, over, reached, words
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, choice_values, private_text
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

GENERATE, *OTHERS = COMMANDS.split(",")
MODEL = GENERATE.partition("=")[2]
ME = Upload("me.png", draw_portrait())
SIGNED = "https://files.example/me.png?X-Amz-Date=1&X-Amz-Signature=0123456789abcdef0123456789abcdef"


def write_commands(folder: Path, *lines: str) -> None:
    (folder / "commands.toml").write_text("\n".join(["[generate]", f'model = "{MODEL}"', *lines]), encoding="utf-8")


@pytest.fixture
async def environment(tmp_path: Path, settings: Mapping[str, str]) -> AsyncIterator[Environment]:
    """A bot whose /generate is configured in a file."""
    write_commands(tmp_path)
    own = {"COMMANDS": ",".join(OTHERS), "COMMANDS_FILE": str(tmp_path / "commands.toml"), **settings}
    async with open_environment(tmp_path, timings=PACE, settings=own) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


async def restart(environment: Environment, folder: Path, *lines: str, **settings: str) -> None:
    """Start the bot again with these lines in the table of /generate."""
    await environment.bot.stop()
    write_commands(folder, *lines)
    environment.bot = BotProcess(settings=environment.settings() | settings, folder=folder)
    await environment.start_bot()


async def ended(environment: Environment, message: Message) -> Message:
    await reached(environment, lambda: over(message))
    return message


def billed(environment: Environment) -> int:
    return len(environment.replicate.predictions)


async def test_again_and_edit_of_a_removed_command_need_run_any(
    environment: Environment, mia: Person, olga: Person, pictures: Channel
) -> None:
    await private_text(await olga.use_command(pictures, "models add", {"model": "sandbox/story"}), "Added /story")
    await eventually(lambda: any(command.name == "story" for command in environment.discord.commands.all()))
    message = await ended(environment, answered(await mia.use_command(pictures, "story", {"prompt": "tea"})))
    await private_text(await olga.use_command(pictures, "models remove", {"name": "story"}), "Removed /story")
    for button in ("Again", "Edit"):
        refused = await mia.press(message, button)
        assert refused.modal is None
        await private_text(refused, "/story no longer runs sandbox/story", "/models list")
    assert billed(environment) == 1
    await ended(environment, answered(await olga.press(message, "Again")))
    assert billed(environment) == 2


async def test_again_keeps_to_a_lowered_limit(
    environment: Environment, mia: Person, pictures: Channel, tmp_path: Path
) -> None:
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 4}
    message = await ended(environment, answered(await mia.use_command(pictures, "generate", values)))
    await restart(environment, tmp_path, "limits = { number_of_outputs = 2 }")
    refused = await mia.press(message, "Again")
    await private_text(refused, "`number_of_outputs` must be at most 2", "this run has 4")
    form = await mia.press(answered(refused), "Fix it")
    assert form.modal is not None
    assert form.modal["components"][0]["label"] == "⚠ Number of outputs"
    edited = await mia.press(message, "Edit")
    await private_text(await mia.submit(edited, {}), "`number_of_outputs`", "2")
    assert billed(environment) == 1
    edited = await mia.press(message, "Edit")
    again = await ended(environment, answered(await mia.submit(edited, {"number_of_outputs": "2"})))
    assert "2 images" in words(again)


async def test_again_keeps_to_a_newly_hidden_input(
    environment: Environment, mia: Person, pictures: Channel, tmp_path: Path
) -> None:
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 1, "seed": 5}
    message = await ended(environment, answered(await mia.use_command(pictures, "generate", values)))
    await restart(environment, tmp_path, 'hidden = ["seed"]', "defaults = { seed = 7 }")
    await private_text(await mia.press(message, "Again"), "`seed`, which can't be set here")
    edited = await mia.press(message, "Edit")
    await ended(environment, answered(await mia.submit(edited, {})))
    first, second = environment.replicate.predictions.values()
    assert (first.input["seed"], second.input["seed"]) == (5, 7)


@pytest.mark.parametrize("settings", [{"RUN_ANY": "everyone"}])
@pytest.mark.parametrize("model", ["fofr/consistent-character", "Fofr/Consistent-Character", MODEL, "/generate"])
async def test_run_keeps_to_the_rules_of_the_models_command(
    environment: Environment, mia: Person, pictures: Channel, tmp_path: Path, model: str
) -> None:
    await restart(environment, tmp_path, "limits = { number_of_outputs = 2 }", 'hidden = ["seed"]')
    for advanced, sentence in (("number_of_outputs=3", "`number_of_outputs`"), ("seed=3", "no input `seed`")):
        form = await mia.use_command(pictures, "run", {"model": model})
        assert "Seed" not in str(form.modal)
        values = {"subject": ME, "advanced": advanced}
        if "number_of_outputs" in str(form.modal) and advanced.startswith("number"):
            values = {"subject": ME, "number_of_outputs": "3"}
        await private_text(await mia.submit(form, values), sentence)
    assert not billed(environment)


async def test_run_offers_a_commands_model_to_everybody(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    offered = choice_values(await mia.autocomplete(pictures, "run", {"model": "o"}, "model"))
    assert "fofr/consistent-character" in offered
    assert not {"sandbox/story", "sandbox/upscaler"} & set(offered)
    form = await mia.use_command(pictures, "run", {"model": "fofr/consistent-character"})
    message = await ended(environment, answered(await mia.submit(form, {"subject": ME, "number_of_outputs": "1"})))
    assert "/generate" in words(message)
    other_version = await mia.use_command(pictures, "run", {"model": f"fofr/consistent-character:{'0' * 64}"})
    await private_text(other_version, "/models list")


async def test_a_form_opened_before_a_removal_starts_nothing(
    environment: Environment, mia: Person, olga: Person, pictures: Channel
) -> None:
    await private_text(await olga.use_command(pictures, "models add", {"model": "sandbox/upscaler"}), "Added")
    form = await mia.use_command(pictures, "run", {"model": "sandbox/upscaler"})
    assert form.modal is not None
    await private_text(await olga.use_command(pictures, "models remove", {"name": "upscaler"}), "Removed")
    await private_text(await mia.submit(form, {"image": ME}), "/upscaler no longer runs")
    assert not billed(environment)


@pytest.mark.parametrize("settings", [{"RUN_ANY": "everyone"}])
async def test_signed_addresses_are_shown_to_nobody_else(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    noah = environment.discord.person("noah")
    for address, is_public in ((SIGNED, False), ("https://files.example/me.png?v=2", True)):
        before = billed(environment)
        values = {"prompt": "a fox", "subject_url": address, "number_of_outputs": 1}
        message = await ended(environment, answered(await mia.use_command(pictures, "generate", values)))
        versions = [str(version.body.components) for version in message.history]
        assert any(address in version for version in versions) is is_public
        again = await noah.press(message, "Again")
        if is_public:
            await ended(environment, answered(again))
        else:
            await private_text(again, "This run used Mia's")
        assert billed(environment) == before + 1 + is_public
