"""What the faults of requests do: the middleware that stands before every origin."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.clock import Clock
from sandbox.replicate import answers
from sandbox.replicate.calls import CUT, FAULT
from sandbox.replicate.faults import Fault, Faults

_LINGER_NONE = struct.pack("ii", 1, 0)

_ANSWERS: dict[str, Callable[[Fault], web.Response]] = {
    "error-500": lambda _: answers.proxy_page(500),
    "error-502": lambda _: answers.proxy_page(502),
    "error-503": lambda _: answers.proxy_page(503),
    "unauthenticated": lambda _: answers.unauthenticated().response(),
    "no-credit": lambda _: answers.no_credit().response(),
    "forbidden": lambda _: answers.Problem(403, "You do not have permission to perform this action.").response(),
    "not-found": lambda _: answers.not_found().response(),
    "throttled": lambda fault: answers.throttled(fault.get("seconds", 7), form=fault.get("form", "body")).response(),
    "upload-fails": lambda _: answers.proxy_page(500),
    "cancel-fails": lambda _: answers.proxy_page(500),
}


class Chances:
    """The faults that may strike one request, at one place; the call remembers the one that did."""

    def __init__(self, faults: Faults, place: str, request: web.Request) -> None:
        self._faults = faults
        self._place = place
        self._request = request

    def take(self, name: str, *, ready: Callable[[Fault], bool] = lambda _: True) -> Fault | None:
        """Return the fault called ``name`` if it strikes now."""
        fault = self._faults.take(name, self._place, ready=ready)
        if fault is not None:
            self._request[FAULT] = name
        return fault


def reset(request: web.Request) -> web.Response:
    """Cut the connection so that the client sees a reset; the response returned is never seen."""
    request[CUT] = True
    if (transport := request.transport) is not None:
        if (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        transport.abort()
    return web.Response(status=500)


def breaker(faults: Faults, *, clock: Clock, closing: asyncio.Event) -> Any:
    """Return the middleware that lets request faults strike."""

    @web.middleware
    async def strike(request: web.Request, handler: Handler) -> web.StreamResponse:
        chances = Chances(faults, f"{request.method} {request.path}", request)
        if fault := chances.take("delay", ready=lambda fault: fault.get("before", False)):
            await clock.sleep(fault["seconds"])
        if chances.take("reset-before"):
            return reset(request)
        if chances.take("stuck"):
            await closing.wait()
            return reset(request)
        if answer := await _wrong_answer(chances, request, handler):
            return answer
        response = await handler(request)
        if fault := chances.take("delay", ready=lambda fault: not fault.get("before", False)):
            await clock.sleep(fault["seconds"])
        if chances.take("silence"):
            await closing.wait()
            return reset(request)
        return await _spoilt(chances, request, response)

    return strike


async def _wrong_answer(chances: Chances, request: web.Request, handler: Handler) -> web.Response | None:
    for name, answer in _ANSWERS.items():
        if fault := chances.take(name):
            if fault.get("handled", False):
                await handler(request)
            return answer(fault)
    return None


async def _spoilt(chances: Chances, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if chances.take("reset-after"):
        return reset(request)
    if chances.take("half-answer"):
        return await _half(request, response)
    if chances.take("garbled"):
        return web.Response(status=response.status, content_type="application/json", body=b'{"id": "')
    return response


async def _half(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    body = response.body if isinstance(response, web.Response) and isinstance(response.body, bytes) else b"{}"
    broken = web.StreamResponse(status=response.status, headers=response.headers)
    broken.content_length = len(body)
    await broken.prepare(request)
    await broken.write(body[: len(body) // 2])
    await asyncio.sleep(0)  # the half must leave before the connection does
    reset(request)
    return broken
