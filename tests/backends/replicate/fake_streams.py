"""Fake streams: what a server sends on one connection after the other."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

import httpx

from bot.backends.prediction import StreamBatch
from bot.backends.replicate.client import Replicate
from tests.backends.replicate.fake_server import Answer, FakeServer

URL = "https://stream.example.test/v1/streams/capability"
DONE = b"event: done\nid: 99:0\ndata: {}\n\n"


class Event(NamedTuple):
    """An event as it was passed on."""

    kind: str
    data: str


class FakeBody(httpx.AsyncByteStream):
    """A body that arrives in chunks and may end with an error."""

    def __init__(self, chunks: Iterable[bytes], error: Exception | None = None) -> None:
        self._chunks = chunks
        self._error = error
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if self._error is not None:
            raise self._error

    async def aclose(self) -> None:
        self.closed = True


def stream_response(*chunks: bytes, error: Exception | None = None) -> httpx.Response:
    """Return one connection: a comment, the chunks, then the end or an error."""
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return httpx.Response(200, headers=headers, stream=FakeBody((b": hi\n\n", *chunks), error))


def output_event(text: str, id: str | None) -> bytes:  # noqa: A002 - the field's name in the protocol
    """Return an output event as Replicate's server, Nchan, writes it."""
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return ("event: output\n" + (f"id: {id}\n" if id else "") + lines + "\n").encode()


def numbered_events(texts: Sequence[str], start: int = 0) -> bytes:
    return b"".join(output_event(text, f"1690212292:{n}") for n, text in enumerate(texts, start))


async def read_events(replicate: Replicate, url: str = URL) -> list[Event]:
    """Return the events of a stream until its end."""
    events: list[Event] = []
    await replicate.streams.read(url, lambda batch: events.extend(to_events(batch)))
    return events


def to_events(batch: StreamBatch) -> list[Event]:
    signals = (("error", batch.error), ("done", batch.end))
    return [Event("output", text) for text in batch.outputs] + [
        Event(kind, data) for kind, data in signals if data is not None
    ]


async def stream_over(*connections: httpx.Response | Answer) -> tuple[FakeServer, list[Event]]:
    """Read a stream over these connections until its end."""
    server = FakeServer(*connections)
    return server, await read_events(server.replicate)


def output_texts(events: Iterable[Event]) -> list[str]:
    return [event.data for event in events if event.kind == "output"]
