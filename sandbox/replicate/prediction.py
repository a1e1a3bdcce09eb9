"""A prediction: its state, and how the API returns it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot import limits
from sandbox.replicate.addresses import BaseUrls
from sandbox.replicate.catalog import Model, Version
from sandbox.replicate.formats import FRACTION_DIGITS, format_time
from sandbox.replicate.streams import Channel

FINAL_STATES = frozenset({"succeeded", "failed", "canceled", "aborted"})
REDACTED = "[REDACTED]"


@dataclass(slots=True, kw_only=True, eq=False)
class Prediction:
    """One prediction; only its ``Lifecycle`` changes it.

    ``input`` is what the client sent; ``model_input`` is what the model gets: without unknown inputs, with defaults.
    """

    id: str
    number: int
    model: Model
    version: Version
    displayed_version: str
    input: dict[str, Any]
    model_input: dict[str, Any]
    created_at: datetime
    webhook: str | None = None
    webhook_events: tuple[str, ...] | None = None
    deployment: str | None = None
    deadline: datetime | None = None
    stream_path: str | None = None
    channel: Channel | None = None
    has_web_url: bool = True
    inlines_files: bool = False
    status: str = "starting"
    output: Any = None
    error: str | None = None
    logs: str = ""
    started_at: datetime | None = None
    completed_at: datetime | None = None
    metrics: dict[str, Any] = field(default_factory=dict)
    data_retention: timedelta = limits.DATA_KEPT
    outputs_ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def finished(self) -> bool:
        """Whether its status is final."""
        return self.status in FINAL_STATES

    def data_removed(self, now: datetime) -> bool:
        """Return whether input, output and logs are removed by ``now``."""
        return self.completed_at is not None and now >= self.completed_at + self.data_retention

    def to_json(self, base_urls: BaseUrls, *, now: datetime) -> dict[str, Any]:
        """Return the prediction as the API returns it at ``now``."""
        removed = self.data_removed(now)
        body: dict[str, Any] = {
            "id": self.id,
            "model": self.model.full_name,
            "version": self.displayed_version,
            "input": {} if removed else self._redacted_input(),
            "logs": self._visible_logs(removed=removed),
            "output": None if removed else self.output,
            "data_removed": removed,
            "error": self.error,
            "source": "api",
            "status": self.status,
            "created_at": self._format_time(self.created_at),
            "urls": self._urls(base_urls),
        }
        optional: dict[str, Any] = {
            "started_at": self.started_at and self._format_time(self.started_at),
            "completed_at": self.completed_at and self._format_time(self.completed_at),
            "deadline": self.deadline and self._format_time(self.deadline),
            "metrics": self.metrics or None,
            "deployment": self.deployment,
            "webhook": self.webhook,
            "webhook_events_filter": list(self.webhook_events) if self.webhook_events is not None else None,
        }
        return body | {name: value for name, value in optional.items() if value is not None}

    def _redacted_input(self) -> dict[str, Any]:
        secret = self.version.secrets
        return {name: REDACTED if name in secret else value for name, value in self.input.items()}

    def _visible_logs(self, *, removed: bool) -> str | None:
        if self.finished and self.started_at is None:
            return None  # as in a captured response to cancelling a prediction that had not started
        return "" if removed else self.logs

    def _format_time(self, time: datetime) -> str:
        return format_time(time, digits=FRACTION_DIGITS[self.number % len(FRACTION_DIGITS)])

    def _urls(self, base_urls: BaseUrls) -> dict[str, str]:
        urls = {
            "cancel": f"{base_urls.api}/v1/predictions/{self.id}/cancel",
            "get": f"{base_urls.api}/v1/predictions/{self.id}",
        }
        if self.stream_path is not None:
            urls["stream"] = f"{base_urls.stream}{self.stream_path}"
        if self.has_web_url:
            urls["web"] = f"https://replicate.com/p/{self.id}"
        return urls
