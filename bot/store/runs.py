"""Runs: the rows that remember what was asked for, paid for and shown."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Select, Update

from bot.clock import Clock
from bot.errors import Refused
from bot.media.types import Media
from bot.store import mapping, privacy, queries, retention, transitions
from bot.store.database import Database
from bot.store.models import Run, RunState
from bot.store.privacy import Erasure
from bot.store.retention import Expired


class Runs:
    """Every run. A move is one compare-and-set in one transaction; it returns whether this caller made it.

    When a move returns, the disk has it. StoreError when the database cannot; then nothing has changed.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    # -- moves, in the order of a run's life

    async def reserve(
        self, run: Run, files: Sequence[Media] = (), *, active_limit: int | None = None, daily_limit: int | None = None
    ) -> None:
        """Put the intent on disk, with its files; Refused when its author has too many runs going, or today."""
        refused = await self._database.write(
            lambda connection: transitions.reserve(
                connection, run, files, active_limit=active_limit, daily_limit=daily_limit
            )
        )
        if refused is not None:
            raise Refused(refused)

    async def mark_sent(self, run_id: str, *, at: datetime, webhook: str | None = None) -> bool:
        """Note that the create request leaves now; False when it left before, or a cancel was requested."""
        return await self._move(transitions.SENT, run_id, sent_at=at, webhook=webhook)

    async def mark_unsent(self, run_id: str) -> bool:
        """Take ``sent`` back: the request did not reach Replicate, so no prediction can come of it."""
        return await self._move(transitions.UNSENT, run_id, sent_at=None, webhook=None)

    async def mark_submitted(self, run_id: str, *, prediction_id: str) -> bool:
        """Give a sent run its prediction; False when it has one or is over, or another run has this prediction."""
        return await self._move(transitions.SUBMITTED, run_id, prediction=prediction_id)

    async def mark_running(self, run_id: str, *, started_at: datetime | None) -> bool:
        """Note that the model has begun."""
        return await self._move(transitions.RUNNING, run_id, started_at=started_at)

    async def mark_ended(
        self,
        run_id: str,
        *,
        state: RunState,
        at: datetime,
        failure: str | None = None,
        cause: str | None = None,
        output: Any = None,
        metrics: Mapping[str, Any] | None = None,
        started_at: datetime | None = None,
    ) -> bool:
        """End the run, whatever it was doing; True for the one winner."""
        if not state.terminal:
            raise ValueError(f"{state} is not an end.")
        values: dict[str, Any] = {"state": state.value, "ended_at": at, "failure": failure, "cause": cause}
        values |= {"output": output, "metrics": metrics or {}}
        if started_at is not None:
            values["started_at"] = started_at
        return await self._database.write(lambda connection: transitions.end_run(connection, run_id, values))

    async def request_cancel(self, run_id: str, *, by: str, at: datetime) -> bool:
        """Note that somebody wants a run stopped that is not over; True for the first."""
        return await self._move(transitions.CANCEL, run_id, cancel_requested_by=by, cancel_requested_at=at)

    async def mark_delivered(self, run_id: str, *, at: datetime) -> bool:
        """Note that Discord shows the end, and forget the interaction's token; True for the first."""
        return await self._database.write(lambda connection: transitions.deliver(connection, run_id, at))

    async def mark_message_sending(self, run_id: str, number: int) -> None:
        """Write down that message ``number`` of the run is about to be sent: from then on it may exist."""
        await self._database.write(lambda connection: transitions.note_sending(connection, run_id, number))

    async def mark_message_sent(self, run_id: str, number: int, message_id: int) -> None:
        """Write down that message ``number`` of the run (0 is the notice, 1 the first further one) exists."""
        await self._database.write(lambda connection: transitions.note_message(connection, run_id, number, message_id))

    # -- questions

    async def get(self, run_id: str) -> Run | None:
        """Return the run, if there is one."""
        return await self._one(queries.BY_ID, run_id=run_id)

    async def find_by_message(self, message_id: int) -> Run | None:
        """Return the run that a message, its reply or a further one, belongs to."""
        return await self._one(queries.BY_MESSAGE, message_id=message_id)

    async def by_prediction(self, prediction_id: str) -> Run | None:
        """Return the run that a prediction belongs to."""
        return await self._one(queries.BY_PREDICTION, prediction_id=prediction_id)

    async def list_undelivered(self) -> tuple[Run, ...]:
        """Return every run whose end Discord does not show yet, the oldest first."""
        return await self._many(queries.UNDELIVERED)

    async def load_files(self, run_id: str) -> tuple[Media, ...]:
        """Return the files that were given with a run, in the order its input numbers them."""
        return await self._database.read(
            lambda connection: mapping.to_media(connection.execute(mapping.FILES, {"run_id": run_id}))
        )

    async def find_run_ids(self, prediction_ids: Iterable[str]) -> Mapping[str, str]:
        """Return prediction id → run id for those of the predictions that a run has."""
        asked = tuple(prediction_ids)
        return await self._database.read(lambda connection: queries.runs_by_prediction(connection, asked))

    # -- for people

    async def list_active(self, author_id: int) -> tuple[Run, ...]:
        """Return a person's runs that have not ended, the oldest first."""
        return await self._many(queries.ACTIVE, author_id=author_id)

    async def list_recent(self, author_id: int, *, limit: int, before: Run | None = None) -> tuple[Run, ...]:
        """Return a person's newest runs, or the next page of them: those older than ``before``."""
        if before is None:
            return await self._many(queries.RECENT, author_id=author_id, at_most=limit)
        older = {"before_at": before.created_at, "before_id": before.id}
        return await self._many(queries.OLDER, author_id=author_id, at_most=limit, **older)

    async def export(self, author_id: int) -> dict[str, Any]:
        """Return all that is stored about a person, as JSON; the bytes of a file are had by ``files``."""
        return await privacy.export(self._database, author_id)

    async def erase(self, author_id: int) -> Erasure:
        """Delete a person's runs; one that is not delivered yet goes the moment it is."""
        return await privacy.erase(self._database, author_id, now=self._clock.now())

    # -- for the house

    async def delete_expired(
        self,
        now: datetime,
        *,
        prompts_for: timedelta | None = None,
        files_for: timedelta | None = None,
        runs_for: timedelta | None = None,
    ) -> Expired:
        """Let go of what delivered runs were kept for long enough; None keeps it for good."""
        return await retention.delete_expired(
            self._database, now, prompts_for=prompts_for, files_for=files_for, runs_for=runs_for
        )

    async def counts(self) -> Mapping[RunState, int]:
        """Count the runs that have not ended, by state."""
        return await self._database.read(queries.going)

    async def totals(self) -> Mapping[RunState, int]:
        """Return how many runs ever ended, by how; pruning does not lower it."""
        return await self._database.read(queries.ended)

    async def _move(self, statement: Update, run_id: str, **values: Any) -> bool:
        return await self._database.write(lambda connection: transitions.move(connection, statement, run_id, values))

    async def _one(self, question: Select[Any], **values: Any) -> Run | None:
        return await self._database.read(lambda connection: mapping.read_run(connection, question, values))

    async def _many(self, question: Select[Any], **values: Any) -> tuple[Run, ...]:
        return await self._database.read(lambda connection: mapping.read_runs(connection, question, values))
