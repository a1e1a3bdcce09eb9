"""One request to Discord: what it may raise, how long it may take, and whether it may still be sent."""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Final, TypeVar

import aiohttp
import discord

from bot.discord_internals import is_malformed_response

REQUEST_ERRORS: Final = (discord.DiscordException, aiohttp.ClientError, OSError)
"""What a request to Discord may raise; a timeout is an OSError. Anything else is a fault in code."""

REQUEST_SECONDS: Final = 45.0  # without a file; discord.py waits out a 429 within them

T = TypeVar("T")

_may_send: Final[ContextVar[Callable[[], bool] | None]] = ContextVar("may_send", default=None)


class MalformedResponse(discord.DiscordException):
    """Discord's response was not what discord.py expects: a 429 without ``retry_after``, or no JSON."""


class RequestNotSent(discord.DiscordException):
    """The HTTP session is closed (the client shuts down, or logs in again), or another process owns the run."""


def send_while(may_send: Callable[[], bool]) -> None:
    """Let the current task, and the tasks that it starts, send requests only while ``may_send`` says so.

    For the task of a reply: its run may be another process's by now.
    """
    _may_send.set(may_send)


async def check_may_send(*_: object) -> None:
    """Refuse a request, just before it is sent, of a task that may not send it any more (``send_while``).

    discord.py waits and repeats within one call, so a check before the call would be too early.
    """
    may_send = _may_send.get()
    if may_send is not None and not may_send():
        raise RequestNotSent("Another process owns the run.")


async def send_request(
    request: Awaitable[T],
    timeout: float = REQUEST_SECONDS,  # noqa: ASYNC109  # every caller needs it
) -> T:
    """Return the response of a request of discord.py.

    What discord.py lets escape beside its own exceptions is raised as one of ours, so that every other KeyError,
    TypeError or RuntimeError is known to be a fault in code.
    """
    try:
        async with asyncio.timeout(timeout):
            return await request
    except (KeyError, TypeError, ValueError) as error:
        if is_malformed_response(error):
            raise MalformedResponse(f"Discord's response cannot be read: {error!r}") from error
        raise
    except RuntimeError as error:
        if type(error) is RuntimeError:  # as aiohttp raises it for a closed session
            raise RequestNotSent(str(error)) from error
        raise
