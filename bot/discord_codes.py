"""The error codes of Discord's that the bot acts on.

Source: discord.com/developers/docs, topics/opcodes-and-status-codes ("JSON error codes").
"""

from enum import IntEnum
from typing import Final


class DiscordCode(IntEnum):
    """The ``code`` of an error response, named as Discord words it."""

    UNKNOWN_CHANNEL = 10003
    UNKNOWN_GUILD = 10004
    UNKNOWN_MESSAGE = 10008
    UNKNOWN_WEBHOOK = 10015
    UNKNOWN_INTERACTION = 10062
    OLD_MESSAGE_EDITS = 30046  # messages older than an hour take few
    REQUEST_TOO_LARGE = 40005
    ALREADY_ACKNOWLEDGED = 40060
    TOO_MANY_FOLLOWUPS = 40094
    MISSING_ACCESS = 50001
    CANNOT_MESSAGE_USER = 50007  # the person accepts no direct messages of this bot
    MISSING_PERMISSIONS = 50013
    INVALID_WEBHOOK_TOKEN = 50027
    INVALID_FORM_BODY = 50035
    THREAD_ARCHIVED = 50083
    CANNOT_REPLY_WITHOUT_HISTORY = 160002
    THREAD_LOCKED = 160005
    BLOCKED_BY_AUTOMOD = 200000
    TITLE_BLOCKED_BY_AUTOMOD = 200001
    HARMFUL_LINKS = 240000


# The bot was removed from a server, or the server is deleted.
NOT_A_MEMBER: Final = frozenset({DiscordCode.UNKNOWN_GUILD, DiscordCode.MISSING_ACCESS})
