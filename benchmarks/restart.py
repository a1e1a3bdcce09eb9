"""A restart during many runs: the process is killed, and a new one recovers them."""

import asyncio
import time
from pathlib import Path

from benchmarks.candidates import REPLICORD, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Row, percentiles
from benchmarks.streaming import MB, request_figures, start_runs, wait_until
from benchmarks.token_clock import TICKS_PER_SECOND

_BEFORE, _AFTER = 3.0, 25.0  # seconds of streaming before and after the kill


async def measure(runs: int, folder: Path) -> Row:
    """Kill the bot during ``runs`` runs and start it again."""
    async with BenchmarkEnvironment() as environment:
        rate = max(runs / 20, 10)
        environment.tokens = round((runs / rate + _BEFORE + _AFTER) * TICKS_PER_SECOND)
        process = REPLICORD.process(environment, folder)
        try:
            first = await start_until_ready(process, environment)
            observed = await start_runs(runs, rate, environment)
            await wait_until(lambda: all(run.first_event_at for run in observed), environment, 30.0)
            await asyncio.sleep(_BEFORE)
            await process.kill()
            while environment.discord.gateway.connected:  # noqa: ASYNC110  # the stand-in has no event for it
                await asyncio.sleep(0.01)
            killed_at = time.monotonic()
            environment.observer.clear_edits()
            second = await start_until_ready(process, environment)
            ready_at = time.monotonic()
            running = [run for run in observed if run.done_at is None]
            await wait_until(lambda: all(run.edited_at or run.done_at for run in running), environment, 60.0)
            recovered = [run.edited_at - ready_at for run in running if run.edited_at]
            await wait_until(lambda: all(run.finished for run in observed), environment, 90.0)
            ends = [run.final_at - run.done_at for run in observed if run.final_at and run.done_at]
            figures = {
                "start to ready s": first,
                "start to ready again s": second,
                "downtime s": ready_at - killed_at,
                **percentiles("ready to recovered s", recovered, 0.5, 0.99),
                "all recovered s": max(recovered, default=None),
                "unfinished when killed": len(running),
                **percentiles("done to final edit s", ends, 0.5, 0.95),
                "never finished": sum(run.final_at is None for run in observed),
                "predictions made": len(environment.replicate.predictions),
                "peak memory MB": process.memory(peak=True) / MB,
            }
        finally:
            await process.stop()
    return Row(f"restart {runs}", REPLICORD.name, figures | request_figures(environment))
