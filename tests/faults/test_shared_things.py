"""Presets as commands, and what is shared with a server: a bot that was killed in between, or removed."""

import sqlite3
from contextlib import closing

import pytest

from sandbox.discord.state.models import Upload
from sandbox.portrait import draw_portrait
from tests.faults.conftest import OpenBot
from tests.faults.environment import BotUnderTest, eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

PRESET = (
    "INSERT INTO presets VALUES ('p1', 1, 'mia', 'Logo', 'logo', 'draw', 'black-forest-labs/flux-schnell', "
    "'a logo of {prompt}', '{}', '[]', 0)"
)


def execute(bot: BotUnderTest, statement: str, *values: object) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(bot.environment.database_path)) as database:
        database.execute("PRAGMA foreign_keys = ON")
        rows = database.execute(statement, values).fetchall()
        database.commit()
        return rows


async def test_presets_published_before_a_kill_become_commands(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        guild = bot.discord.state.guild("Sandbox")
        await bot.kill()
        execute(bot, PRESET)
        execute(bot, "INSERT INTO preset_shares VALUES ('p1', ?, 'logo', 1, 0, NULL)", guild.id)
        await bot.start()
        await eventually(lambda: bot.discord.commands.find("logo", 1, guild.id) is not None)
        await bot.kill()
        execute(bot, "DELETE FROM preset_shares")
        # As if it had been killed before it could note that Discord has the command.
        execute(bot, """UPDATE key_value SET value = '"sending"' WHERE key LIKE ?""", f"commands:%:{guild.id}")
        await bot.start()
        await eventually(lambda: bot.discord.commands.find("logo", 1, guild.id) is None)


async def test_what_is_shared_is_kept_when_the_bot_is_removed(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        guild, mia = bot.discord.state.guild("Sandbox"), bot.discord.person("mia")
        pictures = bot.discord.state.channel("pictures")
        photo = Upload("me.png", draw_portrait())
        form = await mia.use_command(pictures, "character save", {"name": "mia", "photo": photo})
        saved = await mia.submit(form, {"Consent": ["agreed"]})
        await saved.wait_for(lambda result: "Saved" in result.text)
        form = await mia.use_command(pictures, "character share", {"name": "mia"})
        shared = await mia.submit(form, {"Consent": ["agreed"]})
        await shared.wait_for(lambda result: "Everybody in Sandbox" in result.text)
        await bot.kill()
        bot.discord.person("olga").remove_bot(guild)
        await bot.start()
        await eventually(lambda: execute(bot, "SELECT left_at FROM character_shares") != [(None,)])
        assert execute(bot, "SELECT name FROM characters") == [("mia",)]
