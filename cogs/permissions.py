"""Who may change the bot's models, and who may run any model."""

from collections.abc import Collection
from typing import Literal

import discord

from bot.client import Replicord
from bot.errors import Refused

Rule = Literal["nobody", "editors", "everyone"]


class Editors:
    """The people who may change models: the bot's owner, its team's admins and developers, and those in a setting."""

    def __init__(self, client: Replicord, ids: Collection[int]) -> None:
        self._client = client
        self._ids = frozenset(ids)

    def include(self, user: discord.abc.User) -> bool:
        return user.id in self._ids or user.id in self._owners()

    def check(self, user: discord.abc.User) -> None:
        """Raise Refused for everybody else."""
        if not self.include(user):
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

    def check(self, user: discord.abc.User) -> None:
        """Raise Refused for those who may not."""
        if self.rule == "everyone" or (self.rule == "editors" and self._editors.include(user)):
            return
        raise Refused("You can only run models that have a command here. See them with /models list.")
