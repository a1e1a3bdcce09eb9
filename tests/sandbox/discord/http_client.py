"""Plain HTTP to the stand-in, for rules that a good client never meets."""

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


def make_image(colour: str = "red", side: int = 32) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(out, "PNG")
    return out.getvalue()


def text_display(words: str) -> dict[str, Any]:
    return {"type": 10, "content": words}


@dataclass(frozen=True)
class HttpResponse:
    status: int
    body: Any
    headers: dict[str, str]

    @property
    def code(self) -> Any:
        return self.body.get("code") if isinstance(self.body, dict) else None

    @property
    def problems(self) -> set[str]:
        """The codes of all field errors."""

        def dig(node: Any) -> set[str]:
            if not isinstance(node, dict):
                return set()
            own = {error["code"] for error in node.get("_errors", ())}
            return own.union(*(dig(child) for child in node.values()))

        return dig(self.body.get("errors"))


class HttpClient:
    def __init__(self, standin: DiscordStandIn, session: aiohttp.ClientSession) -> None:
        self.standin = standin
        self.session = session

    async def ask(
        self,
        method: str,
        path: str,
        payload: Any = None,
        files: dict[str, bytes] | None = None,
        *,
        token: str | None = BOT_TOKEN,
    ) -> HttpResponse:
        headers = {} if token is None else {"Authorization": f"Bot {self._token(token)}"}
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
        async with self.session.request(method, url, json=payload, data=form, headers=headers) as answer:
            raw = await answer.read()
            body = json.loads(raw) if answer.headers.get("Content-Type") == "application/json" else raw
            return HttpResponse(answer.status, body, dict(answer.headers))

    def _token(self, token: str) -> str:
        return self.standin.bot_token if token == BOT_TOKEN else token


@asynccontextmanager
async def http_client(standin: DiscordStandIn) -> AsyncIterator[HttpClient]:
    async with aiohttp.ClientSession() as session:
        yield HttpClient(standin, session)
