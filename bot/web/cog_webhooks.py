"""What Cog servers send: the end of each prediction, once, and the files of predictions.

Cog signs nothing. The addresses carry a code that only this bot can make (``bot.backends.cog.addresses``), and nothing
is read without it. An end is on disk before it is answered: while that is not possible the answer is a 503, after which
Cog tries again for some minutes; after any 4xx it never does.
"""

import asyncio
import hmac
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from aiohttp import web

from bot.backends.cog.addresses import CogAddresses
from bot.clock import Clock
from bot.errors import ReplicordError
from bot.large_json import InvalidJson, read_object
from bot.limits import COG_BODIES, COG_BODY_BYTES, COG_BODY_WAIT, RUN_ID_PATTERN
from bot.observability.metrics import Metrics
from bot.outputs.errors import FileTooLarge
from bot.outputs.spooled import PredictionReader
from bot.store.prediction_ends import PredictionEnds
from bot.web.refusals import Refusal, RefusalLog, ask_for_body
from bot.worker_pool import WorkersBusy, WorkTooHeavy

log = structlog.get_logger(__name__)

_ENDS: Final = frozenset({"succeeded", "failed", "canceled"})
_RETRY_AFTER: Final = 1  # seconds
_TOO_LARGE: Final = "The output is larger than this bot can read"


class CogReceiver:
    """Receive webhooks at ``/webhooks/cog/{run_id}/{code}`` and files at ``/uploads/cog/{code}/{name}``.

    ======== ==========================================================================================
    204      accepted and on disk; also if the run has ended, or the output is too large to be read
    201      the file is on disk; ``Location`` is what stands for it in the output
    400      the body is no prediction
    401      the code is wrong
    404      the file is of no run that goes on
    413      the file is too large
    503      too many bodies, or the disk or the database does not take it now; Cog sends it again. The address is
             right and the token is not: whoever runs the server may put that right meanwhile
    ======== ==========================================================================================
    """

    def __init__(
        self,
        *,
        addresses: CogAddresses,
        token: str = "",
        ends: PredictionEnds,
        reader: PredictionReader,
        wake_run: Callable[[str], object],
        clock: Clock,
        metrics: Metrics,
        refusals: RefusalLog,
    ) -> None:
        """``token`` is the ``WEBHOOK_AUTH_TOKEN`` of the servers, which goes with webhooks; "" if they have none."""
        self._addresses = addresses
        self._authorization = f"Bearer {token}".encode() if token else None
        self._ends = ends
        self._reader = reader
        self._wake_run = wake_run
        self._clock = clock
        self._metrics = metrics
        self._refusals = refusals
        self._reading = 0

    async def expect(self, request: web.Request) -> web.StreamResponse | None:
        """Respond to ``Expect: 100-continue``: ask for the body only if the address is right."""
        try:
            self._check_code(request)
        except Refusal as refusal:
            return self._respond(refusal)
        await ask_for_body(request)
        return None

    async def handle_webhook(self, request: web.Request) -> web.Response:
        """Respond to one webhook."""
        run_id = request.match_info["run_id"]
        try:
            self._check_code(request)
            with self._reading_body():
                if not await self._ends.is_wanted(run_id):
                    self._metrics.webhook_received("unknown")
                    return web.Response(status=204)
                outcome = await self._accept_prediction(run_id, request)
        except Refusal as refusal:
            return self._respond(refusal)
        self._metrics.webhook_received(outcome)
        return web.Response(status=204)

    async def handle_upload(self, request: web.Request) -> web.Response:
        """Respond to one file, which belongs to the prediction that a header names."""
        run_id, name = request.headers.get("x-prediction-id", ""), request.match_info["name"]
        try:
            self._check_code(request)
            with self._reading_body():
                await self._check_run(run_id)
                async with asyncio.timeout(COG_BODY_WAIT.total_seconds()):
                    location = await self._reader.save(run_id, name, _chunks(request))
        except Refusal as refusal:
            return self._respond(refusal)
        return web.Response(status=201, headers={"Location": location})

    async def _accept_prediction(self, run_id: str, request: web.Request) -> str:
        """Read a prediction, keep it if it is over, wake its run, and return a word for the metrics."""
        try:
            async with asyncio.timeout(COG_BODY_WAIT.total_seconds()):
                body = await self._reader.read(run_id, _chunks(request), max_bytes=COG_BODY_BYTES)
            status = read_object(body, ("output", "metrics")).get("status")
        except InvalidJson as error:
            raise Refusal(400, "unreadable", "The body is no prediction.") from error
        except WorkersBusy:
            raise
        except (FileTooLarge, WorkTooHeavy):
            # It will be as large the next time. An end that nobody can read is an end all the same.
            log.warning("prediction_too_large", run=run_id)
            body, status = json.dumps({"id": run_id, "status": "failed", "error": _TOO_LARGE}).encode(), "failed"
        if status in _ENDS:
            await self._ends.save(run_id, body.decode("utf-8", "replace"), at=self._clock.now())
        self._wake_run(run_id)
        return "woke"

    async def _check_run(self, run_id: str) -> None:
        if not re.fullmatch(RUN_ID_PATTERN, run_id) or not await self._ends.is_wanted(run_id):
            raise Refusal(404, "unknown", "The file is of no active run.")

    def _check_code(self, request: web.Request) -> None:
        code, run_id = request.match_info["code"], request.match_info.get("run_id")
        is_right = self._addresses.may_upload(code) if run_id is None else self._addresses.may_tell(run_id, code)
        if not is_right:
            raise Refusal(401, "forged", "The address is not one that this bot gave.")
        if run_id is not None and self._authorization is not None:
            given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
            if not hmac.compare_digest(given, self._authorization):
                raise Refusal(503, "unauthorized", "COG_WEBHOOK_TOKEN is not the server's WEBHOOK_AUTH_TOKEN.")
        if (request.content_length or 0) > COG_BODY_BYTES and run_id is None:
            raise Refusal(413, "oversized", "The file is too large.")

    @contextmanager
    def _reading_body(self) -> Iterator[None]:
        """Hold one of the places for bodies. Whatever is wrong here passes, and the sender tries again."""
        if self._reading >= COG_BODIES:
            raise Refusal(503, "busy", "Too many bodies at once.")
        self._reading += 1
        try:
            yield
        except FileTooLarge as error:
            raise Refusal(413, "oversized", "The file is too large.") from error
        except TimeoutError as error:
            raise Refusal(503, "slow", "The body took too long.") from error
        except web.RequestPayloadError as error:
            raise Refusal(503, "broken", "The body is not complete.") from error
        except (ReplicordError, OSError) as error:
            log.warning("prediction_not_kept", error=type(error).__name__)
            raise Refusal(503, "unsaved", "What a model's server sent could not be kept.") from error
        finally:
            self._reading -= 1

    def _respond(self, refusal: Refusal) -> web.Response:
        self._metrics.webhook_received(refusal.outcome)
        self._refusals.add(str(refusal))
        return refusal.to_response(retry_after=_RETRY_AFTER)


async def _chunks(request: web.Request) -> AsyncIterator[bytes]:
    async for chunk in request.content.iter_any():
        yield chunk
