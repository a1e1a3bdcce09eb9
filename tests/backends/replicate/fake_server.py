"""A fake Replicate for the tests of the client, and a clock that does not wait."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from bot.backends.replicate.client import Replicate
from bot.observability.metrics import Metrics

BASE = "https://api.example.test"
TOKEN = "not-a-token"
ID = "5pcmjq6sfnrmc0cram79p95eg4"
VERSION = "9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772"

Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


class InstantClock:
    """A clock whose ``sleep`` returns at once, as if the time had passed; ``waits`` are the seconds of each call."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.elapsed = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.elapsed)

    def monotonic(self) -> float:
        return self.elapsed

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.elapsed += seconds
        await asyncio.sleep(0)


class FakeServer:
    """A client whose requests are kept and answered in order; the last answer is repeated."""

    def __init__(self, *answers: Answer | httpx.Response, base_url: str = BASE) -> None:
        self.requests: list[httpx.Request] = []
        self.clock = InstantClock()
        self.metrics = Metrics(process=False)
        self.answers = list(answers)
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.replicate = Replicate(
            self.http, token=TOKEN, base_url=base_url, clock=self.clock, metrics=self.metrics, jitter=lambda: 0.0
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, httpx.Response):
            return answer
        response = answer(request)
        return response if isinstance(response, httpx.Response) else await response

    def count(self, name: str, **labels: str) -> float:
        """Return the value of one of the client's metrics."""
        return self.metrics.registry.get_sample_value(f"replicord_{name}", labels) or 0.0

    @property
    def sent(self) -> Any:
        """The JSON body of the last request."""
        return json.loads(self.requests[-1].content)


def prediction(**more: Any) -> dict[str, Any]:
    """Return a prediction as Replicate sends it."""
    return {
        "id": ID,
        "model": "black-forest-labs/flux-kontext-max",
        "version": "hidden",
        "input": {"prompt": "a fox"},
        "logs": "",
        "output": None,
        "data_removed": False,
        "error": None,
        "status": "starting",
        "created_at": "2025-07-29T07:21:33.309Z",
        "urls": {
            "cancel": f"{BASE}/v1/predictions/{ID}/cancel",
            "get": f"{BASE}/v1/predictions/{ID}",
            "stream": "https://stream.example.test/v1/files/abcd-capability",
            "web": f"https://example.test/p/{ID}",
        },
        **more,
    }


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx.Response:
    return httpx.Response(status, json=body, headers=headers)


def problem_response(status: int, detail: str = "", title: str = "", **more: Any) -> httpx.Response:
    body = {"detail": detail, "title": title, "status": status, **more}
    return httpx.Response(status, json=body, headers={"content-type": "application/problem+json"})


def failing(error: Exception) -> Answer:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return answer
