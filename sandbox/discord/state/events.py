"""Events about the state, delivered to every listener in order."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from sandbox.discord.state.models import Channel, Guild, Message, User

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Event:
    """One event; ``kind`` is the name of Discord's gateway event, ``data`` its payload.

    ``audience`` is the one person who may see it, or None for everyone who sees the channel.
    Kinds that Discord's gateway does not have: ``INTERACTION_UPDATE`` (an interaction was responded to, or timed out),
    ``COMMANDS_UPDATE`` (the application registered commands), ``SESSION_UPDATE`` (the bot connected or disconnected)
    and ``API_CALL`` (the stand-in answered an HTTP request).
    """

    kind: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)
    channel: Channel | None = None
    guild: Guild | None = None
    message: Message | None = None
    user: User | None = None
    audience: User | None = None


class EventStream:
    """An endless iterator over the events from the moment it was created."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def add(self, event: Event) -> None:
        self._queue.put_nowait(event)

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        return await self._queue.get()


class EventBus:
    """Delivers every event to every listener at once, in order."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._streams: WeakSet[EventStream] = WeakSet()

    def publish(self, event: Event) -> None:
        for listener in tuple(self._listeners):
            listener(event)
        for stream in self._streams:
            stream.add(event)

    @contextmanager
    def listen(self, listener: Callable[[Event], None]) -> Iterator[None]:
        """Call ``listener`` with every event while the context is open."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def subscribe(self) -> EventStream:
        """Return a stream of all events from now on; it ends its subscription when it is garbage-collected."""
        stream = EventStream()
        self._streams.add(stream)
        return stream

    async def wait_for(self, check: Callable[[], T | None], timeout: float = 5.0) -> T:  # noqa: ASYNC109 - raises a sentence
        """Return the first truthy result of ``check``, which is called now and after every event.

        Raises TimeoutError after ``timeout`` seconds.
        """
        changed = asyncio.Event()
        with self.listen(lambda _: changed.set()):
            try:
                async with asyncio.timeout(timeout):
                    while not (found := check()):
                        changed.clear()
                        await changed.wait()
                    return found
            except TimeoutError:
                raise TimeoutError(f"The expected change did not happen within {timeout:g} s.") from None
