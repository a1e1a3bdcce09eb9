"""Scripts that use a database in a process of their own."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def print_line(*words: str) -> None:
    """Print a line and flush it, for the process that reads this one's output."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def run_script(name: str, *arguments: str) -> AsyncIterator[Process]:
    """Run a script of this package; it is killed if it still runs at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.store.{name}",
        *arguments,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=PIPE,
        stdout=PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
