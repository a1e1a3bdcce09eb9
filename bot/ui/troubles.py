"""What Discord's refusals mean for a reply: told apart by what can be done next."""

from enum import StrEnum

import aiohttp
import discord


class Trouble(StrEnum):
    """Why Discord did not take a message."""

    GONE = "gone"  # the message, its channel or its server is no more
    TOKEN_DEAD = "token dead"  # noqa: S105  # a state, not a secret
    NO_ACCESS = "no access"  # a permission is missing
    TOO_OLD = "too old"  # messages past an hour take few edits
    BLOCKED = "blocked"  # AutoMod
    TOO_LARGE = "too large"
    FULL = "full"  # no further follow-ups for this interaction
    REFUSED = "refused"  # Discord finds the request wrong; it will not change its mind
    LATER = "later"  # busy, broken or not reached


_BY_CODE = {
    10003: Trouble.GONE,  # unknown channel
    10004: Trouble.GONE,  # unknown guild
    10008: Trouble.GONE,  # unknown message
    10015: Trouble.TOKEN_DEAD,  # unknown webhook
    10062: Trouble.TOKEN_DEAD,  # unknown interaction
    50027: Trouble.TOKEN_DEAD,  # invalid webhook token
    50001: Trouble.NO_ACCESS,  # missing access
    50013: Trouble.NO_ACCESS,  # missing permissions
    50083: Trouble.NO_ACCESS,  # archived thread
    160005: Trouble.NO_ACCESS,  # locked thread
    30046: Trouble.TOO_OLD,
    200000: Trouble.BLOCKED,  # AutoMod blocks the message
    200001: Trouble.BLOCKED,  # AutoMod blocks its title
    240000: Trouble.BLOCKED,  # harmful links
    40005: Trouble.TOO_LARGE,
    40094: Trouble.FULL,
}
_BY_STATUS = {401: Trouble.TOKEN_DEAD, 413: Trouble.TOO_LARGE}

# What may come of a request: Discord's answers, the network's, and what discord.py lets slip on a malformed 429.
FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError, TimeoutError, KeyError, TypeError)


def trouble(error: BaseException) -> Trouble:
    """Return what a failed request means."""
    if not isinstance(error, discord.HTTPException):
        return Trouble.LATER
    known = _BY_CODE.get(error.code)
    if known is not None:
        return known
    if error.status in (403, 404, 408, 429) or error.status >= 500:
        return Trouble.LATER  # without a code of Discord's own it was not Discord's application that answered
    return _BY_STATUS.get(error.status, Trouble.REFUSED)
