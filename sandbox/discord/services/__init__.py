"""The services of the stand-in: what routes and people act through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.discord.cdn import Cdn
    from sandbox.discord.gateway import Gateway
    from sandbox.discord.services.commands import CommandRegistry
    from sandbox.discord.services.interactions import InteractionService
    from sandbox.discord.services.messages import MessageService
    from sandbox.discord.services.rate_limits import OldEditLimit, RateLimits
    from sandbox.discord.state.state import DiscordState


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of the stand-in, as the routes and the people use them."""

    state: DiscordState
    cdn: Cdn
    messages: MessageService
    commands: CommandRegistry
    interactions: InteractionService
    gateway: Gateway
    rate_limits: RateLimits
    old_edits: OldEditLimit
