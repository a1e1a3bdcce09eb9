"""A burst of commands in one second, alone or while other runs stream."""

import asyncio
from pathlib import Path

from benchmarks.far_end import FarEnd
from benchmarks.figures import Figure, Row
from benchmarks.metronome import BEATS
from benchmarks.streaming import MB, begin, seen, told, until
from benchmarks.subject import Subject, ready

_HOLD = 5.0


async def measure(commands: int, beside: int, subject: Subject, folder: Path) -> Row:
    """Let ``commands`` be used within a second while ``beside`` runs stream, and tell how people were answered."""
    name = f"burst {commands}" + (f" beside {beside}" if beside else "")
    async with FarEnd() as far_end:
        rate = max(beside / 20, 10)
        far_end.tokens = round((beside / rate + _HOLD + 15) * BEATS)
        process = subject.process(far_end, folder)
        try:
            await ready(process, far_end)
            others = await begin(beside, rate, far_end)
            await until(lambda: all(sight.first_event_at for sight in others), far_end, 30.0)
            await asyncio.sleep(2.0)
            far_end.tokens = round(_HOLD * BEATS)
            before = process.cpu()
            sights = await begin(commands, float(commands), far_end, after=beside)
            await until(lambda: all(sight.over for sight in sights), far_end, 60.0)
            used: dict[str, Figure] = {"CPU s in all": process.cpu() - before}
            used["memory at most MB"] = process.memory(peak=True) / MB
        finally:
            await process.stop()
    return Row(name, subject.name, seen(sights) | used | told(far_end))
