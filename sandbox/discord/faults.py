"""Faults: what the stand-in does wrong on request, per HTTP route, on the gateway, or with permissions and tokens."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from sandbox.discord.errors import INVALID_FORM, ErrorKind
from sandbox.discord.gateway import INVALID_SESSION, RECONNECT, Gateway
from sandbox.discord.services import Services
from sandbox.discord.state.models import Channel
from sandbox.discord.state.permissions import Permission
from sandbox.request_log import Call

ANY_ROUTE = "*"


class FaultKind(StrEnum):
    """What goes wrong with a request."""

    FAIL = "fail"
    FAIL_AFTER = "fail after"
    THROTTLE = "throttle"
    THROTTLE_ALL = "throttle all"
    BAN = "ban"
    DELAY = "delay"
    CUT_BEFORE = "cut before"
    CUT_AFTER = "cut after"
    HANG_BEFORE = "hang before"
    HANG_AFTER = "hang after"
    REFUSE = "refuse"


CALL_KINDS = frozenset({FaultKind.HANG_BEFORE, FaultKind.HANG_AFTER, FaultKind.REFUSE})  # decided by the whole call


def match_any_call(_: Call) -> bool:
    return True


@dataclass(slots=True, eq=False)
class Fault:
    """An armed fault; ``route`` is "METHOD /path" with ``*`` as wildcard, ``times`` None means until removed.

    ``status``, ``seconds``, ``error`` and ``errors`` are used by the kinds that need them; ``hits`` counts the affected
    requests. A hanging or refusing fault also checks ``when`` with the whole call; one that hangs does so until
    ``removed`` is set.
    """

    kind: FaultKind
    route: str = ANY_ROUTE
    times: int | None = 1
    status: int = 500
    seconds: float = 0.0
    hits: int = 0
    when: Callable[[Call], bool] = match_any_call
    error: ErrorKind = INVALID_FORM
    errors: Mapping[str, Any] | None = None
    removed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def match(self, method: str, path: str) -> bool:
        """Return whether the fault applies to a request, and count it if so."""
        if self.times is not None and self.hits >= self.times:
            return False
        if not fnmatchcase(f"{method} {path}", self.route):
            return False
        self.hits += 1
        return True


class Faults:
    """Arms faults, and matches requests with them.

    ``route`` is "METHOD /path" below the API's URL with ``*`` as wildcard: ``"PATCH /webhooks/*"``. ``times`` is the
    number of requests, None until ``clear`` or ``remove``. All methods take effect at once.
    """

    def __init__(self, services: Services, gateway: Gateway) -> None:
        self._services = services
        self._gateway = gateway
        self._faults: list[Fault] = []

    @property
    def active(self) -> tuple[Fault, ...]:
        """The armed faults, oldest first."""
        return tuple(self._faults)

    # -- requests

    def fail(self, route: str = ANY_ROUTE, *, status: int = 500, times: int | None = 1) -> Fault:
        """Answer with a server error and do nothing."""
        return self._arm(Fault(FaultKind.FAIL, route, times, status=status))

    def fail_after(self, route: str = ANY_ROUTE, *, status: int = 502, times: int | None = 1) -> Fault:
        """Process the request, then answer with a server error, as a proxy does whose connection to the API broke."""
        return self._arm(Fault(FaultKind.FAIL_AFTER, route, times, status=status))

    def refuse(
        self,
        route: str = ANY_ROUTE,
        error: ErrorKind = INVALID_FORM,
        *,
        errors: Mapping[str, Any] | None = None,
        when: Callable[[Call], bool] = match_any_call,
        times: int | None = 1,
    ) -> Fault:
        """Answer with an error of the API and do nothing; ``errors`` names the fields, if Discord does."""
        return self._arm(Fault(FaultKind.REFUSE, route, times, error=error, errors=errors, when=when))

    def throttle(self, route: str = ANY_ROUTE, *, seconds: float = 1.0, times: int | None = 1) -> Fault:
        """Answer 429 for the route's bucket and do nothing."""
        return self._arm(Fault(FaultKind.THROTTLE, route, times, seconds=seconds))

    def throttle_all(self, route: str = ANY_ROUTE, *, seconds: float = 1.0, times: int | None = 1) -> Fault:
        """Answer 429 for the global limit and do nothing."""
        return self._arm(Fault(FaultKind.THROTTLE_ALL, route, times, seconds=seconds))

    def ban(self, route: str = ANY_ROUTE, *, status: int = 429, seconds: float = 1.0, times: int | None = 1) -> Fault:
        """Answer with a page of Cloudflare's and do nothing, as for addresses with 10,000 invalid requests.

        The page is HTML, has no ``Via`` header, and names its wait in ``Retry-After`` alone.
        """
        return self._arm(Fault(FaultKind.BAN, route, times, status=status, seconds=seconds))

    def delay(self, route: str = ANY_ROUTE, *, seconds: float, times: int | None = 1) -> Fault:
        """Wait before the request is processed."""
        return self._arm(Fault(FaultKind.DELAY, route, times, seconds=seconds))

    def cut_before(self, route: str = ANY_ROUTE, *, times: int | None = 1) -> Fault:
        """Break the connection and do nothing."""
        return self._arm(Fault(FaultKind.CUT_BEFORE, route, times))

    def cut_after(self, route: str = ANY_ROUTE, *, times: int | None = 1) -> Fault:
        """Process the request, then break the connection without a response."""
        return self._arm(Fault(FaultKind.CUT_AFTER, route, times))

    def hang_before(
        self, route: str = ANY_ROUTE, *, when: Callable[[Call], bool] = match_any_call, times: int | None = 1
    ) -> Fault:
        """Do not process the request; break the connection when the fault is removed."""
        return self._arm(Fault(FaultKind.HANG_BEFORE, route, times, when=when))

    def hang_after(
        self, route: str = ANY_ROUTE, *, when: Callable[[Call], bool] = match_any_call, times: int | None = 1
    ) -> Fault:
        """Process the request without a response; break the connection when the fault is removed."""
        return self._arm(Fault(FaultKind.HANG_AFTER, route, times, when=when))

    def remove(self, fault: Fault) -> None:
        """Disarm a fault and break the connections that hang because of it; a removed one is ignored."""
        fault.removed.set()
        if fault in self._faults:
            self._faults.remove(fault)

    def clear(self) -> None:
        """Disarm every fault and unblock every text."""
        for fault in self.active:
            self.remove(fault)
        self._services.messages.blocked_words.clear()
        self._services.messages.harmful_links.clear()

    def match_request(self, method: str, path: str) -> dict[FaultKind, Fault]:
        """Return the faults that apply to a request, at most one of each kind; without those of ``match_call``."""
        matched: dict[FaultKind, Fault] = {}
        for fault in self.active:
            if fault.kind in CALL_KINDS:
                continue
            if fault.kind not in matched and fault.match(method, path):
                matched[fault.kind] = fault
            if fault.times is not None and fault.hits >= fault.times:
                self._faults.remove(fault)
        return matched

    def match_call(self, kind: FaultKind, call: Call) -> Fault | None:
        """Return the fault of this kind, hanging or refusing, that applies to a call; it stays in the list."""
        for fault in self._faults:
            if fault.kind is kind and fault.when(call) and fault.match(call.method, call.path):
                return fault
        return None

    # -- gateway

    def drop_gateway(self, *, resumable: bool = True) -> None:
        """Drop every gateway connection without a close frame."""
        for connection in tuple(self._gateway.connections):
            connection.abort()
        if not resumable:
            self._end_sessions()

    def close_gateway(self, code: int = 4000) -> None:
        """Close every gateway connection with ``code``."""
        for connection in tuple(self._gateway.connections):
            connection.close(code)

    def request_reconnect(self) -> None:
        """Send op 7: the client should reconnect and resume."""
        self._push(RECONNECT, None)

    def invalidate_session(self, *, resumable: bool = False) -> None:
        """Send op 9: the session is invalid, or may be resumed."""
        self._push(INVALID_SESSION, resumable)
        if not resumable:
            self._end_sessions()

    def silence_gateway(self) -> None:
        """Make every connection a zombie: it accepts everything and sends nothing, not even heartbeat ACKs."""
        for connection in self._gateway.connections:
            connection.silent = True

    def end_silence(self) -> None:
        """Let the connections that are still open send again."""
        for connection in self._gateway.connections:
            connection.silent = False

    def is_silent(self) -> bool:
        """Return whether a connection is a zombie."""
        return any(connection.silent for connection in self._gateway.connections)

    # -- tokens, permissions, content

    def expire_tokens(self) -> None:
        """Expire the tokens of all interactions so far."""
        for interaction in self._services.interactions.all():
            interaction.token_expired = True

    def restore_tokens(self) -> None:
        """Let every token live out its time."""
        for interaction in self._services.interactions.all():
            interaction.token_expired = False

    def has_expired_tokens(self) -> bool:
        """Return whether a token was expired by ``expire_tokens``."""
        return any(interaction.token_expired for interaction in self._services.interactions.all())

    def deny_permission(self, channel: Channel, permission: Permission) -> None:
        """Deny the bot a permission in one channel."""
        self._services.state.deny(channel, permission)

    def allow_permission(self, channel: Channel, permission: Permission) -> None:
        """Allow the bot a permission in one channel."""
        self._services.state.allow(channel, permission)

    def block_text(self, text: str) -> None:
        """Let AutoMod refuse every message that contains ``text``."""
        self._services.messages.blocked_words.add(text)

    def block_link(self, url: str) -> None:
        """Let the filter of harmful links refuse every message that contains ``url``."""
        self._services.messages.harmful_links.add(url)

    def refuse_old_edits(self) -> None:
        """Refuse every edit of messages older than an hour."""
        self._services.old_edits.allowed = 0

    def _arm(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def _push(self, op: int, data: bool | None) -> None:  # noqa: FBT001 - it is the frame's own field
        for connection in self._gateway.connections:
            connection.push({"op": op, "s": None, "t": None, "d": data})

    def _end_sessions(self) -> None:
        for session in tuple(self._gateway.sessions.values()):
            self._gateway.end_session(session)
