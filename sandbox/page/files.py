"""The files that the page loads and the files that a person uploads."""

import asyncio
import secrets
from importlib import resources
from urllib.parse import unquote

from aiohttp import web

from bot.limits import MIB
from sandbox.discord.people.client_checks import ClientRefused
from sandbox.discord.standin import UNAVAILABLE, DiscordStandIn
from sandbox.discord.state.models import Upload
from sandbox.portrait import draw_portrait

MAX_STORED_BYTES = 256 * MIB


class UploadStore:
    """Keeps files by a name of their own; the oldest go when there are too many."""

    def __init__(self) -> None:
        self._kept: dict[str, Upload] = {}

    def keep(self, upload: Upload) -> str:
        """Keep a file and return its name."""
        name = secrets.token_urlsafe(12)
        self._kept[name] = upload
        while len(self._kept) > 1 and sum(len(one.data) for one in self._kept.values()) > MAX_STORED_BYTES:
            del self._kept[next(iter(self._kept))]
        return name

    def get(self, name: str) -> Upload:
        """Return the file of that name."""
        if name not in self._kept:
            raise ClientRefused("The file is no longer here. Attach it again.")
        return self._kept[name]


CONTENT_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
INLINE_TYPES = ("image/", "video/", "audio/")
# A file of somebody's is looked at, never run: opened by itself, it may do nothing.
FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; media-src 'self'; sandbox"


class PageFiles:
    """Answers for files."""

    def __init__(self, discord: DiscordStandIn, uploads: UploadStore) -> None:
        self._discord = discord
        self._uploads = uploads
        self._own = _read_own()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes; each begins with the key, which the door has checked."""
        return [
            web.get("/{key}", self._slash),
            web.get("/{key}/", self._page),
            web.get("/{key}/static/{name:.+}", self._static),
            web.get("/{key}/cdn/{path:.+}", self._cdn),
            web.get("/{key}/portrait.png", self._portrait),
            web.post("/{key}/upload", self._upload),
        ]

    async def _slash(self, request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": f"{request.rel_url.raw_path}/"})

    async def _page(self, _: web.Request) -> web.Response:
        return self._answer("index.html")

    async def _static(self, request: web.Request) -> web.Response:
        return self._answer(request.match_info["name"])

    def _answer(self, name: str) -> web.Response:
        found = self._own.get(name)
        if found is None:
            return web.Response(status=404, text="There is no such file.\n")
        content_type = CONTENT_TYPES[name[name.rindex(".") :]]
        return web.Response(body=found, content_type=content_type, charset="utf-8")

    async def _cdn(self, request: web.Request) -> web.Response:
        path = f"/{request.match_info['path']}"
        if path.startswith("/avatars/"):
            return self._avatar(path.split("/")[2])
        found = self._discord.cdn.open(path, request.query)
        if found is None:
            return web.Response(status=404, text=UNAVAILABLE)
        content_type = found.content_type or ""
        headers = {
            "Content-Security-Policy": FILE_POLICY,
            "Cache-Control": "private, max-age=86400, immutable",
            "Accept-Ranges": "bytes",
            "Content-Type": content_type,
        }
        if not content_type.startswith(INLINE_TYPES):
            headers |= {"Content-Type": "application/octet-stream", "Content-Disposition": "attachment"}
        return _range(request, found.data, headers)

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
        told = request.headers.get("Content-Type")
        return web.json_response({"upload": self._uploads.keep(Upload(name, data, told)), "size": len(data)})


def _range(request: web.Request, data: bytes, headers: dict[str, str]) -> web.Response:
    """Return the bytes that were asked for: players of films ask for pieces."""
    try:
        asked = request.http_range
        start, stop, _ = asked.indices(len(data))
    except ValueError:
        start, stop, asked = 0, 0, slice(0, 0)
    if asked.start is None and asked.stop is None:
        return web.Response(body=data, headers=headers)
    if start >= stop:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
    return web.Response(status=206, body=data[start:stop], headers=headers)


def _read_own() -> dict[str, bytes]:
    """Return the page's own files by name, as they lie in the package."""
    folder = resources.files(f"{__package__}.static")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.name.endswith(tuple(CONTENT_TYPES))}
