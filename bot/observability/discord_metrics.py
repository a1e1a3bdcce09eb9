"""Metrics of the traffic with Discord, from the events of discord.py's HTTP session and gateway.

The session's trace sees every request, also those that discord.py repeats by itself after a 429. The path says what a
request is for::

    /interactions/<id>/<token>/callback                 an acknowledgement
    /webhooks/<application>/<token>/messages/<message>  the interaction transport
    /channels/<channel>/messages/<message>              the bot transport
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

import aiohttp
import structlog

from bot.clock import Clock
from bot.limits import LATENCY_MAX
from bot.observability.metrics import Metrics

if TYPE_CHECKING:
    import discord

log = structlog.get_logger(__name__)

_CALLBACK_PATH: Final = re.compile(r"/interactions/(\d+)/[^/]+/callback$")
_TRANSPORT_PATHS: Final = (
    ("token", re.compile(r"/webhooks/\d+/[^/]+(?P<message>/messages/[^/]+)?$")),
    ("bot", re.compile(r"/channels/\d+(?P<message>/messages/\d+)?(?:/.*)?$")),
)
# What an interaction that is no command is called in the metrics, by its type.
_PURPOSES: Final = {"component": "button", "modal_submit": "modal"}
_PENDING_INTERACTIONS_MAX: Final = 4096  # an interaction without an acknowledgement is dropped after so many others


def is_measured(latency: float) -> bool:
    """Return whether a latency that discord.py tells, in seconds, is one; before the first heartbeat it is infinite."""
    return 0 <= latency <= LATENCY_MAX


class DiscordMetrics:
    """Time acknowledgements and edits; count 429s, bytes and gateway reconnects."""

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        # Finding a metric by its labels costs more than incrementing it.
        self._uploaded = metrics.bytes.labels(direction="uploaded")
        self._attachments = metrics.bytes.labels(direction="given")
        self._edits = cache(lambda transport, outcome: metrics.edits.labels(transport=transport, outcome=outcome))
        self._edit_time = cache(lambda transport: metrics.edit_time.labels(transport=transport))
        self._pending: OrderedDict[int, tuple[str, float]] = OrderedDict()
        self._ready_shards: set[int] = set()

    async def on_interaction(self, interaction: "discord.Interaction") -> None:
        """Start timing an acknowledgement (a listener of the client's)."""
        kind = interaction.type.name
        command = cast("dict[str, Any]", interaction.data)["name"] if kind == "application_command" else None
        purpose = command or _PURPOSES.get(kind, kind)
        self._pending[interaction.id] = (purpose, self._clock.monotonic())
        if len(self._pending) > _PENDING_INTERACTIONS_MAX:
            self._pending.popitem(last=False)

    async def on_shard_resumed(self, shard_id: int) -> None:
        """Count a resumed gateway session (a listener of the client's)."""
        self._metrics.gateway_reconnects.labels(kind="resumed").inc()
        log.info("gateway_reconnected", shard=shard_id, kind="resumed")

    async def on_shard_ready(self, shard_id: int) -> None:
        """Count a new gateway session that is not the shard's first (a listener of the client's)."""
        if shard_id in self._ready_shards:
            self._metrics.gateway_reconnects.labels(kind="identified").inc()
            log.info("gateway_reconnected", shard=shard_id, kind="identified")
        self._ready_shards.add(shard_id)

    def trace_config(self) -> aiohttp.TraceConfig:
        """Return the trace for the HTTP session."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._on_request_start)
        trace.on_request_end.append(self._on_request_end)
        trace.on_request_exception.append(self._on_request_exception)
        return trace

    async def _on_request_start(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, _request: aiohttp.TraceRequestStartParams
    ) -> None:
        context.started_at = self._clock.monotonic()

    async def _on_request_end(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        status, path = request.response.status, request.url.path
        self._uploaded.inc(_content_length(request.response.request_info.headers))
        if request.method == "GET" and "/api/" not in path:  # the attachment of a slash command
            self._attachments.inc(_content_length(request.response.headers))
        self._count(context, request.method, path, str(status), request.response.headers)
        if request.method == "POST" and status < 300 and (callback := _CALLBACK_PATH.search(path)):
            purpose, received_at = self._pending.pop(int(callback[1]), ("", 0.0))
            if purpose:
                elapsed = self._clock.monotonic() - received_at
                self._metrics.acknowledgement.labels(command=purpose).observe(elapsed)

    async def _on_request_exception(
        self, _: aiohttp.ClientSession, context: SimpleNamespace, request: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._count(context, request.method, request.url.path, "no_answer", {})

    def _count(
        self, context: SimpleNamespace, method: str, path: str, outcome: str, headers: Mapping[str, str]
    ) -> None:
        transport, is_message = _transport(path)
        if outcome == "429":
            is_global = headers.get("X-RateLimit-Scope") == "global"
            self._metrics.throttled.labels(transport="global" if is_global else transport).inc()
        if method == "PATCH" and is_message:
            self._edits(transport, _outcome_class(outcome)).inc()
            self._edit_time(transport).observe(self._clock.monotonic() - context.started_at)


def _content_length(headers: Mapping[str, str]) -> int:
    return int(headers.get("Content-Length", 0))


def _transport(path: str) -> tuple[str, bool]:
    """Return the transport that a path belongs to, and whether the path names an existing message."""
    for transport, pattern in _TRANSPORT_PATHS:
        if match := pattern.search(path):
            return transport, match["message"] is not None
    return "other", False


def _outcome_class(outcome: str) -> str:
    """Return ok, throttled, gone, refused, failed or no_answer."""
    special = {"429": "throttled", "404": "gone"}
    by_class = {"2": "ok", "4": "refused", "5": "failed"}
    return special.get(outcome) or by_class.get(outcome[:1], outcome)
