"""A burst of commands within one second, alone or while other runs stream."""

import asyncio
from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Figure, Row
from benchmarks.streaming import MB, observed_figures, request_figures, start_runs, wait_until
from benchmarks.token_clock import TICKS_PER_SECOND

_HOLD = 5.0


async def measure(commands: int, background: int, candidate: Candidate, folder: Path) -> Row:
    """Use ``commands`` within a second while ``background`` runs stream, and return how they were answered."""
    name = f"burst {commands}" + (f" beside {background}" if background else "")
    async with BenchmarkEnvironment() as environment:
        rate = max(background / 20, 10)
        environment.tokens = round((background / rate + _HOLD + 15) * TICKS_PER_SECOND)
        process = candidate.process(environment, folder)
        try:
            await start_until_ready(process, environment)
            others = await start_runs(background, rate, environment)
            await wait_until(lambda: all(run.first_event_at for run in others), environment, 30.0)
            await asyncio.sleep(2.0)
            environment.tokens = round(_HOLD * TICKS_PER_SECOND)
            cpu_before = process.cpu()
            runs = await start_runs(commands, float(commands), environment, first_number=background)
            await wait_until(lambda: all(run.finished for run in runs), environment, 60.0)
            figures: dict[str, Figure] = {"total CPU s": process.cpu() - cpu_before}
            figures["peak memory MB"] = process.memory(peak=True) / MB
        finally:
            await process.stop()
    return Row(name, candidate.name, observed_figures(runs) | figures | request_figures(environment))
