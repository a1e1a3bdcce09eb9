"""The files that the page loads and the files that a person uploads."""

import asyncio
import secrets
from importlib import resources
from urllib.parse import unquote

from aiohttp import web

from bot.limits import MIB
from sandbox.discord.client_checks import ClientRefused
from sandbox.discord.standin import UNAVAILABLE, DiscordStandIn
from sandbox.discord.state.models import Upload
from sandbox.portrait import draw_portrait

MAX_STORED_BYTES = 256 * MIB
CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
INLINE_TYPES = ("image/", "video/", "audio/")
# A file that a person uploaded is displayed, never run: opened by itself, it has no permissions.
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; sandbox"


class UploadStore:
    """Uploaded files under random names, until a command uses them; the oldest are dropped if there are too many."""

    def __init__(self) -> None:
        self._files: dict[str, Upload] = {}

    def save(self, upload: Upload) -> str:
        """Store a file and return its name."""
        name = secrets.token_urlsafe(12)
        self._files[name] = upload
        while len(self._files) > 1 and sum(len(file.data) for file in self._files.values()) > MAX_STORED_BYTES:
            del self._files[next(iter(self._files))]
        return name

    def get(self, name: str) -> Upload:
        if name not in self._files:
            raise ClientRefused("This file is no longer available. Attach it again.")
        return self._files[name]


class PageFiles:
    """The routes of files: static files, the CDN's files, the portrait, and uploads."""

    def __init__(self, discord: DiscordStandIn, uploads: UploadStore) -> None:
        self._discord = discord
        self._uploads = uploads
        self._static_files = _read_static_files()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; each starts with the key, which ``PageAuth`` has checked."""
        return [
            web.get("/{key}", self._add_slash),
            web.get("/{key}/", self._index),
            web.get("/{key}/static/{name:.+}", self._static),
            web.get("/{key}/cdn/{path:.+}", self._cdn),
            web.get("/{key}/portrait.png", self._portrait),
            web.post("/{key}/upload", self._upload),
        ]

    async def _add_slash(self, request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{request.rel_url.raw_path}/"})

    async def _index(self, _: web.Request) -> web.Response:
        return self._static_response("index.html", cached=False)

    async def _static(self, request: web.Request) -> web.Response:
        return self._static_response(request.match_info["name"])

    def _static_response(self, name: str, *, cached: bool = True) -> web.Response:
        data = self._static_files.get(name)
        if data is None:
            return web.Response(status=404, text="File not found.\n")
        content_type = CONTENT_TYPES[name[name.rindex(".") :]]
        # Read once at start, and the next start has another key and so another URL.
        headers = {"Cache-Control": "private, max-age=86400, immutable"} if cached else None
        return web.Response(body=data, content_type=content_type, charset="utf-8", headers=headers)

    async def _cdn(self, request: web.Request) -> web.Response:
        path = f"/{request.match_info['path']}"
        if path.startswith("/avatars/"):
            return self._avatar(path.split("/")[2])
        file = self._discord.cdn.find_file(path, request.query)
        if file is None:
            return web.Response(status=404, text=UNAVAILABLE)
        content_type = file.content_type or ""
        headers = {
            "Content-Security-Policy": FILE_POLICY,
            "Cache-Control": "private, max-age=86400, immutable",
            "Accept-Ranges": "bytes",
            "Content-Type": content_type,
        }
        if not content_type.startswith(INLINE_TYPES):
            headers |= {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
        return _range_response(request, file.data, headers)

    def _avatar(self, user_id: str) -> web.Response:
        user = self._discord.state.users.get(int(user_id)) if user_id.isdigit() else None
        if user is None or not user.avatar:
            return web.Response(status=404, text=UNAVAILABLE)
        headers = {"Content-Security-Policy": FILE_POLICY, "Cache-Control": "private, max-age=86400"}
        return web.Response(body=user.avatar, content_type="image/png", headers=headers)

    async def _portrait(self, _: web.Request) -> web.Response:
        return web.Response(body=await asyncio.to_thread(draw_portrait), content_type="image/png")

    async def _upload(self, request: web.Request) -> web.Response:
        name = unquote(request.query.get("name", "")) or "unknown"
        data = await request.read()
        upload = Upload(name, data, request.headers.get("Content-Type"))
        return web.json_response({"upload": self._uploads.save(upload), "size": len(data)})


def _range_response(request: web.Request, data: bytes, headers: dict[str, str]) -> web.Response:
    """Return the requested range of ``data``: video players request ranges."""
    try:
        requested = request.http_range
        start, stop, _ = requested.indices(len(data))
    except ValueError:
        start, stop, requested = 0, 0, slice(0, 0)
    if requested.start is None and requested.stop is None:
        return web.Response(body=data, headers=headers)
    if start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:stop], headers=headers)


def _read_static_files() -> dict[str, bytes]:
    """Return the files of the package ``static`` by their names."""
    folder = resources.files(f"{__package__}.static")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(tuple(CONTENT_TYPES))}
