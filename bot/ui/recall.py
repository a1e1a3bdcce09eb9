"""The further messages that a run has in its channel, found there: for those that were sent and not written down."""

import re
from collections.abc import Collection

import discord
from discord.components import TextDisplay

from bot.ui.roads import EMOJI, BotRoad
from bot.ui.shown import Shown
from bot.ui.troubles import FAILURES, Trouble, trouble

_FOOTER = re.compile(r"-# (?P<place>\d+)/(?:\d+|…)")


async def recall(road: BotRoad, known: Collection[int | None]) -> dict[int, Shown]:
    """Return by number the messages that answer the first one and are not known; 0 is the notice.

    A channel whose history the bot may not read tells nothing; that Discord cannot answer now is raised.
    """
    try:
        replies = await road.replies()
    except FAILURES as error:
        if trouble(error) is Trouble.LATER:
            raise
        return {}
    found: dict[int, Shown] = {}
    for message in replies:
        if message.id not in known:
            found.setdefault(number_of(message), Shown.of(message, EMOJI))
    return found


def number_of(message: discord.Message) -> int:
    """Return a further message's number, told from its last line; 0 for the notice, which has none."""
    texts = [part.content for part in message.components if isinstance(part, TextDisplay)]
    place = _FOOTER.fullmatch(texts[-1]) if texts else None
    return int(place["place"]) - 1 if place else 0
