"""A start with everything as it was left: the database is there, and Discord knows the commands."""

import asyncio
from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Figure, Row
from benchmarks.streaming import MB

_IDLE_AFTER = 5.0


async def measure(subject: Candidate, folder: Path) -> Row:
    """Start a subject twice; tell how the second start went, and what it holds when nothing happens."""
    async with BenchmarkEnvironment() as far_end:
        process = subject.process(far_end, folder)
        try:
            first = await start_until_ready(process, far_end)
            await process.stop()
            while far_end.discord.gateway.connected:  # noqa: ASYNC110  # the stand-in has no event for it
                await asyncio.sleep(0.01)
            again = await start_until_ready(process, far_end)
            await asyncio.sleep(_IDLE_AFTER)
            figures: dict[str, Figure] = {
                "first start to ready s": first,
                "start to ready s": again,
                "memory at rest MB": process.memory() / MB,
                "CPU s of the start": process.cpu(),
            }
        finally:
            await process.stop()
    return Row("rest", subject.name, figures)
