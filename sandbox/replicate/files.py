"""The files API: upload, list, get, delete, download."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from aiohttp import BodyPartReader, web

from bot import limits
from bot.clock import Clock
from sandbox.replicate.answers import InvalidField, Problem, file_not_found, file_too_large, invalid_input, ok
from sandbox.replicate.calls import BODY
from sandbox.replicate.ids import Ids
from sandbox.replicate.origins import Origins
from sandbox.replicate.paging import page
from sandbox.replicate.stamps import stamp

KEPT_FOR = timedelta(hours=24)
_CHUNK = 64 * limits.KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One uploaded file."""

    id: str
    name: str
    content_type: str
    data: bytes
    metadata: dict[str, Any]
    created_at: datetime

    def as_json(self, api: str) -> dict[str, Any]:
        """Return the file as the API shows it."""
        md5 = hashlib.md5(self.data, usedforsecurity=False).hexdigest()
        return {
            "id": self.id,
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.data),
            "etag": md5,
            "checksums": {"sha256": hashlib.sha256(self.data).hexdigest(), "md5": md5},
            "metadata": self.metadata,
            "created_at": stamp(self.created_at),
            "expires_at": stamp(self.created_at + KEPT_FOR),
            "urls": {"get": f"{api}/v1/files/{self.id}"},
        }


class Files:
    """Keeps uploaded files for a day, and serves the API around them."""

    def __init__(
        self, *, origins: Origins, ids: Ids, clock: Clock, owner: str, signing_secret: Callable[[], str]
    ) -> None:
        self._origins = origins
        self._ids = ids
        self._clock = clock
        self._owner = owner
        self._signing_secret = signing_secret
        self._files: dict[str, StoredFile] = {}

    def content(self, url: str) -> bytes | None:
        """Return what lies behind a file's own URL (``urls.get``), None if that is no file of ours or it is gone."""
        prefix = f"{self._origins.api}/v1/files/"
        file = self._find(url.removeprefix(prefix).removesuffix("/download")) if url.startswith(prefix) else None
        return file.data if file else None

    def download_url(self, file_id: str, *, expires: datetime) -> str:
        """Return the signed address at which anybody may download a file until ``expires``."""
        expiry = int(expires.timestamp())
        signature = self._sign(file_id, str(expiry)).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
        query = f"owner={self._owner}&expiry={expiry}&signature={signature}"
        return f"{self._origins.api}/v1/files/{file_id}/download?{query}"

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of this noun."""
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
        file = StoredFile(
            id=self._ids.resource(),
            name=fields["filename"],
            content_type=fields["type"],
            data=content,
            metadata=fields["metadata"],
            created_at=self._clock.now(),
        )
        self._files[file.id] = file
        return ok(file.as_json(self._origins.api), status=201)

    async def _list(self, request: web.Request) -> web.Response:
        rows = [file for file in reversed(self._files.values()) if self._find(file.id)]
        return ok(
            page(
                rows,
                when=lambda file: file.created_at,
                show=lambda file: file.as_json(self._origins.api),
                url=f"{self._origins.api}/v1/files",
                query=request.query,
            )
        )

    async def _get(self, request: web.Request) -> web.Response:
        return ok(self._found(request).as_json(self._origins.api))

    async def _delete(self, request: web.Request) -> web.Response:
        del self._files[self._found(request).id]
        return web.Response(status=204)

    async def _download(self, request: web.Request) -> web.Response:
        file, query = self._found(request), request.query
        expiry, given = query.get("expiry", ""), query.get("signature", "")
        expired = not expiry.isdigit() or int(expiry) < self._clock.now().timestamp()
        right = hmac.compare_digest(self._sign(file.id, expiry), given)
        if expired or not right or query.get("owner") != self._owner:
            raise file_not_found()
        return web.Response(body=file.data, headers={"Content-Type": "application/octet-stream"})

    def _found(self, request: web.Request) -> StoredFile:
        file = self._find(request.match_info["id"])
        if file is None:
            raise file_not_found()
        return file

    def _find(self, id_: str) -> StoredFile | None:
        file = self._files.get(id_)
        return file if file and self._clock.now() < file.created_at + KEPT_FOR else None

    def _sign(self, file_id: str, expiry: str) -> str:
        message = f"{self._owner} {file_id} {expiry}".encode()
        return base64.b64encode(hmac.new(self._signing_secret().encode(), message, hashlib.sha256).digest()).decode()


async def _read_parts(request: web.Request) -> tuple[bytes | None, dict[str, Any]]:
    """Return the part ``content`` and what the others say; what they do not say is taken from that part's head."""
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
    fields["metadata"] = _metadata(fields.get("metadata"))
    return content, fields


async def _read_limited(part: BodyPartReader) -> bytes:
    data = bytearray()
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > limits.FILE_BYTES:
            raise file_too_large()
    return bytes(data)


def _metadata(text: str | None) -> dict[str, Any]:
    try:
        metadata = json.loads(text or "{}")
    except ValueError:
        metadata = None
    if not isinstance(metadata, dict):
        raise invalid_input([InvalidField("invalid_type", "metadata", "Invalid type. Expected: object")])
    return metadata
