"""What an attack did to the bot: the longest answer of ``/healthz``, memory and disk; and the bounds for them."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Final

from bot.limits import MIB
from tests.faults.environment import BotUnderTest
from tests.hostile.probe import Figures

# The rule is 100 ms. The rest is for what two busy cores do to a process besides taking its turn: cold caches, other
# threads with the interpreter's lock, the answer's way through the kernel.
STALL_MAX: Final = 0.35  # seconds
MEMORY_MAX: Final = 150 * MIB
DISK_MAX: Final = 50 * MIB

# Seconds; a limit, not a wait. Eight seconds of CPU are spent by a process that lets all others go first: while
# other tests keep the cores busy, it gets a tenth of one.
HEAVY: Final = 240.0

_ROOT: Final = Path(__file__).resolve().parents[2]


@asynccontextmanager
async def measure(bot: BotUnderTest) -> AsyncIterator[Figures]:
    """Watch the bot during the block; the figures are filled in at its end."""
    figures = Figures()
    pid = bot.environment.bot.pid
    assert pid is not None
    probe = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.hostile.probe", str(bot.port), str(pid), str(bot.folder),
        cwd=_ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert probe.stdin is not None
    assert probe.stdout is not None
    try:
        assert await probe.stdout.readline() == b"ready\n", bot.log_text()[-2000:]
        yield figures
        probe.stdin.close()
        told = json.loads(await probe.stdout.readline())
        for one in fields(Figures):
            setattr(figures, one.name, told[one.name])
    finally:
        if probe.returncode is None:
            probe.stdin.close()
            await probe.wait()


def assert_bounded(
    figures: Figures, *, stall: float = STALL_MAX, memory: int = MEMORY_MAX, disk: int = DISK_MAX
) -> None:
    """Check that the bot went on answering, and that what it used stayed within bounds."""
    assert figures.asked
    assert not figures.unanswered, figures
    assert figures.stall <= stall, figures
    assert figures.memory <= memory, figures
    assert figures.disk <= disk, figures
