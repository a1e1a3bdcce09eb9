"""The process: opens every resource in order, runs the bot until it is told to stop, closes in reverse."""

import asyncio
import gc
import signal
from contextlib import AsyncExitStack, suppress

from bot.app import VERSION, App
from bot.client import point_at
from bot.clock import SystemClock
from bot.observing import Instruments
from bot.replicate.client import open_http
from bot.settings import Settings
from bot.store.store import Store
from bot.telemetry.logs import set_up_logging

_YOUNG = 10_000  # objects, before the youngest are looked at


async def serve(settings: Settings) -> int:
    """Run the bot until it is told to stop; return the exit code. ConfigError says what keeps it from running."""
    secrets_known = [settings.discord_token.get_secret_value(), settings.replicate_api_token.get_secret_value()]
    set_up_logging(form=settings.log_format, level=settings.log_level, secrets=secrets_known)
    point_at(settings.discord_api_url, str(settings.discord_gateway_url))
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        stop = _stop_on_signals(stack)
        instruments = Instruments(version=VERSION, clock=clock)
        store = await Store.open(settings.database_url, clock=clock, meter=instruments.database)
        stack.push_async_callback(store.close)
        http = await stack.enter_async_context(open_http())
        app = App(settings, store=store, http=http, clock=clock, instruments=instruments)
        if settings.http_port is not None:
            server = await app.server(settings.http_host, settings.http_port)
            stack.push_async_callback(server.stop)
            await server.start()
        _spare_the_collector()
        await app.run(stop)
    return 0


def _spare_the_collector() -> None:
    """Let the garbage collector look at runs and not at the program.

    What is there now stays for good: some 200,000 objects that a full collection would walk through, holding up
    everybody for a fifth of a second. What comes later leaves few cycles, so that it is looked at more rarely, and what
    is left of it in small portions.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, 5, 50)


def _stop_on_signals(stack: AsyncExitStack) -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; the second signal ends the program at once, as the system does."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)

    def asked() -> None:
        stop.set()
        for number in numbers:
            # Who asks twice means now. Every step of a run is on disk first, so nothing has to be cleaned up.
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)

    with suppress(NotImplementedError):  # Windows has no signal handlers on loops
        for number in numbers:
            loop.add_signal_handler(number, asked)
            stack.callback(loop.remove_signal_handler, number)
    return stop
