"""/privacy: counts, and an export that says what is missing from it."""

import json
import sqlite3
from contextlib import closing

from sandbox.discord.person import Person
from sandbox.discord.state.components import iter_components
from sandbox.discord.state.models import Channel, Upload
from sandbox.environment import Environment
from sandbox.portrait import draw_portrait
from tests.app.conftest import answered, over, reached
from tests.cogs.conftest import private_text

ME = Upload("me.png", draw_portrait())


async def test_stored_data_is_counted(environment: Environment, olga: Person, pictures: Channel) -> None:
    await private_text(await olga.use_command(pictures, "privacy show"), "0 runs")
    await private_text(await olga.use_command(pictures, "models add", {"model": "sandbox/score"}), "Added /score")
    message = answered(await olga.use_command(pictures, "generate", {"subject": ME, "number_of_outputs": 1}))
    await reached(environment, lambda: over(message))
    text = await private_text(await olga.use_command(pictures, "privacy show"), "Your stored data")
    assert "1 run, the oldest" in text
    assert "1 uploaded file\n" in text
    assert "1 added command\n" in text


async def test_an_export_too_large_for_discord_says_what_is_missing(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = answered(await mia.use_command(pictures, "draw", {"prompt": "a hat"}))
    await reached(environment, lambda: over(message))
    result = await mia.use_command(pictures, "privacy export")
    await private_text(result, "Here is everything stored about you.")
    with closing(sqlite3.connect(environment.database_path)) as database:
        database.execute("""UPDATE runs SET output = '"' || hex(zeroblob(6000000)) || '"'""")
        database.commit()
    result = await mia.use_command(pictures, "privacy export")
    text = await private_text(result, "left out")
    assert "everything" not in text
    [answer] = [one for one in (result.message, *result.followups) if one and one.attachments]
    [run] = json.loads(answer.attachments[0].data)["runs"]
    assert run["prompt"] == "a hat"
    assert "output" not in run


async def test_a_question_about_deleting_says_what_stays(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = answered(await mia.use_command(pictures, "draw", {"prompt": "a hat"}))
    await reached(environment, lambda: over(message))
    asked = answered(await mia.use_command(pictures, "privacy delete"))
    assert all(words in asked.text for words in ("Pictures in channels stay", "⋯ → ", "Delete data and messages"))
    kept = await mia.press(asked, "Keep everything")
    await private_text(kept, "Nothing was deleted.")
    await private_text(await mia.use_command(pictures, "privacy show"), "1 run")


async def test_an_old_question_deletes_nothing(environment: Environment, mia: Person, pictures: Channel) -> None:
    message = answered(await mia.use_command(pictures, "draw", {"prompt": "a hat"}))
    await reached(environment, lambda: over(message))
    asked = answered(await mia.use_command(pictures, "privacy delete"))
    for button in iter_components(asked.components):
        if str(button.get("custom_id", "")).startswith("erase:"):
            answer, at = button["custom_id"].rsplit(":", 1)
            button["custom_id"] = f"{answer}:{int(at) - 600}"
    pressed = await mia.press(asked, "Delete data and messages")
    await private_text(pressed, "This question has expired", "/privacy delete")
    await private_text(await mia.use_command(pictures, "privacy show"), "1 run")
