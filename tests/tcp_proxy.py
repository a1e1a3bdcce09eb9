"""A TCP proxy whose connections can be cut, frozen, or lose the answer to a request."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


class TcpProxy:
    """Forwards connections on 127.0.0.1:``port``. ``refusing``: new connections are closed at once."""

    def __init__(self, connect: Connect) -> None:
        self.port = 0
        self.refusing = False
        self._connect = connect
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lose_answer_to: bytes | None = None
        self._lose_request: bytes | None = None
        self.lost = asyncio.Event()

    def freeze(self) -> None:
        """Hold every byte back, as a network partition does."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    def lose_answer_to(self, request: bytes) -> None:
        """Forward the next request that contains these bytes, and cut its connection once it was answered."""
        self._lose_answer_to = request

    def lose_request(self, request: bytes) -> None:
        """Cut the connection of the next request that contains these bytes instead of forwarding it."""
        self._lose_request = request

    def cut(self) -> None:
        """Close every connection."""
        for task in self._tasks:
            task.cancel()

    async def close(self) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if not self.refusing:
                with contextlib.suppress(OSError, asyncio.CancelledError):
                    await self._forward(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await self._connect()
        losing = asyncio.Event()
        copying = (
            asyncio.create_task(self._copy_answers(server_reader, writer, losing)),
            asyncio.create_task(self._copy_requests(reader, server_writer, losing)),
        )
        try:
            await asyncio.wait(copying, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in copying:
                task.cancel()
            server_writer.transport.abort()

    async def _copy_answers(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        while data := await reader.read(65_536):
            await self._open.wait()
            if losing.is_set():
                self.lost.set()
                return
            writer.write(data)
            await writer.drain()

    async def _copy_requests(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, losing: asyncio.Event
    ) -> None:
        while data := await reader.read(65_536):
            await self._open.wait()
            if self._lose_request and self._lose_request in data:
                self._lose_request = None
                self.lost.set()
                return
            if self._lose_answer_to and self._lose_answer_to in data:
                self._lose_answer_to = None
                losing.set()
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def run_proxy(connect: Connect) -> AsyncIterator[TcpProxy]:
    proxy = TcpProxy(connect)
    server = await asyncio.start_server(proxy.handle, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()


def connect_to_socket(path: Path) -> Connect:
    return lambda: asyncio.open_unix_connection(path)
