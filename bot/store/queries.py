"""SELECTs on runs, and the mapping between rows and values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, func, or_, select, tuple_

from bot.media.types import Media, MediaKind, MediaType, StoredFile
from bot.money.budgets import BudgetLimit, Owner, Period
from bot.store.models import EarlierStep, Place, Run, RunChain, RunOutput, RunParent, RunState, StepPlan
from bot.store.quota import ServerQuota
from bot.store.tables import Time, run_files, run_messages, run_outputs, run_sends, runs
from bot.visibility import Visibility

_PLACE_FIELDS: Final = tuple(field.name for field in fields(Place))
_NOT_COLUMNS: Final = frozenset({"place", "messages", "sending", "parent"})
_RUN_FIELDS: Final = tuple(field.name for field in fields(Run) if field.name not in _NOT_COLUMNS)
_PARENT_COLUMNS: Final = (runs.c.parent_run_id, runs.c.parent_output)
_MAPPINGS: Final = ("written", "characters")  # NULL in most rows
_SENDING: Final = select(run_sends.c.number).where(run_sends.c.run_id == runs.c.id).scalar_subquery().label("sending")

# Every column of a Run; each query adds its own WHERE.
SELECT_RUNS: Final[Select[Any]] = select(
    *(runs.c[name] for name in (*_RUN_FIELDS, *_PLACE_FIELDS)), *_PARENT_COLUMNS, _SENDING
)
_OF_RUN: Final = run_files.c.run_id == bindparam("run_id")
SELECT_FILES: Final = (
    select(*(column for column in run_files.c if column is not run_files.c.data))
    .where(_OF_RUN)
    .order_by(run_files.c.number)
)
SELECT_OUTPUTS: Final = (
    select(run_outputs).where(run_outputs.c.run_id == bindparam("run_id")).order_by(run_outputs.c.number)
)
SELECT_FILE: Final = select(run_files).where(_OF_RUN, run_files.c.number == bindparam("number"))
_SELECT_MESSAGES: Final = select(run_messages).where(run_messages.c.run_id.in_(bindparam("run_ids", expanding=True)))


def run_to_row(run: Run) -> dict[str, Any]:
    """Return the columns of ``run``; its messages are in a table of their own."""
    row = {name: getattr(run, name) for name in _RUN_FIELDS}
    row |= {name: getattr(run.place, name) for name in _PLACE_FIELDS}
    row["token"] = run.place.token or None
    row["parent_run_id"] = run.parent.run_id if run.parent else None
    row["parent_output"] = run.parent.output if run.parent else None
    row |= {name: getattr(run, name) or None for name in _MAPPINGS}
    row["chain"] = chain_to_json(run.chain)
    return row


def read_runs(connection: Connection, query: Select[Any], values: Mapping[str, Any]) -> tuple[Run, ...]:
    """Execute ``query`` (made from SELECT_RUNS) and return its runs in order, with their messages."""
    rows = connection.execute(query, values).all()
    messages: dict[str, dict[int, int]] = {row.id: {} for row in rows}
    if rows:
        for message in connection.execute(_SELECT_MESSAGES, {"run_ids": list(messages)}):
            messages[message.run_id][message.number] = message.message_id
    return tuple(_row_to_run(row, messages[row.id]) for row in rows)


def read_run(connection: Connection, query: Select[Any], values: Mapping[str, Any]) -> Run | None:
    """Execute ``query`` and return its first run."""
    return next(iter(read_runs(connection, query, values)), None)


def rows_to_files(rows: Iterable[Row[Any]]) -> tuple[StoredFile, ...]:
    """Return the files in rows of ``run_files``."""
    return tuple(StoredFile(row.name, _media_type(row), row.size, row.run_id, row.number) for row in rows)


def rows_to_outputs(rows: Iterable[Row[Any]]) -> tuple[RunOutput, ...]:
    """Return the outputs in rows of ``run_outputs``."""
    return tuple(RunOutput(**row._mapping) for row in rows)  # noqa: SLF001 (SQLAlchemy's public name for it)


def row_to_media(row: Row[Any] | None) -> Media | None:
    """Return a file with its bytes."""
    return None if row is None else Media(row.name, _media_type(row), row.data)


def _media_type(row: Row[Any]) -> MediaType:
    return MediaType(row.mime, row.suffix, MediaKind(row.kind))


def _row_to_run(row: Row[Any], messages: Mapping[int, int]) -> Run:
    columns = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for it)
    values = {name: columns[name] for name in (*_RUN_FIELDS, "sending")}
    place = {name: columns[name] for name in _PLACE_FIELDS}
    place["token"] = place["token"] or ""
    values["state"] = RunState(values["state"])
    values["visibility"] = Visibility(values["visibility"])
    if columns["parent_run_id"] is not None:
        values["parent"] = RunParent(columns["parent_run_id"], columns["parent_output"])
    values["notes"] = tuple(values["notes"])
    values |= {name: values[name] or {} for name in _MAPPINGS}
    values["budget_roles"] = tuple(values["budget_roles"] or ())
    values["chain"] = chain_from_json(values["chain"])
    return Run(**values, place=Place(**place), messages=messages)


def chain_to_json(chain: RunChain | None) -> Any:
    """Return the chain as the column ``chain`` has it."""
    if chain is None:
        return None
    return {
        "id": chain.id,
        "name": chain.name,
        "number": chain.number,
        "prompt": chain.prompt,
        "began_at": chain.began_at.isoformat(),
        "server": asdict(chain.server) if chain.server is not None else None,
        "limits": [asdict(limit) for limit in chain.limits],
        "steps": [
            {
                "command": step.command,
                "target": step.target,
                "input": dict(step.input),
                "output_schema": dict(step.output_schema),
                "prompt": step.prompt,
                "summary": step.summary,
                "expected": step.expected,
                "picture": step.picture,
                "accepts": list(step.accepts),
            }
            for step in chain.steps
        ],
        "earlier": [asdict(step) for step in chain.earlier],
    }


def chain_from_json(value: Any) -> RunChain | None:
    """Return the chain of a row."""
    if value is None:
        return None
    steps = tuple(StepPlan(**{**step, "accepts": tuple(step["accepts"])}) for step in value["steps"])
    earlier = tuple(EarlierStep(**step) for step in value["earlier"])
    began_at = datetime.fromisoformat(value["began_at"])
    server = ServerQuota(**value["server"]) if value["server"] is not None else None
    limits = tuple(
        BudgetLimit(**{**limit, "period": Period(limit["period"]), "owner": Owner(limit["owner"])})
        for limit in value["limits"]
    )
    parts = {"steps": steps, "earlier": earlier, "began_at": began_at, "server": server, "limits": limits}
    return RunChain(**{**value, **parts})


_BY_AUTHOR: Final = runs.c.author_id == bindparam("author_id")

BY_ID: Final = SELECT_RUNS.where(runs.c.id == bindparam("run_id"))
BY_MESSAGE: Final = (
    SELECT_RUNS.where(
        or_(
            runs.c.message_id == bindparam("message_id"),
            runs.c.id.in_(select(run_messages.c.run_id).where(run_messages.c.message_id == bindparam("message_id"))),
        )
    )
    .order_by(runs.c.created_at.desc())
    .limit(1)
)
UNDELIVERED: Final = SELECT_RUNS.where(runs.c.delivered_at.is_(None)).order_by(runs.c.created_at, runs.c.id)
UNDELIVERED_WITH_FENCE: Final = UNDELIVERED.where(runs.c.fence == bindparam("fence"))
UNASSIGNED: Final = SELECT_RUNS.where(
    runs.c.target == bindparam("target"),
    runs.c.prediction_id.is_(None),
    runs.c.sent_at.between(bindparam("sent_from", type_=Time), bindparam("sent_until", type_=Time)),
    # It says nothing more, but has indexes.
    or_(runs.c.delivered_at.is_(None), runs.c.delivered_at >= bindparam("sent_from", type_=Time)),
)
CANCEL_REQUESTED: Final = SELECT_RUNS.where(
    runs.c.id.in_(bindparam("run_ids", expanding=True)),
    runs.c.cancel_requested_at.is_not(None),
    runs.c.ended_at.is_(None),
)
ACTIVE: Final = SELECT_RUNS.where(_BY_AUTHOR, runs.c.ended_at.is_(None)).order_by(runs.c.created_at, runs.c.id)
COUNT_AHEAD: Final = (
    select(func.count())
    .select_from(runs)
    .where(
        _BY_AUTHOR,
        runs.c.ended_at.is_(None),
        tuple_(runs.c.created_at, runs.c.id) < tuple_(bindparam("at", type_=Time), bindparam("this_run")),
    )
)
RECENT: Final = (
    SELECT_RUNS.where(_BY_AUTHOR).order_by(runs.c.created_at.desc(), runs.c.id.desc()).limit(bindparam("limit"))
)
# A person's newest prompts, from the index by author; the rows of runs without one are few.
PROMPTS: Final = (
    select(runs.c.id, runs.c.prompt)
    .where(_BY_AUTHOR, runs.c.prompt.is_not(None))
    .order_by(runs.c.created_at.desc(), runs.c.id.desc())
    .limit(bindparam("limit"))
)
# The page after RECENT's, or after another of these; times may be equal, so the id decides.
OLDER: Final = RECENT.where(
    tuple_(runs.c.created_at, runs.c.id) < tuple_(bindparam("before_time", type_=Time), bindparam("before_id"))
)

# The page before such a page, the oldest first.
NEWER: Final = (
    SELECT_RUNS.where(
        _BY_AUTHOR,
        tuple_(runs.c.created_at, runs.c.id) > tuple_(bindparam("after_time", type_=Time), bindparam("after_id")),
    )
    .order_by(runs.c.created_at, runs.c.id)
    .limit(bindparam("limit"))
)

_RUN_IDS: Final = select(runs.c.prediction_id, runs.c.id).where(
    runs.c.prediction_id.in_(bindparam("prediction_ids", expanding=True))
)


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some of a person's runs, the newest first, and whether there are others on either side."""

    runs: tuple[Run, ...]
    has_newer: bool
    has_older: bool


def read_run_page(
    connection: Connection, author_id: int, *, limit: int, before: str | None = None, after: str | None = None
) -> RunPage:
    """Return the runs that are older than the run ``before``, or newer than ``after``; without them the newest.

    So it does, too, where that run was deleted or is another person's.
    """
    values: dict[str, Any] = {"author_id": author_id, "limit": limit + 1}
    anchor_id = before or after
    anchor = None if anchor_id is None else read_run(connection, BY_ID, {"run_id": anchor_id})
    if anchor is None or anchor.author_id != author_id:
        found = read_runs(connection, RECENT, values)
        return RunPage(found[:limit], has_newer=False, has_older=len(found) > limit)
    if before is not None:
        found = read_runs(connection, OLDER, {**values, "before_time": anchor.created_at, "before_id": anchor.id})
        return RunPage(found[:limit], has_newer=True, has_older=len(found) > limit)
    found = read_runs(connection, NEWER, {**values, "after_time": anchor.created_at, "after_id": anchor.id})
    if len(found) < limit:
        return read_run_page(connection, author_id, limit=limit)  # the first page is never a part of one
    return RunPage(tuple(reversed(found[:limit])), has_newer=len(found) > limit, has_older=True)


def select_run_ids(connection: Connection, prediction_ids: Sequence[str]) -> Mapping[str, str]:
    """Return prediction id → run id for those predictions that belong to a run."""
    rows = connection.execute(_RUN_IDS, {"prediction_ids": list(prediction_ids)})
    return {row.prediction_id: row.id for row in rows}
