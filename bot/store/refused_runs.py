"""What people entered for runs that were refused, so that they can fix it without typing it again.

A row has no bytes of files and no secrets. It is there for some minutes, and for a person's newest few refusals.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, func, select

from bot.limits import REFUSED_RUN_CHARS, REFUSED_RUN_KEPT, REFUSED_RUNS_PER_PERSON
from bot.store.database import Database
from bot.store.models import RunParent
from bot.store.tables import Time, insert_into, refused_runs
from bot.visibility import Visibility

_OF_PERSON: Final = refused_runs.c.person_id == bindparam("person")
_BY_ID: Final = refused_runs.c.id == bindparam("refused_id")
_SELECT: Final = select(refused_runs).where(_BY_ID)
_STORED: Final = select(refused_runs.c.id).where(refused_runs.c.id.in_(bindparam("refused_ids", expanding=True)))
_DELETE: Final = delete(refused_runs).where(_BY_ID)
_DELETE_OLD: Final = delete(refused_runs).where(refused_runs.c.created_at <= bindparam("before", type_=Time))
_NEWEST: Final = (
    select(refused_runs.c.id)
    .where(_OF_PERSON)
    .order_by(refused_runs.c.created_at.desc(), refused_runs.c.id)
    .limit(REFUSED_RUNS_PER_PERSON)
)
_DELETE_OLDER: Final = delete(refused_runs).where(_OF_PERSON, refused_runs.c.id.not_in(_NEWEST))
_OWN: Final = select(refused_runs).where(_OF_PERSON).order_by(refused_runs.c.created_at)
_COUNT: Final = select(func.count()).select_from(refused_runs).where(_OF_PERSON)
_DELETE_OWN: Final = delete(refused_runs).where(_OF_PERSON)


@dataclass(frozen=True, slots=True)
class EnteredFile:
    """A file that was given: the ``number``-th of the run ``run_id``; without a run, it is kept on disk by number."""

    name: str
    number: int
    size: int = 0
    run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRun:
    """A run that was refused: of a command and model, or of the first step of a ``chain``, by its name.

    ``id`` is that of the run which it becomes, so that it becomes one, whoever tries how often.
    ``entered`` are values by the model's keys as they were typed, in which ``file:<n>`` is one of ``files``; ``text``
    is what of ``advanced`` names no input. ``remarks`` say what is wrong, by the key of an input, ``advanced`` or "".
    One of *Again* has all that of the run ``again_run_id``, and enters nothing. ``parent`` and ``visibility`` are those
    that the run would have, None if they were not chosen.
    """

    id: str
    person_id: int
    command: str
    target: str
    entered: Mapping[str, Any]
    created_at: datetime
    text: str = ""
    files: tuple[EnteredFile, ...] = ()
    remarks: Mapping[str, str]
    chain: str | None = None
    again_run_id: str | None = None
    parent: RunParent | None = None
    visibility: Visibility | None = None


class RefusedRuns:
    """The rows of refused runs. Whose they are is checked by whoever calls."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, refused: RefusedRun) -> bool:
        """Store a refused run, in place of one with its id, and delete what is too old; False if it is too long."""
        row = _to_row(refused)
        if len(json.dumps([row["entered"], row["text"], row["remarks"]], default=str)) > REFUSED_RUN_CHARS:
            return False

        def job(connection: Connection) -> bool:
            statement = insert_into(connection, refused_runs).values(row)
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=row))
            connection.execute(_DELETE_OLDER, {"person": refused.person_id})
            delete_old_refused_runs(connection, now=refused.created_at)
            return True

        return await self._database.write(job)

    async def get(self, refused_id: str, *, now: datetime) -> RefusedRun | None:
        """Return a refused run; None if it was started, or is too old."""
        row = await self._database.read(
            lambda connection: connection.execute(_SELECT, {"refused_id": refused_id}).first()
        )
        return None if row is None or row.created_at <= now - REFUSED_RUN_KEPT else _to_refused(row)

    async def find_stored(self, refused_ids: Collection[str]) -> frozenset[str]:
        """Return which of these refused runs are stored still."""
        if not refused_ids:
            return frozenset()
        rows = await self._database.read(
            lambda connection: connection.execute(_STORED, {"refused_ids": list(refused_ids)}).scalars().all()
        )
        return frozenset(rows)

    async def delete(self, refused_id: str) -> bool:
        """Delete a refused run; False if somebody else has."""
        return await self._database.write(
            lambda connection: connection.execute(_DELETE, {"refused_id": refused_id}).rowcount == 1
        )


def delete_old_refused_runs(connection: Connection, *, now: datetime) -> int:
    """Delete what was refused too long ago to be fixed, and return how many those were."""
    return connection.execute(_DELETE_OLD, {"before": now - REFUSED_RUN_KEPT}).rowcount


def count_refused_runs(connection: Connection, person_id: int) -> int:
    """Return how many refused runs of a person are stored."""
    count: int = connection.execute(_COUNT, {"person": person_id}).scalar_one()
    return count


def export_refused_runs(connection: Connection, person_id: int) -> dict[str, Any]:
    """Return a person's refused runs as JSON values."""
    rows = connection.execute(_OWN, {"person": person_id}).mappings()
    return {"refused_runs": [{**row, "created_at": row["created_at"].isoformat()} for row in rows]}


def erase_refused_runs(connection: Connection, person_id: int) -> None:
    """Delete a person's refused runs."""
    connection.execute(_DELETE_OWN, {"person": person_id})


def _to_row(refused: RefusedRun) -> dict[str, Any]:
    parent = refused.parent
    return {
        "id": refused.id,
        "person_id": refused.person_id,
        "command": refused.command,
        "target": refused.target,
        "chain": refused.chain,
        "entered": dict(refused.entered),
        "text": refused.text,
        "files": [asdict(file) for file in refused.files],
        "remarks": dict(refused.remarks),
        "again_run_id": refused.again_run_id,
        "parent_run_id": parent.run_id if parent is not None else None,
        "parent_output": parent.output if parent is not None else None,
        "visibility": None if refused.visibility is None else refused.visibility.value,
        "created_at": refused.created_at,
    }


def _to_refused(row: Row[Any]) -> RefusedRun:
    return RefusedRun(
        id=row.id,
        person_id=row.person_id,
        command=row.command,
        target=row.target,
        chain=row.chain,
        entered=row.entered,
        text=row.text,
        files=tuple(EnteredFile(**file) for file in row.files),
        remarks=row.remarks,
        again_run_id=row.again_run_id,
        parent=None if row.parent_run_id is None else RunParent(row.parent_run_id, row.parent_output),
        visibility=None if row.visibility is None else Visibility(row.visibility),
        created_at=row.created_at,
    )
