"""Access to the page: only from a browser on this machine that has the key, and only from the page itself."""

import secrets
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from sandbox.loopback import is_loopback

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
    "Referrer-Policy": "no-referrer",  # the URL contains the key
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
WRONG_HOST = "This page can only be opened on the machine it runs on.\n"
WRONG_KEY = "The key in this URL is wrong. Open the URL that `python -m bot sandbox` printed.\n"
WRONG_ORIGIN = "This request came from another website, which is not allowed.\n"


class PageAuth:
    """Accepts a request if its host is this machine, its path starts with ``key``, and no other site sent it."""

    def __init__(self, key: str | None = None) -> None:
        self.key = key or secrets.token_urlsafe(24)

    def refusal_reason(self, request: web.Request) -> str | None:
        """Return why the request is refused, or None if it is accepted."""
        if not is_loopback(urlsplit(f"//{request.host}").hostname):  # DNS rebinding: a name that resolves to 127.0.0.1
            return WRONG_HOST
        key = request.rel_url.raw_path.removeprefix("/").partition("/")[0]
        if not secrets.compare_digest(key.encode(), self.key.encode()):
            return WRONG_KEY
        origin = request.headers.get("Origin")
        # Browsers always send the origin with a POST and with a WebSocket handshake.
        required = request.method != "GET" or request.headers.get("Upgrade", "").lower() == "websocket"
        if (required or origin is not None) and origin != f"http://{request.host}":
            return WRONG_ORIGIN
        return None

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        reason = self.refusal_reason(request)
        return await handler(request) if reason is None else web.Response(status=403, text=reason)


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the content security policy and the other headers to a response that does not set its own."""
    # Browsers disagree on whether 'self' covers a WebSocket of the same origin, so it is listed.
    policy = CONTENT_SECURITY_POLICY | {"connect-src": f"'self' ws://{request.host}"}
    response.headers.setdefault(
        "Content-Security-Policy", "; ".join(f"{name} {sources}" for name, sources in policy.items())
    )
    for name, value in SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
