"""Replicate's webhooks.

A webhook only wakes the run's task, which then polls Replicate itself. So deliveries may be repeated, late, out of
order or missing. All work here is done within the few seconds that Replicate waits.

Strangers can send here too. A body is read only if its headers could be those of a delivery; it is hashed as it
arrives, and only as much of it is kept as is parsed without holding up everything else.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import structlog
from aiohttp import web

from bot.aio import backoff_delay
from bot.backends.errors import (
    BackendError,
    Forbidden,
    ForgedWebhook,
    InvalidResponse,
    NotFound,
    StaleWebhook,
    Unauthenticated,
)
from bot.backends.prediction import Prediction
from bot.backends.replicate.api import decode_object
from bot.backends.replicate.client import Replicate
from bot.backends.replicate.predictions import parse_prediction
from bot.backends.replicate.webhooks import ID_HEADER, DeliveryVerification, WebhookVerifier
from bot.clock import Clock
from bot.errors import ConfigError
from bot.limits import (
    WEBHOOK_BODIES,
    WEBHOOK_BODY_BYTES,
    WEBHOOK_BODY_WAIT,
    WEBHOOK_IDS_REMEMBERED,
    WEBHOOK_PARSED_BYTES,
)
from bot.observability.metrics import Metrics
from bot.web.refusals import Refusal, RefusalLog, ask_for_body

log = structlog.get_logger(__name__)

_RETRY_AFTER: Final = 5  # seconds
_ASK_AGAIN_MIN: Final = 2.0  # seconds between two questions for the secret
_ASK_AGAIN_MAX: Final = 60.0

WakeRun = Callable[[str, Prediction | None], bool]
"""Wake a run by its id, with its prediction if known; return False if the run is not active."""


class WebhookReceiver:
    """Receive webhooks at ``/webhooks/replicate/{run_id}``.

    ======== ==========================================================================================
    204      accepted; also if it was received before, or if the run is not active
    401      not signed with the account's secret, or signed more than five minutes from now
    408, 413 the body takes longer than ``body_timeout`` seconds, or is larger than WEBHOOK_BODY_BYTES
    503      WEBHOOK_BODIES are being read, or the secret is not known yet; Replicate retries, and runs poll
    ======== ==========================================================================================
    """

    def __init__(
        self,
        *,
        wake_run: WakeRun,
        metrics: Metrics,
        refusals: RefusalLog,
        body_timeout: float = WEBHOOK_BODY_WAIT.total_seconds(),
    ) -> None:
        self._verifier: WebhookVerifier | None = None
        self._wake_run = wake_run
        self._metrics = metrics
        self._refusals = refusals
        self._body_timeout = body_timeout
        self._reading = 0
        self._turn = asyncio.Lock()  # one chunk in each turn of the event loop, however many deliveries arrive
        self._received_ids: OrderedDict[str, None] = OrderedDict()

    @property
    def enabled(self) -> bool:
        return self._verifier is not None

    def enable(self, verifier: WebhookVerifier) -> None:
        """Accept deliveries that ``verifier`` finds authentic; until then all are refused."""
        self._verifier = verifier

    async def expect(self, request: web.Request) -> web.StreamResponse | None:
        """Respond to ``Expect: 100-continue``: ask for the body only if the headers could be a delivery's."""
        try:
            self._begin(request)
        except Refusal as refusal:
            return self._respond(refusal)
        await ask_for_body(request)
        return None

    async def handle(self, request: web.Request) -> web.Response:
        """Respond to one delivery."""
        try:
            verification = self._begin(request)
            with self._reading_body():
                body = await self._read(request, verification)
        except Refusal as refusal:
            return self._respond(refusal)
        outcome = self._accept(request.match_info["run_id"], request.headers[ID_HEADER], body)
        self._metrics.webhook_received(outcome)
        return web.Response(status=204)

    def _begin(self, request: web.Request) -> DeliveryVerification:
        """Check a delivery before its body is read, and return its verification."""
        if self._verifier is None:
            raise Refusal(503, "disabled", "The secret of webhooks is not known yet.")
        try:
            verification = self._verifier.begin(request.headers)
        except StaleWebhook as error:
            raise Refusal(401, "stale", str(error)) from error
        except ForgedWebhook as error:
            raise Refusal(401, "forged", str(error)) from error
        if (request.content_length or 0) > WEBHOOK_BODY_BYTES:
            raise Refusal(413, "oversized", "The body is too large.")
        return verification

    @contextmanager
    def _reading_body(self) -> Iterator[None]:
        """Hold one of the places for bodies."""
        if self._reading >= WEBHOOK_BODIES:
            raise Refusal(503, "busy", "Too many deliveries at once.")
        self._reading += 1
        try:
            yield
        except (TimeoutError, web.RequestPayloadError) as error:
            raise Refusal(408, "slow", "The body took too long.") from error
        except ForgedWebhook as error:
            raise Refusal(401, "forged", str(error)) from error
        finally:
            self._reading -= 1

    async def _read(self, request: web.Request, verification: DeliveryVerification) -> bytes | None:
        """Return the body of an authentic delivery, None if it is larger than WEBHOOK_PARSED_BYTES.

        Raises ForgedWebhook, TimeoutError, or Refusal if it is larger than WEBHOOK_BODY_BYTES.
        """
        kept = bytearray()
        size = 0
        async with asyncio.timeout(self._body_timeout):
            async for chunk in request.content.iter_any():
                size += len(chunk)
                if size > WEBHOOK_BODY_BYTES:
                    raise Refusal(413, "oversized", "The body is too large.")
                async with self._turn:
                    verification.update(chunk)
                    await asyncio.sleep(0)
                if size <= WEBHOOK_PARSED_BYTES:
                    kept += chunk
                else:
                    kept.clear()
        verification.finish()
        return bytes(kept) if size <= WEBHOOK_PARSED_BYTES else None

    def _accept(self, run_id: str, delivery_id: str, body: bytes | None) -> str:
        """Wake the run and return the outcome. The delivery's id is remembered only if a run was woken."""
        if delivery_id in self._received_ids:
            return "repeated"
        prediction: Prediction | None = None
        outcome = "woke"
        if body is not None:
            try:
                prediction = parse_prediction(decode_object(body))
            except InvalidResponse as error:
                log.warning("webhook_unreadable", run=run_id, error=str(error))
                outcome = "unreadable"
        if not self._wake_run(run_id, prediction):
            return "unknown"
        self._received_ids[delivery_id] = None
        if len(self._received_ids) > WEBHOOK_IDS_REMEMBERED:
            self._received_ids.popitem(last=False)
        return outcome

    def _respond(self, refusal: Refusal) -> web.Response:
        self._metrics.webhook_received(refusal.outcome)
        self._refusals.add(str(refusal))
        return refusal.to_response(retry_after=_RETRY_AFTER)


class WebhookSecret:
    """Asks for the secret that Replicate signs with, until Replicate returns it, and gives it to ``receiver``.

    Until then the receiver refuses every delivery, and runs work without webhooks.
    """

    def __init__(self, receiver: WebhookReceiver, replicate: Replicate, *, clock: Clock) -> None:
        self._receiver = receiver
        self._replicate = replicate
        self._clock = clock

    async def load(self) -> None:
        """Ask once; ConfigError if Replicate will never return it."""
        try:
            await self._ask()
        except (Unauthenticated, Forbidden, NotFound) as error:
            raise ConfigError(
                f"WEBHOOK_URL is set, but Replicate did not return the signing secret of its webhooks: {error}"
            ) from error
        except BackendError as error:
            log.warning("webhooks_disabled", error=str(error))  # until keep_asking succeeds

    async def keep_asking(self) -> None:
        """Ask until Replicate returns it."""
        attempts = 0
        while not self._receiver.enabled:
            attempts += 1
            await self._clock.sleep(backoff_delay(attempts, initial=_ASK_AGAIN_MIN, maximum=_ASK_AGAIN_MAX))
            with suppress(BackendError):  # logged at the start
                await self._ask()
                log.info("webhooks_enabled")

    async def _ask(self) -> None:
        secret = await self._replicate.webhooks.get_secret()
        self._receiver.enable(WebhookVerifier(secret, self._clock))
