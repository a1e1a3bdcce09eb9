"""A restart with an existing database and registered commands, and what the process needs when idle."""

import asyncio
from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Figure, Row
from benchmarks.streaming import MB

_IDLE_AFTER = 5.0


async def measure(candidate: Candidate, folder: Path) -> Row:
    """Start a candidate twice; return how long the starts took, and its memory when idle."""
    async with BenchmarkEnvironment() as environment:
        process = candidate.process(environment, folder)
        try:
            first = await start_until_ready(process, environment)
            await process.stop()
            while environment.discord.gateway.connected:  # noqa: ASYNC110  # the stand-in has no event for it
                await asyncio.sleep(0.01)
            second = await start_until_ready(process, environment)
            await asyncio.sleep(_IDLE_AFTER)
            figures: dict[str, Figure] = {
                "first start to ready s": first,
                "start to ready s": second,
                "idle memory MB": process.memory() / MB,
                "CPU s of the start": process.cpu(),
            }
        finally:
            await process.stop()
    return Row("rest", candidate.name, figures)
