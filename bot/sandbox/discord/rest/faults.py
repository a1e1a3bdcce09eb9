"""Faults over HTTP: each lies in wait for a route, for a number of requests or until it is lifted."""

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase


class FaultKind(StrEnum):
    """What goes wrong."""

    FAIL = "fail"
    THROTTLE = "throttle"
    THROTTLE_ALL = "throttle all"
    DELAY = "delay"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"


@dataclass(slots=True, eq=False)
class Fault:
    """A fault in wait; ``route`` is "METHOD /path" with ``*`` for anything, ``times`` None means until lifted.

    ``status`` and ``seconds`` are what the kind needs; ``met`` counts the requests that it struck.
    """

    kind: FaultKind
    route: str = "*"
    times: int | None = 1
    status: int = 500
    seconds: float = 0.0
    met: int = 0

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
        """Take a fault away; one that is gone stays gone."""
        if fault in self.faults:
            self.faults.remove(fault)

    def struck(self, method: str, path: str) -> dict[FaultKind, Fault]:
        """Return the faults that a request meets, at most one of each kind."""
        met: dict[FaultKind, Fault] = {}
        for fault in tuple(self.faults):
            if fault.kind not in met and fault.strikes(method, path):
                met[fault.kind] = fault
            if fault.times is not None and fault.met >= fault.times:
                self.faults.remove(fault)
        return met
