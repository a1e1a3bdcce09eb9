"""The switches that break things, each named for what a person would call it."""

from collections.abc import Callable

from sandbox.discord.gateway.connection import INVALID_SESSION, RECONNECT
from sandbox.discord.rest.calls import Call
from sandbox.discord.rest.faults import Fault, FaultKind, Trap, anything
from sandbox.discord.site import Site
from sandbox.discord.world.channel import Channel
from sandbox.discord.world.permissions import Permission

ANY = "*"


class Faults:
    """Breaks the stand-in on purpose.

    ``route`` is "METHOD /path" below the API's address, ``*`` for anything: ``"PATCH /webhooks/*"``.
    ``times`` is for how many requests, None until ``clear`` or ``lift``. All methods act at once.
    """

    def __init__(self, site: Site, trap: Trap) -> None:
        self._site = site
        self._trap = trap

    @property
    def active(self) -> tuple[Fault, ...]:
        """The faults that lie in wait."""
        return tuple(self._trap.faults)

    def fail(self, route: str = ANY, *, status: int = 500, times: int | None = 1) -> Fault:
        """Answer with a server error and do nothing."""
        return self._trap.set(Fault(FaultKind.FAIL, route, times, status=status))

    def throttle(self, route: str = ANY, *, seconds: float = 1.0, times: int | None = 1) -> Fault:
        """Answer 429 for the route's bucket and do nothing."""
        return self._trap.set(Fault(FaultKind.THROTTLE, route, times, seconds=seconds))

    def throttle_all(self, route: str = ANY, *, seconds: float = 1.0, times: int | None = 1) -> Fault:
        """Answer 429 for everything the bot does, and do nothing."""
        return self._trap.set(Fault(FaultKind.THROTTLE_ALL, route, times, seconds=seconds))

    def delay(self, route: str = ANY, *, seconds: float, times: int | None = 1) -> Fault:
        """Wait before doing what was asked."""
        return self._trap.set(Fault(FaultKind.DELAY, route, times, seconds=seconds))

    def cut_before(self, route: str = ANY, *, times: int | None = 1) -> Fault:
        """Break the connection and do nothing."""
        return self._trap.set(Fault(FaultKind.CUT_BEFORE, route, times))

    def cut_after(self, route: str = ANY, *, times: int | None = 1) -> Fault:
        """Do what was asked, then break the connection with no answer."""
        return self._trap.set(Fault(FaultKind.CUT_AFTER, route, times))

    def hang_before(self, route: str = ANY, *, when: Callable[[Call], bool] = anything, times: int | None = 1) -> Fault:
        """Leave what was asked undone and unanswered until the fault is lifted; then the connection breaks."""
        return self._trap.set(Fault(FaultKind.HANG_BEFORE, route, times, when=when))

    def hang_after(self, route: str = ANY, *, when: Callable[[Call], bool] = anything, times: int | None = 1) -> Fault:
        """Do what was asked and leave it unanswered until the fault is lifted; then the connection breaks."""
        return self._trap.set(Fault(FaultKind.HANG_AFTER, route, times, when=when))

    def lift(self, fault: Fault) -> None:
        """Take one fault away."""
        self._trap.lift(fault)

    def clear(self) -> None:
        """Take away every fault of a route and every blocked text; what already happened stays."""
        self._trap.clear()
        self._site.post.blocked_words.clear()

    def drop_gateway(self, *, resumable: bool = True) -> None:
        """Cut every gateway connection with no goodbye."""
        for connection in tuple(self._site.hub.connections):
            connection.abort()
        if not resumable:
            self._forget()

    def close_gateway(self, code: int = 4000) -> None:
        """Close every gateway connection with ``code``."""
        for connection in tuple(self._site.hub.connections):
            connection.close(code)

    def ask_to_reconnect(self) -> None:
        """Send op 7: the client should come back and resume."""
        self._push(RECONNECT, None)

    def invalidate_session(self, *, resumable: bool = False) -> None:
        """Send op 9: the session is over, or may be resumed."""
        self._push(INVALID_SESSION, resumable)
        if not resumable:
            self._forget()

    def silence_gateway(self) -> None:
        """Make every connection a zombie: it takes everything and sends nothing, no acknowledgement either."""
        for connection in self._site.hub.connections:
            connection.silent = True

    def expire_tokens(self) -> None:
        """Let the tokens of all interactions so far be dead."""
        for interaction in self._site.interactions.all():
            interaction.token_expired = True

    def take_permission(self, channel: Channel, permission: Permission) -> None:
        """Take a permission from the bot in one channel."""
        self._site.world.deny(channel, permission)

    def give_permission(self, channel: Channel, permission: Permission) -> None:
        """Give a permission to the bot in one channel."""
        self._site.world.allow(channel, permission)

    def block_text(self, text: str) -> None:
        """Let AutoMod refuse every message with ``text`` in it."""
        self._site.post.blocked_words.add(text)

    def refuse_old_edits(self) -> None:
        """Let no edit of a message older than an hour through."""
        self._site.old_edits.allowed = 0

    def _push(self, op: int, data: bool | None) -> None:  # noqa: FBT001 - it is the frame's own field
        for connection in self._site.hub.connections:
            connection.push({"op": op, "s": None, "t": None, "d": data})

    def _forget(self) -> None:
        for session in tuple(self._site.hub.sessions.values()):
            self._site.hub.end(session)
