"""Predictions on Cog servers: one model, on one server or on several.

The id of a prediction is that of its run, so a create that got no answer is looked for by name. A server knows a
prediction only while it runs, and tells its end once (to ``bot.web.cog_webhooks``, or at the end of its stream), so
what was told is read from disk first.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

import httpx
import structlog

from bot.backends.backend import BackendTraits, CreateAllowance, CreateRequest, Places
from bot.backends.cog.addresses import CogAddresses
from bot.backends.cog.client import AtCapacity, CogClient, Health, HealthStatus, NotReady
from bot.backends.cog.request_body import find_strings, make_data_uri
from bot.backends.cog.stream import read_events
from bot.backends.errors import (
    BackendError,
    Busy,
    Defect,
    EndPending,
    Forgotten,
    InvalidField,
    InvalidInput,
    InvalidResponse,
    NoResponse,
    NotFound,
    NotSent,
    OutOfService,
    StreamLost,
    TooLarge,
)
from bot.backends.prediction import NextReadIn, OnBatch, Prediction, Status
from bot.backends.replicate.predictions import parse_prediction
from bot.clock import Clock
from bot.errors import ReplicordError
from bot.large_json import InvalidJson, read_object
from bot.limits import (
    COG_BODY_BYTES,
    COG_END_TOLD_WITHIN,
    COG_INPUT_BYTES,
    COG_RESTART_TOLERANCE,
    COG_SETUP,
)

log = structlog.get_logger(__name__)

_LARGE: Final = ("output", "metrics")  # members of a prediction, of any JSON
_TRAITS: Final = BackendTraits(names_predictions=True, keeps_ends=False, cancels_at_deadline=False)
_EVENTS: Final = ("completed",)  # the others bring all outputs each time; polls have them too
_DEFECTS: Final[Mapping[HealthStatus, Defect]] = {
    HealthStatus.SETUP_FAILED: Defect.SETUP_FAILED,
    HealthStatus.DEFUNCT: Defect.BROKEN,
    HealthStatus.UNHEALTHY: Defect.BROKEN,
}


class PredictionEnds(Protocol):
    """Where the end of a prediction stays that is told once; see ``bot.store.prediction_ends``."""

    async def save(self, run_id: str, prediction: str, *, at: datetime) -> None: ...
    async def get(self, run_id: str) -> tuple[datetime | None, str | None, datetime | None]: ...


class PredictionReader(Protocol):
    """Takes the files out of a prediction; see ``bot.outputs.spooled``."""

    async def read(self, run_id: str, chunks: AsyncIterator[bytes], *, max_bytes: int) -> bytes: ...


class CogBackend:
    """The servers at ``urls`` that all run the model of one ``target``."""

    traits = _TRAITS

    def __init__(
        self,
        http: httpx.AsyncClient,
        target: str,
        urls: Sequence[str],
        *,
        at_once: int,
        addresses: CogAddresses,
        ends: PredictionEnds,
        reader: PredictionReader,
        clock: Clock,
    ) -> None:
        self.name = target
        self.pace = Places(at_once)
        self._target = target
        self._clients = tuple(CogClient(http, url) for url in urls)
        self._addresses = addresses
        self._ends = ends
        self._reader = reader
        self._clock = clock
        self._started_at = clock.now()
        self._writes_text: bool | None = None  # as a stream; None until the schema is known
        self._file_inputs: frozenset[str] | None = None  # the inputs that are files; None until the schema is known
        self._servers: dict[str, CogClient] = {}  # of the predictions whose server is known
        self._starts: dict[str, str] = {}  # when the server of a prediction had been started that was created here
        self._missing_since: dict[str, float] = {}  # when a prediction was found not to run, in monotonic time

    @property
    def create_allowance(self) -> CreateAllowance | None:
        """A server states none."""
        return None

    def serves(self, target: str) -> bool:
        """Return whether this is the backend's own target."""
        return target == self._target

    def webhook_url(self, run_id: str) -> str:
        """Return the URL where the server tells the end of a run's prediction."""
        return self._addresses.webhook(run_id)

    async def create(self, request: CreateRequest) -> Prediction:
        """Create the prediction on the first server that has a place. Each server is asked at most once.

        After Busy, OutOfService, NotSent and any other ApiError there is none; after NoResponse there may be.
        """
        await self._check_addresses(request.input)
        run_id, refusals = request.run_id, list[BackendError]()
        for client in self._clients:
            self._servers[run_id] = client  # also when it does not answer: no other one can have it
            try:
                await client.create(run_id, request.input, webhook=request.webhook, events=_EVENTS)
            except (AtCapacity, NotReady):
                refusals.append(await self._explain(client))
            except NotSent as error:
                refusals.append(error)
            else:
                created_at = self._clock.now()
                self._starts[run_id] = await self._read_start(client)
                stream_url = await self._stream_url(run_id, client)
                return Prediction(
                    id=run_id,
                    model="",
                    version="",
                    status=Status.STARTING,
                    created_at=created_at,
                    stream_url=stream_url,
                )
            del self._servers[run_id]
        raise min(refusals, key=_hopelessness)

    async def get(self, prediction_id: str) -> Prediction:
        """Return the end that was told, or the state of a running prediction.

        NotSent or NoResponse while a server that may have it cannot be asked, EndPending while its end may still be
        told; Forgotten when there is nothing more to wait for.
        """
        sent_at, prediction = await self._read_end(prediction_id)
        if prediction is None:
            prediction = await self._find_running(prediction_id, sent_at)
        if prediction is None:
            prediction = await self._wait_for_end(prediction_id)
        self._missing_since.pop(prediction_id, None)
        if prediction.status.terminal:
            self._forget(prediction_id)
        return prediction

    async def cancel(self, prediction_id: str) -> None:
        """Ask for the end of a prediction; NotFound if it does not run."""
        answers = [await client.cancel(prediction_id) for client in self._candidates(prediction_id)]
        if not any(answers):
            raise NotFound(status=404, title="", detail="The prediction does not run.")

    async def list_created(self, *, after: datetime, before: datetime) -> AsyncIterator[Prediction]:
        """Yield nothing: predictions are found by their names."""
        del after, before
        none: tuple[Prediction, ...] = ()
        for prediction in none:
            yield prediction

    def is_of_target(self, prediction: Prediction, target: str) -> bool:
        """Return whether the backend serves the target: a server runs one model."""
        del prediction
        return self.serves(target)

    async def stream(
        self,
        prediction: Prediction,
        on_batch: OnBatch,
        *,
        next_read_in: NextReadIn,
        on_interruption: Callable[[], None],
    ) -> None:
        """Pass the text of a prediction on as it is written, until its end, which is on disk before it is passed on.

        StreamLost if the model has no stream, or its server is not known.
        """
        del next_read_in  # a server has few predictions at a time
        client = self._servers.get(prediction.id)
        if client is None:
            raise StreamLost("It is not known which server runs the prediction.")

        async def save_end(body: bytes) -> None:
            with _our_errors():
                told = await self._reader.read(prediction.id, _once(body), max_bytes=COG_BODY_BYTES)
                await self._ends.save(prediction.id, told.decode("utf-8", "replace"), at=self._clock.now())

        await read_events(
            client, prediction.id, on_batch, on_end=save_end, clock=self._clock, on_interruption=on_interruption
        )

    async def upload(self, *, name: str, content_type: str, data: bytes) -> str:
        """Return the file as a data URI: a server has no place for files, and must not be sent to ours."""
        if len(data) > COG_INPUT_BYTES:
            raise TooLarge(status=413, title="", detail=f"{name} is too large for the model's server.")
        return await make_data_uri(content_type, data)

    async def get_schema(self) -> Mapping[str, Any]:
        """Return the model's OpenAPI document from the first server that has one."""
        problem: BackendError = NotSent("There is no server.")
        for client in self._clients:
            try:
                schema = await client.get_schema()
            except BackendError as error:
                problem = error
            else:
                self._learn(schema)
                return schema
        raise problem

    async def get_health(self) -> Mapping[str, Health | BackendError]:
        """Return the state of each server by its address, or why it is not known."""
        states: dict[str, Health | BackendError] = {}
        for client in self._clients:
            try:
                states[client.url] = await client.get_health()
            except BackendError as error:
                states[client.url] = error
        return states

    def _candidates(self, prediction_id: str) -> Sequence[CogClient]:
        known = self._servers.get(prediction_id)
        return self._clients if known is None else (known,)

    def _learn(self, schema: Mapping[str, Any]) -> None:
        self._writes_text = writes_text(schema)
        self._file_inputs = find_file_inputs(schema)

    async def _check_addresses(self, values: Mapping[str, Any]) -> None:
        """Refuse files that are not sent along: a server would read its own disk, and fetch from inside its network.

        This is the last of several checks, for whatever way a value came. Without the schema nothing is sent.
        """
        if self._file_inputs is None:
            try:
                await self.get_schema()
            except NotReady:
                raise await self._explain(self._clients[0]) from None
            except NoResponse as error:
                raise NotSent(str(error)) from error
        for name in (self._file_inputs or frozenset()) & values.keys():
            if any(not text.startswith("data:") for text in find_strings(values[name])):
                refused = InvalidField(f"input.{name}", "address", "must be an attached file or a web address")
                raise InvalidInput(status=422, title="", detail=refused.description, fields=(refused,))

    async def _stream_url(self, prediction_id: str, client: CogClient) -> str | None:
        """Return the address of a prediction's stream; None if the model does not write text as one."""
        if self._writes_text is None:
            try:
                self._learn(await client.get_schema())
            except BackendError:
                return None  # polls bring the text as well
        return f"{client.url}/predictions/{prediction_id}" if self._writes_text else None

    async def _read_end(self, prediction_id: str) -> tuple[datetime, Prediction | None]:
        """Return when a prediction was sent, and its end if that was told."""
        with _our_errors():
            sent_at, told, received_at = await self._ends.get(prediction_id)
        sent_at = sent_at or self._clock.now()
        if told is None:
            return sent_at, None
        return sent_at, _read_prediction(told.encode(), created_at=sent_at, completed_at=received_at)

    async def _find_running(self, prediction_id: str, sent_at: datetime) -> Prediction | None:
        """Return the running prediction, None if no server has it; raise why one of them could not be asked."""
        problem: BackendError | None = None
        for client in self._candidates(prediction_id):
            try:
                async with client.probe(prediction_id) as chunks:
                    if chunks is None:
                        continue
                    self._servers[prediction_id] = client
                    with _our_errors():
                        body = await self._reader.read(prediction_id, chunks, max_bytes=COG_BODY_BYTES)
                stream_url = await self._stream_url(prediction_id, client)
                return _read_prediction(body, created_at=sent_at, stream_url=stream_url)
            except BackendError as error:
                problem = problem or error
        if problem is not None:
            raise problem
        return None

    async def _wait_for_end(self, prediction_id: str) -> Prediction:
        """Return the end that was told meanwhile, else raise why there is none: it may still come, or never will."""
        now = self._clock.monotonic()
        waited = now - self._missing_since.setdefault(prediction_id, now)
        healths = [await client.get_health() for client in self._candidates(prediction_id)]
        sent_at, prediction = await self._read_end(prediction_id)  # last: a server tells an end before it stops
        if prediction is not None:
            return prediction
        age = self._clock.now() - sent_at
        start = self._starts.get(prediction_id, "")
        has_restarted = all(_has_restarted(health, start=start, age=age) for health in healths)
        if not has_restarted and waited < COG_END_TOLD_WITHIN.total_seconds():
            raise EndPending("The prediction is over, and its end was not told yet.")
        self._forget(prediction_id)
        log.warning("prediction_lost", prediction=prediction_id, server_restarted=has_restarted)
        raise Forgotten(restarted=has_restarted, unfinished=has_restarted and sent_at >= self._started_at)

    def _forget(self, prediction_id: str) -> None:
        """Forget what is known of a prediction that nobody asks for again."""
        for known in (self._servers, self._starts, self._missing_since):
            known.pop(prediction_id, None)

    async def _read_start(self, client: CogClient) -> str:
        """Return when a server was started, in its own words; "" if it does not tell."""
        try:
            return (await client.get_health()).started_at
        except BackendError:
            return ""

    async def _explain(self, client: CogClient) -> BackendError:
        """Return why a server refused a create, by its own state."""
        try:
            health = await client.get_health()
        except BackendError as error:
            return NotSent(str(error))  # whatever is wrong, the create was refused before
        is_starting = health.status is HealthStatus.STARTING
        if health.status in _DEFECTS:
            return OutOfService(_DEFECTS[health.status])
        if is_starting and (health.uptime or timedelta()) > COG_SETUP:
            return OutOfService(Defect.SETUP_TOO_LONG)
        return Busy(is_starting=is_starting)


def writes_text(schema: Mapping[str, Any]) -> bool:
    """Return whether a model writes its output as a stream of text, by its OpenAPI document."""
    post = _member(schema, "paths", "/predictions", "post")
    output = _member(schema, "components", "schemas", "Output")
    return post.get("x-cog-streaming") is True and output.get("x-cog-array-display") == "concatenate"


def find_file_inputs(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the names of a model's inputs that are files or lists of them, by its OpenAPI document."""
    inputs = _member(schema, "components", "schemas", "Input", "properties")
    return frozenset(name for name, described in inputs.items() if _holds_address(described))


def _holds_address(described: Any) -> bool:
    if isinstance(described, Mapping):
        return described.get("format") == "uri" or any(map(_holds_address, described.values()))
    return isinstance(described, list) and any(map(_holds_address, described))


def _member(schema: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for name in path:
        inner = schema.get(name)
        schema = inner if isinstance(inner, Mapping) else {}
    return schema


def _hopelessness(error: BackendError) -> int:
    """Return the order of refusals: a server that is busy now is worth more than one that is broken."""
    return 0 if isinstance(error, Busy) else 1 if isinstance(error, NotSent) else 2


def _has_restarted(health: Health, *, start: str, age: timedelta) -> bool:
    """Return whether a server was certainly started since a prediction was sent to it, ``age`` ago.

    ``start`` is when it had been started then, "" if that is not known: after a restart of the bot durations decide,
    because the clocks of two machines differ.
    """
    if start and health.started_at:
        return health.started_at != start
    return health.uptime is not None and health.uptime + COG_RESTART_TOLERANCE < age


@contextmanager
def _our_errors() -> Iterator[None]:
    """Make an error of our own disk or database, or a body that cannot be read, one that passes: ask again later."""
    try:
        yield
    except (ReplicordError, InvalidJson, OSError) as error:
        raise NoResponse(f"What the model's server sent could not be kept: {type(error).__name__}.") from error


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _read_prediction(
    body: bytes, *, created_at: datetime, completed_at: datetime | None = None, stream_url: str | None = None
) -> Prediction:
    """Return the prediction in a JSON object, whose files were taken out of it; raise InvalidResponse if it is none."""
    try:
        members = read_object(body, _LARGE)
    except InvalidJson as error:
        raise InvalidResponse("The model's server sent a prediction that cannot be read.") from error
    prediction = parse_prediction({**members, "created_at": created_at.isoformat()})
    return replace(prediction, completed_at=prediction.completed_at or completed_at, stream_url=stream_url)
