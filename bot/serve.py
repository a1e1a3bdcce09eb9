"""The run command: opens every resource in order, runs the bot until a signal, closes in reverse."""

import asyncio
import gc
import signal
import sys
from contextlib import AsyncExitStack, suppress
from typing import Final

import structlog

from bot.app import App
from bot.backends.replicate.transport import open_http
from bot.clock import SystemClock
from bot.cog_servers import open_cog_servers
from bot.discord_internals import set_api_urls
from bot.observability.logs import configure_logging
from bot.observability.metrics import Metrics
from bot.settings import Settings
from bot.settings.dotenv import find_misspelt_names
from bot.store.store import Store
from bot.wiring.processes import VERSION

log = structlog.get_logger(__name__)

_GC_THRESHOLD: Final = 10_000  # new objects before a collection of the youngest generation
# Seconds that the event loop keeps the interpreter from a thread of the database: Python's 5 ms, for every statement of
# a transaction, is more than a command's first response has time for when a thousand runs stream.
_SWITCH_INTERVAL: Final = 0.001


async def serve(settings: Settings) -> int:
    """Run the bot until a signal stops it; return the exit code. Raises ConfigError if it cannot start."""
    secrets_known = [settings.discord_token.get_secret_value(), settings.replicate_token, settings.cog_token]
    configure_logging(log_format=settings.log_format, level=settings.log_level, secrets=secrets_known)
    for name, meant in find_misspelt_names(Settings.names()).items():
        log.warning("setting_unknown", name=name, did_you_mean=meant)
    set_api_urls(settings.discord_api_url, str(settings.discord_gateway_url))
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stop = _stop_on_signals(stack)
        metrics = Metrics(version=VERSION)
        store = await Store.open(settings.database_url, clock=clock, metrics=metrics)
        stack.push_async_callback(store.close)
        http = await stack.enter_async_context(open_http())
        cog = await open_cog_servers(settings, store, stack)
        app = App(settings, store=store, http=http, clock=clock, metrics=metrics, cog=cog)
        if settings.http_port is not None:
            server = await app.build_web_server(settings.http_host, settings.http_port)
            stack.push_async_callback(server.stop)
            await server.start()
        _tune_garbage_collector()
        await app.run(stop)
    return 0


def _tune_garbage_collector() -> None:
    """Keep the garbage collector away from the objects of the program itself.

    The objects that exist now stay for good: some 200,000, which a full collection would traverse, stopping everything
    for a fifth of a second. Later objects form few cycles, so collections are rarer, and small when they happen.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 5, 50)
    sys.setswitchinterval(_SWITCH_INTERVAL)


def _stop_on_signals(stack: AsyncExitStack) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set. The second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def on_signal() -> None:
        stop.set()
        for number in numbers:
            # Every step of a run is on disk first, so nothing has to be cleaned up.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    with suppress(NotImplementedError):  # Windows has no signal handlers on loops
        for number in numbers:
            loop.add_signal_handler(number, on_signal)
            stack.callback(loop.remove_signal_handler, number)
    return stop
