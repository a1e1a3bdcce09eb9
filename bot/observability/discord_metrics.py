"""DiscordWire: what goes over the wire to Discord, as metrics.

It listens to the HTTP session that discord.py makes, so it sees every request, also those that discord.py repeats by
itself after a 429. What a request is for is read off its path::

    /interactions/<id>/<token>/callback                 an acknowledgement
    /webhooks/<application>/<token>/messages/<message>  the token road
    /channels/<channel>/messages/<message>              the bot road
"""

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from types import SimpleNamespace
from typing import Final

import aiohttp

from bot.clock import Clock
from bot.observability.metrics import Metrics

_CALLBACK = re.compile(r"/interactions/(\d+)/[^/]+/callback$")
_ROADS: Final = (
    ("token", re.compile(r"/webhooks/\d+/[^/]+(?P<message>/messages/[^/]+)?$")),
    ("bot", re.compile(r"/channels/\d+(?P<message>/messages/\d+)?(?:/.*)?$")),
)
_REMEMBERED = 4096  # interactions that were never answered are forgotten after so many more


class DiscordMetrics:
    """Times acknowledgements and edits, counts 429s and bytes. ``trace`` is what discord.py is given."""

    def __init__(self, metrics: Metrics, *, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        # Looking a metric up by its labels costs more than counting does.
        self._uploaded = metrics.bytes.labels(direction="uploaded")
        self._given = metrics.bytes.labels(direction="given")
        self._edits = cache(lambda road, outcome: metrics.edits.labels(road=road, outcome=outcome))
        self._edit_time = cache(lambda road: metrics.edit_time.labels(road=road))
        self._received: OrderedDict[int, tuple[str, float]] = OrderedDict()

    def received(self, interaction_id: int, what: str) -> None:
        """Note that an interaction arrived now; ``what`` is its command, or "button", "modal", "autocomplete"."""
        self._received[interaction_id] = (what, self._clock.monotonic())
        if len(self._received) > _REMEMBERED:
            self._received.popitem(last=False)

    def trace(self) -> aiohttp.TraceConfig:
        """Return what to make the HTTP session with."""
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(self._began)
        trace.on_request_end.append(self._ended)
        trace.on_request_exception.append(self._failed)
        return trace

    async def _began(
        self, _: aiohttp.ClientSession, about: SimpleNamespace, _request: aiohttp.TraceRequestStartParams
    ) -> None:
        about.began = self._clock.monotonic()

    async def _ended(
        self, _: aiohttp.ClientSession, about: SimpleNamespace, request: aiohttp.TraceRequestEndParams
    ) -> None:
        status = request.response.status
        self._uploaded.inc(_length(request.response.request_info.headers))
        if request.method == "GET" and "/api/" not in request.url.path:  # a person's attachment
            self._given.inc(_length(request.response.headers))
        self._note(about, request.method, request.url.path, str(status), request.response.headers)
        if request.method == "POST" and status < 300 and (found := _CALLBACK.search(request.url.path)):
            what, since = self._received.pop(int(found[1]), ("", 0.0))
            if what:
                self._metrics.acknowledgement.labels(command=what).observe(self._clock.monotonic() - since)

    async def _failed(
        self, _: aiohttp.ClientSession, about: SimpleNamespace, request: aiohttp.TraceRequestExceptionParams
    ) -> None:
        self._note(about, request.method, request.url.path, "no_answer", {})

    def _note(self, about: SimpleNamespace, method: str, path: str, outcome: str, headers: Mapping[str, str]) -> None:
        road, edit = _road(path)
        if outcome == "429":
            wide = headers.get("X-RateLimit-Scope") == "global"
            self._metrics.throttled.labels(road="global" if wide else road).inc()
        if method == "PATCH" and edit:
            self._edits(road, _meaning(outcome)).inc()
            self._edit_time(road).observe(self._clock.monotonic() - about.began)


def _length(headers: Mapping[str, str]) -> int:
    return int(headers.get("Content-Length", 0))


def _road(path: str) -> tuple[str, bool]:
    """Return the road a request took, and whether it was to a message that exists."""
    for road, pattern in _ROADS:
        if found := pattern.search(path):
            return road, found["message"] is not None
    return "other", False


def _meaning(outcome: str) -> str:
    """Return what became of a request: ok, throttled, gone, refused, failed or no_answer."""
    known = {"429": "throttled", "404": "gone"}
    by_class = {"2": "ok", "4": "refused", "5": "failed"}
    return known.get(outcome) or by_class.get(outcome[:1], outcome)
