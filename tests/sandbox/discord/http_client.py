"""An HTTP client of the stand-in for requests that no library sends."""

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from PIL import Image

from sandbox.discord import DiscordStandIn

V2 = 1 << 15
BOT_TOKEN = "the bot's"


def make_image(color: str = "red", side: int = 32) -> bytes:
    """Return a PNG."""
    out = io.BytesIO()
    Image.new("RGB", (side, side), color).save(out, "PNG")
    return out.getvalue()


def text_display(content: str) -> dict[str, Any]:
    return {"type": 10, "content": content}


@dataclass(frozen=True)
class HttpResponse:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> Any:
        """The JSON error code."""
        return self.body.get("code") if isinstance(self.body, dict) else None

    @property
    def error_codes(self) -> set[str]:
        """The codes of all field errors."""

        def collect(node: Any) -> set[str]:
            if not isinstance(node, dict):
                return set()
            own = {error["code"] for error in node.get("_errors", ())}
            return own.union(*(collect(child) for child in node.values()))

        return collect(self.body.get("errors"))


class HttpClient:
    def __init__(self, standin: DiscordStandIn, session: aiohttp.ClientSession) -> None:
        self.standin = standin
        self.session = session

    async def request(
        self,
        method: str,
        path: str,
        payload: Any = None,
        files: dict[str, bytes] | None = None,
        *,
        token: str | None = BOT_TOKEN,
    ) -> HttpResponse:
        """Send a request; ``token`` is the bot's by default, None sends none."""
        headers = {} if token is None else {"Authorization": f"Bot {self._resolve_token(token)}"}
        form: aiohttp.FormData | None = None
        if files:
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("payload_json", json.dumps(payload or {}), content_type="application/json")
            for number, (name, data) in enumerate(files.items()):
                form.add_field(
                    f"files[{number}]", io.BytesIO(data), filename=name, content_type="application/octet-stream"
                )
            payload = None
        url = self.standin.api_url + path
        async with self.session.request(method, url, json=payload, data=form, headers=headers) as response:
            raw = await response.read()
            body = json.loads(raw) if response.headers.get("Content-Type") == "application/json" else raw
            return HttpResponse(response.status, body, dict(response.headers))

    def _resolve_token(self, token: str) -> str:
        return self.standin.bot_token if token == BOT_TOKEN else token


@asynccontextmanager
async def http_client(standin: DiscordStandIn) -> AsyncIterator[HttpClient]:
    async with aiohttp.ClientSession() as session:
        yield HttpClient(standin, session)
