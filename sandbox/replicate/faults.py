"""Faults: named switches that make the stand-in misbehave, each aimed at a place.

A fault is put up with ``Faults.add`` and used by the part of the stand-in that it concerns, once or until it is
cleared. What a ``place`` is depends on the fault's kind:

- REQUEST: method and path, ``POST /v1/predictions``; aimed at ``GET /delivery/*`` it strikes delivered files
- DELIVERY: method and path, ``GET /delivery/*``
- PREDICTION and STREAM: the model, ``fofr/consistent-character``
- WEBHOOK: the event, ``completed``

Places are matched as shell patterns, so ``*`` is everything and ``GET /v1/*`` every read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, auto
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final


class FaultKind(StrEnum):
    """What a fault meddles with; it decides what its place is matched against."""

    REQUEST = auto()
    PREDICTION = auto()
    STREAM = auto()
    DELIVERY = auto()
    WEBHOOK = auto()


@dataclass(frozen=True, slots=True)
class FaultType:
    """What is to know about one kind of fault: where it strikes by default, and what it does, in a sentence."""

    kind: FaultKind
    place: str
    sentence: str


_REQUEST, _PREDICTION, _STREAM, _DELIVERY, _WEBHOOK = FaultKind

FAULT_TYPES: Final[Mapping[str, FaultType]] = MappingProxyType(
    {
        # Requests. With handled=True an answer fault strikes after the request was carried out.
        "delay": FaultType(_REQUEST, "* /v1/*", "The answer comes `seconds` late (before=True: so does the work)."),
        "reset-before": FaultType(_REQUEST, "* /v1/*", "The connection is reset; nothing was done."),
        "reset-after": FaultType(_REQUEST, "POST /v1/*", "The request is carried out, then the connection is reset."),
        "silence": FaultType(_REQUEST, "POST /v1/*", "The request is carried out and never answered."),
        "stuck": FaultType(_REQUEST, "* /v1/*", "Nothing is done, and nothing is ever answered."),
        "half-answer": FaultType(
            _REQUEST, "* /v1/*", "The request is carried out; the answer breaks off in its middle."
        ),
        "garbled": FaultType(
            _REQUEST, "* /v1/*", "The request is carried out; the answer is not the JSON that it says."
        ),
        "error-500": FaultType(_REQUEST, "* /v1/*", "500, an HTML page."),
        "error-502": FaultType(_REQUEST, "* /v1/*", "502, an HTML page."),
        "error-503": FaultType(_REQUEST, "* /v1/*", "503, an HTML page."),
        "unauthenticated": FaultType(_REQUEST, "* /v1/*", "401: the token is not accepted."),
        "no-credit": FaultType(_REQUEST, "POST *predictions", "402: the account has no credit."),
        "forbidden": FaultType(_REQUEST, "* /v1/*", "403."),
        "not-found": FaultType(_REQUEST, "* /v1/*", "404, whatever is asked for."),
        "throttled": FaultType(_REQUEST, "* /v1/*", "429 for `seconds`; `form` is body, header or text."),
        "upload-fails": FaultType(_REQUEST, "POST /v1/files", "A file cannot be uploaded: 500."),
        "cancel-fails": FaultType(_REQUEST, "POST /v1/predictions/*/cancel", "A prediction cannot be cancelled: 500."),
        # Predictions.
        "fails": FaultType(_PREDICTION, "*", "The prediction fails with `error`, after `after` outputs."),
        "image-withheld": FaultType(_PREDICTION, "*", "The character model keeps an image back as not safe for work."),
        "aborted": FaultType(_PREDICTION, "*", "The prediction is aborted before it starts."),
        "never-starts": FaultType(_PREDICTION, "*", "The prediction stays in “starting”."),
        "never-ends": FaultType(_PREDICTION, "*", "The prediction makes `after` outputs and stays in “processing”."),
        "slow-start": FaultType(_PREDICTION, "*", "The model takes `seconds` to wake."),
        "data-removed": FaultType(_PREDICTION, "*", "The data is removed the moment the prediction ends."),
        "no-stream-url": FaultType(_PREDICTION, "*", "The prediction has no `urls.stream`."),
        "no-web-url": FaultType(_PREDICTION, "*", "The prediction has no `urls.web`."),
        "cancel-lags": FaultType(_PREDICTION, "*", "A cancelled prediction goes on for `seconds` before it stops."),
        "inline-outputs": FaultType(_PREDICTION, "*", "Output files are data URIs."),
        # Streams.
        "stream-down": FaultType(_STREAM, "*", "The connection to the stream is reset before any byte."),
        "stream-gone": FaultType(_STREAM, "*", "The stream answers `status` (404)."),
        "stream-408": FaultType(_STREAM, "*", "The stream answers a plain 408."),
        "stream-json": FaultType(_STREAM, "*", "The stream answers 200 with JSON instead of events."),
        "stream-close": FaultType(_STREAM, "*", "The stream ends, politely, after `after` events."),
        "stream-cut": FaultType(
            _STREAM, "*", "The connection is reset in the middle of an event, after `after` events."
        ),
        "stream-stall": FaultType(
            _STREAM, "*", "Nothing comes any more after `after` events, not even the idle close."
        ),
        "stream-duplicate": FaultType(_STREAM, "*", "Every event comes twice."),
        "stream-unknown": FaultType(_STREAM, "*", "Events of unknown names come between the others."),
        "stream-corrupt": FaultType(_STREAM, "*", "Lines that mean nothing, and broken UTF-8, come before each event."),
        "stream-no-ids": FaultType(_STREAM, "*", "Events have no id."),
        "stream-shuffled": FaultType(_STREAM, "*", "Ids do not grow: each is older than the one before."),
        "no-done": FaultType(_STREAM, "*", "The stream never says done; it closes after the last output."),
        "early-done": FaultType(_STREAM, "*", "The stream says done at once, while the prediction is still at work."),
        "no-outputs": FaultType(_STREAM, "*", "The stream says done and no outputs: only the GET shows them."),
        "no-events": FaultType(_STREAM, "*", "The stream shows nothing at all: only the GET does."),
        # Delivered files.
        "file-missing": FaultType(_DELIVERY, "GET /delivery/*", "404: the file is gone."),
        "file-slow": FaultType(_DELIVERY, "GET /delivery/*", "The file drips, `bytes` every `seconds`."),
        "file-redirect": FaultType(_DELIVERY, "GET /delivery/*", "302 to `to`, or to another name of this host."),
        "file-huge": FaultType(_DELIVERY, "GET /delivery/*", "The file has `bytes` (no length is told if told=False)."),
        "file-cut": FaultType(_DELIVERY, "GET /delivery/*", "The connection is reset in the middle of the file."),
        "file-bomb": FaultType(
            _DELIVERY, "GET /delivery/*", "The file arrives small and unpacks to `bytes` of nothing."
        ),
        "file-mistyped": FaultType(_DELIVERY, "GET /delivery/*", "The file says that it is `type` (text/html)."),
        # Webhooks.
        "webhook-dropped": FaultType(_WEBHOOK, "*", "The webhook is never sent."),
        "webhook-duplicated": FaultType(_WEBHOOK, "*", "The webhook is sent twice, with the same id."),
        "webhook-reordered": FaultType(_WEBHOOK, "*", "The webhook is held back until after the next one."),
        "webhook-forged": FaultType(_WEBHOOK, "*", "The webhook's signature is wrong."),
        "webhook-stale": FaultType(_WEBHOOK, "*", "The webhook's timestamp is an hour old (its signature is right)."),
    }
)


@dataclass(slots=True, eq=False)
class Fault:
    """One switch that is on. ``times`` left is None for “until cleared”; ``hits`` counts how often it struck."""

    name: str
    place: str
    times: int | None
    skip: int
    settings: Mapping[str, Any]
    hits: int = 0

    def __getitem__(self, key: str) -> Any:
        return self.settings[key]

    def get(self, key: str, default: Any) -> Any:
        """Return a setting, or ``default`` where it was not given."""
        return self.settings.get(key, default)


@dataclass(slots=True)
class Faults:
    """The switches that are on.

    ``on_change`` is called after every change; parts that wait for something listen there, so that a fault strikes
    at once.
    """

    _faults: list[Fault] = field(default_factory=list)
    on_change: list[Callable[[], None]] = field(default_factory=list)

    def add(self, name: str, *, on: str | None = None, times: int | None = 1, skip: int = 0, **settings: Any) -> Fault:
        """Switch ``name`` on for ``times`` strikes (None: until cleared), after letting ``skip`` chances pass.

        ``on`` is the place it is aimed at, the switch's own default if it is not given. ValueError for a name that
        is no switch.
        """
        switch = FAULT_TYPES.get(name)
        if switch is None:
            raise ValueError(f"“{name}” is no fault of the stand-in; there are: {', '.join(FAULT_TYPES)}.")
        fault = Fault(name, on or switch.place, times, skip, MappingProxyType(settings))
        self._faults.append(fault)
        self._changed()
        return fault

    def clear(self, which: Fault | str | None = None) -> None:
        """Switch off one fault, all of one name, or everything."""
        kept = [fault for fault in self._faults if which is not None and which not in (fault, fault.name)]
        self._faults[:] = kept
        self._changed()

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that still wait for their chance."""
        return tuple(self._faults)

    def take(self, name: str, place: str, *, ready: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """Return the fault that strikes now, if one does, and count it; ``ready`` may say “not yet”."""
        for fault in self._faults:
            if fault.name == name and fnmatchcase(place, fault.place) and ready(fault):
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                self._strike(fault)
                return fault
        return None

    def _strike(self, fault: Fault) -> None:
        fault.hits += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        self._changed()

    def _changed(self) -> None:
        for listener in self.on_change:
            listener()
