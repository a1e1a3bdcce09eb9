"""A restart in the middle of many runs: the process is killed, and another takes them up."""

import asyncio
import time
from pathlib import Path

from benchmarks.candidates import REPLICORD, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Row, percentiles
from benchmarks.streaming import MB, request_figures, start_runs, wait_until
from benchmarks.token_clock import TOKENS_PER_SECOND

_BEFORE, _AFTER = 3.0, 25.0


async def measure(runs: int, folder: Path) -> Row:
    """Kill the bot with ``runs`` unfinished runs and start it again."""
    async with BenchmarkEnvironment() as far_end:
        rate = max(runs / 20, 10)
        far_end.tokens = round((runs / rate + _BEFORE + _AFTER) * TOKENS_PER_SECOND)
        process = REPLICORD.process(far_end, folder)
        try:
            first = await start_until_ready(process, far_end)
            sights = await start_runs(runs, rate, far_end)
            await wait_until(lambda: all(sight.first_event_at for sight in sights), far_end, 30.0)
            await asyncio.sleep(_BEFORE)
            await process.kill()
            while far_end.discord.gateway.connected:  # noqa: ASYNC110  # the stand-in has no event for it
                await asyncio.sleep(0.01)
            killed = time.monotonic()
            far_end.eyes.forget_edits()
            again = await start_until_ready(process, far_end)
            back = time.monotonic()
            running = [sight for sight in sights if sight.done_at is None]
            await wait_until(lambda: all(sight.edited_at or sight.done_at for sight in running), far_end, 60.0)
            followed = [sight.edited_at - back for sight in running if sight.edited_at]
            await wait_until(lambda: all(sight.over for sight in sights), far_end, 90.0)
            ends = [sight.final_at - sight.done_at for sight in sights if sight.final_at and sight.done_at]
            figures = {
                "start to ready s": first,
                "start to ready again s": again,
                "down in all s": back - killed,
                **percentiles("ready to followed again s", followed, 0.5, 0.99),
                "all followed again s": max(followed, default=None),
                "unfinished at the kill": len(running),
                **percentiles("done to final edit s", ends, 0.5, 0.95),
                "never finished": sum(sight.final_at is None for sight in sights),
                "predictions made": len(far_end.replicate.predictions),
                "memory at most MB": process.memory(peak=True) / MB,
            }
        finally:
            await process.stop()
    return Row(f"restart {runs}", REPLICORD.name, figures | request_figures(far_end))
