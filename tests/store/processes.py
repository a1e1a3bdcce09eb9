"""Other processes that use a database."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]


def say(*words: str) -> None:
    """Tell the process that started this one, at once."""
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def python(script: str, *arguments: str) -> AsyncIterator[Process]:
    """Run a script that lies beside this file; it is killed if it is still there at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"tests.store.{script}",
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
