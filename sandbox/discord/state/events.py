"""What happens in the state, told to everyone who listens, in order."""

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
    """One thing that happened; ``kind`` is the name of Discord's event, ``data`` its payload as people see it.

    ``audience`` is the one person who may know of it, or ``None`` for everyone who sees the channel.
    Kinds that Discord's gateway does not have: ``INTERACTION_UPDATE`` (an interaction was answered, or not in time),
    ``COMMANDS_UPDATE`` (the application registered commands), ``SESSION_UPDATE`` (the bot came or went) and
    ``API_CALL`` (the bot asked something over HTTP and was answered).
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
    """Every change from the moment this was made, one after another and without end."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[Event] = asyncio.Queue()

    def add(self, change: Event) -> None:
        """Put a change behind those that wait."""
        self._queue.put_nowait(change)

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        return await self._queue.get()


class EventBus:
    """Hands every change to every listener, at once and in the order in which they came."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Event], None]] = []
        self._streams: WeakSet[EventStream] = WeakSet()

    def publish(self, change: Event) -> None:
        """Tell everyone who listens now."""
        for listener in tuple(self._listeners):
            listener(change)
        for stream in self._streams:
            stream.add(change)

    @contextmanager
    def listen(self, listener: Callable[[Event], None]) -> Iterator[None]:
        """Have ``listener`` called with every change for as long as the context is open."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    def subscribe(self) -> EventStream:
        """Return every change from now on; the feed forgets the stream when nobody holds it any more."""
        stream = EventStream()
        self._streams.add(stream)
        return stream

    async def wait_for(self, look: Callable[[], T | None], timeout: float = 5.0) -> T:  # noqa: ASYNC109 - tests wait with a limit and want a sentence when it is over
        """Return what ``look`` returns as soon as that is true; it is asked now and after every change."""
        happened = asyncio.Event()
        with self.listen(lambda _: happened.set()):
            try:
                async with asyncio.timeout(timeout):
                    while not (found := look()):
                        happened.clear()
                        await happened.wait()
                    return found
            except TimeoutError:
                raise TimeoutError(f"What was waited for did not happen within {timeout:g} s.") from None
