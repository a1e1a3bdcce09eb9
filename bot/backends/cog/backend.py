"""Predictions on Cog servers: one model, on one server or on several.

The id of a prediction is that of its run, so a create that got no answer is looked for by name. A server knows a
prediction only while it runs, and tells its end once (to ``bot.web.cog``, or at the end of its stream), so what was
told is read from disk first.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import httpx
import structlog

from bot.backends.cog.client import AtCapacity, CogClient, Health, HealthStatus, NotReady
from bot.backends.cog.errors import PredictionLost, ServerBusy, ServerUnusable
from bot.backends.cog.prediction import read_prediction
from bot.backends.cog.stream import read_events
from bot.backends.replicate.errors import NotFound, NotSent, ReplicateError, StreamLost
from bot.backends.replicate.predictions import Prediction, Status
from bot.backends.replicate.stream import StreamBatch
from bot.clock import Clock
from bot.limits import COG_BODY_BYTES, COG_END_TOLD_WITHIN, COG_RESTART_TOLERANCE, COG_SETUP

log = structlog.get_logger(__name__)

_UNUSABLE: Final = frozenset({HealthStatus.SETUP_FAILED, HealthStatus.DEFUNCT, HealthStatus.UNHEALTHY})


class PredictionEnds(Protocol):
    """Where the end of a prediction stays that is told once."""

    async def save(self, run_id: str, prediction: str, *, at: datetime) -> None: ...
    async def get(self, run_id: str) -> str | None: ...


class PredictionReader(Protocol):
    """Takes the files out of a prediction; see ``bot.outputs.spooled``."""

    async def read(self, run_id: str, chunks: AsyncIterator[bytes], *, max_bytes: int) -> bytes: ...


class CogRun(Protocol):
    """What is needed of a run: its id is that of the prediction."""

    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def sent_at(self) -> datetime | None: ...


class CogBackend:
    """The servers of one model, at ``urls``. Raises only errors of ``bot.backends``."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        urls: Sequence[str],
        *,
        ends: PredictionEnds,
        reader: PredictionReader,
        clock: Clock,
    ) -> None:
        self._clients = tuple(CogClient(http, url) for url in urls)
        self._ends = ends
        self._reader = reader
        self._clock = clock
        self._started_at = clock.now()
        self._servers: dict[str, CogClient] = {}  # of the predictions whose server is known
        self._missing_since: dict[str, float] = {}  # when a prediction was found not to run, in monotonic time

    async def create(
        self, run: CogRun, values: Mapping[str, Any], *, webhook: str, events: Sequence[str] = ("completed",)
    ) -> Prediction:
        """Create the prediction on the first server that has a place. Each server is asked at most once.

        After ServerBusy, ServerUnusable, NotSent and any other ApiError there is none; after NoResponse there may be.
        """
        refusals: list[ReplicateError] = []
        for client in self._clients:
            self._servers[run.id] = client  # also when it does not answer: no other one can have it
            try:
                await client.create(run.id, values, webhook=webhook, events=events)
            except (AtCapacity, NotReady):
                refusals.append(await self._explain(client))
            except NotSent as error:
                refusals.append(error)
            else:
                return self._new_prediction(run)
            del self._servers[run.id]
        raise min(refusals, key=_hopelessness)

    async def get(self, run: CogRun) -> Prediction:
        """Return the end that was told, or the state of a running prediction.

        NotSent or NoResponse while a server that may have it cannot be asked, and while its end may still be told;
        PredictionLost when there is nothing more to wait for.
        """
        prediction = await self._read_end(run) or await self._find_running(run) or await self._read_end(run)
        if prediction is None:
            prediction = await self._wait_for_end(run)
        if prediction.status.terminal:
            self._servers.pop(run.id, None)
        self._missing_since.pop(run.id, None)
        return prediction

    async def cancel(self, run: CogRun) -> None:
        """Ask for the end of a prediction; NotFound if it does not run."""
        answers = [await client.cancel(run.id) for client in self._candidates(run.id)]
        if not any(answers):
            raise NotFound(status=404, title="", detail="The prediction does not run.")

    async def stream(
        self,
        run: CogRun,
        on_batch: Callable[[StreamBatch], None],
        *,
        on_interruption: Callable[[], None] | None = None,
    ) -> None:
        """Pass the text of a prediction on as it is written, until its end, which is on disk before it is passed on.

        StreamLost if the model has no stream, or its server is not known.
        """
        client = await self._find_server(run)
        if client is None:
            raise StreamLost("The prediction does not run.")

        async def save_end(body: bytes) -> None:
            await self.take_end(run.id, await self._reader.read(run.id, _once(body), max_bytes=COG_BODY_BYTES))

        await read_events(client, run.id, on_batch, on_end=save_end, clock=self._clock, on_interruption=on_interruption)

    async def take_end(self, run_id: str, prediction: bytes) -> None:
        """Store an end that was told, as JSON without its files. When it returns, it is on disk."""
        await self._ends.save(run_id, prediction.decode("utf-8", "replace"), at=self._clock.now())

    async def get_schema(self) -> Mapping[str, Any]:
        """Return the model's OpenAPI document from the first server that has one."""
        problem: ReplicateError | None = None
        for client in self._clients:
            try:
                return await client.get_schema()
            except ReplicateError as error:
                problem = problem or error
        raise problem or NotSent("There is no server.")

    async def get_health(self) -> Mapping[str, Health | ReplicateError]:
        """Return the state of each server by its address, or why it is not known."""
        states: dict[str, Health | ReplicateError] = {}
        for client in self._clients:
            try:
                states[client.url] = await client.get_health()
            except ReplicateError as error:
                states[client.url] = error
        return states

    def _candidates(self, run_id: str) -> Sequence[CogClient]:
        known = self._servers.get(run_id)
        return self._clients if known is None else (known,)

    def _new_prediction(self, run: CogRun) -> Prediction:
        return Prediction(
            id=run.id, model="", version="", status=Status.STARTING, created_at=run.sent_at or run.created_at
        )

    async def _read_end(self, run: CogRun) -> Prediction | None:
        told = await self._ends.get(run.id)
        return None if told is None else self._parse(run, told.encode())

    def _parse(self, run: CogRun, body: bytes) -> Prediction:
        return read_prediction(body, created_at=run.sent_at or run.created_at)

    async def _find_running(self, run: CogRun) -> Prediction | None:
        """Return the running prediction, None if no server has it; raise why one of them could not be asked."""
        problem: ReplicateError | None = None
        for client in self._candidates(run.id):
            try:
                async with client.probe(run.id) as body:
                    if body is not None:
                        self._servers[run.id] = client
                        return self._parse(run, await self._reader.read(run.id, body, max_bytes=COG_BODY_BYTES))
            except ReplicateError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return None

    async def _find_server(self, run: CogRun) -> CogClient | None:
        if len(candidates := self._candidates(run.id)) > 1:
            await self._find_running(run)
            candidates = self._candidates(run.id)
        return candidates[0] if len(candidates) == 1 else None

    async def _wait_for_end(self, run: CogRun) -> Prediction:
        """Raise why there is no end yet: it may still be told, or never will be."""
        now = self._clock.monotonic()
        waited = now - self._missing_since.setdefault(run.id, now)
        healths = [await client.get_health() for client in self._candidates(run.id)]
        age = self._clock.now() - (run.sent_at or run.created_at)
        has_restarted = all(_was_started_within(health, age) for health in healths)
        if not has_restarted and waited < COG_END_TOLD_WITHIN.total_seconds():
            raise NotSent("The prediction is over, and its end was not told yet.")
        prediction = await self._read_end(run)
        if prediction is not None:
            return prediction
        was_running_before_us = (run.sent_at or run.created_at) < self._started_at
        self._missing_since.pop(run.id, None)
        self._servers.pop(run.id, None)
        log.warning("prediction_lost", run=run.id, server_restarted=has_restarted)
        raise PredictionLost(unfinished=has_restarted and not was_running_before_us)

    async def _explain(self, client: CogClient) -> ReplicateError:
        """Return why a server refused a create, by its own state."""
        try:
            health = await client.get_health()
        except ReplicateError as error:
            return NotSent(str(error))  # whatever is wrong, the create was refused before
        is_starting = health.status is HealthStatus.STARTING
        if health.status in _UNUSABLE or (is_starting and (health.uptime or timedelta()) > COG_SETUP):
            return ServerUnusable(health.status)
        return ServerBusy(is_starting=is_starting)


def _hopelessness(error: ReplicateError) -> int:
    """Return the order of refusals: a server that is busy now is worth more than one that is broken."""
    return 0 if isinstance(error, ServerBusy) else 1 if isinstance(error, NotSent) else 2


def _was_started_within(health: Health, age: timedelta) -> bool:
    """Return whether a server was certainly started within the last ``age``, by durations alone: clocks differ."""
    return health.uptime is not None and health.uptime + COG_RESTART_TOLERANCE < age


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body
