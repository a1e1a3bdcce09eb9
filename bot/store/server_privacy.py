"""What the rules of servers hold about a person: counted, exported and erased.

A block outlives erasing, without its reason: else whoever is blocked could lift it so. It goes when it expires.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import BindParameter, Connection, bindparam, delete, func, or_, select, update

from bot.store.tables import Time, reports, result_threads, server_blocks, server_changes

_PERSON: Final[BindParameter[int]] = bindparam("person")
_BLOCKED: Final = server_blocks.c.user_id == _PERSON
_ABOUT: Final = reports.c.author_id == _PERSON
_REPORTED: Final = reports.c.reporter_id == _PERSON

_COUNTS: Final = (
    select(func.count()).select_from(server_blocks).where(_BLOCKED),
    select(func.count()).select_from(reports).where(or_(_ABOUT, _REPORTED)),
)
_SELECT_BLOCKS: Final = select(server_blocks).where(_BLOCKED).order_by(server_blocks.c.created_at)
_SELECT_REPORTS: Final = select(reports).where(_REPORTED).order_by(reports.c.created_at)
_SELECT_CHANGES: Final = (
    select(server_changes).where(server_changes.c.by_id == _PERSON).order_by(server_changes.c.changed_at)
)
_ERASE: Final = (
    update(server_blocks).where(_BLOCKED).values(reason=""),
    update(server_blocks).where(server_blocks.c.by_id == _PERSON).values(by_id=None),
    update(server_changes).where(server_changes.c.by_id == _PERSON).values(by_id=None),
    update(server_changes).where(server_changes.c.subject_id == _PERSON).values(subject_id=None, before={}, after={}),
    delete(reports).where(_ABOUT),
    update(reports).where(_REPORTED).values(reporter_id=None, reason=""),
    update(reports).where(reports.c.closed_by_id == _PERSON).values(closed_by_id=None),
    delete(result_threads).where(result_threads.c.user_id == _PERSON),
)
_DELETE_EXPIRED: Final = (
    delete(server_blocks).where(server_blocks.c.expires_at <= bindparam("now", type_=Time)),
    delete(reports).where(reports.c.created_at <= bindparam("before", type_=Time)),
)


def count_server_records(connection: Connection, person: int) -> int:
    """Return how many blocks and reports there are about a person or by them."""
    return sum(connection.execute(count, {"person": person}).scalar_one() for count in _COUNTS)


def export_server_records(connection: Connection, person: int) -> dict[str, list[dict[str, Any]]]:
    """Return the blocks of a person, their reports and their changes of rules; times are ISO text.

    Who reported a person, and who blocked them, is not theirs to know.
    """
    values = {"person": person}
    return {
        "blocks": [
            {"server": row.guild_id, "reason": row.reason, "at": _text(row.created_at), "until": _text(row.expires_at)}
            for row in connection.execute(_SELECT_BLOCKS, values)
        ],
        "reports": [
            {"server": row.guild_id, "message": row.message_id, "reason": row.reason, "at": _text(row.created_at)}
            for row in connection.execute(_SELECT_REPORTS, values)
        ],
        "rule_changes": [
            {"server": row.guild_id, "section": row.section, "at": _text(row.changed_at)}
            for row in connection.execute(_SELECT_CHANGES, values)
        ],
    }


def erase_server_records(connection: Connection, person: int) -> None:
    """Delete or clear what names a person; see the module for blocks."""
    for statement in _ERASE:
        connection.execute(statement, {"person": person})


def delete_expired_server_records(connection: Connection, *, now: datetime, reports_before: datetime) -> None:
    """Delete blocks that are over, and old reports."""
    blocks, old_reports = _DELETE_EXPIRED
    connection.execute(blocks, {"now": now})
    connection.execute(old_reports, {"before": reports_before})


def _text(when: datetime | None) -> str | None:
    return None if when is None else when.isoformat()
