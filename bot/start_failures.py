"""What a failed request means while the bot starts: whether it passes, and what to do about it."""

import re
from dataclasses import dataclass

import aiohttp
import discord

from bot.discord_internals import is_malformed_response
from bot.errors import ConfigError


@dataclass(frozen=True, slots=True)
class StartFailure:
    """A failure of the start that passes: why, and how many seconds Discord says to wait (0.0 if it does not)."""

    reason: str
    retry_after: float = 0.0


def judge_start_failure(error: Exception) -> StartFailure:
    """Return what a failed request of the login or the start means, if it passes by itself.

    Raises LoginFailure if the token is wrong, ConfigError if Discord would refuse the request again, and the error
    itself if it is no failure of a request. What decides is the answer, not the class of the exception: discord.py
    raises a dozen of them here, of which ``GatewayNotFound`` and ``KeyError`` say nothing.
    """
    if isinstance(error, discord.GatewayNotFound) and isinstance(error.__cause__, Exception):
        error = error.__cause__
    if isinstance(error, discord.LoginFailure):
        raise error
    if isinstance(error, discord.HTTPException):
        return _judge_response(error)
    if isinstance(error, (OSError, aiohttp.ClientError, discord.GatewayNotFound)):  # TimeoutError is an OSError
        return StartFailure(f"Discord cannot be reached ({describe_error(error)})")
    # A page of a proxy or of a network's login in place of Discord's JSON. discord.py takes it apart unchecked.
    if is_malformed_response(error) or isinstance(error, (KeyError, TypeError, ValueError, AttributeError)):
        return StartFailure("What answers is not Discord")
    raise error


def _judge_response(error: discord.HTTPException) -> StartFailure:
    if error.status == 401:
        raise discord.LoginFailure("Discord rejects the token.") from error
    by_proxy = error.status == 403 and not error.code  # Cloudflare's ban; Discord's own refusals have a code
    if not (error.status in (408, 429) or error.status >= 500 or by_proxy):
        raise ConfigError(
            f"Discord refuses the login ({describe_error(error)}). Check DISCORD_API_URL, and the application at "
            "discord.com/developers/applications."
        ) from error
    return StartFailure(f"Discord answers {describe_error(error)}", _retry_after(error))


def describe_error(error: BaseException) -> str:
    """Return a line about a failed request, without the page that a proxy answers with."""
    if isinstance(error, discord.HTTPException):
        said = f": {error.text}" if error.code else ""
        return f"{error.status} {error.response.reason or ''}".rstrip() + said
    return str(error) or type(error).__name__


def _retry_after(error: discord.HTTPException) -> float:
    text = error.response.headers.get("Retry-After", "")
    return float(text) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII) else 0.0
