"""What Discord is told of the commands: when, where, and for whom."""

from pathlib import Path

from sandbox.bot_process import BotProcess
from sandbox.discord.people.person import Person
from sandbox.discord.world.channel import Channel
from sandbox.house import House
from tests.app.conftest import answered, over, reached
from tests.cogs.conftest import PACE, said
from tests.discord_spec import check_discord_calls

MENU = "Use as subject"


def registrations(house: House) -> int:
    return sum(call.method == "PUT" and call.path.endswith("/commands") for call in house.discord.calls)


async def test_a_start_with_nothing_new_tells_discord_nothing(house: House) -> None:
    assert registrations(house) == 1
    await house.bot.stop()
    await house.start_bot()
    assert registrations(house) == 1


async def test_commands_of_one_server_are_there_alone_and_work(tmp_path: Path) -> None:
    async with House(tmp_path, pace=PACE) as house:
        pictures = house.discord.world.channel("pictures")
        assert pictures.guild is not None
        only_here = {"COMMAND_GUILD": str(pictures.guild.id), "RUN_ANY": "everyone"}
        house.bot = BotProcess(settings=house.settings() | only_here, folder=tmp_path)
        await house.start_bot()
        assert not house.discord.commands.all()
        names = {command.name for command in house.discord.commands.all(pictures.guild.id)}
        assert {"generate", "models", "run", MENU} <= names
        mia, olga = house.discord.person("mia"), house.discord.person("olga")
        message = answered(await mia.slash(pictures, "talk", {"prompt": "tea"}))
        await reached(house, lambda: over(message))
        await olga.slash(pictures, "models add", {"model": "sandbox/story"})
        await reached(house, lambda: house.discord.commands.find("story", 1, pictures.guild.id))
        await olga.slash(pictures, "models remove", {"name": "story"})
        await reached(house, lambda: not house.discord.commands.find("story", 1, pictures.guild.id))
        check_discord_calls(house.discord.calls)


async def works(house: House, person: Person, channel: Channel) -> None:
    """What each place and installation can do: run a command, look at the models, run any, use a message."""
    names = {command.name for command in person.commands(channel)}
    assert {"talk", "models", MENU} <= names
    assert (await person.slash(channel, "models list")).ephemeral
    await said(await person.slash(channel, "models search", {"words": "story"}), "Models for")
    message = answered(await person.slash(channel, "talk", {"prompt": "tea"}))
    await reached(house, lambda: over(message))
    refused = await person.context_menu(message, MENU)
    assert refused.ephemeral


async def test_every_command_works_in_a_server_a_dm_and_by_ones_own_installation(house: House, mia: Person) -> None:
    world = house.discord.world
    await works(house, mia, world.channel("pictures"))
    dm = next(channel for channel in world.channels.values() if world.bot in channel.recipients)
    await works(house, mia, dm)
    mia.user.installed = True
    private = world.open_dm({mia.user, house.discord.person("noah").user})
    for channel in (world.channel("lobby"), private):
        await works(house, mia, channel)
