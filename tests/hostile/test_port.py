"""Strangers at the port: what is sent without a signature costs neither time, memory, disk nor connections."""

import asyncio
import base64
import gzip
import os
import time
import zlib
from collections.abc import Callable
from contextlib import suppress

import brotli  # type: ignore[import-untyped]
import pytest

from bot.limits import MIB
from sandbox.replicate.webhooks import sign_webhook
from tests.faults.environment import BotUnderTest, eventually
from tests.hostile.conftest import OpenBot
from tests.hostile.measure import assert_bounded, measure

WEBHOOK = "/webhooks/replicate/0123456789ab"
FORGED = {
    "Webhook-Id": "msg_1",
    "Webhook-Signature": "v1," + base64.b64encode(bytes(32)).decode(),
}


def head(path: str, headers: dict[str, str], method: str = "POST") -> bytes:
    fields = {"Host": "bot"} | headers
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def forged() -> dict[str, str]:
    """Return headers that look like a delivery's, but for the key."""
    return FORGED | {"Webhook-Timestamp": str(int(time.time()))}


async def send(bot: BotUnderTest, data: bytes, body: Callable[[], bytes | None] = lambda: None) -> bytes:
    """Send bytes, then pieces of a body as long as the bot takes them; return what it answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", bot.port)
    try:
        writer.write(data)
        with suppress(ConnectionError):
            await writer.drain()
            while not reader.at_eof() and (piece := body()) is not None:
                writer.write(piece)
                await writer.drain()
        with suppress(ConnectionError):
            return await asyncio.wait_for(reader.read(), 30)
        return b""
    finally:
        writer.close()


def pieces(total: int, size: int = 64 * 1024) -> Callable[[], bytes | None]:
    """Return a body of ``total`` bytes, piece by piece."""
    sent = 0

    def next_piece() -> bytes | None:
        nonlocal sent
        sent += size
        return bytes(size) if sent <= total else None

    return next_piece


def open_files(bot: BotUnderTest) -> int:
    return len(os.listdir(f"/proc/{bot.environment.bot.pid}/fd"))  # noqa: PTH208  # hundreds of names, hundreds of times


def bomb(coding: str) -> bytes:
    """Return a body of some kilobytes that unpacks to very much more."""
    plain = bytes(256 * MIB)
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": lambda data: bytes(brotli.compress(data, quality=1)),
    }
    return packers[coding](plain)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
async def test_a_compressed_body_is_never_unpacked(open_bot: OpenBot, coding: str) -> None:
    body = await asyncio.to_thread(bomb, coding)
    headers = forged() | {"Content-Encoding": coding, "Content-Length": str(len(body)), "Connection": "close"}
    async with open_bot() as bot, measure(bot) as figures:
        for path in ("/healthz", "/nowhere", WEBHOOK):
            await asyncio.gather(*(send(bot, head(path, headers) + body) for _ in range(10)))
    assert_bounded(figures, memory=60 * MIB, disk=MIB)


@pytest.mark.parametrize("chunked", [False, True])
async def test_forged_deliveries_take_no_memory(open_bot: OpenBot, *, chunked: bool) -> None:
    size = 16 * MIB
    length = {"Transfer-Encoding": "chunked"} if chunked else {"Content-Length": str(size)}
    piece = b"10000\r\n" + bytes(65536) + b"\r\n"

    async def deliver(bot: BotUnderTest) -> bytes:
        source = pieces(size)
        headers = forged() | length | {"Connection": "close"}
        return await send(bot, head(WEBHOOK, headers), lambda: source() and (piece if chunked else bytes(65536)))

    async with open_bot() as bot, measure(bot) as figures:
        await asyncio.gather(*(deliver(bot) for _ in range(60)))
    assert_bounded(figures, memory=100 * MIB, disk=MIB)


UNFINISHED = (b"", b"GET /healthz HTTP/1.1\r\nHost: b", head(WEBHOOK, {"Content-Length": "9"}))


async def test_open_connections_are_bounded_and_end(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        before = open_files(bot)
        most = 0
        async with measure(bot) as figures:
            writers = []
            for number in range(700):
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", bot.port)
                    writer.write(UNFINISHED[number % len(UNFINISHED)])
                    writers.append(writer)
                    most = max(most, open_files(bot))
            await eventually(lambda: open_files(bot) <= before + 2)
        for writer in writers:
            writer.close()
    assert most - before <= 400
    assert_bounded(figures, memory=60 * MIB, disk=MIB)


MALFORMED: dict[str, bytes] = {
    "no HTTP": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "a long line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
    "control characters": b"GET /\x1b[31m HTTP/1.1\r\nHost: \x00\r\n\r\n",
    "two lengths": head(WEBHOOK, {"Content-Length": "5"})[:-2] + b"Content-Length: 6\r\n\r\nhello!",
    "a negative length": head(WEBHOOK, {"Content-Length": "-5"}),
    "a bad chunk": head(WEBHOOK, forged() | {"Transfer-Encoding": "chunked"}) + b"zz\r\nhello\r\n",
    "half a body": head(WEBHOOK, forged() | {"Content-Length": "50"}) + b"half",
    "an impossible URL": b"GET http://[ HTTP/1.1\r\nHost: b\r\n\r\n",
    "a bad escape": b"GET /%ff%zz HTTP/1.1\r\nHost: b\r\n\r\n",
    "an expectation": head(WEBHOOK, {"Expect": "miracles", "Content-Length": "5"}),
    "an upgrade": head("/healthz", {"Connection": "Upgrade", "Upgrade": "websocket"}, "GET") + b"\xff" * 5000,
    "CONNECT": b"CONNECT example.com:443 HTTP/1.1\r\nHost: b\r\n\r\n" + b"x" * 5000,
}


async def test_malformed_requests_write_one_line(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        size = len(bot.log_text())
        async with measure(bot) as figures:
            for data in MALFORMED.values():
                for _ in range(20):
                    _, writer = await asyncio.open_connection("127.0.0.1", bot.port)
                    writer.write(data)
                    await asyncio.sleep(0.01)
                    writer.close()
        written = bot.log_text()[size:]
    assert "Traceback" not in written
    assert len(written.splitlines()) <= 10, written
    assert "\x1b[31m" not in written.replace("\x1b[31m\x1b[1m", "")
    assert_bounded(figures, memory=40 * MIB, disk=MIB)


async def test_a_flood_of_refused_requests_writes_little(open_bot: OpenBot) -> None:
    request = head(WEBHOOK, {"Content-Length": "0"}) + head("/nowhere", {}, "GET")
    last = head("/nowhere", {"Connection": "close"}, "GET")
    async with open_bot() as bot:
        size = len(bot.log_text())
        async with measure(bot) as figures:
            await asyncio.gather(*(send(bot, request * 100 + last) for _ in range(30)))
        written = bot.log_text()[size:]
    assert len(written.splitlines()) <= 10
    assert_bounded(figures, memory=40 * MIB, disk=MIB)


async def test_responses_that_nobody_reads_are_bounded(open_bot: OpenBot) -> None:
    async with open_bot() as bot:
        before = open_files(bot)
        async with measure(bot) as figures:
            connections = [await asyncio.open_connection("127.0.0.1", bot.port, limit=1024) for _ in range(40)]
            for _, writer in connections:
                writer.transport.pause_reading()  # type: ignore[attr-defined]
                writer.write(head("/metrics", {}, "GET") * 500)
            await eventually(lambda: open_files(bot) <= before + 2)
        for _, writer in connections:
            writer.close()
    assert_bounded(figures, memory=60 * MIB, disk=MIB)


async def test_a_signed_webhook_arrives_during_an_attack(open_bot: OpenBot) -> None:
    large = forged() | {"Content-Length": str(16 * MIB), "Connection": "close"}
    async with open_bot() as bot, measure(bot) as figures:
        attack = [asyncio.create_task(send(bot, head(WEBHOOK, large), pieces(16 * MIB))) for _ in range(20)]
        run = await bot.generate(images=1)
        await run.assert_consistent(images=1)
        statuses = [await delivered(bot) for _ in range(5)]
        await asyncio.gather(*attack)
    assert statuses == [b"204"] * 5
    assert_bounded(figures, memory=100 * MIB)


async def delivered(bot: BotUnderTest) -> bytes:
    """Deliver as Replicate does; return the status."""
    body, now = b'{"id": "x"}', int(time.time())
    signature = sign_webhook(bot.replicate.webhook_secret, message_id="msg_2", timestamp=now, body=body)
    headers = {"Webhook-Id": "msg_2", "Webhook-Timestamp": str(now), "Webhook-Signature": signature}
    answer = await send(bot, head(WEBHOOK, headers | {"Content-Length": str(len(body)), "Connection": "close"}) + body)
    return answer[9:12]
