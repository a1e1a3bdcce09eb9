"""The card of a reported result in the log channel, and the answers to whoever reports or handles one."""

from collections.abc import Mapping
from typing import Any, Final

import discord
from discord import ui

from bot.formatting import join_facts
from bot.language import _
from bot.limits import REPORT_REASON_CHARS, SERVER_LOG_CHARS
from bot.store.reports import Report, ReportResult, ReportState
from bot.ui.render.cards import Card, Tone
from bot.ui.render.markdown import escape, format_name, format_quote, format_timestamp, one_line
from bot.ui.server_components import ReportAction, ReportButton

_TONES: Final = {ReportState.OPEN: Tone.WARNING, ReportState.DISMISSED: Tone.NEUTRAL}
_REASON_LINES: Final = 6


def report_card(report: Report, *, prompt: str | None) -> Card:
    """Return the card of a report: open with its buttons, closed with who closed it. ``prompt`` is left out if None."""
    reporter = _("somebody") if report.reporter_id is None else f"<@{report.reporter_id}>"
    link = "[" + _("open") + f"]({_url(report)})"
    lines = [
        "### " + (_("A result was reported") if report.state is ReportState.OPEN else _closed_title(report.state)),
        join_facts(f"**{format_name(report.author_name)}**", f"/{escape(report.command)}", link),
    ]
    if prompt:
        lines.append(f"> {escape(one_line(prompt, SERVER_LOG_CHARS))}")
    reported = _("Reported by {person} {when}")
    lines.append("-# " + reported.format(person=reporter, when=format_timestamp(report.created_at)))
    if report.reason:
        lines.append(format_quote(report.reason, lines=_REASON_LINES, chars=REPORT_REASON_CHARS))
    items: list[ui.Item[Any]] = [ui.TextDisplay("\n".join(line for line in lines if line))]
    if report.state is ReportState.OPEN:
        items.append(ui.ActionRow(*_buttons(report.id)))
    else:
        items.append(ui.TextDisplay(f"-# {_closed_line(report)}"))
    return Card(items, _TONES.get(report.state, Tone.SUCCESS))


def report_answer(result: ReportResult) -> str:
    """Return what whoever reports a result reads."""
    return _answers()[result]


def _answers() -> Mapping[ReportResult, str]:
    return {
        ReportResult.STORED: _("Thank you. This server's moderators have your report."),
        ReportResult.ALREADY_REPORTED: _("This result has been reported already. The moderators will look at it."),
        ReportResult.TOO_MANY: _("You have several open reports here. Wait until the moderators have handled them."),
    }


def _closed_title(state: ReportState) -> str:
    titles = {
        ReportState.REMOVED: _("Removed"),
        ReportState.BLOCKED: _("Author blocked"),
        ReportState.DISMISSED: _("Dismissed"),
    }
    return titles.get(state, "")


def _closed_line(report: Report) -> str:
    by = _("somebody") if report.closed_by_id is None else f"<@{report.closed_by_id}>"
    when = "" if report.closed_at is None else format_timestamp(report.closed_at)
    return _("by {person} {when}").format(person=by, when=when).strip()


def _buttons(report_id: str) -> tuple[ReportButton, ...]:
    return (
        ReportButton(ReportAction.REMOVE, report_id, label=_("Remove"), style=discord.ButtonStyle.danger),
        ReportButton(ReportAction.BLOCK, report_id, label=_("Block author")),
        ReportButton(ReportAction.DISMISS, report_id, label=_("Dismiss")),
    )


def _url(report: Report) -> str:
    return f"https://discord.com/channels/{report.guild_id}/{report.channel_id}/{report.message_id}"
