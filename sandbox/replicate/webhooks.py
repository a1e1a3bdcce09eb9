"""Webhooks: signed POST requests about a prediction, throttled and retried as Replicate does.

Only addresses on this machine are called; for any other address, ``WebhookSent`` has the status None.
"""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.clock import Clock
from sandbox.loopback import is_loopback
from sandbox.replicate.events import WebhookSent
from sandbox.replicate.faults import Faults
from sandbox.replicate.formats import IdGenerator
from sandbox.replicate.prediction import Prediction
from sandbox.replicate.raw_json import encode_json

DEFAULT_EVENTS = ("output", "completed")
THROTTLED_EVENTS = frozenset({"output", "logs"})
THROTTLE_SECONDS = 0.5  # between two throttled events of one prediction
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 29.0)  # seconds; the last attempt is made a minute after the end
RESPONSE_TIMEOUT = aiohttp.ClientTimeout(total=10)
_STALE_AGE = timedelta(hours=1)


def sign_webhook(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a webhook: ``v1,<base64 of HMAC-SHA256>`` over ``id.timestamp.body``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWebhook:
    """A webhook to be sent. The body is the prediction as it was when the event happened."""

    prediction_id: str
    event: str
    url: str
    body: bytes
    message_id: str

    @property
    def is_retried(self) -> bool:
        """Whether it is sent again if the receiver fails."""
        return self.event == "completed"


class WebhookSender:
    """Sends the webhooks of all predictions; those of one prediction are sent in order."""

    def __init__(
        self,
        *,
        secret: Callable[[], str],
        ids: IdGenerator,
        clock: Clock,
        faults: Faults,
        to_json: Callable[[Prediction], dict[str, Any]],
        on_sent: Callable[[WebhookSent], None],
    ) -> None:
        self._secret = secret
        self._ids = ids
        self._clock = clock
        self._faults = faults
        self._to_json = to_json
        self._on_sent = on_sent
        self._session: aiohttp.ClientSession | None = None
        self._queues: dict[str, asyncio.Queue[PendingWebhook]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_throttled: dict[str, float] = {}
        self._held: dict[str, PendingWebhook] = {}

    def use_session(self, session: aiohttp.ClientSession) -> None:
        """Send webhooks through ``session`` from now on."""
        self._session = session

    async def stop(self) -> None:
        """Cancel what is being sent."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def enqueue(self, prediction: Prediction, event: str) -> None:
        """Send a webhook about ``event`` in the background, if the prediction has one for it."""
        events = DEFAULT_EVENTS if prediction.webhook_events is None else prediction.webhook_events
        if prediction.webhook is None or event not in events or self._is_throttled(prediction.id, event):
            return
        pending = PendingWebhook(
            prediction_id=prediction.id,
            event=event,
            url=prediction.webhook,
            body=encode_json(self._to_json(prediction)).encode(),
            message_id=self._ids.new_message_id(),
        )
        for webhook in self._apply_faults(pending):
            self._queue_of(prediction.id).put_nowait(webhook)

    def _is_throttled(self, prediction_id: str, event: str) -> bool:
        if event not in THROTTLED_EVENTS:
            return False
        now, last = self._clock.monotonic(), self._last_throttled.get(prediction_id)
        if last is not None and now - last < THROTTLE_SECONDS:
            return True
        self._last_throttled[prediction_id] = now
        return False

    def _apply_faults(self, pending: PendingWebhook) -> list[PendingWebhook]:
        if self._faults.trigger("webhook-dropped", pending.event):
            return []
        if self._faults.trigger("webhook-reordered", pending.event):
            self._held[pending.prediction_id] = pending
            return []
        copies = 2 if self._faults.trigger("webhook-duplicated", pending.event) else 1
        held = self._held.pop(pending.prediction_id, None)
        return [pending] * copies + ([held] if held else [])

    def _queue_of(self, prediction_id: str) -> asyncio.Queue[PendingWebhook]:
        if prediction_id not in self._queues:
            queue = self._queues[prediction_id] = asyncio.Queue()
            task = asyncio.create_task(self._drain(prediction_id, queue), name=f"webhooks {prediction_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._queues[prediction_id]

    async def _drain(self, prediction_id: str, queue: asyncio.Queue[PendingWebhook]) -> None:
        completed = False
        while not (completed and queue.empty()):
            pending = await queue.get()
            completed = completed or pending.event == "completed"
            status = await self._send(pending)
            for delay in RETRY_DELAYS if pending.is_retried else ():
                if status is not None and 200 <= status < 300:
                    break
                await self._clock.sleep(delay)
                status = await self._send(pending)
        del self._queues[prediction_id]

    async def _send(self, pending: PendingWebhook) -> int | None:
        status = None
        if self._session is not None and is_loopback(urlsplit(pending.url).hostname):
            try:
                async with self._session.post(
                    pending.url,
                    data=pending.body,
                    headers=self._headers(pending),
                    allow_redirects=False,
                    timeout=RESPONSE_TIMEOUT,
                ) as response:
                    status = response.status
            except (aiohttp.ClientError, TimeoutError):
                status = None
        self._on_sent(WebhookSent(pending.prediction_id, pending.event, pending.url, status))
        return status

    def _headers(self, pending: PendingWebhook) -> dict[str, str]:
        now = self._clock.now()
        if self._faults.trigger("webhook-stale", pending.event):
            now -= _STALE_AGE
        timestamp = int(now.timestamp())
        signed = pending
        if self._faults.trigger("webhook-forged", pending.event):
            signed = replace(pending, body=pending.body + b" ")
        return {
            "Content-Type": "application/json",
            "User-Agent": "Replicate/1.0 (webhook)",
            "Webhook-Id": pending.message_id,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": sign_webhook(
                self._secret(), message_id=signed.message_id, timestamp=timestamp, body=signed.body
            ),
        }
