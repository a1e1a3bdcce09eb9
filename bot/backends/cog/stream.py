"""The events of a running prediction: text as it is written, and the end.

A stream is listened to by a request of its own, never by the one that creates: closing that one cancels. It repeats
everything from the beginning and numbers its outputs, so a connection that breaks costs nothing. A server keeps the
last 1,024 events; whoever comes later is told so, and polls have everything.
"""

import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, Final

import httpx
from httpx_sse import EventSource, SSEError

from bot.backends.cog.client import CogClient
from bot.backends.errors import ApiError, InvalidResponse, NoResponse, NotSent, StreamLost
from bot.backends.prediction import StreamBatch
from bot.clock import Clock
from bot.limits import STREAM_BYTES

_FAILURES_MAX: Final = 4
_PAUSE: Final = 0.5  # seconds before the next connection, longer with each failure in a row

_ENDS: Final = {"succeeded": "", "canceled": "canceled", "failed": "error"}


async def read_events(
    client: CogClient,
    prediction_id: str,
    on_batch: Callable[[StreamBatch], None],
    *,
    on_end: Callable[[bytes], Awaitable[None]],
    clock: Clock,
    on_interruption: Callable[[], None] | None = None,
) -> None:
    """Pass the outputs of a prediction to ``on_batch``, each once and in order, until its end.

    ``on_end`` gets the whole prediction as JSON before its end is passed on: it is told only once. Returns at once if
    the prediction is over or never began. StreamLost if there is no stream, or it is of no more use.
    """
    reader, failures = _EventReader(on_batch, on_end), 0
    while not reader.ended:
        before = reader.next_index
        try:
            async with client.listen(prediction_id) as response:
                if response is None:
                    return
                await reader.read(response)
        except ApiError as error:
            raise StreamLost("The model has no stream.", status=error.status) from error
        except (NoResponse, NotSent, InvalidResponse, SSEError):
            failures = failures + 1 if reader.next_index == before else 1
            if failures >= _FAILURES_MAX:
                raise StreamLost(f"The stream failed {failures} times in a row.") from None
        if not reader.ended:
            if on_interruption is not None:
                on_interruption()
            await clock.sleep(_PAUSE * max(failures, 1))


class _EventReader:
    """Reads connections one after the other. ``next_index`` is that of the output that was not passed on yet."""

    def __init__(self, on_batch: Callable[[StreamBatch], None], on_end: Callable[[bytes], Awaitable[None]]) -> None:
        self._on_batch = on_batch
        self._on_end = on_end
        self.next_index = 0
        self.ended = False

    async def read(self, response: httpx.Response) -> None:
        """Read one connection to its end. Raises StreamLost if nothing more can come by any."""
        size = 0
        async with aclosing(EventSource(response).aiter_sse()) as events:
            async for event in events:
                size += len(event.data)
                if size > STREAM_BYTES:
                    raise StreamLost("The stream is longer than this bot reads.")
                await self._take(event.event, event.data)
                if self.ended:
                    return

    async def _take(self, kind: str, text: str) -> None:
        if kind == "output":
            self._take_output(_members(text))
        elif kind == "error":  # the events before are no longer there
            raise StreamLost("The stream is not complete.")
        elif kind == "completed":
            await self._on_end(text.encode("utf-8", "replace"))
            members = _members(text)
            error = members.get("error")
            self.ended = True
            self._on_batch(
                StreamBatch(
                    error=error if isinstance(error, str) else None,
                    end=_ENDS.get(str(members.get("status")), "error"),
                )
            )

    def _take_output(self, members: dict[str, Any]) -> None:
        index, chunk = members.get("index"), members.get("chunk")
        if not isinstance(index, int) or index < self.next_index:
            return
        if index > self.next_index:
            raise StreamLost("The stream is not complete.")
        self.next_index += 1
        self._on_batch(StreamBatch((chunk if isinstance(chunk, str) else json.dumps(chunk, ensure_ascii=False),)))


def _members(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
