"""Command: a model behind a name, with everything that is needed to offer and to run it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.inputs.plan import Plan
from bot.replicate.target import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One slash command's model. ``target`` is pinned: a community model always has its version.

    ``added``: somebody added it while the bot ran; otherwise it is configured.
    """

    name: str
    description: str
    target: Target
    plan: Plan
    output_schema: Mapping[str, Any] = field(repr=False)
    added: bool = False
