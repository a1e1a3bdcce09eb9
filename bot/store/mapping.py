"""Rows: a Run as a row of ``runs``, and back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, select

from bot.media.types import Media, MediaKind, MediaType
from bot.store.models import Place, Run, RunState
from bot.store.tables import run_files, run_messages, run_sends, runs

_PLACE: Final = tuple(field.name for field in fields(Place))
_SAME: Final = tuple(field.name for field in fields(Run) if field.name not in {"place", "messages", "sending"})
_COLUMNS: Final = (*_SAME, *_PLACE)

_SENDING: Final = select(run_sends.c.number).where(run_sends.c.run_id == runs.c.id).scalar_subquery().label("sending")

# Every column that a Run has; each question adds its own WHERE.
RUNS: Final[Select[Any]] = select(*(runs.c[name] for name in _COLUMNS), _SENDING)

_MESSAGES = select(run_messages).where(run_messages.c.run_id.in_(bindparam("run_ids", expanding=True)))


def to_row(run: Run) -> dict[str, Any]:
    """Return the columns of ``run``; its messages have a table of their own."""
    row = {name: getattr(run, name) for name in _SAME}
    row |= {name: getattr(run.place, name) for name in _PLACE}
    row["token"] = run.place.token or None
    return row


def read_runs(connection: Connection, question: Select[Any], values: Mapping[str, Any]) -> tuple[Run, ...]:
    """Ask ``question`` (made from RUNS) and return the runs it finds, in its order, with their messages."""
    rows = connection.execute(question, values).all()
    messages: dict[str, dict[int, int]] = {row.id: {} for row in rows}
    if rows:
        for found in connection.execute(_MESSAGES, {"run_ids": list(messages)}):
            messages[found.run_id][found.number] = found.message_id
    return tuple(_to_run(row, messages[row.id]) for row in rows)


def read_run(connection: Connection, question: Select[Any], values: Mapping[str, Any]) -> Run | None:
    """Ask ``question`` and return the first run it finds."""
    return next(iter(read_runs(connection, question, values)), None)


def _to_run(row: Row[Any], messages: Mapping[int, int]) -> Run:
    columns = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for it)
    same = {name: columns[name] for name in (*_SAME, "sending")}
    place = {name: columns[name] for name in _PLACE}
    place["token"] = place["token"] or ""
    same["state"] = RunState(same["state"])
    same["notes"] = tuple(same["notes"])
    return Run(**same, place=Place(**place), messages=messages)


_MEDIA: Final = attrgetter("name", "type.mime", "type.suffix", "type.kind", "size", "data")
_MEDIA_COLUMNS: Final = ("name", "mime", "suffix", "kind", "size", "data")


def file_rows(run_id: str, files: Sequence[Media]) -> list[dict[str, Any]]:
    """Return a row for each given file, numbered as the input refers to them."""
    return [
        {"run_id": run_id, "number": number, **dict(zip(_MEDIA_COLUMNS, _MEDIA(media), strict=True))}
        for number, media in enumerate(files)
    ]


def to_media(rows: Iterable[Row[Any]]) -> tuple[Media, ...]:
    """Return the files that lie in rows of ``run_files``."""
    return tuple(Media(row.name, MediaType(row.mime, row.suffix, MediaKind(row.kind)), row.data) for row in rows)


FILES: Final = select(run_files).where(run_files.c.run_id == bindparam("run_id")).order_by(run_files.c.number)
