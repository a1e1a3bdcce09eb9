"""The benchmark's Discord: guilds, channels and people."""

from bot.clock import Clock
from sandbox.discord import DiscordStandIn, DiscordState, Person
from sandbox.discord.state.fixtures import StateBuilder
from sandbox.discord.state.models import Channel

GUILDS = 20
SHARDS = 4  # the most; with 2 or 1, the guilds are evenly spread as well
CHANNELS = 10  # per guild
PEOPLE = 10  # per guild


def build_state(clock: Clock) -> DiscordState:
    """Return 20 guilds with ten channels and ten people each, and the bot in all of them."""
    builder = StateBuilder(clock)
    owner = builder.add_user("owner")
    builder.add_application("replicord", owner)
    for number in range(GUILDS):
        guild = builder.add_guild(f"guild {number}", owner, shard=(number % SHARDS, SHARDS))
        builder.install_bot(guild)
        for index in range(CHANNELS):
            builder.add_channel(guild, f"g{number}-c{index}")
        for index in range(PEOPLE):
            builder.add_member(guild, builder.add_user(f"g{number}-p{index}"))
    return builder.state


def person_and_channel(discord: DiscordStandIn, number: int) -> tuple[Person, Channel]:
    """Return who starts run ``number``, and where; consecutive runs are in different guilds."""
    guild, rest = number % GUILDS, number // GUILDS
    return discord.people[f"g{guild}-p{rest % PEOPLE}"], discord.state.channel(f"g{guild}-c{rest % CHANNELS}")
