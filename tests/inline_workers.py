"""A worker pool without processes, for tests that are about something else: a real one takes half a second to start."""

import asyncio
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class InlineWorkers:
    """Calls functions in this process, without limits; arguments and results are not copied."""

    async def run(
        self, function: Callable[[*Ts], T], *args: *Ts, owner: int, seconds: float, memory: int | None = None
    ) -> T:
        del owner, seconds, memory  # nobody waits, and nothing is bounded
        await asyncio.sleep(0)
        return function(*args)

    async def close(self) -> None:
        """Nothing was started."""
