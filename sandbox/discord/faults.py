"""Faults: what the stand-in can be told to do wrong, per route, on the gateway, or to permissions and tokens."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from sandbox.discord.gateway import INVALID_SESSION, RECONNECT
from sandbox.discord.services import Services
from sandbox.discord.state.models import Channel
from sandbox.discord.state.permissions import Permission
from sandbox.request_log import Call


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


HANG_KINDS = frozenset({FaultKind.HANG_BEFORE, FaultKind.HANG_AFTER})


def match_any_call(_: Call) -> bool:
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
    hits: int = 0
    when: Callable[[Call], bool] = match_any_call
    lifted: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def strikes(self, method: str, path: str) -> bool:
        """Return whether a request meets this fault, and count it if so."""
        if self.times is not None and self.hits >= self.times:
            return False
        if not fnmatchcase(f"{method} {path}", self.route):
            return False
        self.hits += 1
        return True


@dataclass(slots=True)
class FaultList:
    """All faults in wait, in the order in which they were set."""

    faults: list[Fault] = field(default_factory=list)

    def set(self, fault: Fault) -> Fault:
        """Put a fault in wait."""
        self.faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Take a fault away; one that is gone stays gone. What hangs because of it breaks."""
        fault.lifted.set()
        if fault in self.faults:
            self.faults.remove(fault)

    def clear(self) -> None:
        """Take all faults away."""
        for fault in tuple(self.faults):
            self.remove(fault)

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
            if fault.kind in HANG_KINDS:
                continue
            if fault.kind not in met and fault.strikes(method, path):
                met[fault.kind] = fault
            if fault.times is not None and fault.hits >= fault.times:
                self.faults.remove(fault)
        return met


ANY = "*"


class Faults:
    """Breaks the stand-in on purpose.

    ``route`` is "METHOD /path" below the API's address, ``*`` for anything: ``"PATCH /webhooks/*"``.
    ``times`` is for how many requests, None until ``clear`` or ``lift``. All methods act at once.
    """

    def __init__(self, services: Services, fault_list: FaultList) -> None:
        self._services = services
        self._list = fault_list

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that lie in wait."""
        return tuple(self._list.faults)

    def fail(self, route: str = ANY, *, status: int = 500, times: int | None = 1) -> Fault:
        """Answer with a server error and do nothing."""
        return self._list.set(Fault(FaultKind.FAIL, route, times, status=status))

    def throttle(self, route: str = ANY, *, seconds: float = 1.0, times: int | None = 1) -> Fault:
        """Answer 429 for the route's bucket and do nothing."""
        return self._list.set(Fault(FaultKind.THROTTLE, route, times, seconds=seconds))

    def throttle_all(self, route: str = ANY, *, seconds: float = 1.0, times: int | None = 1) -> Fault:
        """Answer 429 for everything the bot does, and do nothing."""
        return self._list.set(Fault(FaultKind.THROTTLE_ALL, route, times, seconds=seconds))

    def delay(self, route: str = ANY, *, seconds: float, times: int | None = 1) -> Fault:
        """Wait before doing what was asked."""
        return self._list.set(Fault(FaultKind.DELAY, route, times, seconds=seconds))

    def cut_before(self, route: str = ANY, *, times: int | None = 1) -> Fault:
        """Break the connection and do nothing."""
        return self._list.set(Fault(FaultKind.CUT_BEFORE, route, times))

    def cut_after(self, route: str = ANY, *, times: int | None = 1) -> Fault:
        """Do what was asked, then break the connection with no answer."""
        return self._list.set(Fault(FaultKind.CUT_AFTER, route, times))

    def hang_before(
        self, route: str = ANY, *, when: Callable[[Call], bool] = match_any_call, times: int | None = 1
    ) -> Fault:
        """Leave what was asked undone and unanswered until the fault is lifted; then the connection breaks."""
        return self._list.set(Fault(FaultKind.HANG_BEFORE, route, times, when=when))

    def hang_after(
        self, route: str = ANY, *, when: Callable[[Call], bool] = match_any_call, times: int | None = 1
    ) -> Fault:
        """Do what was asked and leave it unanswered until the fault is lifted; then the connection breaks."""
        return self._list.set(Fault(FaultKind.HANG_AFTER, route, times, when=when))

    def remove(self, fault: Fault) -> None:
        """Take one fault away."""
        self._list.remove(fault)

    def clear(self) -> None:
        """Take away every fault of a route and every blocked text; what already happened stays."""
        self._list.clear()
        self._services.messages.blocked_words.clear()

    def drop_gateway(self, *, resumable: bool = True) -> None:
        """Cut every gateway connection with no goodbye."""
        for connection in tuple(self._services.gateway.connections):
            connection.abort()
        if not resumable:
            self._forget()

    def close_gateway(self, code: int = 4000) -> None:
        """Close every gateway connection with ``code``."""
        for connection in tuple(self._services.gateway.connections):
            connection.close(code)

    def request_reconnect(self) -> None:
        """Send op 7: the client should come back and resume."""
        self._push(RECONNECT, None)

    def invalidate_session(self, *, resumable: bool = False) -> None:
        """Send op 9: the session is over, or may be resumed."""
        self._push(INVALID_SESSION, resumable)
        if not resumable:
            self._forget()

    def silence_gateway(self) -> None:
        """Make every connection a zombie: it takes everything and sends nothing, no acknowledgement either."""
        for connection in self._services.gateway.connections:
            connection.silent = True

    def expire_tokens(self) -> None:
        """Let the tokens of all interactions so far be dead."""
        for interaction in self._services.interactions.all():
            interaction.token_expired = True

    def deny_permission(self, channel: Channel, permission: Permission) -> None:
        """Take a permission from the bot in one channel."""
        self._services.state.deny(channel, permission)

    def allow_permission(self, channel: Channel, permission: Permission) -> None:
        """Give a permission to the bot in one channel."""
        self._services.state.allow(channel, permission)

    def block_text(self, text: str) -> None:
        """Let AutoMod refuse every message with ``text`` in it."""
        self._services.messages.blocked_words.add(text)

    def refuse_old_edits(self) -> None:
        """Let no edit of a message older than an hour through."""
        self._services.old_edits.allowed = 0

    def _push(self, op: int, data: bool | None) -> None:  # noqa: FBT001 - it is the frame's own field
        for connection in self._services.gateway.connections:
            connection.push({"op": op, "s": None, "t": None, "d": data})

    def _forget(self) -> None:
        for session in tuple(self._services.gateway.sessions.values()):
            self._services.gateway.end(session)
