"""The delivery origin: output files, for an hour."""

import asyncio
import base64
import zlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from aiohttp import web

from bot import limits
from bot.clock import Clock
from sandbox.replicate.breaking import Chances, reset
from sandbox.replicate.faults import Fault, Faults
from sandbox.replicate.ids import Ids
from sandbox.replicate.origins import Origins

_TYPES = {
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "png": "image/png",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "zip": "application/zip",
    "srt": "text/plain",
    "glb": "model/gltf-binary",
}
_CHUNK = 64 * limits.KIB


@dataclass(frozen=True, slots=True)
class Delivered:
    """One output file."""

    data: bytes
    content_type: str
    gone_at: datetime


class Delivery:
    """Keeps output files for an hour and serves them without asking for a token."""

    def __init__(self, *, origins: Origins, ids: Ids, clock: Clock, faults: Faults) -> None:
        self._origins = origins
        self._ids = ids
        self._clock = clock
        self._faults = faults
        self._files: dict[str, Delivered] = {}

    def inline(self, data: bytes, name: str) -> str:
        """Return ``data`` as a data URI; nothing is kept."""
        return f"data:{_content_type(name)};base64,{base64.b64encode(data).decode()}"

    def save(self, data: bytes, name: str) -> str:
        """Keep ``data`` and return the URL that it is served at."""
        path = f"/delivery/{self._ids.pool()}/{self._ids.folder()}/{quote(name)}"
        self._files[path] = Delivered(data, _content_type(name), self._clock.now() + limits.DATA_KEPT)
        return f"{self._origins.delivery}{path}"

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of the delivery origin."""
        return [web.get("/delivery/{pool}/{folder}/{name}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        chances = Chances(self._faults, f"GET {request.path}", request)
        file = self._files.get(request.rel_url.raw_path)
        if file is None or self._clock.now() >= file.gone_at or chances.take("file-missing"):
            return web.Response(status=404, text="Not Found")
        return await self._spoilt(request, file, chances) or web.Response(
            body=file.data, headers={"Content-Type": file.content_type, "Cache-Control": "public, max-age=3600"}
        )

    async def _spoilt(self, request: web.Request, file: Delivered, chances: Chances) -> web.StreamResponse | None:
        if fault := chances.take("file-redirect"):
            # The same file under another name of this machine: whoever follows gets it, and should not have.
            elsewhere = f"http://localhost:{request.url.port}{request.rel_url.raw_path}"
            return web.Response(status=302, headers={"Location": fault.get("to", elsewhere)})
        if dressed := _dressed(file, chances):
            return dressed
        if fault := chances.take("file-huge"):
            return await _send(request, bytes(fault.get("bytes", 200 * limits.MIB)), told=fault.get("told", True))
        if chances.take("file-cut"):
            return await _send(request, file.data, cut=True)
        if fault := chances.take("file-slow"):
            return await self._drip(request, file, fault)
        return None

    async def _drip(self, request: web.Request, file: Delivered, fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": file.content_type})
        response.content_length = len(file.data)
        await response.prepare(request)
        step = fault.get("bytes", limits.KIB)
        for start in range(0, len(file.data), step):
            await response.write(file.data[start : start + step])
            await self._clock.sleep(fault.get("seconds", 1))
        return response


def _dressed(file: Delivered, chances: Chances) -> web.Response | None:
    """Return the file under headers that say something else than what it is, if a fault wants that."""
    if fault := chances.take("file-mistyped"):
        return web.Response(body=file.data, headers={"Content-Type": fault.get("type", "text/html")})
    if fault := chances.take("file-bomb"):
        packed = zlib.compress(bytes(fault.get("bytes", 200 * limits.MIB)))
        return web.Response(body=packed, headers={"Content-Type": file.content_type, "Content-Encoding": "deflate"})
    return None


def _content_type(name: str) -> str:
    return _TYPES.get(name.rpartition(".")[2], "application/octet-stream")


async def _send(request: web.Request, data: bytes, *, told: bool = True, cut: bool = False) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    if told:
        response.content_length = len(data)
    await response.prepare(request)
    sent = data[: len(data) // 2] if cut else data
    for start in range(0, len(sent), _CHUNK):
        await response.write(sent[start : start + _CHUNK])
    if cut:
        await asyncio.sleep(0)  # the half must leave before the connection does
        reset(request)
    return response
