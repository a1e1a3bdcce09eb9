"""One of several processes is killed during many runs, and the others take its runs over."""

import asyncio
import time
from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Row, percentiles
from benchmarks.fixtures import GUILDS, SHARDS
from benchmarks.process import ProcessGroup
from benchmarks.streaming import request_figures, start_runs, wait_until
from benchmarks.token_clock import TICKS_PER_SECOND

_BEFORE, _AFTER = 3.0, 30.0  # seconds of streaming before and after the kill


async def measure(runs: int, candidate: Candidate, folder: Path, *, token_every: int = 1) -> Row:
    """Kill the process with the most shards during ``runs`` runs; measure when each of its runs is edited again.

    Each run writes thirty tokens a second, or each ``token_every``-th of them.
    """
    async with BenchmarkEnvironment() as environment:
        rate = max(runs / 20, 10)
        environment.token_clock.every = token_every
        environment.tokens = round((runs / rate + _BEFORE + _AFTER) * TICKS_PER_SECOND / token_every)
        group = candidate.process(environment, folder)
        if not isinstance(group, ProcessGroup):
            raise TypeError("One process alone has nobody to take over.")
        try:
            await start_until_ready(group, environment)
            observed = await start_runs(runs, rate, environment)
            await wait_until(lambda: all(run.first_event_at for run in observed), environment, 30.0)
            await asyncio.sleep(_BEFORE)
            shards = group.shards()
            victim = max(group.members, key=lambda member: len(shards.get(member.pid, ())))
            lost = shards[victim.pid]
            killed_at = time.monotonic()
            await victim.kill()
            environment.observer.clear_edits()
            running = [run for run in observed if run.number % GUILDS % SHARDS in lost and run.done_at is None]
            await wait_until(lambda: all(run.edited_at or run.done_at for run in running), environment, 90.0)
            again = [run.edited_at - killed_at for run in running if run.edited_at]
            await wait_until(lambda: all(run.finished for run in observed), environment, 120.0)
            figures = {
                "runs of the killed process": len(running),
                **percentiles("killed to next edit s", again, 0.5, 0.99),
                "all edited again s": max(again, default=None),
                "never finished": sum(run.final_at is None for run in observed),
                "predictions made": len(environment.replicate.predictions),
            }
        finally:
            await group.stop()
    return Row(f"takeover {runs}", candidate.name, figures | request_figures(environment))
