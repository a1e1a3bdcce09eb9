"""Streams for tests: what a server would send, connection after connection."""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import NamedTuple

import httpx

from bot.backends.replicate.client import Replicate
from bot.backends.replicate.stream import StreamBatch
from tests.backends.replicate.fake_server import Answer, FarEnd


class Said(NamedTuple):
    """One event, as it was told."""

    kind: str
    data: str


URL = "https://stream.example.test/v1/streams/capability"
DONE = b"event: done\nid: 99:0\ndata: {}\n\n"


class Body(httpx.AsyncByteStream):
    """A body that comes in pieces, and may break."""

    def __init__(self, chunks: Iterable[bytes], breaks: Exception | None = None) -> None:
        self._chunks = chunks
        self._breaks = breaks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk
        if self._breaks is not None:
            raise self._breaks

    async def aclose(self) -> None:
        self.closed = True


def stream(*chunks: bytes, breaks: Exception | None = None) -> httpx.Response:
    """One connection: it says hi, sends ``chunks``, then ends or breaks."""
    headers = {"content-type": "text/event-stream; charset=utf-8"}
    return httpx.Response(200, headers=headers, stream=Body((b": hi\n\n", *chunks), breaks))


def output(text: str, number: str | None) -> bytes:
    """An output event as Nchan writes it."""
    lines = "".join(f"data: {line}\n" for line in text.split("\n"))
    return ("event: output\n" + (f"id: {number}\n" if number else "") + lines + "\n").encode()


def numbered(texts: Sequence[str], start: int = 0) -> bytes:
    return b"".join(output(text, f"1690212292:{n}") for n, text in enumerate(texts, start))


async def told(replicate: Replicate, url: str = URL) -> list[Said]:
    """Follow a stream to its end."""
    events: list[Said] = []
    await replicate.stream(url, lambda gulp: events.extend(said(gulp)))
    return events


def said(gulp: StreamBatch) -> list[Said]:
    """Take a gulp apart."""
    after = (("error", gulp.error), ("done", gulp.end))
    return [Said("output", text) for text in gulp.outputs] + [
        Said(kind, data) for kind, data in after if data is not None
    ]


async def heard(*connections: httpx.Response | Answer) -> tuple[FarEnd, list[Said]]:
    """Follow a stream over these connections to its end."""
    end = FarEnd(*connections)
    return end, await told(end.replicate)


def texts(events: Iterable[Said]) -> list[str]:
    return [event.data for event in events if event.kind == "output"]
