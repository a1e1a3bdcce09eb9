"""/privacy export: all of it, or what is left out is said."""

import json
import sqlite3
from contextlib import closing

from sandbox.discord.people.person import Person
from sandbox.discord.state.models import Channel
from sandbox.environment import Environment
from tests.app.conftest import answered, over, reached
from tests.cogs.conftest import said


async def test_an_export_that_discord_does_not_take_whole_says_what_is_left_out(
    environment: Environment, mia: Person, pictures: Channel
) -> None:
    message = answered(await mia.use_command(pictures, "draw", {"prompt": "a hat"}))
    await reached(environment, lambda: over(message))
    exchange = await mia.use_command(pictures, "privacy export")
    await said(exchange, "Here is everything stored about you.")
    with closing(sqlite3.connect(environment.database_path)) as database:
        database.execute("""UPDATE runs SET output = '"' || hex(zeroblob(6000000)) || '"'""")
        database.commit()
    exchange = await mia.use_command(pictures, "privacy export")
    text = await said(exchange, "left out")
    assert "everything" not in text
    [told] = [one for one in (exchange.message, *exchange.followups) if one and one.attachments]
    [run] = json.loads(told.attachments[0].data)["runs"]
    assert run["prompt"] == "a hat"
    assert "output" not in run
