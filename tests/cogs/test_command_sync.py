"""What Discord is told of the commands: when, where, and for whom."""

from pathlib import Path

from sandbox.bot_process import BotProcess
from sandbox.discord.people.person import Person
from sandbox.discord.state.models import Channel
from sandbox.environment import Environment
from tests.app.conftest import answered, over, reached
from tests.bot_environment import open_environment
from tests.cogs.conftest import PACE, said
from tests.discord_spec import check_discord_calls

MENU = "Use as subject"


def registrations(environment: Environment) -> int:
    return sum(call.method == "PUT" and call.path.endswith("/commands") for call in environment.discord.calls)


async def test_a_start_with_nothing_new_tells_discord_nothing(environment: Environment) -> None:
    assert registrations(environment) == 1
    await environment.bot.stop()
    await environment.start_bot()
    assert registrations(environment) == 1


async def test_commands_of_one_server_are_there_alone_and_work(tmp_path: Path) -> None:
    async with open_environment(tmp_path, timings=PACE) as environment:
        pictures = environment.discord.state.channel("pictures")
        assert pictures.guild is not None
        only_here = {"COMMAND_GUILD": str(pictures.guild.id), "RUN_ANY": "everyone"}
        environment.bot = BotProcess(settings=environment.settings() | only_here, folder=tmp_path)
        await environment.start_bot()
        assert not environment.discord.commands.all()
        names = {command.name for command in environment.discord.commands.all(pictures.guild.id)}
        assert {"generate", "models", "run", MENU} <= names
        mia, olga = environment.discord.person("mia"), environment.discord.person("olga")
        message = answered(await mia.use_command(pictures, "talk", {"prompt": "tea"}))
        await reached(environment, lambda: over(message))
        await olga.use_command(pictures, "models add", {"model": "sandbox/story"})
        await reached(environment, lambda: environment.discord.commands.find("story", 1, pictures.guild.id))
        await olga.use_command(pictures, "models remove", {"name": "story"})
        await reached(environment, lambda: not environment.discord.commands.find("story", 1, pictures.guild.id))
        check_discord_calls(environment.discord.calls)


async def works(environment: Environment, person: Person, channel: Channel) -> None:
    """What each place and installation can do: run a command, look at the models, run any, use a message."""
    names = {command.name for command in person.commands(channel)}
    assert {"talk", "models", MENU} <= names
    assert (await person.use_command(channel, "models list")).ephemeral
    await said(await person.use_command(channel, "models search", {"words": "story"}), "Models for")
    message = answered(await person.use_command(channel, "talk", {"prompt": "tea"}))
    await reached(environment, lambda: over(message))
    refused = await person.use_context_menu(message, MENU)
    assert refused.ephemeral


async def test_every_command_works_in_a_server_a_dm_and_by_ones_own_installation(
    environment: Environment, mia: Person
) -> None:
    state = environment.discord.state
    await works(environment, mia, state.channel("pictures"))
    dm = next(channel for channel in state.channels.values() if state.bot in channel.recipients)
    await works(environment, mia, dm)
    mia.user.installed = True
    private = state.open_dm({mia.user, environment.discord.person("noah").user})
    for channel in (state.channel("lobby"), private):
        await works(environment, mia, channel)
