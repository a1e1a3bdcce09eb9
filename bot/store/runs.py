"""Runs: read and change the rows of runs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Select, Update

from bot.clock import Clock
from bot.media.types import InputFile, Media, StoredFile
from bot.money.cost import RunSample
from bot.store import chain_runs, privacy, queries, quota, retention, transitions
from bot.store.chain_runs import NextStep
from bot.store.database import Database
from bot.store.errors import CommitInDoubt, StoreError
from bot.store.models import Place, Run, RunOutput, RunState
from bot.store.privacy import Erasure, StoredCounts
from bot.store.queries import RunPage
from bot.store.quota import NO_LIMITS, RunLimits, UsedQuota
from bot.store.retention import ExpiredCounts

_ASK_INTERVAL: Final = 0.5  # seconds between two questions whether a run is stored


class Runs:
    """The runs in the database.

    A ``mark_*`` method is one compare-and-set in one transaction and returns whether this caller changed the row.
    When it returns, the change is on disk. It raises StoreError when the database fails; nothing has changed then,
    unless it is CommitInDoubt.
    """

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._fences: Callable[[], Collection[int]] | None = None

    def fence_by(self, fences: Callable[[], Collection[int]]) -> None:
        """From now on, change only runs with one of the ``fences`` that this process holds at that time.

        A cancel may be requested by any process.
        """
        self._fences = fences

    # -- transitions, in the order of a run

    async def reserve(self, run: Run, files: Sequence[InputFile] = (), limits: RunLimits = NO_LIMITS) -> None:
        """Insert the run and its files, and reserve its estimated cost of every budget that holds for it.

        QuotaExceeded when its author has too many active runs, or runs today; BudgetExceeded when it costs more than a
        budget has left; AlreadyStarted when there is a run with its id. With the first step of a chain, the chain is
        stored in the same transaction.
        """
        try:
            exceeded = await self._database.write(
                lambda connection: transitions.reserve_run(connection, run, files, limits)
            )
        except CommitInDoubt:
            if await self._get_surely(run.id) is None:
                raise
            return
        if exceeded is not None:
            raise exceeded

    async def read_used(
        self,
        author_id: int,
        guild_id: int | None,
        *,
        run_id: str,
        starting: Collection[str] = (),
        has_times: bool = False,
    ) -> UsedQuota:
        """Return what counts against a person's limits, for a run ``run_id`` that is about to be reserved in a server.

        ``starting`` are runs of theirs that are left out, reserved or not yet; ``has_times``: also when they were
        created. It spares work for a run that ``reserve`` would refuse, and holds nothing.
        """
        now = self._clock.now()
        return await self._database.read(
            lambda connection: quota.read_used(
                connection, author_id, guild_id, run_id=run_id, at=now, starting=starting, has_times=has_times
            )
        )

    async def count_used(self, author_id: int, guild_id: int | None) -> tuple[int, int]:
        """Return how many of a person's runs count against limits, at once and in 24 hours.

        ``guild_id``: against a server's own; None: against the bot's.
        """
        now = self._clock.now()
        return await self._database.read(lambda connection: quota.count_runs(connection, author_id, guild_id, at=now))

    async def mark_sent(self, run_id: str, *, at: datetime, webhook: str | None = None) -> bool:
        """Store that the create request is about to leave; False if it already left, or a cancel was requested."""
        values = {"sent_at": at, "webhook": webhook}
        return await self._change(
            lambda connection: self._execute(connection, transitions.SENT, run_id, values),
            run_id,
            lambda run: run.sent_at == at,
        )

    async def mark_unsent(self, run_id: str) -> bool:
        """Undo ``mark_sent``: the request did not reach Replicate, so no prediction can exist."""
        return await self._update(transitions.UNSENT, run_id, sent_at=None, webhook=None)

    async def mark_submitted(self, run_id: str, *, prediction_id: str) -> bool:
        """Give a sent run its prediction; False if it has one or has ended, or another run has this prediction."""
        return await self._database.write(
            lambda connection: transitions.submit_run(connection, run_id, prediction_id, self._held())
        )

    async def mark_resent(self, run_id: str, *, at: datetime) -> bool:
        """Store that a prediction that was lost unfinished is about to be sent again, under its name.

        False if the run has ended, or a cancel was requested.
        """
        return await self._change(
            lambda connection: self._execute(connection, transitions.RESENT, run_id, {"sent_at": at}),
            run_id,
            lambda run: run.sent_at == at,
        )

    async def mark_running(self, run_id: str, *, started_at: datetime | None) -> bool:
        """Store that the model has started."""
        return await self._update(transitions.RUNNING, run_id, started_at=started_at)

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
        seed: int | None = None,
        cost: int | None = None,
        sample: tuple[str, RunSample] | None = None,
    ) -> bool:
        """End an active run; ValueError if ``state`` is not terminal.

        What it had reserved of budgets is given back, and its ``cost`` (micro-dollars, None if not known) is counted.
        ``sample`` is what it took, for later runs of the same subject.
        """
        if not state.terminal:
            raise ValueError(f"{state} is not a terminal state.")
        values: dict[str, Any] = {"state": state.value, "ended_at": at, "failure": failure, "cause": cause}
        values |= {"output": output, "metrics": metrics or {}, "seed": seed, "cost": cost}
        if started_at is not None:
            values["started_at"] = started_at
        return await self._change(
            lambda connection: transitions.end_run(connection, run_id, values, self._held(), sample=sample),
            run_id,
            lambda run: run.ended_at == at,
        )

    async def request_cancel(self, run_id: str, *, by_id: int | None, at: datetime) -> bool:
        """Store that a user, or the bot itself (None), wants to cancel an active run; True for the first request.

        The run's process is told (``notifications``); any process may request it.
        """
        return await self._database.write(
            lambda connection: transitions.request_cancel(connection, run_id, by_id=by_id, at=at)
        )

    async def save_token(self, run_id: str, token: str, *, expires_at: datetime) -> None:
        """Store the token of a press under the message of an undelivered run, and tell the run's process."""
        values = {"run_id": run_id, "token": token, "token_expires_at": expires_at}
        await self._database.write(lambda connection: transitions.renew_token(connection, values))

    async def mark_moved(self, run_id: str, place: Place) -> bool:
        """Store that the reply of an undelivered run is another message from now on."""
        values = asdict(place) | {"token": place.token or None}
        return await self._database.write(
            lambda connection: transitions.move_run(connection, run_id, values, self._held())
        )

    async def mark_delivered(
        self, run_id: str, *, at: datetime, outputs: Sequence[RunOutput] = (), shown: bool = True
    ) -> bool:
        """Store that Discord shows the result, and which files it has; delete the interaction's token.

        ``shown`` is False if nothing more is to be done, because the message was deleted before.
        """
        return await self._database.write(
            lambda connection: transitions.deliver_run(connection, run_id, at, outputs, self._held(), shown=shown)
        )

    async def mark_step_delivered(
        self, run: Run, following: NextStep | None, *, at: datetime, outputs: Sequence[RunOutput] = ()
    ) -> Run | None:
        """Store that Discord shows the result of a chain's step, and reserve the run of the next one.

        Returns that run as it was stored; None if the chain is over, or this caller did not change the row.
        """
        try:
            return await self._database.write(
                lambda connection: chain_runs.deliver_step(
                    connection, run, following, at=at, outputs=outputs, fences=self._held()
                )
            )
        except CommitInDoubt:
            step = await self._get_surely(run.id)
            if step is None or step.delivered_at != at:
                raise
            return None if following is None else await self._get_surely(following.run.id)

    async def cancel_chain(self, chain_id: str, *, by_id: int | None, at: datetime) -> tuple[str, bool] | None:
        """Store that no further step of a chain may start; any process may request it.

        Returns the id of the run that it is at, and whether this is the first request; None if it is over.
        """
        return await self._database.write(
            lambda connection: chain_runs.cancel_chain(connection, chain_id, by_id=by_id, at=at)
        )

    async def mark_message_sending(self, run_id: str, number: int) -> bool:
        """Store that follow-up message ``number`` is about to be sent: from now on it may exist.

        False if it must not be sent: the run was deleted, or another process owns it.
        """
        return await self._database.write(
            lambda connection: transitions.upsert_sending(connection, run_id, number, self._held())
        )

    async def mark_message_sent(self, run_id: str, number: int, message_id: int) -> None:
        """Store the id of message ``number`` (0 is the completion notice, 1 the first follow-up)."""
        await self._database.write(
            lambda connection: transitions.upsert_message(connection, run_id, number, message_id)
        )

    # -- queries

    async def get(self, run_id: str) -> Run | None:
        """Return the run, or None if there is none."""
        return await self._read_one(queries.BY_ID, run_id=run_id)

    async def find_by_message(self, message_id: int) -> Run | None:
        """Return the run that a message (its reply, a follow-up or its notice) belongs to."""
        return await self._read_one(queries.BY_MESSAGE, message_id=message_id)

    async def find_run_ids(self, prediction_ids: Iterable[str]) -> Mapping[str, str]:
        """Return prediction id → run id for those predictions that belong to a run."""
        ids = tuple(prediction_ids)
        return await self._database.read(lambda connection: queries.select_run_ids(connection, ids))

    async def list_undelivered(self, *, fence: int | None = None) -> tuple[Run, ...]:
        """Return every run whose result Discord does not show yet, the oldest first; of one lease if it is given."""
        if fence is not None:
            return await self._read_all(queries.UNDELIVERED_WITH_FENCE, fence=fence)
        return await self._read_all(queries.UNDELIVERED)

    async def list_unassigned(self, target: str, *, sent_from: datetime, sent_until: datetime) -> tuple[Run, ...]:
        """Return the runs of a target, of any process, that were sent in a span of time and have no prediction."""
        return await self._read_all(queries.UNASSIGNED, target=target, sent_from=sent_from, sent_until=sent_until)

    async def list_cancel_requested(self, run_ids: Collection[str]) -> tuple[Run, ...]:
        """Return those of the runs whose cancel is requested and that have not ended."""
        return await self._read_all(queries.CANCEL_REQUESTED, run_ids=list(run_ids))

    async def list_active(self, author_id: int) -> tuple[Run, ...]:
        """Return a person's runs that have not ended, the oldest first."""
        return await self._read_all(queries.ACTIVE, author_id=author_id)

    async def count_ahead(self, run: Run) -> int:
        """Return how many of its author's active runs were created before a run."""
        values = {"author_id": run.author_id, "at": run.created_at, "this_run": run.id}
        return await self._database.read(
            lambda connection: connection.execute(queries.COUNT_AHEAD, values).scalar_one()
        )

    async def list_recent(self, author_id: int, *, limit: int) -> tuple[Run, ...]:
        """Return a person's newest runs."""
        return await self._read_all(queries.RECENT, author_id=author_id, limit=limit)

    async def list_page(
        self, author_id: int, *, limit: int, before: str | None = None, after: str | None = None
    ) -> RunPage:
        """Return a person's runs that are older than the run ``before``, or newer than ``after``, or the newest."""
        return await self._database.read(
            lambda connection: queries.read_run_page(connection, author_id, limit=limit, before=before, after=after)
        )

    async def list_prompts(self, author_id: int, *, limit: int) -> Mapping[str, str]:
        """Return run → prompt of a person's newest runs that have one, the newest first, each prompt once."""

        def job(connection: Connection) -> Mapping[str, str]:
            by_prompt: dict[str, str] = {}
            for row in connection.execute(queries.PROMPTS, {"author_id": author_id, "limit": limit}):
                by_prompt.setdefault(row.prompt, row.id)
            return {run_id: prompt for prompt, run_id in by_prompt.items()}

        return await self._database.read(job)

    async def list_files(self, run_id: str) -> tuple[StoredFile, ...]:
        """Return the files uploaded with a run, in the order its input numbers them; empty once they have expired."""
        return await self._database.read(
            lambda connection: queries.rows_to_files(connection.execute(queries.SELECT_FILES, {"run_id": run_id}))
        )

    async def list_outputs(self, run_id: str) -> tuple[RunOutput, ...]:
        """Return the output files that Discord got of a run, removed ones too, by number.

        Empty for runs that are not delivered, or were before this was stored.
        """
        return await self._database.read(
            lambda connection: queries.rows_to_outputs(connection.execute(queries.SELECT_OUTPUTS, {"run_id": run_id}))
        )

    async def load_file(self, file: StoredFile) -> Media | None:
        """Return a file with its bytes; None once it has expired."""
        values = {"run_id": file.run_id, "number": file.number}
        return await self._database.read(
            lambda connection: queries.row_to_media(connection.execute(queries.SELECT_FILE, values).first())
        )

    # -- privacy and retention

    async def count_stored(self, author_id: int) -> StoredCounts:
        """Count what is stored about a person."""
        return await self._database.read(lambda connection: privacy.count_stored(connection, author_id))

    async def export(self, author_id: int) -> dict[str, Any]:
        """Return everything stored about a person as JSON values; ``load_file`` has the bytes of a file."""
        return await privacy.export(self._database, author_id)

    async def erase(self, author_id: int, *, messages: bool = False) -> Erasure:
        """Delete a person's runs; those not delivered yet are deleted when they are.

        ``messages``: the bot's messages of those that are deleted now are to be deleted in Discord, too.
        """
        return await privacy.erase(self._database, author_id, now=self._clock.now(), messages=messages)

    async def delete_expired(
        self,
        now: datetime,
        *,
        prompts_for: timedelta | None = None,
        files_for: timedelta | None = None,
        runs_for: timedelta | None = None,
    ) -> ExpiredCounts:
        """Delete what delivered runs have been kept for long enough; a period of None keeps it forever."""
        return await retention.delete_expired(
            self._database, now, prompts_for=prompts_for, files_for=files_for, runs_for=runs_for
        )

    async def _change(
        self, transition: Callable[[Connection], bool], run_id: str, is_made: Callable[[Run], bool]
    ) -> bool:
        """Make a transition that a second try would not find possible; return whether it changed the run.

        Where its COMMIT is in doubt, the row says whether this caller made it.
        """
        try:
            return await self._database.write(transition)
        except CommitInDoubt:
            run = await self._get_surely(run_id)
            if run is None or not is_made(run):
                raise
            return True

    async def _get_surely(self, run_id: str) -> Run | None:
        """Return a run, or None if there is none, as soon as the database can be read: what is in doubt is asked for.

        Any answer before could be wrong: a run that is stored has to have a task, one that is not is refused.
        """
        while True:
            try:
                return await self.get(run_id)
            except StoreError:
                if self._database.is_closed:  # the next start takes it up
                    raise
            await self._clock.sleep(_ASK_INTERVAL)

    async def _update(self, statement: Update, run_id: str, **values: Any) -> bool:
        """Execute one of the UPDATEs of ``transitions`` and return whether it changed the run."""
        return await self._database.write(lambda connection: self._execute(connection, statement, run_id, values))

    def _execute(self, connection: Connection, statement: Update, run_id: str, values: Mapping[str, Any]) -> bool:
        values = {"run_id": run_id, **values}
        return transitions.execute_fenced(connection, statement, values, self._held()).rowcount == 1

    def _held(self) -> Collection[int] | None:
        return None if self._fences is None else self._fences()

    async def _read_one(self, query: Select[Any], **values: Any) -> Run | None:
        return await self._database.read(lambda connection: queries.read_run(connection, query, values))

    async def _read_all(self, query: Select[Any], **values: Any) -> tuple[Run, ...]:
        return await self._database.read(lambda connection: queries.read_runs(connection, query, values))
