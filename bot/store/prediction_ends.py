"""The ends of predictions that their server tells only once: on disk before it is told that we know."""

from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select

from bot.store.database import Database
from bot.store.tables import Time, ValidText, insert_into, prediction_ends, runs

# Selected from the runs: for one that has ended, or was erased, there is nothing to keep.
_END: Final = select(runs.c.id, bindparam("told", type_=ValidText), bindparam("at", type_=Time)).where(
    runs.c.id == bindparam("run_id"), runs.c.ended_at.is_(None)
)
_SELECT: Final = (
    select(runs.c.sent_at, prediction_ends.c.prediction, prediction_ends.c.received_at)
    .outerjoin(prediction_ends, prediction_ends.c.run_id == runs.c.id)
    .where(runs.c.id == bindparam("run_id"))
)
_SELECT_ACTIVE: Final = select(runs.c.id).where(runs.c.id == bindparam("run_id"), runs.c.ended_at.is_(None))


class PredictionEnds:
    """The end of each prediction that was told, until its run has ended; the first one told counts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def save(self, run_id: str, prediction: str, *, at: datetime) -> None:
        """Store a prediction as JSON, unless its run has ended or one is stored. When it returns, it is on disk."""
        values = {"run_id": run_id, "told": prediction, "at": at}
        await self._database.write(
            lambda connection: (
                connection.execute(
                    insert_into(connection, prediction_ends)
                    .from_select(["run_id", "prediction", "received_at"], _END)
                    .on_conflict_do_nothing(index_elements=["run_id"]),
                    values,
                ).rowcount
            )
        )

    async def get(self, run_id: str) -> tuple[datetime | None, str | None, datetime | None]:
        """Return when a run was sent, None if never; its prediction as JSON, and when its end was told, None if not."""
        row = await self._database.read(lambda connection: connection.execute(_SELECT, {"run_id": run_id}).first())
        return (None, None, None) if row is None else (row.sent_at, row.prediction, row.received_at)

    async def is_wanted(self, run_id: str) -> bool:
        """Return whether there is such a run and it has not ended."""
        return await self._database.read(
            lambda connection: connection.execute(_SELECT_ACTIVE, {"run_id": run_id}).first() is not None
        )
