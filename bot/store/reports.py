"""Results that somebody reported, each with the card in the server's log channel.

A report is stored before its card is sent, with the nonce that Discord accepts once (its id): a bot that is killed
between the two sends the card after its restart, and there is one.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select, update

from bot.limits import REPORTS_PER_PERSON
from bot.store.database import Database
from bot.store.server_rules import block_person
from bot.store.tables import insert_into, reports, runs


class ReportState(StrEnum):
    """What became of a report."""

    OPEN = "open"
    REMOVED = "removed"
    BLOCKED = "blocked"
    DISMISSED = "dismissed"


class ReportResult(StrEnum):
    """What happened to a new report."""

    STORED = "stored"
    ALREADY_REPORTED = "already_reported"
    TOO_MANY = "too_many"  # open ones of the same person


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report of the message of a run. ``run_id`` is None once the run's row is deleted.

    ``log_message_id`` is the card's; None while it may not exist yet.
    """

    id: str
    run_id: str | None
    guild_id: int
    channel_id: int
    message_id: int
    author_id: int
    author_name: str
    command: str
    reporter_id: int | None
    reason: str
    log_channel_id: int
    created_at: datetime
    state: ReportState = ReportState.OPEN
    log_message_id: int | None = None
    closed_by_id: int | None = None
    closed_at: datetime | None = None


_THIS_REPORT: Final = reports.c.id == bindparam("report")
_OPEN: Final = reports.c.state == ReportState.OPEN.value
_SELECT: Final = select(reports).where(_THIS_REPORT)
_SELECT_SAME: Final = select(reports.c.id).where(reports.c.message_id == bindparam("message"), _OPEN)
_COUNT_OPEN: Final = (
    select(func.count())
    .select_from(reports)
    .where(reports.c.reporter_id == bindparam("reporter"), reports.c.guild_id == bindparam("server"), _OPEN)
)
_SELECT_UNSENT: Final = (
    select(reports).where(_OPEN, reports.c.log_message_id.is_(None)).order_by(reports.c.created_at).limit(100)
)
_POSTED: Final = update(reports).where(_THIS_REPORT, reports.c.log_message_id.is_(None))
_CLOSED: Final = update(reports).where(_THIS_REPORT, _OPEN)
_HAS_RUN: Final = select(runs.c.id).where(runs.c.id == bindparam("run"))


class Reports:
    """The reports of all servers. Every method is one transaction; StoreError if it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, report: Report) -> ReportResult:
        """Store a report, unless its message is reported already or its reporter has too many open ones."""
        return await self._database.write(lambda connection: _add(connection, report))

    async def get(self, report_id: str) -> Report | None:
        """Return a report, None if there is none."""

        def read(connection: Connection) -> Report | None:
            row = connection.execute(_SELECT, {"report": report_id}).one_or_none()
            return None if row is None else _row_to_report(row)

        return await self._database.read(read)

    async def list_unsent(self) -> tuple[Report, ...]:
        """Return open reports whose card may not exist, the oldest first."""
        return await self._database.read(
            lambda connection: tuple(_row_to_report(row) for row in connection.execute(_SELECT_UNSENT))
        )

    async def mark_sent(self, report_id: str, message_id: int) -> None:
        """Store the card of a report."""
        values = {"report": report_id, "log_message_id": message_id}
        await self._database.write(lambda connection: connection.execute(_POSTED, values).rowcount)

    async def close(self, report_id: str, state: ReportState, *, by: int, at: datetime) -> bool:
        """Close an open report; False if somebody closed it before."""
        values = {"report": report_id, "state": state.value, "closed_by_id": by, "closed_at": at}
        return await self._database.write(lambda connection: connection.execute(_CLOSED, values).rowcount == 1)

    async def close_with_block(
        self, report: Report, *, reason: str, until: datetime | None, by: int, at: datetime
    ) -> bool:
        """Block the author of a result and close the report, both or neither; False if it was closed before."""
        closed = {"report": report.id, "state": ReportState.BLOCKED.value, "closed_by_id": by, "closed_at": at}
        block = {"by_id": by, "reason": reason, "created_at": at, "expires_at": until}

        def close(connection: Connection) -> bool:
            if connection.execute(_CLOSED, closed).rowcount != 1:
                return False
            block_person(connection, report.guild_id, report.author_id, block)
            return True

        return await self._database.write(close)


def _add(connection: Connection, report: Report) -> ReportResult:
    if connection.execute(_SELECT_SAME, {"message": report.message_id}).first() is not None:
        return ReportResult.ALREADY_REPORTED
    values = {"reporter": report.reporter_id, "server": report.guild_id}
    if connection.execute(_COUNT_OPEN, values).scalar_one() >= REPORTS_PER_PERSON:
        return ReportResult.TOO_MANY
    row: dict[str, Any] = {column.name: getattr(report, column.name) for column in reports.c}
    row["state"] = report.state.value
    if connection.execute(_HAS_RUN, {"run": report.run_id}).first() is None:
        row["run_id"] = None  # deleted meanwhile
    stored = connection.execute(insert_into(connection, reports).values(row).on_conflict_do_nothing()).rowcount
    return ReportResult.STORED if stored else ReportResult.ALREADY_REPORTED


def _row_to_report(row: Row[Any]) -> Report:
    values = {column.name: getattr(row, column.name) for column in reports.c}
    return Report(**{**values, "state": ReportState(row.state)})
