"""A create request of 100 MB: the same JSON as in one piece, and nobody waits while it is made and sent."""

import asyncio
import base64
import json
import math
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from bot.aio import cancel_and_wait
from bot.backends.cog.client import CogClient, open_cog_http
from bot.backends.cog.request_body import PIECE_CHARS, encode_body, make_data_uri
from bot.backends.errors import InvalidInput
from bot.limits import COG_INPUT_BYTES, MIB

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
STALL_MAX = 0.1  # seconds; the rule


@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=4), st.integers(1, 9))
async def test_pieces_are_the_json_of_the_whole(body: dict[str, Any], size: int) -> None:
    whole = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
    pieces = await encode_body(body, piece_chars=size)
    assert json.loads(b"".join(pieces)) == json.loads(whole)


async def test_a_large_text_is_in_small_pieces() -> None:
    text = 'a "quoted" fox \0 🦊\n' * MIB
    pieces = await encode_body({"input": {"files": [text, "b"], "none": [], "empty": {}}})
    assert max(map(len, pieces)) < 8 * PIECE_CHARS
    assert json.loads(b"".join(pieces)) == {"input": {"files": [text, "b"], "none": [], "empty": {}}}


@pytest.mark.parametrize("size", [0, 1, 2, 3, PIECE_CHARS - 1, PIECE_CHARS, PIECE_CHARS + 1, 3 * PIECE_CHARS + 2])
async def test_a_data_uri_has_the_whole_file(size: int) -> None:
    data = os.urandom(size)
    head, _, encoded = (await make_data_uri("image/png", data)).partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(encoded, validate=True) == data


async def test_what_cannot_be_json_is_refused_unsent() -> None:
    async with open_cog_http(tls=False) as http:
        for value in (math.nan, "x" * (PIECE_CHARS + 1)):
            with pytest.raises(InvalidInput):
                await CogClient(http, "http://127.0.0.1:9").create("a", {"text": value, "number": math.inf})


@asynccontextmanager
async def serve() -> AsyncIterator[tuple[str, list[tuple[int, int | None]]]]:
    """Serve what accepts every prediction; yield its address, and the size of each body with its Content-Length."""
    sizes: list[tuple[int, int | None]] = []

    async def accept(request: web.Request) -> web.Response:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        sizes.append((size, request.content_length))
        return web.json_response({"status": "starting"}, status=202)

    app = web.Application()
    app.router.add_put("/predictions/{id}", accept)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", sizes
    finally:
        await runner.cleanup()


async def measure_turns(longest: list[float]) -> None:
    """Note the CPU time of the event loop's thread between two turns of this task, which no busy machine prolongs."""
    while True:
        began = time.thread_time()
        await asyncio.sleep(0)
        longest.append(time.thread_time() - began)


async def test_70_megabytes_hold_nobody_up() -> None:
    data = os.urandom(COG_INPUT_BYTES)
    turns: list[float] = []
    async with serve() as (url, sizes), open_cog_http(tls=False) as http:
        meter = asyncio.create_task(measure_turns(turns))
        file = await make_data_uri("audio/wav", data)
        await CogClient(http, url).create("a", {"song": file, "prompt": "louder"})
        await cancel_and_wait([meter])
    [(size, declared)] = sizes
    assert size == declared
    assert size > COG_INPUT_BYTES * 4 // 3
    assert max(turns) < STALL_MAX
    assert len(turns) > size // PIECE_CHARS  # everybody had a turn between two pieces
