"""The door: who gets in. Only a browser on this machine that has the key, and only from the page itself."""

import secrets
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.replicate.addresses import is_loopback

CONTENT_SECURITY_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' blob:",
    "media-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address holds the key
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
WRONG_HOST = "This page is only for the machine that it runs on.\n"
WRONG_KEY = "This address has not the right key. Open the one that `python -m bot sandbox` printed.\n"
WRONG_ORIGIN = "Another page asked for this, and it is not for other pages.\n"


class PageAuth:
    """Lets a request in when its host is this machine, its path begins with ``key``, and no other site sent it."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key or secrets.token_urlsafe(24)

    def refusal(self, request: web.Request) -> str | None:
        """Return why the request is turned away, or None."""
        if not is_loopback(urlsplit(f"//{request.host}").hostname):  # a name that was rebound to 127.0.0.1
            return WRONG_HOST
        given = request.rel_url.raw_path.removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(given.encode(), self.key.encode()):
            return WRONG_KEY
        origin = request.headers.get("Origin")
        # Browsers always tell the origin of a POST and of a WebSocket.
        needed = request.method != "GET" or request.headers.get("Upgrade", "").lower() == "websocket"
        if (needed or origin is not None) and origin != f"http://{request.host}":
            return WRONG_ORIGIN
        return None

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Ask ``refusal`` before anything else: an aiohttp middleware."""
        why = self.refusal(request)
        return await handler(request) if why is None else web.Response(status=403, text=why)


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Put the policy and the other headers on an answer that has none of its own."""
    # Browsers do not agree whether 'self' covers a WebSocket of the same place; so it is named.
    policy = CONTENT_SECURITY_POLICY | {"connect-src": f"'self' ws://{request.host}"}
    response.headers.setdefault("Content-Security-Policy", "; ".join(f"{name} {what}" for name, what in policy.items()))
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
