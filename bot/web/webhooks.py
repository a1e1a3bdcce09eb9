"""Replicate's webhooks.

A webhook only wakes the run's task, which then polls Replicate itself. So deliveries may be repeated, late, out of
order or missing. All work here is done within the few seconds that Replicate waits.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import structlog
from aiohttp import web

from bot.backends.replicate.api import decode_object
from bot.backends.replicate.errors import ForgedWebhook, InvalidResponse, StaleWebhook
from bot.backends.replicate.predictions import Prediction, parse_prediction
from bot.backends.replicate.webhooks import ID_HEADER, WebhookVerifier
from bot.observability.metrics import Metrics

log = structlog.get_logger(__name__)

# The body is a whole prediction: its input, with inline files of up to 256 kB each, and its output.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
_BODY_TIMEOUT: Final = 5.0  # seconds; Replicate itself gives up after a few
_REMEMBERED_IDS: Final = 10_000

WakeRun = Callable[[str, Prediction | None], bool]
"""Wake a run by its id, with its prediction if known; return False if the run is not active."""


class WebhookReceiver:
    """Receive webhooks at ``/webhooks/replicate/{run_id}``.

    ======== ==========================================================================================
    204      accepted; also if it was received before, or if the run is not active
    401      not signed with the account's secret, or signed more than five minutes from now
    408, 413 the body takes longer than ``body_timeout`` seconds, or is larger than MAX_BODY_BYTES
    ======== ==========================================================================================
    """

    def __init__(
        self,
        *,
        verifier: WebhookVerifier,
        wake_run: WakeRun,
        metrics: Metrics,
        body_timeout: float = _BODY_TIMEOUT,
    ) -> None:
        self._verifier = verifier
        self._wake_run = wake_run
        self._metrics = metrics
        self._body_timeout = body_timeout
        self._received_ids: OrderedDict[str, None] = OrderedDict()

    async def handle(self, request: web.Request) -> web.Response:
        """Respond to one delivery."""
        try:
            self._verifier.verify_headers(request.headers)  # before reading the body of an unknown sender
            async with asyncio.timeout(self._body_timeout):
                body = await request.read()
            self._verifier.verify(request.headers, body)
        except (TimeoutError, web.RequestPayloadError):
            return self._reject(408, "slow", "The body took too long.")
        except web.HTTPRequestEntityTooLarge:
            return self._reject(413, "oversized", "The body is too large.")
        except StaleWebhook as error:
            return self._reject(401, "stale", str(error))
        except ForgedWebhook as error:
            return self._reject(401, "forged", str(error))
        outcome = self._accept(request.match_info["run_id"], request.headers[ID_HEADER], body)
        self._metrics.webhook_received(outcome)
        return web.Response(status=204)

    def _accept(self, run_id: str, delivery_id: str, body: bytes) -> str:
        """Wake the run and return the outcome. The delivery's id is remembered only if a run was woken."""
        if delivery_id in self._received_ids:
            return "repeated"
        prediction: Prediction | None = None
        outcome = "woke"
        try:
            prediction = parse_prediction(decode_object(body))
        except InvalidResponse as error:
            log.warning("webhook_unreadable", run=run_id, error=str(error))
            outcome = "unreadable"
        if not self._wake_run(run_id, prediction):
            return "unknown"
        self._received_ids[delivery_id] = None
        if len(self._received_ids) > _REMEMBERED_IDS:
            self._received_ids.popitem(last=False)
        return outcome

    def _reject(self, status: int, outcome: str, reason: str) -> web.Response:
        self._metrics.webhook_received(outcome)
        log.warning("webhook_rejected", status=status, reason=reason)
        return web.json_response({"detail": reason}, status=status)
