"""/server: what is allowed in this server, for everybody; and its rules, for whoever manages it.

The card is stateless: each button carries what it is for, and every press reads the rights and the rules anew. So it
works after a restart, and nothing in the rules can keep anybody from it.
"""

from collections.abc import Callable, Sequence
from functools import partial

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot.actor import Actor
from bot.catalog.catalog import ANY_MODEL, Catalog
from bot.catalog.chains import ConfiguredChains, check_chain
from bot.catalog.run_access import RunRequest, decide_run
from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.language import _
from bot.money.budgets import Spender, day_of
from bot.own_commands import OwnCommand
from bot.picture_checks import can_check
from bot.rules.decide import RunTerms, apply_server_rules
from bot.rules.server_rules import (
    EVERY_COMMAND,
    Delivery,
    LogLine,
    Section,
    ServerRules,
    find_gone,
    leave_out_gone,
    most_generous,
)
from bot.runs.policy import Policy
from bot.store.budgets import Budgets
from bot.store.runs import Runs
from bot.store.server_rules import ServerChange, Servers
from bot.ui.first_response import defer, edit_message, edit_response, send_modal
from bot.ui.render.markdown import escape, one_line
from bot.ui.render.money import describe_money_left
from bot.ui.render.server_cards import (
    BLOCKS_SHOWN,
    CHANGES_SHOWN,
    MemberView,
    ServerState,
    commands_card,
    history_card,
    limits_card,
    member_card,
    overview_card,
    people_card,
)
from bot.ui.render.server_history import describe_change
from bot.ui.server_components import ServerAction
from cogs.permissions import RunAccess, actor_of, known_places
from cogs.server.forms import (
    BlockForm,
    BlockRequest,
    Change,
    CommandForm,
    GalleryForm,
    LiftForm,
    LimitsForm,
    LogForm,
    ResultsForm,
    SafetyForm,
    Submitted,
    check_blockable,
)
from cogs.server.log import ServerLog
from cogs.start_builder import budget_limits

Interaction = discord.Interaction[Replicord]


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
class ServerCommands(
    commands.GroupCog,
    group_name=OwnCommand.SERVER,
    group_description="What's allowed in this server, and its rules",
):
    """Shows and changes the rules of the server that a command is used in."""

    def __init__(
        self,
        *,
        servers: Servers,
        runs: Runs,
        catalog: Catalog,
        chains: ConfiguredChains,
        access: RunAccess,
        server_log: ServerLog,
        budgets: Budgets,
        policy: Policy,
        clock: Clock,
    ) -> None:
        self._servers = servers
        self._runs = runs
        self._catalog = catalog
        self._chains = chains
        self._access = access
        self._log = server_log
        self._budgets = budgets
        self._policy = policy
        self._clock = clock

    async def cog_unload(self) -> None:
        """Stop the log."""
        await self._log.close()

    @app_commands.command(description="What you can use here, and what you have left")
    async def show(self, interaction: Interaction) -> None:
        await defer(interaction, ephemeral=True)
        await edit_response(interaction, view=member_card(await self._view_member(interaction)))

    @app_commands.command(description="Set this server's rules (Manage Server)")
    async def rules(self, interaction: Interaction) -> None:
        guild = _require_manager(interaction)
        await defer(interaction, ephemeral=True)
        await edit_response(interaction, view=overview_card(await self._load_state(guild)))

    @commands.Cog.listener()
    async def on_server_button(self, interaction: Interaction, action: ServerAction, subject: int | None) -> None:
        """Show a card or a form; every press reads the rights anew."""
        guild = _require_manager(interaction)
        match action:
            case ServerAction.OVERVIEW | ServerAction.COMMANDS | ServerAction.LIMITS:
                await edit_message(interaction, view=await self._draw(guild, action, page=subject or 0))
            case ServerAction.PEOPLE:
                await self._show_people(interaction, guild)
            case ServerAction.HISTORY:
                changes = await self._servers.list_changes(guild.id, most=CHANGES_SHOWN)
                await edit_message(interaction, view=history_card(changes))
            case ServerAction.BLOCK:
                await send_modal(interaction, BlockForm(self._block))
            case ServerAction.LIFT if subject is not None:
                await self._lift(interaction, subject)
            case ServerAction.LIFT:
                await send_modal(interaction, LiftForm(self._lift))
            case _:
                await send_modal(interaction, await self._build_form(guild, action))

    @commands.Cog.listener()
    async def on_server_command_chosen(self, interaction: Interaction, name: str) -> None:
        """Show the form of a command's rule."""
        guild = _require_manager(interaction)
        if name not in {EVERY_COMMAND, *self._command_names()}:
            raise Refused(_("There is no /{command} anymore. Choose another one.").format(command=one_line(name, 32)))
        submitted = self._save_as(Section.COMMANDS, ServerAction.COMMANDS)
        await send_modal(interaction, CommandForm(name, await self._existing_rules(guild), submitted))

    @commands.Cog.listener()
    async def on_server_role_chosen(self, interaction: Interaction, role_id: int) -> None:
        """Show the form of a role's limits."""
        guild = _require_manager(interaction)
        role = guild.get_role(role_id)
        name = _("everyone") if role_id == guild.id else one_line(role.name, 30) if role else _("a role")
        submitted = self._save_as(Section.LIMITS, ServerAction.LIMITS)
        form = LimitsForm(discord.Object(role_id), name, await self._existing_rules(guild), submitted)
        await send_modal(interaction, form)

    async def _build_form(self, guild: discord.Guild, action: ServerAction) -> ui.Modal:
        rules = await self._existing_rules(guild)
        match action:
            case ServerAction.RESULTS:
                return ResultsForm(rules, self._save_as(Section.RESULTS))
            case ServerAction.SAFETY:
                return SafetyForm(rules, lambda: self._checkers(rules), self._save_as(Section.SAFETY))
            case ServerAction.GALLERY:
                return GalleryForm(rules, self._save_as(Section.GALLERY))
            case _:
                return LogForm(rules, self._save_as(Section.LOG))

    def _save_as(self, section: Section, shown: ServerAction = ServerAction.OVERVIEW) -> Submitted:
        """Return what saves the change that a form makes, and then shows a card."""

        async def save(interaction: Interaction, change: Change) -> None:
            guild = _require_manager(interaction)
            at = self._clock.now()
            await self._servers.change_rules(guild.id, section, change, by=interaction.user.id, at=at)
            await self._report_change(guild)
            await edit_message(interaction, view=await self._draw(guild, shown))

        return save

    async def _draw(self, guild: discord.Guild, action: ServerAction, *, page: int = 0) -> ui.LayoutView:
        state = await self._load_state(guild)
        if action is ServerAction.COMMANDS:
            return commands_card(state, page=page)
        return limits_card(state) if action is ServerAction.LIMITS else overview_card(state)

    async def _load_state(self, guild: discord.Guild) -> ServerState:
        rules = await self._servers.get_rules(guild.id)
        blocked = await self._servers.count_blocks(guild.id, now=self._clock.now())
        known = known_places(guild)
        roles, channels = (frozenset[int](), frozenset[int]()) if known is None else find_gone(rules, known)
        return ServerState(
            guild_id=guild.id,
            rules=rules,
            commands=self._command_names(),
            checkers=self._checkers(rules),
            blocked=blocked,
            gone_roles=roles,
            gone_channels=channels,
            unwritable=_find_unwritable(guild, rules) | self._log.unwritable,
            threadless=_find_threadless(guild) if rules.delivery is Delivery.THREAD else frozenset(),
        )

    async def _existing_rules(self, guild: discord.Guild) -> ServerRules:
        """Return the rules without what is gone: a picker cannot show it, and saving drops it."""
        rules, known = await self._servers.get_rules(guild.id), known_places(guild)
        return rules if known is None else leave_out_gone(rules, known)

    def _command_names(self) -> list[str]:
        names = [command.name for command in self._catalog] + [chain.name for chain in self._chains]
        return [*names, ANY_MODEL] if self._access.is_any_model_offered else names

    def _checkers(self, rules: ServerRules) -> Sequence[str]:
        """Return the commands that can look at pictures; the chosen one first, so that it is always offered."""
        names = [command.name for command in self._catalog if can_check(command)]
        return sorted(names, key=lambda name: name != rules.checker)

    # -- people

    async def _show_people(self, interaction: Interaction, guild: discord.Guild) -> None:
        now = self._clock.now()
        blocks = await self._servers.list_blocks(guild.id, now=now, most=BLOCKS_SHOWN)
        count = await self._servers.count_blocks(guild.id, now=now)
        await edit_message(interaction, view=people_card(blocks, count=count))

    async def _block(self, interaction: Interaction, request: BlockRequest) -> None:
        guild, now = _require_manager(interaction), self._clock.now()
        if request.user_id is None:
            raise Refused(_("Choose whom to block."))
        check_blockable(request.user_id, by=interaction.user.id, is_bot=request.is_bot)
        until = None if request.lasting is None else now + request.lasting
        await self._servers.block(
            guild.id, request.user_id, reason=request.reason, until=until, by=interaction.user.id, at=now
        )
        await self._report_change(guild)
        await self._show_people(interaction, guild)

    async def _lift(self, interaction: Interaction, user_id: int) -> None:
        guild = _require_manager(interaction)
        if not await self._servers.lift(guild.id, user_id, by=interaction.user.id, at=self._clock.now()):
            raise Refused(_("They are not blocked."))
        await self._report_change(guild)
        await self._show_people(interaction, guild)

    async def _report_change(self, guild: discord.Guild) -> None:
        """Write the newest change into the log."""
        newest: ServerChange | None = next(iter(await self._servers.list_changes(guild.id, most=1)), None)
        if newest is not None:
            kind = LogLine.BLOCKS if newest.section == Section.PEOPLE else LogLine.CHANGES
            self._log.post(guild.id, kind, partial(describe_change, newest, when=False))

    # -- what a member sees

    async def _view_member(self, interaction: Interaction) -> MemberView:
        actor = actor_of(interaction)
        rules = await self._access.load_rules(interaction)
        situation = rules.server
        if situation is None or actor.guild_id is None:
            raise Refused(_("Use this in a server."))
        block: str | None = None
        usable: list[str] = []
        refusals: list[str] = []
        if situation.block is not None:
            block = _refusal(partial(apply_server_rules, actor, "", situation))
        questions: list[tuple[str, Callable[[], object]]] = [
            (
                command.name,
                partial(decide_run, actor, RunRequest(command=command.name, target=command.target), rules),
            )
            for command in self._catalog
        ]
        questions += [(chain.name, partial(check_chain, actor, chain, rules)) for chain in self._chains]
        for name, question in questions:
            sentence = _refusal(question)
            if sentence is None:
                usable.append(escape(name))
            elif sentence not in refusals:  # a chain is refused for what its step is refused for
                refusals.append(sentence)
        limits = most_generous(situation.rules, {situation.guild_id, *actor.roles})
        active, today = await self._runs.count_used(actor.user_id, None)
        active_here, today_here = await self._runs.count_used(actor.user_id, situation.guild_id)
        at_once = _tightest((active, self._policy.active_per_user), (active_here, limits.at_once))
        per_day = _tightest((today, self._policy.per_day), (today_here, limits.per_day))
        return MemberView(
            rules=situation.rules,
            usable=usable,
            refusals=refusals,
            active=at_once[0],
            active_limit=at_once[1],
            today=per_day[0],
            daily_limit=per_day[1],
            outputs=limits.outputs,
            block=block,
            money=await self._describe_money(actor, RunTerms(guild_id=situation.guild_id, limits=limits)),
        )

    async def _describe_money(self, actor: Actor, terms: RunTerms) -> Sequence[str]:
        """Return what is left of the budgets that hold for the person here, the server's rules among them."""
        spender = Spender(guild_id=actor.guild_id, author_id=actor.user_id, command="", roles=actor.roles)
        remaining = await self._budgets.list_remaining(spender, budget_limits(terms, actor.user_id))
        return list(describe_money_left(remaining, day=day_of(self._clock.now())))


def _require_manager(interaction: Interaction) -> discord.Guild:
    """Return the server; raise Refused for anybody who may not manage it."""
    if interaction.guild is None or interaction.guild_id is None:
        raise Refused(_("Use this in a server."))
    if not interaction.permissions.manage_guild:
        raise Refused(_("Only people with Manage Server can set this server's rules. See them with /server show."))
    return interaction.guild


def _refusal(question: Callable[[], object]) -> str | None:
    """Return the sentence of the refusal that a question is answered with, None if there is none."""
    try:
        question()
    except Refused as refused:
        return refused.sentence
    return None


def _tightest(*counts: tuple[int, int | None]) -> tuple[int, int | None]:
    """Return the count and the limit of which least is left; a limit of None is none."""
    limited = [(used, limit) for used, limit in counts if limit is not None]
    return min(limited, key=lambda one: one[1] - one[0]) if limited else (0, None)


def _find_unwritable(guild: discord.Guild, rules: ServerRules) -> frozenset[int]:
    channels = filter(None, [rules.log_channel_id, rules.gallery_channel_id])
    return frozenset(channel for channel in channels if not _may_write(guild, channel))


def _may_write(guild: discord.Guild, channel_id: int) -> bool:
    channel = guild.get_channel(channel_id)
    if channel is None or guild.me is None:
        return True  # what is not known is tried
    permissions = channel.permissions_for(guild.me)
    return permissions.view_channel and permissions.send_messages


def _find_threadless(guild: discord.Guild) -> frozenset[int]:
    """Return the text channels that the bot sees and cannot open threads in."""
    return frozenset(channel.id for channel in guild.text_channels if not _may_open_threads(channel))


def _may_open_threads(channel: discord.TextChannel) -> bool:
    permissions = channel.permissions_for(channel.guild.me)
    can_open = permissions.create_public_threads and permissions.send_messages_in_threads
    return can_open or not permissions.view_channel
