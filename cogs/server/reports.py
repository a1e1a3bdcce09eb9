"""Apps → Report result: tell a server's moderators about a result, on a card in their log channel.

The report is a row before its card is sent, with the row's id as nonce. What a moderator does is decided by the row: of
two who press at once one acts, and the other reads who was first.
"""

import secrets
from functools import partial
from typing import Any, Final

import discord
import structlog
from discord import app_commands
from discord.ext import commands

from bot.client import Replicord
from bot.clock import Clock
from bot.discord_codes import DiscordCode
from bot.errors import Refused
from bot.language import _, use_language
from bot.limits import NONCE_CHARS
from bot.rules.server_rules import LogLine
from bot.runs import Run
from bot.runs.engine import Engine
from bot.store.reports import Report, ReportResult, Reports, ReportState
from bot.store.runs import Runs
from bot.store.server_rules import Servers
from bot.ui.first_response import defer, edit_message, edit_response, send_modal
from bot.ui.render.cards import Card
from bot.ui.render.markdown import format_name
from bot.ui.render.report_cards import report_answer, report_card
from bot.ui.render.server_history import describe_change
from bot.ui.requests import REQUEST_ERRORS, send_request
from bot.ui.result_changes import ResultChanges
from bot.ui.server_components import ReportAction
from bot.ui.spoken_language import server_language
from cogs.server.forms import BlockForm, BlockRequest, ReportForm, check_blockable
from cogs.server.log import ServerLog

Interaction = discord.Interaction[Replicord]

_NAME: Final = "Report result"
_HISTORY_SEARCHED: Final = 50  # messages of the log channel, for a card whose row does not know that it was sent

log = structlog.get_logger(__name__)


class ResultRemover:
    """Deletes the messages of a run and every stored copy; a run in progress is stopped, and its messages go."""

    def __init__(self, client: discord.Client, *, engine: Engine, changes: ResultChanges) -> None:
        self._client = client
        self._engine = engine
        self._changes = changes

    async def remove(self, run: Run, *, by: int) -> None:
        """Remove the result of a run; Refused if Discord does not let the bot."""
        if run.delivered_at is not None:
            await self._changes.delete(run)
            return
        await self._engine.cancel(run.id, by=by)
        channel = self._client.get_partial_messageable(run.place.channel_id, guild_id=run.place.guild_id)
        for message_id in (run.place.message_id, *run.messages.values()):
            try:
                await send_request(channel.get_partial_message(message_id).delete())
            except REQUEST_ERRORS as error:
                if isinstance(error, discord.HTTPException) and error.code == DiscordCode.UNKNOWN_MESSAGE:
                    continue
                log.warning("result_not_removed", run=run.id, error=str(error))
                raise Refused(_("I can't delete that message. Delete it yourself, then dismiss the report.")) from error


class ReportResultMenu(commands.Cog):
    """Adds an entry to the Apps menu of every message, and handles the buttons of the cards."""

    def __init__(
        self,
        client: Replicord,
        *,
        runs: Runs,
        reports: Reports,
        servers: Servers,
        server_log: ServerLog,
        remover: ResultRemover,
        clock: Clock,
    ) -> None:
        self._client = client
        self._runs = runs
        self._reports = reports
        self._servers = servers
        self._log = server_log
        self._remover = remover
        self._clock = clock
        self._menu = app_commands.ContextMenu(
            name=_NAME,
            callback=self._report,
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )

    async def cog_load(self) -> None:
        self._client.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        self._client.tree.remove_command(_NAME, type=discord.AppCommandType.message)

    @commands.Cog.listener()
    async def on_shard_ready(self, shard_id: int) -> None:
        """Send the cards of reports that were stored when the bot was killed."""
        for report in await self._reports.list_unsent():
            if (report.guild_id >> 22) % (self._client.shard_count or 1) == shard_id:
                await self._send_card(report, may_exist=True)

    # -- reporting

    async def _report(self, interaction: Interaction, message: discord.Message) -> None:
        """Ask why; then store the report and send its card."""
        run = await self._find_run(interaction, message.id)
        await self._find_log_channel(run)

        async def submitted(answer: Interaction, reason: str) -> None:
            await self._store_report(answer, message, reason)

        await send_modal(interaction, ReportForm(submitted))

    async def _store_report(self, interaction: Interaction, message: discord.Message, reason: str) -> None:
        await defer(interaction, ephemeral=True, thinking=True)
        run = await self._find_run(interaction, message.id)
        report = Report(
            id=secrets.token_hex(NONCE_CHARS // 2),
            run_id=run.id,
            guild_id=run.place.guild_id or 0,
            channel_id=run.place.channel_id,
            message_id=run.place.message_id,
            author_id=run.author_id,
            author_name=run.author_name,
            command=run.command,
            reporter_id=interaction.user.id,
            reason=reason,
            log_channel_id=await self._find_log_channel(run),
            created_at=self._clock.now(),
        )
        result = await self._reports.add(report)
        if result is ReportResult.STORED and not await self._send_card(report, may_exist=False):
            raise Refused(
                _("Your report is stored, but I can't write in this server's log channel. Tell a moderator directly.")
            )
        await edit_response(interaction, content=report_answer(result))

    async def _find_run(self, interaction: Interaction, message_id: int) -> Run:
        run = await self._runs.find_by_message(message_id)
        if run is None or run.place.guild_id is None or run.place.guild_id != interaction.guild_id:
            raise Refused(
                _("That isn't a result of mine, or its data was deleted. Tell a moderator of this server directly.")
            )
        return run

    async def _find_log_channel(self, run: Run) -> int:
        rules = await self._servers.get_rules(run.place.guild_id or 0)
        if rules.log_channel_id is None:
            raise Refused(_("This server has no channel for reports. Tell one of its moderators directly."))
        return rules.log_channel_id

    async def _send_card(self, report: Report, *, may_exist: bool) -> bool:
        """Send a report's card; return whether it is there. ``may_exist``: look for it in the channel first."""
        channel = self._client.get_partial_messageable(report.log_channel_id, guild_id=report.guild_id)
        card = await self._build_card(report)
        try:
            sent = await _find_card(channel, report) if may_exist else None
            if sent is None:
                sent = await send_request(
                    channel.send(view=card, nonce=report.id, allowed_mentions=discord.AllowedMentions.none())
                )
        except REQUEST_ERRORS as error:
            log.warning("report_not_sent", report=report.id, guild=report.guild_id, error=str(error))
            return False
        await self._reports.mark_sent(report.id, sent.id)
        return True

    async def _build_card(self, report: Report) -> Card:
        """Return a report's card in the language of its server."""
        prompt = await self._prompt_of(report)
        with use_language(server_language(self._client, report.guild_id)):
            return report_card(report, prompt=prompt)

    async def _prompt_of(self, report: Report) -> str | None:
        """Return the prompt where the server wants prompts in its log."""
        rules = await self._servers.get_rules(report.guild_id)
        run = await self._runs.get(report.run_id) if rules.log_prompts and report.run_id is not None else None
        return None if run is None else run.prompt

    # -- handling

    @commands.Cog.listener()
    async def on_report_button(self, interaction: Interaction, action: ReportAction, report_id: str) -> None:
        """Do what a moderator wants done about a report."""
        report = await self._load_report(interaction, report_id)
        if report.state is not ReportState.OPEN:
            await self._show(interaction, report)
            return
        match action:
            case ReportAction.REMOVE:
                await self._remove(interaction, report)
            case ReportAction.DISMISS:
                await self._close(interaction, report, ReportState.DISMISSED)
            case ReportAction.BLOCK:
                if not _may_block(interaction.permissions):
                    raise Refused(_("Only people with Manage Server or Time out members can block somebody."))

                async def submitted(answer: Interaction, request: BlockRequest) -> None:
                    await self._block_author(answer, report.id, request)

                await send_modal(interaction, BlockForm(submitted, name=format_name(report.author_name)))

    async def _remove(self, interaction: Interaction, report: Report) -> None:
        await defer(interaction)
        run = await self._runs.get(report.run_id) if report.run_id is not None else None
        if run is not None:
            await self._remover.remove(run, by=interaction.user.id)
        await self._close(interaction, report, ReportState.REMOVED)

    async def _block_author(self, interaction: Interaction, report_id: str, request: BlockRequest) -> None:
        report = await self._load_report(interaction, report_id)
        if not _may_block(interaction.permissions):
            raise Refused(_("Only people with Manage Server or Time out members can block somebody."))
        check_blockable(report.author_id, by=interaction.user.id)
        now = self._clock.now()
        until = None if request.lasting is None else now + request.lasting
        await self._reports.close_with_block(report, reason=request.reason, until=until, by=interaction.user.id, at=now)
        for change in await self._servers.list_changes(report.guild_id, most=1):
            self._log.post(report.guild_id, LogLine.BLOCKS, partial(describe_change, change, when=False))
        await self._show(interaction, await self._load_report(interaction, report_id))

    async def _close(self, interaction: Interaction, report: Report, state: ReportState) -> None:
        await self._reports.close(report.id, state, by=interaction.user.id, at=self._clock.now())
        await self._show(interaction, await self._load_report(interaction, report.id))

    async def _show(self, interaction: Interaction, report: Report) -> None:
        """Bring the card up to date, whoever closed the report."""
        card = await self._build_card(report)
        if interaction.response.is_done():
            await send_request(interaction.edit_original_response(view=card))
        else:
            await edit_message(interaction, view=card)

    async def _load_report(self, interaction: Interaction, report_id: str) -> Report:
        report = await self._reports.get(report_id)
        if report is None or report.guild_id != interaction.guild_id:
            raise Refused(_("This report's data was deleted."))
        if not interaction.permissions.manage_messages:
            raise Refused(_("Only people who manage messages here can handle reports."))
        return report


def _may_block(permissions: discord.Permissions) -> bool:
    return permissions.manage_guild or permissions.moderate_members


async def _find_card(channel: discord.PartialMessageable, report: Report) -> discord.Message | None:
    """Return the card of a report among the newest messages of its channel."""
    after = discord.Object(discord.utils.time_snowflake(report.created_at) - 1)
    async for message in channel.history(limit=_HISTORY_SEARCHED, after=after):
        if any(report.id in custom_id for custom_id in _custom_ids(message.components)):
            return message
    return None


def _custom_ids(components: Any) -> list[str]:
    found: list[str] = []
    for component in components:
        found += filter(None, [getattr(component, "custom_id", None)])
        found += _custom_ids(getattr(component, "children", ()))
    return found
