"""A town: the guilds, channels and people of the benchmark."""

from bot.clock import Clock
from sandbox.discord import DiscordStandIn
from sandbox.discord.people.person import Person
from sandbox.discord.state.fixtures import StateBuilder
from sandbox.discord.state.models import Channel
from sandbox.discord.state.state import DiscordState

GUILDS = 20
CHANNELS = 10  # in each
PEOPLE = 10  # in each


def build_state(clock: Clock) -> DiscordState:
    """Return a world of 20 guilds with ten channels and ten people each, and the bot in all of them."""
    make = StateBuilder(clock)
    owner = make.user("owner")
    make.application("replicord", owner)
    for number in range(GUILDS):
        guild = make.guild(f"guild {number}", owner)
        make.install(guild)
        for one in range(CHANNELS):
            make.channel(guild, f"g{number}-c{one}")
        for one in range(PEOPLE):
            make.join(guild, make.user(f"g{number}-p{one}"))
    return make.state


def person_and_channel(discord: DiscordStandIn, number: int) -> tuple[Person, Channel]:
    """Return who asks for run ``number``, and where: neighbours in number are in different guilds."""
    guild, rest = number % GUILDS, number // GUILDS
    return discord.people[f"g{guild}-p{rest % PEOPLE}"], discord.state.channel(f"g{guild}-c{rest % CHANNELS}")
