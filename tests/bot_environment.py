"""The sandbox's environment with a bot that starts quickly."""

import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sandbox.bot_process import Spawn, spawn_python
from sandbox.environment import Environment
from sandbox.replicate.job import Timings
from tests.prefork import ForkServer


def open_environment(
    folder: Path, *, timings: Timings | None = None, settings: Mapping[str, str] | None = None
) -> Environment:
    """Return both stand-ins and a bot process that is forked instead of started, where the system can do that."""
    return Environment(folder, timings=timings, settings=settings, spawn=_spawn())


@cache
def _spawn() -> Spawn:
    """Return this worker's way to start a bot. Its fork server ends with the worker."""
    return ForkServer().spawn if hasattr(os, "pidfd_open") else spawn_python
