"""Files: uploads through the files API, output files for an hour, and fetching a model's input files."""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

import aiohttp
from aiohttp import BodyPartReader, web

from bot import limits
from bot.clock import Clock
from sandbox.loopback import is_loopback
from sandbox.replicate.addresses import BaseUrls
from sandbox.replicate.errors import InvalidField, Problem, file_not_found, file_too_large, invalid_input, json_response
from sandbox.replicate.fake_outputs.images import draw_portrait
from sandbox.replicate.faults import Fault, Faults
from sandbox.replicate.formats import IdGenerator, format_time, paginate
from sandbox.replicate.job import ModelFailed
from sandbox.replicate.middleware import BODY, RequestFaults, reset_connection

RETENTION = timedelta(hours=24)  # of uploads
_CHUNK = 64 * limits.KIB
_FETCH_TIMEOUT = aiohttp.ClientTimeout(total=30)
_CONTENT_TYPES = {
    "webp": "image/webp",
    "jpg": "image/jpeg",
    "png": "image/png",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "zip": "application/zip",
    "srt": "text/plain",
    "glb": "model/gltf-binary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadedFile:
    """One uploaded file."""

    id: str
    name: str
    content_type: str
    data: bytes
    metadata: dict[str, Any]
    created_at: datetime

    def to_json(self, api: str) -> dict[str, Any]:
        """Return the file as the API returns it."""
        md5 = hashlib.md5(self.data, usedforsecurity=False).hexdigest()
        return {
            "id": self.id,
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.data),
            "etag": md5,
            "checksums": {"sha256": hashlib.sha256(self.data).hexdigest(), "md5": md5},
            "metadata": self.metadata,
            "created_at": format_time(self.created_at),
            "expires_at": format_time(self.created_at + RETENTION),
            "urls": {"get": f"{api}/v1/files/{self.id}"},
        }


class FilesApi:
    """Keeps uploaded files for a day and serves the files API."""

    def __init__(
        self, *, base_urls: BaseUrls, ids: IdGenerator, clock: Clock, owner: str, signing_secret: Callable[[], str]
    ) -> None:
        self._base_urls = base_urls
        self._ids = ids
        self._clock = clock
        self._owner = owner
        self._signing_secret = signing_secret
        self._files: dict[str, UploadedFile] = {}

    @property
    def uploads(self) -> tuple[UploadedFile, ...]:
        """The files that were uploaded, the oldest first."""
        return tuple(self._files.values())

    def find_content(self, url: str) -> bytes | None:
        """Return the content of the file with this URL (``urls.get``), or None if it is unknown or expired."""
        prefix = f"{self._base_urls.api}/v1/files/"
        file = self._find(url.removeprefix(prefix).removesuffix("/download")) if url.startswith(prefix) else None
        return file.data if file else None

    def download_url(self, file_id: str, *, expires: datetime) -> str:
        """Return a signed URL at which the file can be downloaded without a token until ``expires``."""
        expiry = int(expires.timestamp())
        signature = self._sign(file_id, str(expiry)).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        query = f"owner={self._owner}&expiry={expiry}&signature={signature}"
        return f"{self._base_urls.api}/v1/files/{file_id}/download?{query}"

    def routes(self) -> list[web.AbstractRouteDef]:
        return [
            web.post("/v1/files", self._create),
            web.get("/v1/files", self._list),
            web.get("/v1/files/{id}", self._get),
            web.delete("/v1/files/{id}", self._delete),
            web.get("/v1/files/{id}/download", self._download),
        ]

    async def _create(self, request: web.Request) -> web.Response:
        content, fields = await _read_parts(request)
        request[BODY] = fields
        if content is None:
            raise invalid_input([InvalidField("required", "(root)", "content is required")])
        if len(fields["filename"].encode()) > limits.FILENAME_BYTES:
            raise invalid_input([InvalidField("string_lte", "filename", "String length must be at most 255 bytes")])
        file = UploadedFile(
            id=self._ids.new_resource_id(),
            name=fields["filename"],
            content_type=fields["type"],
            data=content,
            metadata=fields["metadata"],
            created_at=self._clock.now(),
        )
        self._files[file.id] = file
        return json_response(file.to_json(self._base_urls.api), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        rows = [file for file in reversed(self._files.values()) if self._find(file.id)]
        return json_response(
            paginate(
                rows,
                time_of=lambda file: file.created_at,
                to_json=lambda file: file.to_json(self._base_urls.api),
                url=f"{self._base_urls.api}/v1/files",
                query=request.query,
            )
        )

    async def _get(self, request: web.Request) -> web.Response:
        return json_response(self._require_file(request).to_json(self._base_urls.api))

    async def _delete(self, request: web.Request) -> web.Response:
        del self._files[self._require_file(request).id]
        return web.Response(status=204)

    async def _download(self, request: web.Request) -> web.Response:
        file, query = self._require_file(request), request.query
        expiry, signature = query.get("expiry", ""), query.get("signature", "")
        expired = not expiry.isdigit() or int(expiry) < self._clock.now().timestamp()
        valid = hmac.compare_digest(self._sign(file.id, expiry), signature)
        if expired or not valid or query.get("owner") != self._owner:
            raise file_not_found()
        return web.Response(body=file.data, headers={"Content-Type": "application/octet-stream"})

    def _require_file(self, request: web.Request) -> UploadedFile:
        file = self._find(request.match_info["id"])
        if file is None:
            raise file_not_found()
        return file

    def _find(self, id_: str) -> UploadedFile | None:
        file = self._files.get(id_)
        return file if file and self._clock.now() < file.created_at + RETENTION else None

    def _sign(self, file_id: str, expiry: str) -> str:
        message = f"{self._owner} {file_id} {expiry}".encode()
        return base64.b64encode(hmac.new(self._signing_secret().encode(), message, hashlib.sha256).digest()).decode()


async def _read_parts(request: web.Request) -> tuple[bytes | None, dict[str, Any]]:
    """Return the part ``content`` and the other fields; missing fields are taken from the headers of that part."""
    if not request.content_type.startswith("multipart/"):
        raise Problem(415, f'Unsupported media type "{request.content_type}" in request.')
    content: bytes | None = None
    fields: dict[str, Any] = {}
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            continue
        if part.name == "content":
            content = await _read_limited(part)
            fields.setdefault("filename", part.filename or "file")
            fields.setdefault("type", part.headers.get("Content-Type", "application/octet-stream"))
            fields["size"] = len(content)
        elif part.name in ("filename", "type", "metadata"):
            fields[part.name] = await part.text()
    fields["metadata"] = _parse_metadata(fields.get("metadata"))
    return content, fields


async def _read_limited(part: BodyPartReader) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > limits.FILE_BYTES:
            raise file_too_large()
    return bytes(data)


def _parse_metadata(text: str | None) -> dict[str, Any]:
    try:
        metadata = json.loads(text or "{}")
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        raise invalid_input([InvalidField("invalid_type", "metadata", "Invalid type. Expected: object")])
    return metadata


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One output file."""

    data: bytes
    content_type: str
    expires_at: datetime


class OutputFiles:
    """Keeps output files for an hour and serves them without a token."""

    def __init__(self, *, base_urls: BaseUrls, ids: IdGenerator, clock: Clock, faults: Faults) -> None:
        self._base_urls = base_urls
        self._ids = ids
        self._clock = clock
        self._faults = faults
        self._files: dict[str, OutputFile] = {}

    def to_data_uri(self, data: bytes, name: str) -> str:
        """Return ``data`` as a data URI instead of storing it."""
        return f"data:{_content_type(name)};base64,{base64.b64encode(data).decode()}"

    def save(self, data: bytes, name: str) -> str:
        """Store ``data`` and return the URL that it is served at."""
        path = f"/delivery/{self._ids.new_pool()}/{self._ids.new_folder()}/{quote(name)}"
        self._files[path] = OutputFile(data, _content_type(name), self._clock.now() + limits.DATA_KEPT)
        return f"{self._base_urls.delivery}{path}"

    def routes(self) -> list[web.AbstractRouteDef]:
        return [web.get("/delivery/{pool}/{folder}/{name}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        request_faults = RequestFaults(self._faults, f"GET {request.path}", request)
        file = self._files.get(request.rel_url.raw_path)
        if file is None or self._clock.now() >= file.expires_at or request_faults.trigger("file-missing"):
            return web.Response(status=404, text="Not Found")
        return await self._apply_faults(request, file, request_faults) or web.Response(
            body=file.data, headers={"Content-Type": file.content_type, "Cache-Control": "public, max-age=3600"}
        )

    async def _apply_faults(
        self, request: web.Request, file: OutputFile, request_faults: RequestFaults
    ) -> web.StreamResponse | None:
        if fault := request_faults.trigger("file-redirect"):
            # The same file under another name of this machine, which a client must not follow.
            other_host = f"http://localhost:{request.url.port}{request.rel_url.raw_path}"
            return web.Response(status=302, headers={"Location": fault.get("to", other_host)})
        if response := _mislabelled_response(file, request_faults):
            return response
        if fault := request_faults.trigger("file-huge"):
            return await _send_bytes(
                request, bytes(fault.get("bytes", 200 * limits.MIB)), content_length=fault.get("content_length", True)
            )
        if request_faults.trigger("file-cut"):
            return await _send_bytes(request, file.data, cut=True)
        if fault := request_faults.trigger("file-slow"):
            return await self._send_slowly(request, file, fault)
        return None

    async def _send_slowly(self, request: web.Request, file: OutputFile, fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": file.content_type})
        response.content_length = len(file.data)
        await response.prepare(request)
        step = fault.get("bytes", limits.KIB)
        for start in range(0, len(file.data), step):
            await response.write(file.data[start : start + step])
            await self._clock.sleep(fault.get("seconds", 1))
        return response


def _mislabelled_response(file: OutputFile, request_faults: RequestFaults) -> web.Response | None:
    """Return the file with misleading headers if such a fault is active."""
    if fault := request_faults.trigger("file-replaced"):
        return web.Response(body=fault.get("content", b""), headers={"Content-Type": file.content_type})
    if fault := request_faults.trigger("file-mistyped"):
        return web.Response(body=file.data, headers={"Content-Type": fault.get("type", "text/html")})
    if fault := request_faults.trigger("file-bomb"):
        packed = zlib.compress(bytes(fault.get("bytes", 200 * limits.MIB)))
        return web.Response(body=packed, headers={"Content-Type": file.content_type, "Content-Encoding": "deflate"})
    return None


def _content_type(name: str) -> str:
    return _CONTENT_TYPES.get(name.rpartition(".")[2], "application/octet-stream")


async def _send_bytes(
    request: web.Request, data: bytes, *, content_length: bool = True, cut: bool = False
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/octet-stream"})
    if content_length:
        response.content_length = len(data)
    await response.prepare(request)
    sent = data[: len(data) // 2] if cut else data
    for start in range(0, len(sent), _CHUNK):
        await response.write(sent[start : start + _CHUNK])
    if cut:
        await asyncio.sleep(0)  # the first half must be sent before the connection is cut
        reset_connection(request)
    return response


class InputFetcher:
    """Fetches the input files of models.

    Other hosts are never called: a portrait drawn from the URL replaces the file, so that examples which point at
    replicate.delivery work without a network.
    """

    def __init__(self, find_upload: Callable[[str], bytes | None]) -> None:
        self._find_upload = find_upload
        self._session: aiohttp.ClientSession | None = None

    def use_session(self, session: aiohttp.ClientSession) -> None:
        """Fetch files through ``session`` from now on."""
        self._session = session

    async def fetch(self, uri: str) -> bytes:
        """Return the content of ``uri``; raise ModelFailed, in the wording of a real model, if it cannot be read."""
        if uri.startswith("data:"):
            return _decode_data_uri(uri)
        if (data := self._find_upload(uri)) is not None:
            return data
        url = urlsplit(uri)
        if url.scheme not in ("http", "https"):
            raise ModelFailed(f"<urlopen error unknown url type: {url.scheme}>")
        if not is_loopback(url.hostname):
            return draw_portrait(uri)
        return await self._fetch_local(uri)

    async def _fetch_local(self, uri: str) -> bytes:
        if self._session is None:
            raise ModelFailed("<urlopen error [Errno 111] Connection refused>")
        try:
            async with self._session.get(uri, timeout=_FETCH_TIMEOUT) as response:
                if response.status != 200:
                    raise ModelFailed(f"HTTP Error {response.status}: {response.reason}")
                data = await response.content.read(limits.FILE_BYTES + 1)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ModelFailed(f"<urlopen error {error}>") from error
        return data


def _decode_data_uri(uri: str) -> bytes:
    head, comma, payload = uri.partition(",")
    if not comma:
        raise ModelFailed("Invalid data URI")
    if not head.endswith(";base64"):
        return unquote_to_bytes(payload)
    try:
        return base64.b64decode(unquote_to_bytes(payload), validate=True)
    except binascii.Error as error:
        raise ModelFailed("Incorrect padding") from error
