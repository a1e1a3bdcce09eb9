"""Who may change the bot's models, and who may start a run: both are asked here by every cog."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import discord
from discord import app_commands

from bot.actor import Actor
from bot.catalog.catalog import Catalog
from bot.catalog.chains import Chain, check_chain
from bot.catalog.run_access import AnyModel, RunDecision, RunRequest, RunRules, decide_run, may_run_any_model
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.formatting import join_facts
from bot.language import _
from bot.limits import BLOCK_REASON_CHARS
from bot.rules.decide import ServerSituation, apply_server_rules
from bot.rules.server_rules import KnownPlaces, LogLine, leave_out_gone
from bot.runs import Target
from bot.store.models import Run
from bot.store.server_rules import Servers
from bot.ui.permissions import Reuse, decide_reuse
from bot.ui.render.markdown import escape, format_name, one_line
from bot.ui.render.reuse import explain_barrier, explain_forgotten
from bot.ui.render.server_words import keeps_covered
from cogs.server.log import ServerLog

_SITUATION: Final = "server_situation"  # in an interaction's extras


def actor_of(interaction: discord.Interaction[Any]) -> Actor:
    """Return the person behind an interaction."""
    user, channel = interaction.user, interaction.channel
    return Actor(
        user_id=user.id,
        name=user.display_name,
        guild_id=interaction.guild_id,
        channel_id=interaction.channel_id,
        roles=frozenset(role.id for role in user.roles) if isinstance(user, discord.Member) else frozenset(),
        permissions=interaction.permissions.value,
        locale=interaction.locale.value,
        parent_channel_id=channel.parent_id if isinstance(channel, discord.Thread) else None,
        is_bot_member=interaction.is_guild_integration() or bool(interaction.context.dm_channel),
        in_age_restricted=bool(getattr(channel, "is_nsfw", bool)()),
    )


class Editors:
    """The people who may change models: the bot's owner, its team's admins and developers, and those in a setting."""

    def __init__(self, client: Replicord, ids: Collection[int]) -> None:
        self._client = client
        self._ids = frozenset(ids)

    @property
    def ids(self) -> frozenset[int]:
        """Their user ids."""
        application = self._client.application
        if application is None:
            return self._ids
        if application.team is None:
            return self._ids | {application.owner.id}
        trusted = (discord.TeamMemberRole.admin, discord.TeamMemberRole.developer)
        members = (member.id for member in application.team.members if member.role in trusted)
        return self._ids.union(members, filter(None, [application.team.owner_id]))

    def may_edit(self, user: discord.abc.User) -> bool:
        """Return whether somebody is one of them."""
        return user.id in self.ids

    def check(self, user: discord.abc.User) -> None:
        """Raise Refused for everybody else."""
        if not self.may_edit(user):
            raise Refused(_("Only the bot's owner and its model editors can change the models."))


class RunAccess:
    """Asks ``decide_run`` with the commands, settings and server rules of this moment."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        any_model: AnyModel,
        editors: Editors,
        servers: Servers,
        server_log: ServerLog,
        clock: Clock,
    ) -> None:
        self._catalog = catalog
        self._any_model: AnyModel = any_model
        self._editors = editors
        self._servers = servers
        self._log = server_log
        self._clock = clock

    @property
    def is_any_model_offered(self) -> bool:
        """Whether there is anybody who may run a model that has no command."""
        return self._any_model != "nobody"

    async def decide(
        self,
        interaction: discord.Interaction[Any],
        *,
        command: str,
        target: Target,
        run_input: Mapping[str, Any] | None = None,
        outputs: int | None = None,
    ) -> RunDecision:
        """Return whether and how a run may start; raise Refused if it may not."""
        request = RunRequest(
            command=command,
            target=target,
            input=run_input,
            outputs=outputs,
            by_name=isinstance(interaction.command, app_commands.Command) and interaction.command.name == command,
        )
        rules = await self.load_rules(interaction)
        with self._logging_refusals(interaction):
            return decide_run(actor_of(interaction), request, rules)

    async def check_chain(self, interaction: discord.Interaction[Any], chain: Chain) -> None:
        """Raise Refused if the person may not run the chain, or one of its steps, here."""
        rules = await self.load_rules(interaction)
        with self._logging_refusals(interaction):
            check_chain(actor_of(interaction), chain, rules)

    async def check_name(self, interaction: discord.Interaction[Any], command: str) -> None:
        """Raise Refused if the server's rules do not allow a command of this name, whatever it runs."""
        situation = await self.load_situation(interaction)
        with self._logging_refusals(interaction):
            apply_server_rules(actor_of(interaction), command, situation)

    async def load_rules(self, interaction: discord.Interaction[Any]) -> RunRules:
        """Return what decides here and now, for many questions to ``decide_run`` at once."""
        server = await self.load_situation(interaction)
        return RunRules(
            commands=tuple(self._catalog),
            hidden=self._catalog.hidden,
            any_model=self._any_model,
            editors=self._editors.ids,
            server=server,
        )

    async def load_situation(self, interaction: discord.Interaction[Any]) -> ServerSituation | None:
        """Return the rules of the interaction's server without what is gone there, None outside servers.

        They are read once for an interaction, which asks more than once before its first response.
        """
        if interaction.guild_id is None:
            return None
        if _SITUATION in interaction.extras:
            read: ServerSituation = interaction.extras[_SITUATION]
            return read
        now = self._clock.now()
        rules, block = await self._servers.get_situation(interaction.guild_id, interaction.user.id, now=now)
        known = known_places(interaction.guild)
        situation = interaction.extras[_SITUATION] = ServerSituation(
            guild_id=interaction.guild_id,
            rules=rules if known is None else leave_out_gone(rules, known),
            block=None if block is None else replace(block, reason=escape(one_line(block.reason, BLOCK_REASON_CHARS))),
        )
        return situation

    async def check_may_uncover(self, interaction: discord.Interaction[Any]) -> None:
        """Raise Refused if the server keeps the pictures of results behind a spoiler."""
        situation = await self.load_situation(interaction)
        if situation is not None and situation.rules.spoiler:
            raise Refused(keeps_covered())

    def may_run_any_model(self, interaction: discord.Interaction[Any]) -> bool:
        return may_run_any_model(interaction.user.id, any_model=self._any_model, editors=self._editors.ids)

    @contextmanager
    def _logging_refusals(self, interaction: discord.Interaction[Any]) -> Iterator[None]:
        """Write a refusal into the server's log, if that has such lines."""
        try:
            yield
        except Refused as refused:
            self._log_refusal(interaction, refused)
            raise

    def _log_refusal(self, interaction: discord.Interaction[Any], refused: Refused) -> None:
        name = format_name(interaction.user.display_name)
        self._log.post(interaction.guild_id, LogLine.REFUSALS, lambda: join_facts(f"**{name}**", refused.sentence))


def known_places(guild: discord.Guild | None) -> KnownPlaces | None:
    """Return the roles and channels of a server; None while they are not known: in an outage, or without the bot."""
    if guild is None or guild.unavailable or not guild.roles:
        return None
    return KnownPlaces(
        roles=frozenset(role.id for role in guild.roles), channels=frozenset(channel.id for channel in guild.channels)
    )


def check_reuse(run: Run, part: Reuse, *, user_id: int, first: Run | None = None) -> None:
    """Raise Refused if a part of a run is not for this person; ``first`` as for ``decide_reuse``."""
    barrier = decide_reuse(run, part, user_id=user_id, first=first)
    if barrier is not None:
        raise Refused(explain_barrier(barrier, run))


def check_repeatable(run: Run, *, user_id: int, first: Run | None = None) -> None:
    """Raise Refused if a run's inputs are deleted, or not for this person."""
    if (run if first is None else first).forgotten_at is not None:
        raise Refused(explain_forgotten(run))
    check_reuse(run, Reuse.INPUTS, user_id=user_id, first=first)
