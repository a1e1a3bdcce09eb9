"""A stand-in for Discord: its API, its gateway and its people, on loopback.

::

    standin = DiscordStandIn()
    await standin.start()
    ...                                       # a bot connects to standin.api_url and standin.gateway_url
    mia, general = standin.person("mia"), standin.state.channel("general")
    result = await mia.use_command(general, "generate", {"prompt": "a fox", "subject": Upload("me.png", data)})
    await standin.state.wait_for(lambda: result.message and result.message.images)
    await mia.react(result.message, "❌")
"""

from sandbox.clock import JumpClock
from sandbox.discord.client_checks import ClientRefused
from sandbox.discord.person import InteractionResult, Person
from sandbox.discord.standin import DiscordStandIn
from sandbox.discord.state.models import Upload
from sandbox.discord.state.permissions import Permission
from sandbox.discord.state.state import DiscordState

__all__ = [
    "ClientRefused",
    "DiscordStandIn",
    "DiscordState",
    "InteractionResult",
    "JumpClock",
    "Permission",
    "Person",
    "Upload",
]
