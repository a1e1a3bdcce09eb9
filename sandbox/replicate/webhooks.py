"""Webhooks: signed POSTs about a prediction, throttled and retried as Replicate does.

Only addresses on this machine are called; for any other one the watchers are told that nothing was sent.
"""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from bot.clock import Clock
from sandbox.replicate.addresses import is_loopback
from sandbox.replicate.events import WebhookSent
from sandbox.replicate.faults import Faults
from sandbox.replicate.formats import IdGenerator
from sandbox.replicate.prediction import Prediction

DEFAULT_EVENTS = ("output", "completed")
THROTTLED_EVENTS = frozenset({"output", "logs"})
THROTTLE_SECONDS = 0.5  # seconds between two of the throttled ones
RETRY_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 29.0)  # seconds; the last try comes a minute after the end
RESPONSE_TIMEOUT = aiohttp.ClientTimeout(total=10)
_STALE_AGE = timedelta(hours=1)


def sign_webhook(secret: str, *, id: str, timestamp: int, body: bytes) -> str:  # noqa: A002 -- the scheme's own word
    """Return the signature of a webhook: ``v1,<base64 of HMAC-SHA256>`` over ``id.timestamp.body``."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWebhook:
    """One webhook on its way. The body was written when the event happened."""

    prediction_id: str
    event: str
    url: str
    body: bytes
    message_id: str

    @property
    def retried(self) -> bool:
        """Whether a receiver that fails is asked again."""
        return self.event == "completed"


class WebhookSender:
    """Sends the webhooks of every prediction, those of one prediction in order."""

    def __init__(
        self,
        *,
        secret: Callable[[], str],
        ids: IdGenerator,
        clock: Clock,
        faults: Faults,
        show: Callable[[Prediction], dict[str, Any]],
        tell: Callable[[WebhookSent], None],
    ) -> None:
        self._secret = secret
        self._ids = ids
        self._clock = clock
        self._faults = faults
        self._show = show
        self._tell = tell
        self._session: aiohttp.ClientSession | None = None
        self._queues: dict[str, asyncio.Queue[PendingWebhook]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_throttled: dict[str, float] = {}
        self._held: dict[str, PendingWebhook] = {}

    def start(self, session: aiohttp.ClientSession) -> None:
        """Send from now on, through ``session``."""
        self._session = session

    async def stop(self) -> None:
        """Send nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def notice(self, prediction: Prediction, event: str) -> None:
        """Take note of an event; what is to be sent about it is sent in the background."""
        wanted = DEFAULT_EVENTS if prediction.webhook_events is None else prediction.webhook_events
        if prediction.webhook is None or event not in wanted or self._too_soon(prediction.id, event):
            return
        delivery = PendingWebhook(
            prediction_id=prediction.id,
            event=event,
            url=prediction.webhook,
            body=json.dumps(self._show(prediction), ensure_ascii=False).encode(),
            message_id=self._ids.message(),
        )
        for due in self._disturbed(delivery):
            self._queue(prediction.id).put_nowait(due)

    def _too_soon(self, prediction_id: str, event: str) -> bool:
        if event not in THROTTLED_EVENTS:
            return False
        now, last = self._clock.monotonic(), self._last_throttled.get(prediction_id)
        if last is not None and now - last < THROTTLE_SECONDS:
            return True
        self._last_throttled[prediction_id] = now
        return False

    def _disturbed(self, delivery: PendingWebhook) -> list[PendingWebhook]:
        if self._faults.take("webhook-dropped", delivery.event):
            return []
        if self._faults.take("webhook-reordered", delivery.event):
            self._held[delivery.prediction_id] = delivery
            return []
        copies = 2 if self._faults.take("webhook-duplicated", delivery.event) else 1
        held = self._held.pop(delivery.prediction_id, None)
        return [delivery] * copies + ([held] if held else [])

    def _queue(self, prediction_id: str) -> asyncio.Queue[PendingWebhook]:
        if prediction_id not in self._queues:
            queue = self._queues[prediction_id] = asyncio.Queue()
            task = asyncio.create_task(self._drain(prediction_id, queue), name=f"webhooks {prediction_id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._queues[prediction_id]

    async def _drain(self, prediction_id: str, queue: asyncio.Queue[PendingWebhook]) -> None:
        over = False
        while not (over and queue.empty()):
            delivery = await queue.get()
            over = over or delivery.event == "completed"
            status = await self._send(delivery)
            for pause in RETRY_DELAYS if delivery.retried else ():
                if status is not None and 200 <= status < 300:
                    break
                await self._clock.sleep(pause)
                status = await self._send(delivery)
        del self._queues[prediction_id]

    async def _send(self, delivery: PendingWebhook) -> int | None:
        status = None
        if self._session is not None and is_loopback(urlsplit(delivery.url).hostname):
            try:
                async with self._session.post(
                    delivery.url,
                    data=delivery.body,
                    headers=self._headers(delivery),
                    allow_redirects=False,
                    timeout=RESPONSE_TIMEOUT,
                ) as response:
                    status = response.status
            except (aiohttp.ClientError, TimeoutError):
                status = None
        self._tell(WebhookSent(delivery.prediction_id, delivery.event, delivery.url, status))
        return status

    def _headers(self, delivery: PendingWebhook) -> dict[str, str]:
        now = self._clock.now()
        if self._faults.take("webhook-stale", delivery.event):
            now -= _STALE_AGE
        timestamp = int(now.timestamp())
        signed = delivery
        if self._faults.take("webhook-forged", delivery.event):
            signed = replace(delivery, body=delivery.body + b" ")
        return {
            "Content-Type": "application/json",
            "User-Agent": "Replicate/1.0 (webhook)",
            "Webhook-Id": delivery.message_id,
            "Webhook-Timestamp": str(timestamp),
            "Webhook-Signature": sign_webhook(
                self._secret(), id=signed.message_id, timestamp=timestamp, body=signed.body
            ),
        }
