"""A burst of commands in one second, alone or while other runs stream."""

import asyncio
from pathlib import Path

from benchmarks.candidates import Candidate, start_until_ready
from benchmarks.environment import BenchmarkEnvironment
from benchmarks.figures import Figure, Row
from benchmarks.streaming import MB, observed_figures, request_figures, start_runs, wait_until
from benchmarks.token_clock import TOKENS_PER_SECOND

_HOLD = 5.0


async def measure(commands: int, beside: int, subject: Candidate, folder: Path) -> Row:
    """Let ``commands`` be used within a second while ``beside`` runs stream, and tell how people were answered."""
    name = f"burst {commands}" + (f" beside {beside}" if beside else "")
    async with BenchmarkEnvironment() as far_end:
        rate = max(beside / 20, 10)
        far_end.tokens = round((beside / rate + _HOLD + 15) * TOKENS_PER_SECOND)
        process = subject.process(far_end, folder)
        try:
            await start_until_ready(process, far_end)
            others = await start_runs(beside, rate, far_end)
            await wait_until(lambda: all(sight.first_event_at for sight in others), far_end, 30.0)
            await asyncio.sleep(2.0)
            far_end.tokens = round(_HOLD * TOKENS_PER_SECOND)
            before = process.cpu()
            sights = await start_runs(commands, float(commands), far_end, after=beside)
            await wait_until(lambda: all(sight.over for sight in sights), far_end, 60.0)
            used: dict[str, Figure] = {"CPU s in all": process.cpu() - before}
            used["memory at most MB"] = process.memory(peak=True) / MB
        finally:
            await process.stop()
    return Row(name, subject.name, observed_figures(sights) | used | request_figures(far_end))
