"""Who may change the bot's models, and who may run any."""

from collections.abc import Collection
from typing import Literal, Protocol

import discord

from bot.client import Replicord
from bot.errors import Refused

Rule = Literal["nobody", "editors", "everyone"]


class Someone(Protocol):
    """A user or a member."""

    @property
    def id(self) -> int:
        """Discord's id of the person."""
        ...


class Editors:
    """The bot's owner, or its team's admins and developers, and those that a setting names."""

    def __init__(self, client: Replicord, ids: Collection[int]) -> None:
        self._client = client
        self._ids = frozenset(ids)

    def include(self, person: Someone) -> bool:
        """Whether the person may add, remove and update models."""
        return person.id in self._ids or person.id in self._owners()

    def check(self, person: Someone) -> None:
        """Raise Refused for everybody else."""
        if not self.include(person):
            raise Refused("Only the bot's owner and its model editors can change the models.")

    def _owners(self) -> frozenset[int]:
        application = self._client.application
        if application is None:
            return frozenset()
        if application.team is None:
            return frozenset({application.owner.id})
        trusted = (discord.TeamMemberRole.admin, discord.TeamMemberRole.developer)
        members = (member.id for member in application.team.members if member.role in trusted)
        return frozenset({*members, *filter(None, [application.team.owner_id])})


class AnyModelRule:
    """Who may run a model that has no command."""

    def __init__(self, rule: Rule, editors: Editors) -> None:
        self.rule: Rule = rule
        self._editors = editors

    def check(self, person: Someone) -> None:
        """Raise Refused for those who may not."""
        if self.rule == "everyone" or (self.rule == "editors" and self._editors.include(person)):
            return
        raise Refused("You can run the models that have a command here; /models list shows them.")
