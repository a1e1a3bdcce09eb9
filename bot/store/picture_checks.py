"""Checks of pictures by a classifying command: each is a row before it is sent, because it is paid for."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from bot.money.budgets import Spender
from bot.rules.verdict import Verdict
from bot.store.budgets import count_payment
from bot.store.database import Database
from bot.store.tables import picture_checks

_THIS_CHECK: Final = (picture_checks.c.run_id == bindparam("run")) & (picture_checks.c.name == bindparam("picture"))
_SELECT: Final = select(picture_checks).where(_THIS_CHECK)
_UPDATE: Final = update(picture_checks).where(_THIS_CHECK)
_SET_VERDICT: Final = _UPDATE.where(picture_checks.c.verdict.is_(None))
_DELETE: Final = delete(picture_checks).where(_THIS_CHECK, picture_checks.c.prediction_id.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureCheck:
    """A check that was perhaps sent. ``prediction_id`` is None while it is not known whether it was."""

    prediction_id: str | None
    verdict: Verdict | None


class PictureChecks:
    """The checks by run and name of the picture. Every method is one transaction; StoreError if it fails."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, run_id: str, picture: str) -> PictureCheck | None:
        """Return the check of a picture, None if none was sent."""

        def read(connection: Connection) -> PictureCheck | None:
            row = connection.execute(_SELECT, {"run": run_id, "picture": picture}).one_or_none()
            if row is None:
                return None
            return PictureCheck(
                prediction_id=row.prediction_id, verdict=None if row.verdict is None else Verdict(row.verdict)
            )

        return await self._database.read(read)

    async def begin(self, run_id: str, picture: str, *, at: datetime) -> None:
        """Store that the check of a picture is about to be sent; StoreError if it was before."""
        row = {"run_id": run_id, "name": picture, "sent_at": at}
        await self._database.write(lambda connection: connection.execute(insert(picture_checks), row).rowcount)

    async def forget(self, run_id: str, picture: str) -> None:
        """Undo ``begin``: the request was not accepted."""
        values = {"run": run_id, "picture": picture}
        await self._database.write(lambda connection: connection.execute(_DELETE, values).rowcount)

    async def save_prediction(self, run_id: str, picture: str, prediction_id: str) -> None:
        """Store the prediction of a check."""
        values = {"run": run_id, "picture": picture, "prediction_id": prediction_id}
        await self._database.write(lambda connection: connection.execute(_UPDATE, values).rowcount)

    async def save_verdict(
        self, run_id: str, picture: str, verdict: Verdict, *, spender: Spender, at: datetime, cost: int
    ) -> None:
        """Store what a check said, and count once what it has cost."""
        values = {"run": run_id, "picture": picture, "verdict": verdict.value}

        def write(connection: Connection) -> None:
            if connection.execute(_SET_VERDICT, values).rowcount == 1 and cost > 0:
                count_payment(connection, spender, at, cost)

        await self._database.write(write)
