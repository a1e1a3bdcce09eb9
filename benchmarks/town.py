"""A town: the guilds, channels and people of the benchmark."""

from sandbox.discord.clock import Clock
from sandbox.discord.people.person import Person
from sandbox.discord.world.builder import Builder
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.world import World

GUILDS = 20
CHANNELS = 10  # in each
PEOPLE = 10  # in each


def build(clock: Clock) -> World:
    """Return a world of 20 guilds with ten channels and ten people each, and the bot in all of them."""
    make = Builder(clock)
    owner = make.user("owner")
    make.application("replicord", owner)
    for number in range(GUILDS):
        guild = make.guild(f"guild {number}", owner)
        make.install(guild)
        for one in range(CHANNELS):
            make.channel(guild, f"g{number}-c{one}")
        for one in range(PEOPLE):
            make.join(guild, make.user(f"g{number}-p{one}"))
    return make.world


def spot(world: World, number: int) -> tuple[Person, Channel]:
    """Return who asks for run ``number``, and where: neighbours in number are in different guilds."""
    guild, rest = number % GUILDS, number // GUILDS
    return world.people[f"g{guild}-p{rest % PEOPLE}"], world.channel(f"g{guild}-c{rest % CHANNELS}")
