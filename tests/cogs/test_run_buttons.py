"""The buttons under a run, pressed late, by others, and in other places than under the run."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from sandbox.discord.people.person import Person
from sandbox.discord.world.attachment import Upload
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.message import Message
from sandbox.house import House
from sandbox.portrait import portrait
from sandbox.replicate.job import Timings
from tests.app.conftest import answered, eventually, images, over, reached, words
from tests.cogs.conftest import said
from tests.discord_spec import check_discord_calls
from tests.replicate_spec import check_replicate_calls

ME = Upload("me.png", portrait())
SLOW = Timings(boot=0.1, queue=0.05, image=1.5, tokens_per_second=400)


@pytest.fixture
async def house(tmp_path: Path, settings: Mapping[str, str]) -> AsyncIterator[House]:
    """Slow enough for a press in the middle of a run."""
    async with House(tmp_path, pace=SLOW, settings=settings) as house:
        await house.start_bot()
        yield house
        check_discord_calls(house.discord.calls)
        check_replicate_calls(house.replicate.calls)


def write(house: House, statement: str) -> None:
    """Change the bot's database as an hour of its chores would."""
    with closing(sqlite3.connect(house.database)) as database:
        database.execute(statement)
        database.commit()


def delivered(house: House) -> bool:
    with closing(sqlite3.connect(house.database)) as database:
        return not database.execute("SELECT 1 FROM runs WHERE delivered_at IS NULL").fetchall()


async def picture(house: House, person: Person, where: Channel) -> Message:
    """A run with a file, over and written down as shown."""
    message = answered(
        await person.slash(where, "generate", {"prompt": "a fox", "subject": ME, "number_of_outputs": 1})
    )
    await reached(house, lambda: over(message))
    await eventually(lambda: delivered(house))
    return message


async def test_again_pays_for_nothing_once_the_files_are_no_longer_kept(
    house: House, mia: Person, pictures: Channel
) -> None:
    message = await picture(house, mia, pictures)
    write(house, "DELETE FROM run_files")
    await said(await mia.press(message, "Again"), "no longer kept", "/generate")
    assert len(house.replicate.predictions) == 1


async def test_again_and_edit_pay_for_nothing_once_the_words_are_no_longer_kept(
    house: House, mia: Person, pictures: Channel
) -> None:
    message = await picture(house, mia, pictures)
    write(
        house,
        "UPDATE runs SET input = '{}', prompt = NULL, summary = '', notes = '[]', output_schema = '{}', output = NULL,"
        " forgotten_at = delivered_at",
    )
    for button in ("Again", "Edit"):
        await said(await mia.press(message, button), "no longer kept", "/generate")
    assert len(house.replicate.predictions) == 1


async def test_what_somebody_gave_is_not_given_again_by_others(house: House, mia: Person, pictures: Channel) -> None:
    message = await picture(house, mia, pictures)
    noah = house.discord.person("noah")
    for button in ("Again", "Edit"):
        exchange = await noah.press(message, button)
        assert exchange.modal is None
        await said(exchange, "Only Mia has")
    assert len(house.replicate.predictions) == 1
    again = answered(await mia.press(message, "Again"))
    await reached(house, lambda: over(again))


async def test_a_run_of_words_alone_is_anybodys_to_run_again(house: House, mia: Person, pictures: Channel) -> None:
    message = answered(await mia.slash(pictures, "draw", {"prompt": "a hat"}))
    await reached(house, lambda: over(message))
    again = answered(await house.discord.person("noah").press(message, "Again"))
    await reached(house, lambda: over(again))


async def test_cancel_in_the_list_leaves_a_run_its_own_road_to_its_message(house: House, mia: Person) -> None:
    mia.user.installed = True
    lobby = house.discord.world.channel("lobby")
    values = {"prompt": "a fox", "subject": ME, "number_of_outputs": 4}
    message = answered(await mia.slash(lobby, "generate", values))
    await reached(house, lambda: images(message))
    shown = await mia.slash(lobby, "runs list")
    await shown.until(lambda it: it.text)
    listed = next(one for one in (shown.message, *shown.followups) if one and "Cancel" in one.buttons)
    pressed = await mia.press(listed, "Cancel")
    await reached(house, lambda: over(message))
    assert "Stopped" in words(message)
    await said(pressed, "Stopping")
