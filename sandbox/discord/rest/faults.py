"""Faults over HTTP: each lies in wait for a route, for a number of requests or until it is lifted."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from sandbox.discord.rest.calls import Call


class FaultKind(StrEnum):
    """What goes wrong."""

    FAIL = "fail"
    THROTTLE = "throttle"
    THROTTLE_ALL = "throttle all"
    DELAY = "delay"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    HANG_BEFORE = "hang before"
    HANG_AFTER = "hang after"


HANGS = frozenset({FaultKind.HANG_BEFORE, FaultKind.HANG_AFTER})


def anything(_: Call) -> bool:
    """Hold for every call."""
    return True


@dataclass(slots=True, eq=False)
class Fault:
    """A fault in wait; ``route`` is "METHOD /path" with ``*`` for anything, ``times`` None means until lifted.

    ``status`` and ``seconds`` are what the kind needs; ``met`` counts the requests that it struck. What hangs also asks
    ``when`` about the call, body and all, and hangs until ``lifted``.
    """

    kind: FaultKind
    route: str = "*"
    times: int | None = 1
    status: int = 500
    seconds: float = 0.0
    met: int = 0
    when: Callable[[Call], bool] = anything
    lifted: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def strikes(self, method: str, path: str) -> bool:
        """Return whether a request meets this fault, and count it if so."""
        if self.times is not None and self.met >= self.times:
            return False
        if not fnmatchcase(f"{method} {path}", self.route):
            return False
        self.met += 1
        return True


@dataclass(slots=True)
class Trap:
    """All faults in wait, in the order in which they were set."""

    faults: list[Fault] = field(default_factory=list)

    def set(self, fault: Fault) -> Fault:
        """Put a fault in wait."""
        self.faults.append(fault)
        return fault

    def lift(self, fault: Fault) -> None:
        """Take a fault away; one that is gone stays gone. What hangs because of it breaks."""
        fault.lifted.set()
        if fault in self.faults:
            self.faults.remove(fault)

    def clear(self) -> None:
        """Take all faults away."""
        for fault in tuple(self.faults):
            self.lift(fault)

    def hangs(self, kind: FaultKind, call: Call) -> Fault | None:
        """Return the fault of this kind at which a call hangs, and count it; it stays in the list until lifted."""
        for fault in self.faults:
            if fault.kind is kind and fault.when(call) and fault.strikes(call.method, call.path):
                return fault
        return None

    def struck(self, method: str, path: str) -> dict[FaultKind, Fault]:
        """Return the faults that a request meets, at most one of each kind."""
        met: dict[FaultKind, Fault] = {}
        for fault in tuple(self.faults):
            if fault.kind in HANGS:
                continue
            if fault.kind not in met and fault.strikes(method, path):
                met[fault.kind] = fault
            if fault.times is not None and fault.met >= fault.times:
                self.faults.remove(fault)
        return met
