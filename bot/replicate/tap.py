"""Tap: the connection under an answer, which can leave what arrives where it is."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

_EXTENSION: Final = "replicord_connection"


class TappedTransport(AiohttpTransport):
    """httpx's requests on aiohttp's connections; an answer carries its connection with it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request."""
        response = await super().handle_async_request(request)
        # httpx-aiohttp hands it on to nobody. Without it nothing is lost but the saving.
        under = getattr(response.stream, "_aiohttp_response", None)
        if isinstance(under, aiohttp.ClientResponse) and under.connection is not None:
            response.extensions[_EXTENSION] = under.connection.transport
        return response


class Tap:
    """The connection that an answer's body comes from; one that is not known stays open."""

    def __init__(self, extensions: Mapping[str, Any]) -> None:
        self._transport = extensions.get(_EXTENSION)

    @contextmanager
    def closed(self) -> Iterator[None]:
        """Read nothing meanwhile: what arrives wakes nobody, and waits in the kernel as far as it has room."""
        transport = self._transport
        if transport is None or transport.is_closing():
            yield
            return
        transport.pause_reading()
        try:
            yield
        finally:
            if not transport.is_closing():
                transport.resume_reading()
