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
    folder: Path,
    *,
    timings: Timings | None = None,
    settings: Mapping[str, str] | None = None,
    roles: bool = False,
) -> Environment:
    """Return both stand-ins and a bot process that is forked instead of started, where the system can do that.

    A bot that was killed may identify at once: every test that starts one again would wait five seconds.
    """
    environment = Environment(folder, timings=timings, settings=settings, spawn=spawn_bot(), roles=roles)
    environment.discord.gateway.identify_interval = 0.0
    return environment


@cache
def spawn_bot() -> Spawn:
    """Return this worker's way to start a bot. Its fork server ends with the worker."""
    return ForkServer().spawn if hasattr(os, "pidfd_open") else spawn_python
