"""The parts of a reply that can be left out, because Discord refuses what is in them."""

import hashlib
from enum import StrEnum
from typing import Final, NamedTuple


class Part(StrEnum):
    """A kind of part; the members go from the one that is worth least to the one that is worth most."""

    PLACES = "places"  # the pictures that stand for those that are still to come
    THUMBNAIL = "thumbnail"
    ALT_TEXTS = "alt texts"
    FILE_NOTES = "file notes"
    NEXT = "next"  # the select of what can be done with the result
    SUMMARY = "summary"  # the inputs that differ from the defaults, and what the bot changed in them
    MODEL = "model"  # its name and link
    REMARKS = "remarks"  # our own sentences about the message
    AUTHOR = "author"  # the display name
    PROMPT = "prompt"  # wherever it stands: as a quote, and in alt texts
    REASON = "reason"  # what the model or Replicate wrote about a failure, and the name of who stopped the run
    LINKS = "links"  # to outputs that are not uploaded, with their names
    BUTTONS = "buttons"
    STATUS = "status"
    LINE = "line"  # one line of the output text, wherever it stands
    TEXT = "text"  # the output text of one message
    FILE = "file"  # one output file


class Element(NamedTuple):
    """One part of a reply. ``key``: the name of a file, the digest of a line, the number of the message of a text."""

    part: Part
    key: str = ""


def text_element(number: int) -> Element:
    """Return the element of the output text in message ``number``."""
    return Element(Part.TEXT, str(number))


def line_element(line: str) -> Element:
    """Return the element of a line of output text."""
    return Element(Part.LINE, hashlib.sha256(line.encode(errors="surrogatepass")).hexdigest()[:16])


def file_element(name: str) -> Element:
    """Return the element of the output file ``name``."""
    return Element(Part.FILE, name)


ORDER: Final = {part: number for number, part in enumerate(Part)}
"""The parts by their value, for sorting."""

DECORATION: Final = frozenset({Part.PLACES, Part.THUMBNAIL, Part.ALT_TEXTS, Part.FILE_NOTES, Part.NEXT})
"""Parts whose absence needs no sentence."""
