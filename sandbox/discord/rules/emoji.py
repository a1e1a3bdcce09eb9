"""What Discord takes for an emoji."""

import re
import unicodedata

from sandbox.discord.errors import UNKNOWN_EMOJI, ApiError
from sandbox.discord.world.emoji import Emoji

OWN = re.compile(r"(\w{2,32}):(\d{1,20})$")


def read_emoji(text: str) -> Emoji:
    """Return the emoji that ``text`` is, as it stands in a path or is typed; raise when it is none."""
    if own := OWN.match(text):
        return Emoji(own[1], int(own[2]))
    is_keycap = text[:1] in set("0123456789#*") and not text.isascii()
    has_letters = any(unicodedata.category(letter)[0] == "L" for letter in text)
    if not text or has_letters or (text.isascii() and not is_keycap):
        raise ApiError(UNKNOWN_EMOJI)
    return Emoji(text)
