"""When, where and for whom commands are sent to Discord."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sandbox.bot_process import BotProcess
from sandbox.discord.person import Person
from sandbox.discord.state.components import iter_texts
from sandbox.discord.state.models import Channel
from sandbox.environment import Environment
from tests.app.conftest import answered, eventually, over, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, private_text
from tests.discord_spec import check_discord_calls

MENU = "Use as subject"


def count_registrations(environment: Environment) -> int:
    return sum(call.method == "PUT" and call.path.endswith("/commands") for call in environment.discord.calls)


def query(environment: Environment, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(environment.database_path)) as database:
        rows = database.execute(statement).fetchall()
        database.commit()
    return rows


async def check_mentions(environment: Environment, person: Person, channel: Channel) -> None:
    """Check that a list names a command so that people can click it."""
    command = environment.discord.commands.find("generate", 1, None)
    assert command is not None
    shown = answered(await person.use_command(channel, "models list"))
    assert f"</generate:{command.id}>" in "\n".join(iter_texts(shown.components))


async def test_unchanged_commands_are_not_sent_again(environment: Environment, mia: Person, pictures: Channel) -> None:
    assert count_registrations(environment) == 1
    stored = "SELECT 1 FROM key_value WHERE key LIKE 'command_ids:%'"
    await eventually(lambda: query(environment, stored))
    await check_mentions(environment, mia, pictures)
    await environment.bot.stop()
    query(environment, "DELETE FROM key_value WHERE key LIKE 'command_ids:%'")  # as versions before left it
    await environment.start_bot()
    await eventually(lambda: query(environment, stored))
    await check_mentions(environment, mia, pictures)
    assert count_registrations(environment) == 1


async def test_command_guild_gets_all_commands_alone(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE) as environment:
        pictures = environment.discord.state.channel("pictures")
        assert pictures.guild is not None
        guild_id = pictures.guild.id
        only_here = {"COMMAND_GUILD": str(guild_id), "RUN_ANY": "everyone"}
        environment.bot = BotProcess(settings=environment.settings() | only_here, folder=tmp_path)
        await environment.start_bot()
        assert not environment.discord.commands.in_scope()
        names = {command.name for command in environment.discord.commands.in_scope(guild_id)}
        assert {"generate", "models", "run", MENU} <= names
        mia, olga = environment.discord.person("mia"), environment.discord.person("olga")
        message = answered(await mia.use_command(pictures, "talk", {"prompt": "tea"}))
        await reached(environment, lambda: over(message))
        await olga.use_command(pictures, "models add", {"model": "sandbox/story"})
        await reached(environment, lambda: environment.discord.commands.find("story", 1, guild_id))
        await olga.use_command(pictures, "models remove", {"name": "story"})
        await reached(environment, lambda: not environment.discord.commands.find("story", 1, guild_id))
        check_discord_calls(environment.discord.calls)


async def check_every_command(environment: Environment, person: Person, channel: Channel) -> None:
    """Use a model's command, /models and the menu of a message."""
    names = {command.name for command in person.available_commands(channel)}
    assert {"talk", "models", MENU} <= names
    assert (await person.use_command(channel, "models list")).ephemeral
    await private_text(await person.use_command(channel, "models search", {"words": "story"}), "Models for")
    message = answered(await person.use_command(channel, "talk", {"prompt": "tea"}))
    await reached(environment, lambda: over(message))
    refused = await person.use_context_menu(message, MENU)
    assert refused.ephemeral


async def test_commands_work_in_servers_dms_and_by_user_install(environment: Environment, mia: Person) -> None:
    state = environment.discord.state
    await check_every_command(environment, mia, state.channel("pictures"))
    dm = next(channel for channel in state.channels.values() if state.bot in channel.recipients)
    await check_every_command(environment, mia, dm)
    mia.user.installed = True
    private = state.open_dm({mia.user, environment.discord.person("noah").user})
    for channel in (state.channel("lobby"), private):
        await check_every_command(environment, mia, channel)
