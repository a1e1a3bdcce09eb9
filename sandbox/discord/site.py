"""Everything that a request may need, in one hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.discord.cdn import Cdn
    from sandbox.discord.commands import Commands
    from sandbox.discord.gateway.hub import Hub
    from sandbox.discord.interactions import Interactions
    from sandbox.discord.post import Post
    from sandbox.discord.rest.buckets import Buckets
    from sandbox.discord.rules.old_edits import OldEdits
    from sandbox.discord.world.world import World


@dataclass(frozen=True, slots=True)
class Site:
    """The parts of the stand-in, as the routes and the people use them."""

    world: World
    cdn: Cdn
    post: Post
    commands: Commands
    interactions: Interactions
    hub: Hub
    buckets: Buckets
    old_edits: OldEdits
