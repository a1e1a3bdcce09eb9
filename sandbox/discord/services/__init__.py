"""The services of the stand-in, which HTTP routes and people act through."""

from dataclasses import dataclass

from sandbox.discord.cdn import Cdn
from sandbox.discord.services.commands import CommandRegistry
from sandbox.discord.services.interactions import InteractionService
from sandbox.discord.services.messages import MessageService
from sandbox.discord.services.rate_limits import OldEditLimit, RateLimits
from sandbox.discord.state.state import DiscordState


@dataclass(frozen=True, slots=True)
class Services:
    """The state and every service, handed to routes and people as one value."""

    state: DiscordState
    cdn: Cdn
    messages: MessageService
    commands: CommandRegistry
    interactions: InteractionService
    rate_limits: RateLimits
    old_edits: OldEditLimit
