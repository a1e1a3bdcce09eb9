"""``python -m bot sandbox``: the house, its page, and a wait until somebody presses Ctrl-C."""

import asyncio
import signal
import sys
import tempfile
import webbrowser
from contextlib import ExitStack, suppress
from pathlib import Path

from bot.errors import ConfigError
from sandbox.house import BotDidNotStartError, House
from sandbox.page.server import PageServer

_DONE = 0


async def sandbox(*, port: int = 0, browser: bool = True, data: Path | None = None) -> int:
    """Serve the page until Ctrl-C and return the exit code; ``data`` keeps the runs for the next time."""
    _say("Replicord between a stand-in Discord and a stand-in Replicate: no accounts, no money.")
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replicord-")))
        stopped = asyncio.Event()
        with suppress(NotImplementedError):  # Windows has no such handlers: there KeyboardInterrupt ends it
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stopped.set)
        async with House(folder.absolute()) as house:
            try:
                await house.start_bot()
            except BotDidNotStartError as error:
                raise ConfigError(f"The bot did not start. It said:\n{error}") from error
            async with PageServer(house, port=port) as page:
                _say(f"\n  {page.url}\n\nIt is for this machine only. Ctrl-C ends it.")
                if browser:
                    await asyncio.to_thread(_open, page.url)
                await stopped.wait()
    return _DONE


def _open(url: str) -> None:
    """Open the page where there is a browser with a window; where there is none, the address was printed."""
    with suppress(webbrowser.Error):
        found = webbrowser.get()
        if not isinstance(found, webbrowser.GenericBrowser) or isinstance(found, webbrowser.BackgroundBrowser):
            found.open(url)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
