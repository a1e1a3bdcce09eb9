"""Waiting for something, but not for ever."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from bot.clock import Clock


async def wait_for_any(clock: Clock, seconds: float, *hopes: Coroutine[Any, Any, Any]) -> bool:
    """Return True as soon as one of ``hopes`` is done, False once ``seconds`` of ``clock`` have passed without."""
    tasks = [asyncio.ensure_future(hope) for hope in hopes]
    alarm = asyncio.ensure_future(clock.sleep(seconds))
    try:
        done, _ = await asyncio.wait({alarm, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        return any(task in done for task in tasks)
    finally:
        for task in (alarm, *tasks):
            task.cancel()
