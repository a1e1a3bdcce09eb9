"""Faults: named ways in which the stand-in misbehaves, each aimed at a target.

``Faults.add`` activates a fault; the part of the stand-in that it concerns triggers it, once or until it is cleared.
What a target is depends on the fault's kind:

- REQUEST: method and path, ``POST /v1/predictions``; aimed at ``GET /delivery/*`` it applies to output files
- DELIVERY: method and path, ``GET /delivery/*``
- PREDICTION and STREAM: the model, ``fofr/consistent-character``
- WEBHOOK: the event, ``completed``

Targets are matched as shell patterns: ``*`` matches everything and ``GET /v1/*`` every read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final


class FaultKind(StrEnum):
    """What a fault interferes with; it decides what the target is matched against."""

    REQUEST = auto()
    PREDICTION = auto()
    STREAM = auto()
    DELIVERY = auto()
    WEBHOOK = auto()


@dataclass(frozen=True, slots=True)
class FaultType:
    """A fault that can be added: its kind, its default target, and a sentence that says what it does."""

    kind: FaultKind
    target: str
    description: str


_REQUEST, _PREDICTION, _STREAM, _DELIVERY, _WEBHOOK = FaultKind

FAULT_TYPES: Final[Mapping[str, FaultType]] = MappingProxyType(
    {
        # Requests. With handled=True an error response is sent after the request was carried out.
        "delay": FaultType(_REQUEST, "* /v1/*", "The response is `seconds` late (before=True: so is the work)."),
        "reset-before": FaultType(_REQUEST, "* /v1/*", "The connection is reset before anything is done."),
        "reset-after": FaultType(_REQUEST, "POST /v1/*", "The request is carried out, then the connection is reset."),
        "silence": FaultType(_REQUEST, "POST /v1/*", "The request is carried out but never gets a response."),
        "stuck": FaultType(_REQUEST, "* /v1/*", "Nothing is done, and no response is ever sent."),
        "half-answer": FaultType(_REQUEST, "* /v1/*", "The request is carried out; the response breaks off halfway."),
        "garbled": FaultType(_REQUEST, "* /v1/*", "The request is carried out; the response is not valid JSON."),
        "error-500": FaultType(_REQUEST, "* /v1/*", "500 with an HTML page."),
        "error-502": FaultType(_REQUEST, "* /v1/*", "502 with an HTML page."),
        "error-503": FaultType(_REQUEST, "* /v1/*", "503 with an HTML page."),
        "unauthenticated": FaultType(_REQUEST, "* /v1/*", "401: the token is rejected."),
        "no-credit": FaultType(_REQUEST, "POST *predictions", "402: the account has no credit."),
        "forbidden": FaultType(_REQUEST, "* /v1/*", "403: permission denied."),
        "not-found": FaultType(_REQUEST, "* /v1/*", "404, whatever is requested."),
        "throttled": FaultType(_REQUEST, "* /v1/*", "429 for `seconds`; `form` is body, header or text."),
        "upload-fails": FaultType(_REQUEST, "POST /v1/files", "A file upload fails with 500."),
        "cancel-fails": FaultType(_REQUEST, "POST /v1/predictions/*/cancel", "Cancelling a prediction fails with 500."),
        # Predictions.
        "fails": FaultType(_PREDICTION, "*", "The prediction fails with `error`, after `after` outputs."),
        "image-withheld": FaultType(_PREDICTION, "*", "The character model withholds an image as NSFW."),
        "aborted": FaultType(_PREDICTION, "*", "The prediction is aborted before it starts."),
        "never-starts": FaultType(_PREDICTION, "*", "The prediction stays in “starting”."),
        "never-ends": FaultType(_PREDICTION, "*", "The prediction makes `after` outputs and stays in “processing”."),
        "slow-start": FaultType(_PREDICTION, "*", "The model takes `seconds` to start."),
        "data-removed": FaultType(_PREDICTION, "*", "The data is removed as soon as the prediction ends."),
        "no-stream-url": FaultType(_PREDICTION, "*", "The prediction has no `urls.stream`."),
        "no-web-url": FaultType(_PREDICTION, "*", "The prediction has no `urls.web`."),
        "cancel-lags": FaultType(_PREDICTION, "*", "A cancelled prediction runs on for `seconds` before it stops."),
        "inline-outputs": FaultType(_PREDICTION, "*", "Output files are data URIs."),
        "other-output": FaultType(
            _PREDICTION,
            "*",
            "The model returns `output` (any JSON), `raw` (JSON text as it is) or `files` (name: bytes).",
        ),
        "other-logs": FaultType(_PREDICTION, "*", "The model writes `logs` before it works."),
        # Streams.
        "stream-down": FaultType(_STREAM, "*", "The connection to the stream is reset before the first byte."),
        "stream-gone": FaultType(_STREAM, "*", "The stream responds with `status` (404)."),
        "stream-408": FaultType(_STREAM, "*", "The stream responds with a plain 408."),
        "stream-json": FaultType(_STREAM, "*", "The stream responds with 200 and JSON instead of events."),
        "stream-close": FaultType(_STREAM, "*", "The stream closes normally after `after` events."),
        "stream-cut": FaultType(
            _STREAM, "*", "The connection is reset in the middle of an event, after `after` events."
        ),
        "stream-stall": FaultType(_STREAM, "*", "The stream stays open but silent after `after` events."),
        "stream-duplicate": FaultType(_STREAM, "*", "Every event is sent twice."),
        "stream-unknown": FaultType(_STREAM, "*", "Events with unknown names are sent between the others."),
        "stream-corrupt": FaultType(_STREAM, "*", "Meaningless lines and broken UTF-8 are sent before each event."),
        "stream-no-ids": FaultType(_STREAM, "*", "Events have no id."),
        "stream-shuffled": FaultType(_STREAM, "*", "Ids decrease: each is older than the one before."),
        "no-done": FaultType(_STREAM, "*", "The stream sends no “done”; it closes after the last output."),
        "early-done": FaultType(
            _STREAM, "*", "The stream sends “done” at once, while the prediction is still running."
        ),
        "no-outputs": FaultType(_STREAM, "*", "The stream sends “done” but no outputs: only a GET returns them."),
        "no-events": FaultType(_STREAM, "*", "The stream sends no events: only a GET returns anything."),
        # Output files.
        "file-missing": FaultType(_DELIVERY, "GET /delivery/*", "404: the file is gone."),
        "file-slow": FaultType(_DELIVERY, "GET /delivery/*", "The file arrives slowly, `bytes` every `seconds`."),
        "file-redirect": FaultType(_DELIVERY, "GET /delivery/*", "302 to `to`, or to another name of this host."),
        "file-huge": FaultType(
            _DELIVERY, "GET /delivery/*", "The file has `bytes` (content_length=False: without a Content-Length)."
        ),
        "file-cut": FaultType(_DELIVERY, "GET /delivery/*", "The connection is reset in the middle of the file."),
        "file-bomb": FaultType(_DELIVERY, "GET /delivery/*", "The file is small but decompresses to `bytes`."),
        "file-replaced": FaultType(_DELIVERY, "GET /delivery/*", "The file is `content` (bytes) instead."),
        "file-mistyped": FaultType(_DELIVERY, "GET /delivery/*", "The file is served as `type` (text/html)."),
        # Webhooks.
        "webhook-dropped": FaultType(_WEBHOOK, "*", "The webhook is never sent."),
        "webhook-duplicated": FaultType(_WEBHOOK, "*", "The webhook is sent twice, with the same id."),
        "webhook-reordered": FaultType(_WEBHOOK, "*", "The webhook is held back until after the next one."),
        "webhook-forged": FaultType(_WEBHOOK, "*", "The webhook's signature is wrong."),
        "webhook-stale": FaultType(_WEBHOOK, "*", "The webhook's timestamp is an hour old (its signature is valid)."),
    }
)


@dataclass(slots=True, eq=False)
class Fault:
    """An active fault. ``times`` is how often it may still trigger, None until cleared; ``hits`` how often it has."""

    name: str
    target: str
    times: int | None
    skip: int
    settings: Mapping[str, Any]
    hits: int = 0

    def __getitem__(self, key: str) -> Any:
        return self.settings[key]

    def get(self, key: str, default: Any) -> Any:
        """Return a setting, or ``default`` if it was not given."""
        return self.settings.get(key, default)


@dataclass(slots=True)
class Faults:
    """The active faults.

    ``on_change`` callbacks are called after every change, so that a fault can take effect in open streams at once.
    """

    _faults: list[Fault] = field(default_factory=list)
    on_change: list[Callable[[], None]] = field(default_factory=list)

    def add(self, name: str, *, on: str | None = None, times: int | None = 1, skip: int = 0, **settings: Any) -> Fault:
        """Activate ``name`` for ``times`` matches (None: until cleared), after letting ``skip`` matches pass.

        ``on`` is the target pattern, by default the fault type's own. Raise ValueError for an unknown name.
        """
        fault_type = FAULT_TYPES.get(name)
        if fault_type is None:
            raise ValueError(f"“{name}” is not a fault of the stand-in; choose one of: {', '.join(FAULT_TYPES)}.")
        fault = Fault(name, on or fault_type.target, times, skip, MappingProxyType(settings))
        self._faults.append(fault)
        self._notify()
        return fault

    def clear(self, which: Fault | str | None = None) -> None:
        """Clear one fault, all of one name, or all of them."""
        kept = [fault for fault in self._faults if which is not None and which not in (fault, fault.name)]
        self._faults[:] = kept
        self._notify()

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that can still trigger."""
        return tuple(self._faults)

    def trigger(self, name: str, target: str, *, ready: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """Return the fault that applies to ``target`` now, and count it; None if there is none.

        A fault for which ``ready`` returns False stays active.
        """
        for fault in self._faults:
            if fault.name == name and fnmatchcase(target, fault.target) and ready(fault):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                self._count(fault)
                return fault
        return None

    def _count(self, fault: Fault) -> None:
        fault.hits += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        self._notify()

    def _notify(self) -> None:
        for callback in self.on_change:
            callback()
