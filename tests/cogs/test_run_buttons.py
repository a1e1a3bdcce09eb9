"""The buttons of a run, pressed late, by others, and outside of the run's message."""

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.discord.person import Person
from sandbox.discord.state.models import Channel, Message, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from sandbox.replicate.job import Timings
from tests.app.conftest import answered, eventually, images, over, reached, words
from tests.bot_environment import open_environment
from tests.cogs.conftest import private_text
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

ME = Upload("me.png", draw_portrait())
SLOW = Timings(boot=0.1, queue=0.05, image=1.5, tokens_per_second=400)


@pytest.fixture
async def environment(tmp_path: Path, settings: Mapping[str, str]) -> AsyncIterator[Environment]:
    """Slow enough to press a button during a run."""
    async with open_environment(tmp_path, timings=SLOW, settings=settings) as environment:
        await environment.start_bot()
        yield environment
        check_discord_calls(environment.discord.calls)
        check_replicate_calls(environment.replicate.calls)


def execute(environment: Environment, statement: str) -> None:
    """Change the bot's database as its periodic maintenance would."""
    with closing(sqlite3.connect(environment.database_path)) as database:
        database.execute(statement)
        database.commit()


def is_delivered(environment: Environment) -> bool:
    with closing(sqlite3.connect(environment.database_path)) as database:
        return not database.execute("SELECT 1 FROM runs WHERE delivered_at IS NULL").fetchall()


async def finished_run(environment: Environment, person: Person, where: Channel) -> Message:
    """Return the message of a run with an input file that has ended and is delivered."""
    message = answered(
        await person.use_command(where, "generate", {"prompt": "a fox", "subject": ME, "number_of_outputs": 1})
    )
    await reached(environment, lambda: over(message))
    await eventually(lambda: is_delivered(environment))
    return message


async def test_again_without_stored_files_bills_nothing(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = await finished_run(environment, mia, pictures)
    execute(environment, "DELETE FROM run_files")
    await private_text(await mia.press(message, "Again"), "files were deleted", "/generate")
    assert len(environment.replicate.predictions) == 1


async def test_again_and_edit_of_deleted_data_bill_nothing(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = await finished_run(environment, mia, pictures)
    execute(
        environment,
        "UPDATE runs SET input = '{}', prompt = NULL, summary = '', notes = '[]', output_schema = '{}', output = NULL,"
        " forgotten_at = delivered_at",
    )
    for button in ("Again", "Edit"):
        await private_text(await mia.press(message, button), "data was deleted", "/generate")
    assert len(environment.replicate.predictions) == 1


async def test_inputs_with_files_are_not_repeated_by_others(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = await finished_run(environment, mia, pictures)
    noah = environment.discord.person("noah")
    for button in ("Again", "Edit"):
        result = await noah.press(message, button)
        assert result.modal is None
        await private_text(result, "This run used Mia")
    assert len(environment.replicate.predictions) == 1
    again = answered(await mia.press(message, "Again"))
    await reached(environment, lambda: over(again))


async def test_anybody_may_repeat_a_run_without_files(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = answered(await mia.use_command(pictures, "draw", {"prompt": "a hat"}))
    await reached(environment, lambda: over(message))
    again = answered(await environment.discord.person("noah").press(message, "Again"))
    await reached(environment, lambda: over(again))


async def test_a_double_press_of_again_starts_one_run(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = answered(await mia.use_command(pictures, "draw", {"prompt": "a hat"}))
    await reached(environment, lambda: over(message))
    before = len(environment.replicate.predictions)
    first, second = await mia.press(message, "Again"), await mia.press(message, "Again")
    again = answered(first)
    await reached(environment, lambda: over(again))
    await private_text(second, "just pressed")
    assert len(environment.replicate.predictions) == before + 1


async def test_cancel_in_a_list_updates_the_runs_own_message(environment: Environment, mia: Person) -> None:
    mia.user.installed = True
    lobby = environment.discord.state.channel("lobby")
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 4}
    message = answered(await mia.use_command(lobby, "generate", values))
    await reached(environment, lambda: images(message))
    shown = await mia.use_command(lobby, "runs list")
    await shown.wait_for(lambda shown: shown.text)
    listed = next(one for one in (shown.message, *shown.followups) if one and "Cancel" in one.buttons)
    pressed = await mia.press(listed, "Cancel")
    await reached(environment, lambda: over(message))
    assert "Stopped" in words(message)
    await private_text(pressed, "Stopping")


async def test_details_lose_a_refused_link_only(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = await finished_run(environment, mia, pictures)
    environment.discord.faults.refuse(
        "POST */callback", when=lambda call: "View on Replicate" in json.dumps(call.body), times=None
    )
    pressed = await mia.press(message, "Details")
    await private_text(pressed, "Details", "prompt: a fox")
    environment.discord.faults.clear()


class TestOverTheLimit:
    """With one run a day, which is used up."""

    @pytest.fixture
    def settings(self) -> Mapping[str, str]:
        return {"RUNS_PER_DAY": "1"}

    async def test_a_refused_again_answers_to_no_deleted_message(
        self, environment: Environment, mia: Person, pictures: Channel
    ) -> None:
        message = await finished_run(environment, mia, pictures)
        before = list(pictures.messages)
        pressed = await mia.press(message, "Again")
        await private_text(pressed, "You've reached the limit of 1 run in 24 hours")
        assert not pressed.followups
        public = [one for id_, one in pictures.messages.items() if id_ not in before and not one.ephemeral]
        assert not public
