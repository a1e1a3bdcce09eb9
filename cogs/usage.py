"""/usage: what runs have cost, as a chart and as a table, off the event loop."""

import asyncio
import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any, Final, Literal

import discord
import structlog
from discord import app_commands, ui
from discord.ext import commands

from bot.client import Replicord
from bot.clock import Clock
from bot.errors import Refused
from bot.limits import (
    CHART_SECONDS,
    INTERACTION_TOKEN_LIFE,
    USAGE_COMMANDS_DRAWN,
    USAGE_ROWS_EXPORTED,
)
from bot.money.amounts import MICROS
from bot.money.budgets import day_of
from bot.money.usage_chart import UsageChart, draw_usage_chart, stack_by_command
from bot.own_commands import OwnCommand
from bot.store.budgets import Budgets, PersonUsage, UsageFilter, UsageRow
from bot.ui.first_response import defer, edit_response
from bot.ui.render import money
from bot.ui.render.cards import Card, Tone
from bot.worker_pool import WorkerPool, WorkTooHeavy
from cogs.permissions import Editors

Interaction = discord.Interaction[Replicord]
Whose = Literal["mine", "server", "all"]

log = structlog.get_logger(__name__)

_CHART: Final = "usage.png"
_TABLE: Final = "usage.csv"
_SPANS: Final = (7, 30, 90)
_PEOPLE_SHOWN: Final = 5
_WHOSE: Final = [
    app_commands.Choice(name="mine", value="mine"),
    app_commands.Choice(name="this server's", value="server"),
    app_commands.Choice(name="all", value="all"),
]
_DAYS: Final = [app_commands.Choice(name=str(days), value=days) for days in _SPANS]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """Whose usage of how many days."""

    whose: Whose
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Usage:
    """What was found: ``chart`` is None if it cannot be drawn."""

    question: _Question
    rows: Sequence[UsageRow]
    people: Sequence[PersonUsage]
    table: bytes
    chart: bytes | None


class UsageCommand(commands.Cog):
    """Shows people their own usage, those who manage a server the server's, and editors everybody's."""

    def __init__(
        self,
        *,
        budgets: Budgets,
        editors: Editors,
        workers: WorkerPool,
        clock: Clock,
        has_unpriced: bool,
    ) -> None:
        """``has_unpriced``: whether runs without a known price count as nothing."""
        self._budgets = budgets
        self._editors = editors
        self._workers = workers
        self._clock = clock
        self._has_unpriced = has_unpriced

    @app_commands.command(name=OwnCommand.USAGE, description="What your runs have cost")
    @app_commands.describe(
        whose="Whose usage; the server's is for who manages it, all for editors", days="How many days"
    )
    @app_commands.choices(whose=_WHOSE)
    @app_commands.choices(days=_DAYS)
    @app_commands.allowed_installs(guilds=True, users=True)
    @app_commands.allowed_contexts(guilds=True, dms=True, private_channels=True)
    async def usage(
        self,
        interaction: Interaction,
        whose: app_commands.Choice[str] | None = None,
        days: app_commands.Choice[int] | None = None,
    ) -> None:
        """Show a chart, the most expensive commands and people, and a table to download."""
        chosen: Whose = "mine" if whose is None else whose.value  # type: ignore[assignment]  # one of the choices
        question = _Question(whose=chosen, days=_SPANS[1] if days is None else days.value)
        self._check(interaction, question.whose)
        await defer(interaction, ephemeral=True)
        await self._show(interaction, question)

    async def show_again(self, interaction: Interaction, question: _Question) -> None:
        """Replace the card by one of another span."""
        self._check(interaction, question.whose)
        await defer(interaction)
        await self._show(interaction, question)

    async def _show(self, interaction: Interaction, question: _Question) -> None:
        usage = await self._read(interaction, question)
        card = _UsageCard(self, usage, has_unpriced=self._has_unpriced)
        await edit_response(interaction, view=card, open_files=lambda: _files(usage))

    def _check(self, interaction: Interaction, whose: Whose) -> None:
        is_editor = interaction.user.id in self._editors.ids
        if whose == "all" and not is_editor:
            raise Refused(money.editors_only())
        if whose == "server" and interaction.guild_id is None:
            raise Refused(money.needs_a_server())
        if whose == "server" and not is_editor and not interaction.permissions.manage_guild:
            raise Refused(money.manage_server_only())

    async def _read(self, interaction: Interaction, question: _Question) -> _Usage:
        today = day_of(self._clock.now())
        since = today - timedelta(days=question.days - 1)
        whose = UsageFilter(since=since)
        if question.whose == "mine":
            whose = replace(whose, author_id=interaction.user.id)
        elif question.whose == "server":
            whose = replace(whose, guild_id=interaction.guild_id)
        rows = await self._budgets.read_usage(whose)
        people: Sequence[PersonUsage] = ()
        if question.whose != "mine":
            people = await self._budgets.list_top_people(whose, limit=_PEOPLE_SHOWN)
        table_rows = await self._budgets.list_usage_rows(whose, limit=USAGE_ROWS_EXPORTED)
        return _Usage(
            question=question,
            rows=rows,
            people=people,
            table=await asyncio.to_thread(_write_table, table_rows),
            chart=await self._draw(interaction, rows, question, since) if rows else None,
        )

    async def _draw(
        self, interaction: Interaction, rows: Sequence[UsageRow], question: _Question, since: date
    ) -> bytes | None:
        days = tuple(since + timedelta(days=number) for number in range(question.days))
        spent = [(row.day, row.command, row.spent) for row in rows]
        chart = UsageChart(
            title=money.usage_title(question.whose, days=question.days),
            days=days,
            series=stack_by_command(spent, days, shown=USAGE_COMMANDS_DRAWN, rest=money.other_commands()),
        )
        try:
            return await self._workers.run(draw_usage_chart, chart, owner=interaction.user.id, seconds=CHART_SECONDS)
        except (WorkTooHeavy, ImportError) as error:
            log.warning("chart_not_drawn", error=str(error))
            return None


class _UsageCard(Card):
    """The chart, the sums, and a select for the span."""

    def __init__(self, cog: UsageCommand, usage: _Usage, *, has_unpriced: bool) -> None:
        question = usage.question
        title = f"### {money.usage_title(question.whose, days=question.days)}\n{money.usage_total(usage.rows)}"
        items: list[ui.Item[Any]] = [ui.TextDisplay(title)]
        if usage.chart is not None:
            alt_text = money.describe_chart(usage.rows, days=question.days)
            image = discord.MediaGalleryItem(f"attachment://{_CHART}", description=alt_text[:1024])
            items.append(ui.MediaGallery(image))
        elif usage.rows:
            items.append(ui.TextDisplay(money.chart_not_drawn()))
        else:
            items.append(ui.TextDisplay(money.no_usage()))
        lists = [(money.top_commands_title(), money.list_top_commands(usage.rows))]
        lists.append((money.top_people_title(), money.list_top_people(usage.people)))
        for heading, lines in lists:
            if text := "\n".join(lines):
                items.append(ui.TextDisplay(f"**{heading}**\n{text}"))
        if usage.rows:
            items.append(ui.File(f"attachment://{_TABLE}"))
        items.append(ui.TextDisplay(money.usage_footer(unpriced=has_unpriced)))
        items.append(ui.ActionRow(*(_SpanButton(cog, question, days) for days in _SPANS)))
        super().__init__(items, Tone.INFO, timeout=INTERACTION_TOKEN_LIFE.total_seconds())


class _SpanButton(ui.Button[_UsageCard]):
    """Shows the usage of another number of days."""

    def __init__(self, cog: UsageCommand, question: _Question, days: int) -> None:
        is_shown = days == question.days
        style = discord.ButtonStyle.primary if is_shown else discord.ButtonStyle.secondary
        super().__init__(label=money.span_label(days), style=style, disabled=is_shown)
        self._cog = cog
        self._question = replace(question, days=days)

    async def callback(self, interaction: discord.Interaction[Any], /) -> None:
        await self._cog.show_again(interaction, self._question)


def _files(usage: _Usage) -> list[discord.File]:
    files = [discord.File(io.BytesIO(usage.table), filename=_TABLE)] if usage.rows else []
    if usage.chart is not None:
        alt_text = money.describe_chart(usage.rows, days=usage.question.days)
        files.insert(0, discord.File(io.BytesIO(usage.chart), filename=_CHART, description=alt_text[:1024]))
    return files


def _write_table(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return rows of ``usage_days`` as CSV; ids of people and servers are 0 for nobody's and for direct messages."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(("day", "server", "person", "command", "runs", "dollars"))
    for row in rows:
        dollars = f"{row['spent'] // MICROS}.{row['spent'] % MICROS:06d}"
        writer.writerow((row["day"], row["guild_id"], row["author_id"], row["command"], row["runs"], dollars))
    return text.getvalue().encode()
