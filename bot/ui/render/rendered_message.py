"""What is handed from rendering to sending: the messages of a reply, and which of their parts are left out."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from bot.catalog.next_actions import NextOffer
from bot.limits import TEXT_MESSAGES
from bot.media.file_names import safe_file_name
from bot.outputs.items import FileItem
from bot.ui.render import payloads
from bot.ui.render.payloads import Component
from bot.ui.render.places import PicturePlaces, is_place_name

# The input image beside the prompt; no output file may have its name.
THUMBNAIL_NAME: Final = "input.webp"

_REPLACED: Final = re.compile(r"[^A-Za-z0-9._-]+")  # Discord replaces these in file names
_SPOILER_PREFIX: Final = "SPOILER_"  # Discord hides files whose names start with it
_NAME_CHARS: Final = 80


class Part(StrEnum):
    """A kind of part of a reply; the members go from the one that is worth least to the one that is worth most."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderOptions:
    """What the messages of one reply show differently.

    ``pending`` names files that are not uploaded yet, ``missing`` pictures of a chain's earlier steps, by upload name,
    that the card no longer has; ``withheld`` gives the reason by the name of each file that is
    not shown. ``omitted`` are the parts that are left out because Discord refused them; leaving one out moves nothing
    to another message. ``remarks`` are sentences about the message itself, as Markdown. ``show_refresh`` replaces Again
    and Edit by "Show the result"; ``offer_dm`` says that a private run may outlive its token, and offers to move it;
    ``mention_author`` puts the completion notice above the card. Text fills at most ``text_messages`` messages; the
    rest goes into a file. ``origin`` is the line, as Markdown, that says which run this one was started with, and
    ``offers`` are what can be done with the result; ``offers_try_on``: everybody can try it with their own picture.
    """

    pending: frozenset[str] = frozenset()
    withheld: Mapping[str, str] = field(default_factory=dict)
    omitted: frozenset[Element] = frozenset()
    remarks: tuple[str, ...] = ()
    show_refresh: bool = False
    offer_dm: bool = False
    mention_author: bool = False
    text_messages: int = TEXT_MESSAGES
    origin: str = ""
    offers: tuple[NextOffer, ...] = ()
    offers_try_on: bool = False
    missing: frozenset[str] = frozenset()

    def shows(self, part: Part) -> bool:
        """Return whether a part that a reply has once is not left out."""
        return Element(part) not in self.omitted

    def hides_file(self, name: str) -> bool:
        """Return whether an output file is not shown, now or at all."""
        return name in self.pending or name in self.withheld or file_element(name) in self.omitted


DEFAULT_OPTIONS: Final = RenderOptions()


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One message: its components, the output files that it shows, and whether it shows the uploaded input image.

    ``files`` go by upload name; ``kept`` are the upload names of further attachments that Discord has already, and
    ``places`` those of the pictures that stand for what is still to come. Every attachment is shown by a component, so
    messages with equal components are equal.

    ``ordinary``: it is sent without components, with its texts as the content and its files as attachments, because
    Discord draws a player only for those.
    """

    components: list[Component]
    files: Mapping[str, FileItem]
    has_thumbnail: bool = False
    kept: tuple[str, ...] = ()
    places: Mapping[str, PicturePlaces] = field(default_factory=dict)
    ordinary: bool = False

    @property
    def content(self) -> str | None:
        """The content of an ordinary message, None of one with components."""
        return payloads.join_texts(self.components) if self.ordinary else None


def upload_name(name: str) -> str:
    """Return the name under which a file is uploaded: one that Discord keeps as it is, and that runs nothing.

    The same name always gives the same result, and different names different ones.
    """
    safe = _REPLACED.sub("_", safe_file_name(name)).lstrip("._-")
    unchanged = safe == name and len(safe) <= _NAME_CHARS and safe != THUMBNAIL_NAME and not is_place_name(safe)
    if unchanged and not safe.startswith(_SPOILER_PREFIX):
        return safe
    stem, dot, suffix = safe.rpartition(".")
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    stem = (stem if dot else safe).removeprefix(_SPOILER_PREFIX)[:40] or "file"
    return f"{stem}-{digest}.{suffix[:16]}" if dot and suffix else f"{stem}-{digest}"
