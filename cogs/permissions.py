"""Who may change the bot's models, and who may start a run: both are asked here by every cog."""

from collections.abc import Collection, Mapping
from typing import Any

import discord

from bot.actor import Actor
from bot.catalog.catalog import Catalog
from bot.catalog.run_access import AnyModel, RunDecision, RunRequest, RunRules, decide_run, may_run_any_model
from bot.client import Replicord
from bot.errors import Refused
from bot.runs import Target


def actor_of(interaction: discord.Interaction[Any]) -> Actor:
    """Return the person behind an interaction."""
    user = interaction.user
    return Actor(
        user_id=user.id,
        name=user.display_name,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        roles=frozenset(role.id for role in user.roles) if isinstance(user, discord.Member) else frozenset(),
        permissions=interaction.permissions.value,
        locale=interaction.locale.value,
    )


class Editors:
    """The people who may change models: the bot's owner, its team's admins and developers, and those in a setting."""

    def __init__(self, client: Replicord, ids: Collection[int]) -> None:
        self._client = client
        self._ids = frozenset(ids)

    @property
    def ids(self) -> frozenset[int]:
        """Their user ids."""
        return self._ids | self._owners()

    def check(self, user: discord.abc.User) -> None:
        """Raise Refused for everybody else."""
        if user.id not in self.ids:
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


class RunAccess:
    """Asks ``decide_run`` with the commands and settings of this moment."""

    def __init__(self, catalog: Catalog, *, any_model: AnyModel, editors: Editors) -> None:
        self._catalog = catalog
        self._any_model: AnyModel = any_model
        self._editors = editors

    @property
    def is_any_model_offered(self) -> bool:
        """Whether there is anybody who may run a model that has no command."""
        return self._any_model != "nobody"

    def decide(
        self,
        interaction: discord.Interaction[Any],
        *,
        command: str,
        target: Target,
        run_input: Mapping[str, Any] | None = None,
    ) -> RunDecision:
        """Return whether and how a run may start; raise Refused if it may not."""
        request = RunRequest(command=command, target=target, input=run_input)
        return decide_run(actor_of(interaction), request, self._rules())

    def may_run_any_model(self, interaction: discord.Interaction[Any]) -> bool:
        return may_run_any_model(actor_of(interaction), self._rules())

    def _rules(self) -> RunRules:
        return RunRules(
            commands=tuple(self._catalog),
            hidden=self._catalog.hidden,
            any_model=self._any_model,
            editors=self._editors.ids,
        )
