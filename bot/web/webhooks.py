"""Deliveries: Replicate's webhooks, from the request to a hint for the run.

A delivery only wakes the run, and the run asks Replicate itself; so deliveries may be doubled, late, out of order or
missing and nothing comes of it. All of the work here is done within the few seconds that Replicate waits.
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

log = structlog.get_logger(__name__)

Wake = Callable[[str, Prediction | None], bool]
"""Hints to a run, by its id, that its prediction changed; False when no such run is at work."""

# A delivery is a whole prediction: its input, with files of up to 256 kB each inline, and its output.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
PATIENCE: Final = 5.0  # seconds for a body to arrive; Replicate itself gives up after a few
_REMEMBERED: Final = 10_000


class WebhookReceiver:
    """Takes deliveries under ``/webhooks/replicate/{run_id}``.

    ======================================== ============================================================
    204                                      taken; also one that was there before, or for a run that is
                                             not at work: sent again, it could not tell us anything more
    401                                      not signed with our secret, or signed over five minutes ago
    408, 413                                 its body takes too long, or is larger than MOST_BYTES
    ======================================== ============================================================

    ``count`` is told what became of each: woke, repeated, unknown, unreadable, forged, stale, slow or oversized.
    """

    def __init__(
        self,
        *,
        verifier: WebhookVerifier,
        wake: Wake,
        count: Callable[[str], None] = lambda _: None,
        patience: float = PATIENCE,
    ) -> None:
        self._verifier = verifier
        self._wake = wake
        self._count = count
        self._patience = patience
        self._taken: OrderedDict[str, None] = OrderedDict()

    async def take(self, request: web.Request) -> web.Response:
        """Answer one delivery."""
        try:
            self._verifier.check_time(request.headers)  # before a byte of a stranger's body is read
            async with asyncio.timeout(self._patience):
                body = await request.read()
            self._verifier.check(request.headers, body)
        except (TimeoutError, web.RequestPayloadError):
            return self._refuse(408, "slow", "The body took too long.")
        except web.HTTPRequestEntityTooLarge:
            return self._refuse(413, "oversized", "The body is too large.")
        except StaleWebhook as error:
            return self._refuse(401, "stale", str(error))
        except ForgedWebhook as error:
            return self._refuse(401, "forged", str(error))
        self._count(self._hint(request.match_info["run_id"], request.headers[ID_HEADER], body))
        return web.Response(status=204)

    def _hint(self, run_id: str, delivery_id: str, body: bytes) -> str:
        """Wake the run, and say what became of it. The delivery is remembered only once the run was woken."""
        if delivery_id in self._taken:
            return "repeated"
        try:
            prediction, outcome = parse_prediction(decode_object(body)), "woke"
        except InvalidResponse as error:
            log.warning("Replicate sent a webhook that cannot be read; the run looks for itself.", error=str(error))
            prediction, outcome = None, "unreadable"
        if not self._wake(run_id, prediction):
            return "unknown"
        self._taken[delivery_id] = None
        if len(self._taken) > _REMEMBERED:
            self._taken.popitem(last=False)
        return outcome

    def _refuse(self, status: int, outcome: str, why: str) -> web.Response:
        self._count(outcome)
        log.warning("A webhook was refused.", status=status, why=why)
        return web.json_response({"detail": why}, status=status)
