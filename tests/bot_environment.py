"""The sandbox's environment with a bot that starts quickly."""

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from sandbox.bot_process import Spawn, spawn_python
from sandbox.environment import Environment
from sandbox.replicate.job import Timings
from tests.prefork import ForkServer
from tests.store.databases import FILE_NAME, empty_database

ACK_SECONDS = 30.0
PICTURE_SCALE = 0.25


def open_environment(
    folder: Path,
    *,
    timings: Timings | None = None,
    settings: Mapping[str, str] | None = None,
    roles: bool = False,
) -> Environment:
    """Return both stand-ins and a bot process that is forked instead of started, where the system can do that.

    Its database has its tables already: to create them is most of a start. tests/diagnostics and tests/packaging begin
    without any. A bot that was killed may identify at once: every test that starts one again would wait five seconds.
    A first response may take longer than Discord's three seconds, of which a process that shares two cores with many
    others may get nothing; whether it waits for something that is slow, tests find out by what never answers.
    Pictures are small: to draw one as large as a model's own took more CPU than the bot and the rest of the stand-ins.
    """
    _put_database(folder)
    environment = Environment(folder, timings=timings, settings=settings, spawn=spawn_bot(), roles=roles)
    environment.discord.gateway.identify_interval = 0.0
    environment.discord.state.ack_seconds = ACK_SECONDS
    environment.replicate.picture_scale = PICTURE_SCALE
    return environment


def _put_database(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    if not path.exists():
        path.touch(mode=0o600)
        with ThreadPoolExecutor(1) as thread:  # it runs an event loop of its own
            path.write_bytes(thread.submit(empty_database).result())


def spawn_bot() -> Spawn:
    """Return this worker's way to start a bot."""
    server = fork_server()
    return server.spawn if server else spawn_python


@cache
def fork_server() -> ForkServer | None:
    """Return this worker's fork server, which ends with the worker; None where the system has no such thing."""
    return ForkServer() if hasattr(os, "pidfd_open") else None
