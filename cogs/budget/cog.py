"""/budget: who may spend how much, set by the bot's editors, and within a server by who manages it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import discord
from discord import app_commands
from discord.ext import commands

from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.resolve import parse_command_name
from bot.client import Replicord
from bot.errors import Refused
from bot.formatting import join_facts, truncate
from bot.language import retranslate
from bot.limits import CHOICE_CHARS, CHOICES_PER_OPTION, COMMAND_NAME_CHARS
from bot.money.amounts import format_dollars, parse_dollars
from bot.money.budgets import EVERYBODY, Owner, Period, Scope, budget_key
from bot.own_commands import OwnCommand
from bot.rules.server_rules import LogLine
from bot.store.budgets import Budget, Budgets, BudgetState
from bot.ui.first_response import defer, edit_response
from bot.ui.render import money
from bot.ui.render.cards import Entry, Tone, list_card, sentence_card
from bot.ui.render.markdown import format_name
from cogs.permissions import Editors
from cogs.server.log import ServerLog

Interaction = discord.Interaction[Replicord]

_AMOUNT_CHARS: Final = 20
_PERIODS: Final = [
    app_commands.Choice(name="a day", value=Period.DAY.value),
    app_commands.Choice(name="a month", value=Period.MONTH.value),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Target:
    """Whom a budget is for, as it was asked for."""

    each_person: bool
    person: discord.User | discord.Member | None
    role: discord.Role | None
    command: str | None


@app_commands.allowed_installs(guilds=True, users=True)
@app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
class BudgetCommands(
    commands.GroupCog,
    group_name=OwnCommand.BUDGET,
    group_description="Who may spend how much",
):
    """Editors set budgets for everywhere and for each server; who manages a server sets its own beside them."""

    def __init__(
        self, client: Replicord, *, budgets: Budgets, catalog: Catalog, editors: Editors, server_log: ServerLog
    ) -> None:
        self._client = client
        self._budgets = budgets
        self._catalog = catalog
        self._editors = editors
        self._log = server_log

    @app_commands.command(description="The budgets here, and what is used of them")
    async def show(self, interaction: Interaction) -> None:
        self._check(interaction)
        await defer(interaction, ephemeral=True)
        states = await self._list_states(interaction)
        names = self._server_names()
        card = list_card(
            money.budgets_title(),
            [Entry(text=money.describe_budget(state, servers=names)) for state in states],
            intro="" if states else money.no_budgets(),
            footer=money.budgets_footer(),
        )
        await edit_response(interaction, view=card)

    @app_commands.command(name="set", description="Limit what may be spent in a day or a month")
    @app_commands.describe(
        amount="Dollars, such as 5 or 0.50",
        period="How long it lasts, in UTC",
        each_person="For each person alone, not for all together",
        person="For one person",
        role="For everybody with a role, together",
        command="For one command",
        everywhere="In every server and in direct messages (editors only)",
    )
    @app_commands.choices(period=_PERIODS)
    async def set_budget(  # noqa: PLR0917 (options of a slash command)
        self,
        interaction: Interaction,
        amount: app_commands.Range[str, 1, _AMOUNT_CHARS],
        period: app_commands.Choice[str],
        each_person: bool = False,  # noqa: FBT001, FBT002 (options of a slash command)
        person: discord.User | None = None,
        role: discord.Role | None = None,
        command: app_commands.Range[str, 1, COMMAND_NAME_CHARS] | None = None,
        everywhere: bool = False,  # noqa: FBT001, FBT002 (as above)
    ) -> None:
        """Set or replace a budget; the runs of the period so far count."""
        owner = self._check(interaction)
        micros = _parse_amount(amount)
        target = _Target(each_person=each_person, person=person, role=role, command=self._check_command(command))
        key = _key_of(interaction, target, everywhere=everywhere, owner=owner)
        await defer(interaction, ephemeral=True)
        chosen = Period(period.value)
        before = await self._budgets.put(
            owner=owner,
            key=key,
            period=chosen,
            amount=micros,
            guild_id=None if everywhere else interaction.guild_id,
            by=interaction.user.id,
        )
        name = money.name_budget(key, servers=self._server_names())
        sentence = money.budget_was_set(name, micros, chosen, before)
        self._log_change(interaction, None if everywhere else interaction.guild_id, sentence)
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))

    @app_commands.command(description="Lift a budget")
    @app_commands.describe(budget="The budget to lift")
    async def clear(self, interaction: Interaction, budget: str) -> None:
        self._check(interaction)
        await defer(interaction, ephemeral=True)
        states = await self._list_states(interaction)
        found = next((state.budget for state in states if _subject(state.budget) == budget), None)
        if found is None:
            raise Refused(money.no_such_budget())
        if found.owner is Owner.OPERATOR and interaction.user.id not in self._editors.ids:
            raise Refused(money.set_by_the_operator())
        if not await self._budgets.clear(found):
            raise Refused(money.no_such_budget())
        name = money.name_budget(found.key, servers=self._server_names())
        sentence = money.budget_was_cleared(name, found.period)
        self._log_change(interaction, found.guild_id, sentence)
        await edit_response(interaction, view=sentence_card(sentence, tone=Tone.SUCCESS))

    @clear.autocomplete("budget")
    async def _autocomplete_budget(self, interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        try:
            self._check(interaction)
        except Refused:
            return []
        names = {_subject(one.budget): self._plain_name(one) for one in await self._list_states(interaction)}
        return [
            app_commands.Choice(name=truncate(name, CHOICE_CHARS), value=subject)
            for subject, name in names.items()
            if current.lower() in name.lower() and len(subject) <= CHOICE_CHARS
        ][:CHOICES_PER_OPTION]

    @set_budget.autocomplete("command")
    async def _autocomplete_command(self, _interaction: Interaction, current: str) -> list[app_commands.Choice[str]]:
        typed = parse_command_name(current)
        names = [command.name for command in self._catalog if typed in command.name]
        return [app_commands.Choice(name=f"/{name}", value=name) for name in names][:CHOICES_PER_OPTION]

    def _check(self, interaction: Interaction) -> Owner:
        """Return as whom a person sets budgets here; Refused for everybody else."""
        if interaction.user.id in self._editors.ids:
            return Owner.OPERATOR
        if interaction.guild_id is not None and interaction.permissions.manage_guild:
            return Owner.SERVER
        raise Refused(money.not_a_budget_editor())

    def _check_command(self, command: str | None) -> str | None:
        if command is None:
            return None
        name = parse_command_name(command)
        if name != ANY_MODEL and self._catalog.get(name) is None:
            raise Refused(money.no_such_command(name))
        return name

    async def _list_states(self, interaction: Interaction) -> tuple[BudgetState, ...]:
        everything = self._check(interaction) is Owner.OPERATOR
        return await self._budgets.list_states(guild_id=interaction.guild_id, everything=everything)

    def _log_change(self, interaction: Interaction, guild_id: int | None, sentence: str) -> None:
        name = format_name(interaction.user.display_name)
        self._log.post(guild_id, LogLine.CHANGES, lambda: join_facts(f"**{name}**", retranslate(sentence)))

    def _server_names(self) -> Mapping[int, str]:
        return {guild.id: guild.name for guild in self._client.guilds}

    def _plain_name(self, state: BudgetState) -> str:
        """Return a budget as the text of a choice, where Discord shows no mentions."""
        key, budget = state.budget.key, state.budget
        name = money.name_budget(key, servers=self._server_names())
        for part in key.split(":")[1:]:
            for mention in (f"<@&{part}>", f"<@{part}>"):
                name = name.replace(mention, f"@{self._name_of(state, part)}")
        return f"{name} · {format_dollars(budget.amount)} · {budget.period.value}".replace("\\", "")

    def _name_of(self, state: BudgetState, snowflake: str) -> str:
        guild = self._client.get_guild(state.budget.guild_id or 0)
        if not snowflake.isdecimal():
            return snowflake
        if Scope.of(state.budget.key) is Scope.ROLE:
            role = guild.get_role(int(snowflake)) if guild is not None else None
            return role.name if role is not None else snowflake
        user = self._client.get_user(int(snowflake))
        return user.display_name if user is not None else snowflake


def _key_of(interaction: Interaction, target: _Target, *, everywhere: bool, owner: Owner) -> str:
    chosen = [target.each_person, target.person is not None, target.role is not None, target.command is not None]
    if sum(chosen) > 1:
        raise Refused(money.only_one_target())
    if everywhere:
        return _key_everywhere(target, owner)
    guild = interaction.guild_id
    if guild is None:
        raise Refused(money.needs_a_server())
    if target.role is not None:
        return budget_key(Scope.ROLE, target.role.id)
    if target.person is not None:
        return budget_key(Scope.MEMBER, guild, target.person.id)
    if target.command is not None:
        return budget_key(Scope.SERVER_COMMAND, guild, target.command)
    return budget_key(Scope.MEMBER, guild, EVERYBODY) if target.each_person else budget_key(Scope.SERVER, guild)


def _key_everywhere(target: _Target, owner: Owner) -> str:
    if owner is not Owner.OPERATOR:
        raise Refused(money.not_everywhere())
    if target.role is not None:
        raise Refused(money.role_has_a_server())
    if target.person is not None:
        return budget_key(Scope.PERSON, target.person.id)
    if target.command is not None:
        return budget_key(Scope.COMMAND, target.command)
    return budget_key(Scope.PERSON, EVERYBODY) if target.each_person else budget_key(Scope.BOT)


def _parse_amount(text: str) -> int:
    try:
        return parse_dollars(text)
    except ValueError as error:
        raise Refused(money.not_an_amount(text)) from error


def _subject(budget: Budget) -> str:
    return f"{budget.owner.value} {budget.period.value} {budget.key}"
