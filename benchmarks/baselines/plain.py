"""The baseline with httpx, its default transport, and httpx-sse."""

import os
from collections.abc import AsyncIterator

import httpx
from httpx_sse import aconnect_sse

from benchmarks.baselines.minimal_bot import MODEL, run

_BASE = os.environ.get("REPLICATE_BASE_URL", "https://api.replicate.com")
_HEADERS = {"Authorization": f"Bearer {os.environ.get('REPLICATE_API_TOKEN', '')}"}


class Client:
    """One client for all runs, with an unlimited pool."""

    def __init__(self) -> None:
        self._http: httpx.AsyncClient | None = None

    async def stream(self, prompt: str) -> AsyncIterator[str]:
        """Yield the model's output."""
        http = self._http = self._http or httpx.AsyncClient(timeout=60, limits=httpx.Limits(max_connections=None))
        url = f"{_BASE}/v1/models/{MODEL}/predictions"
        made = await http.post(url, json={"input": {"prompt": prompt}}, headers=_HEADERS)
        made.raise_for_status()
        async with aconnect_sse(http, "GET", made.json()["urls"]["stream"]) as events:
            async for event in events.aiter_sse():
                if event.event == "output":
                    yield event.data
                elif event.event == "done":
                    return


if __name__ == "__main__":
    run(Client().stream)
