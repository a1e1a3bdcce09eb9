"""A stand-in for Discord: its API, its gateway and its people, on loopback.

::

    standin = DiscordStandIn()
    await standin.start()
    ...                                       # a bot connects to standin.api_url and standin.gateway_url
    mia, general = standin.person("mia"), standin.world.channel("general")
    exchange = await mia.slash(general, "generate", {"prompt": "a fox", "subject": Upload("me.png", data)})
    await standin.world.wait_for(lambda: exchange.message and exchange.message.pictures)
    await mia.react(exchange.message, "❌")
"""

from sandbox.discord.clock import JumpClock
from sandbox.discord.people.exchange import Exchange
from sandbox.discord.people.person import Person
from sandbox.discord.people.refused import ClientRefused
from sandbox.discord.standin import DiscordStandIn
from sandbox.discord.world.attachment import Upload
from sandbox.discord.world.permissions import Permission
from sandbox.discord.world.world import World

__all__ = ["ClientRefused", "DiscordStandIn", "Exchange", "JumpClock", "Permission", "Person", "Upload", "World"]
